package source

import "larder/secret"

// What one call may ask for at most:
// docs.aws.amazon.com/secretsmanager/latest/apireference/API_BatchGetSecretValue.html
// docs.aws.amazon.com/systems-manager/latest/APIReference/API_GetParameters.html
const (
	maxSecrets    = 20
	maxParameters = 10
)

// group is what the keys of one batch must have in common.
type group struct {
	place
	decrypt bool
}

// split sorts the keys into jobs. A key that is not legal, which no constructor
// of package secret makes, is refused here: the SDK builds host names from
// Regions and sends the credentials there.
func (s *Source) split(keys []secret.Key, deliver func(secret.Result)) [][]secret.Key {
	var jobs [][]secret.Key
	open := make(map[group]int) // the job of the group that has room
	seen := make(map[secret.Key]bool, len(keys))
	for _, k := range keys {
		if seen[k] {
			continue
		}
		seen[k] = true
		if failure := check(k); failure != nil {
			deliver(failed(k, failure))
			continue
		}
		if !batchable(k) || s.alone(k) {
			jobs = append(jobs, []secret.Key{k})
			continue
		}
		g := group{placeOf(k), k.Decrypt}
		i, ok := open[g]
		if !ok || len(jobs[i]) == limit(k.Service) {
			i = len(jobs)
			jobs = append(jobs, nil)
			open[g] = i
		}
		jobs[i] = append(jobs[i], k)
	}
	return jobs
}

func limit(s secret.Service) int {
	if s == secret.SecretsManager {
		return maxSecrets
	}
	return maxParameters
}

// batchable reports whether a batch can hold the key: secrets have no versions or
// stages there, and the answers about a parameter's versions, labels or
// references to other services could not be told apart. A tree has a call of its
// own.
func batchable(k secret.Key) bool {
	return k.Version == "" && k.Stage == "" && !k.IsTree() && !isForeign(k)
}

// isForeign reports whether Parameter Store reads the key from Secrets Manager.
func isForeign(k secret.Key) bool {
	_, ok := k.ReferredSecret()
	return ok
}

// check makes the key once more from its parts: what package secret would not
// make, or would make for another Region, is not asked for.
func check(k secret.Key) *secret.Error {
	var again secret.Key
	var err error
	switch {
	case k.IsTree():
		again, err = secret.TreeKey(k.Region, k.ID)
	case k.Service == secret.SecretsManager:
		again, err = secret.SecretKey(k.Region, k.ID, k.Version, k.Stage)
	default:
		again, err = secret.ParameterKey(k.Region, k.ID, k.Version, k.Stage, k.Decrypt)
	}
	if err == nil {
		again, err = again.WithRole(k.Role)
	}
	switch {
	case err != nil:
		return &secret.Error{Class: secret.BadReference, Message: err.Error()}
	case again != k:
		return &secret.Error{Class: secret.BadReference, Message: "the parts of the key contradict each other"}
	}
	return nil
}
