package source

import (
	"context"
	"sync"

	"larder/secret"
)

// batch asks for all keys with one call, and singly for those that the answer
// left open. When AWS refused the call as a whole, that are all of them, which
// bounds the calls at one for each key and one besides.
func (s *Source) batch(ctx context.Context, b backend, keys []secret.Key, deliver func(secret.Result)) {
	found, refusal := b.many(ctx, keys)
	if refusal != nil && !isolates(keys[0].Service, refusal.Class) {
		failAll(keys, refusal, deliver)
		return
	}
	var rest []secret.Key
	for _, k := range keys {
		if result, ok := found[k]; ok {
			deliver(result)
		} else {
			rest = append(rest, k)
		}
	}
	results := make([]secret.Result, len(rest))
	var singles sync.WaitGroup
	for i, k := range rest {
		singles.Go(func() {
			results[i] = s.single(ctx, b, k)
			deliver(results[i])
		})
	}
	singles.Wait()
	if refusal != nil && !refusal.Class.Transient() {
		s.learn(refusal, results)
	}
}

// isolates reports whether single calls can do better than a batch that failed.
//
// A refusal may be meant for one of the keys only. A throttled batch of secrets
// has a quota of its own, a hundredth of that of single calls; Parameter Store
// counts all calls together, so that single calls would make things worse. Where
// it was a role that could not be assumed, single calls end before they begin: see
// roleMemory.
func isolates(service secret.Service, class secret.Class) bool {
	switch class {
	case secret.Denied, secret.Rejected, secret.NotFound:
		return true
	case secret.Throttled:
		return service == secret.SecretsManager
	}
	return false
}

// lessons is what refused batches have taught, for the life of the process.
type lessons struct {
	mu sync.Mutex
	// apart are the keys that a batch was refused for. They go alone, so that the
	// others can share a call again.
	apart map[secret.Key]bool
	// single are the places where the batch call itself is not allowed.
	single map[place]bool
	// warned are the services and roles whose missing permission is in the log. One
	// policy is for all Regions.
	warned map[place]bool
}

// alone reports whether the key had better be asked for singly.
func (l *lessons) alone(k secret.Key) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.apart[k] || l.single[placeOf(k)]
}

// forget lets the key into batches again.
func (l *lessons) forget(k secret.Key) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.apart, k)
}

// learn draws conclusions from the single calls that followed a refused batch.
// It concludes only from certain outcomes: a timeout says nothing, and where
// every key was refused, nothing tells the batch from its keys.
func (s *Source) learn(refusal *secret.Error, results []secret.Result) {
	var good, bad, open int
	for _, r := range results {
		switch {
		case r.Err == nil:
			good++
		case r.Err.Class == secret.NotFound: // allowed to ask; a batch can say so, too
		case r.Err.Class.Transient():
			open++
		default:
			bad++
		}
	}
	if good == 0 {
		return
	}
	l := &s.lessons
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, r := range results {
		if r.Err != nil && r.Err.Class != secret.NotFound && !r.Err.Class.Transient() {
			set(&l.apart, r.Key)
		}
	}
	if refusal.Class == secret.Denied && bad == 0 && open == 0 {
		where := placeOf(results[0].Key)
		set(&l.single, where)
		s.warnLocked(where)
	}
}

// warnLocked names the action to allow, once for each.
func (s *Source) warnLocked(where place) {
	policy := place{service: where.service, role: where.role}
	if s.lessons.warned[policy] {
		return
	}
	set(&s.lessons.warned, policy)
	log := s.cfg.Log
	if where.role != "" {
		log = log.With("role", where.role)
	}
	log.Warn("a permission is missing: asking one by one, which takes more calls and time",
		"action", batchAction(where.service), "region", where.region)
}

// set adds k to a set that is made when it gets its first member.
func set[K comparable](m *map[K]bool, k K) {
	if *m == nil {
		*m = make(map[K]bool)
	}
	(*m)[k] = true
}
