package source

import (
	"context"
	"slices"
	"sync"

	"larder/internal/jitter"
	"larder/secret"
)

// ahead is how many single calls go ahead of the others when a batch has failed in
// a way that passes.
const ahead = 2

// singly asks for each key alone. Where their batch has failed in a way that passes,
// two go ahead: the first, for which a reader may wait, and one that is drawn. If AWS
// answers neither, it is not one key's fault, and the others get the batch's failure
// without a call.
func (s *Source) singly(ctx context.Context, b backend, keys []secret.Key, refusal *secret.Error, deliver func(secret.Result)) []secret.Result {
	results := make([]secret.Result, len(keys))
	answered := make(chan bool, len(keys))
	var calls sync.WaitGroup
	ask := func(from, to int) {
		for i := from; i < to; i++ {
			calls.Go(func() {
				results[i] = s.single(ctx, b, keys[i])
				err := results[i].Err
				answered <- err == nil || !err.Class.Transient()
				if !isForbidden(err) {
					deliver(results[i])
				}
			})
		}
	}
	n := len(keys)
	if refusal != nil && isOnesFault(refusal) && n > ahead {
		keys = slices.Clone(keys)
		drawn := 1 + int(jitter.Between(0, float64(n-1)))
		keys[1], keys[drawn] = keys[drawn], keys[1]
		n = ahead
	}
	ask(0, n)
	if n < len(keys) {
		alive := false
		for range n {
			alive = alive || <-answered
		}
		if alive {
			ask(n, len(keys))
		}
		for i := n; !alive && i < len(keys); i++ {
			results[i] = failed(keys[i], refusal)
			deliver(results[i])
		}
	}
	calls.Wait()
	s.forbidden(ctx, b, results, deliver)
	return results
}

// single asks for one key by itself: with the call for one, unless it is known that
// IAM allows only that for several.
func (s *Source) single(ctx context.Context, b backend, k secret.Key) secret.Result {
	p, ok := b.(*parameterStore)
	switch {
	case k.IsTree():
		return p.tree(ctx, k)
	case ok && s.lessons.isTogether(placeOf(k)):
		record, failure := p.together(ctx, k)
		if failure == nil || failure.Class != secret.Denied {
			return s.result(k, record, failure)
		}
		s.lessons.untogether(placeOf(k)) // the policy has changed, or it is this key's
	}
	record, failure := b.one(ctx, k)
	return s.result(k, record, failure)
}

func (s *Source) result(k secret.Key, record *secret.Record, failure *secret.Error) secret.Result {
	if failure != nil {
		return failed(k, failure)
	}
	s.lessons.forget(k)
	return answered(k, record)
}

// isForbidden reports whether IAM has denied GetParameter itself: not what KMS or STS
// has to say of the parameter.
func isForbidden(err *secret.Error) bool {
	return err != nil && err.Class == secret.Denied && err.Code == accessDenied && err.Action == secret.GetParameter
}

// forbidden delivers those of the results that single calls were not allowed to bring:
// a policy written from AWS's list of actions may have GetParameters alone. If one of
// the others has come singly, it is about these names.
func (s *Source) forbidden(ctx context.Context, b backend, results []secret.Result, deliver func(secret.Result)) {
	p, ok := b.(*parameterStore)
	came := slices.ContainsFunc(results, func(r secret.Result) bool { return r.Err == nil })
	var calls sync.WaitGroup
	for i := range results {
		if !isForbidden(results[i].Err) {
			continue
		}
		calls.Go(func() {
			if k := results[i].Key; ok && !came {
				record, failure := p.together(ctx, k)
				if failure == nil || failure.Class != secret.Denied { // both refused count as the single call's denial
					results[i] = s.result(k, record, failure)
				}
				if failure == nil {
					s.learnTogether(placeOf(k))
				}
			}
			deliver(results[i])
		})
	}
	calls.Wait()
}
