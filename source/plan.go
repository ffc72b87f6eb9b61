package source

import "larder/secret"

// Planned is one call that a Fetch makes.
type Planned struct {
	// Action is the IAM action that it needs.
	Action string
	// Keys are what it asks for, all in one Region and with one role.
	Keys []secret.Key
}

// Plan returns the calls with which a new Source fetches keys, if all goes well:
// see [Config.Observe] for those that are made. A tree has one, which may take
// several requests. Roles that are assumed come besides.
func Plan(keys []secret.Key) []Planned {
	var calls []Planned
	for _, job := range new(Source).split(keys, func(secret.Result) {}) {
		calls = append(calls, Planned{Action: actionOf(job), Keys: job})
	}
	return calls
}

// Batched returns those of the keys that a call may ask for together with another
// of them, now or when some of them are asked for again.
func Batched(keys []secret.Key) map[secret.Key]bool {
	groups := make(map[group]map[secret.Key]bool)
	for _, k := range keys {
		if g := (group{placeOf(k), k.Decrypt}); batchable(k) {
			if groups[g] == nil {
				groups[g] = make(map[secret.Key]bool)
			}
			groups[g][k] = true
		}
	}
	batched := make(map[secret.Key]bool)
	for _, members := range groups {
		for k := range members {
			batched[k] = len(members) > 1
		}
	}
	return batched
}

// Lacking is an IAM action that would save calls.
type Lacking struct {
	// Action is BatchGetSecretValue, GetParameters or GetParameter, with its service.
	Action string
	// Region is where it was refused.
	Region string
	// Role is the ARN of the role that lacks it; empty for the function's own.
	Role string
}

// Lacking returns the actions that AWS has refused where others that bring the same
// were allowed, in no order.
func (s *Source) Lacking() []Lacking {
	s.lessons.mu.Lock()
	defer s.lessons.mu.Unlock()
	var all []Lacking
	for where := range s.lessons.single {
		all = append(all, Lacking{Action: batchAction(where.service), Region: where.region, Role: where.role})
	}
	for where := range s.lessons.together {
		all = append(all, Lacking{Action: secret.GetParameter, Region: where.region, Role: where.role})
	}
	return all
}

// actionOf returns the action of the call that a job makes.
func actionOf(job []secret.Key) string {
	switch k := job[0]; {
	case k.IsTree():
		return secret.GetParametersByPath
	case len(job) > 1:
		return batchAction(k.Service)
	case k.Service == secret.SecretsManager:
		return secret.GetSecretValue
	}
	return secret.GetParameter
}

func batchAction(service secret.Service) string {
	if service == secret.SecretsManager {
		return secret.BatchGetSecretValue
	}
	return secret.GetParameters
}
