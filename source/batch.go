package source

import (
	"context"

	"larder/secret"
)

// batch asks for all keys with one call, and singly for those that the answer
// left open. When the call failed as a whole, that are all of them, which bounds
// the calls at one for each key and those for the batch besides.
func (s *Source) batch(ctx context.Context, b backend, keys []secret.Key, deliver func(secret.Result)) {
	found, refusal := b.many(ctx, keys)
	if refusal != nil && !isolates(ctx, keys[0].Service, refusal) {
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
	results := s.singly(ctx, b, rest, refusal, deliver)
	if refusal != nil && refusal.Class != secret.Throttled {
		s.learn(refusal, results)
	}
}

// isolates reports whether single calls can do better than a batch that failed.
//
// A refusal may be meant for one of the keys only, and what fails in another way
// may be one key's fault. A throttled batch of secrets has a quota of its own, a
// hundredth of that of single calls; Parameter Store counts all calls together, so
// that single calls would make things worse. Where it was a role that could not be
// assumed, single calls end before they begin: see roleMemory.
func isolates(ctx context.Context, service secret.Service, failure *secret.Error) bool {
	switch failure.Class {
	case secret.Denied, secret.Rejected, secret.NotFound:
		return true
	case secret.Throttled:
		return service == secret.SecretsManager
	}
	// What failed in a freeze is asked for again as it was: see secret.Result.Frozen.
	return isOnesFault(failure) && !stoodStill(ctx)
}

// isOnesFault reports whether one key may be why a batch failed although AWS works:
// it answers with an error of its own, with what cannot be read, or not in time, or
// somebody on the way does not let the batch pass. Where no connection could be
// made, none of the keys is to blame.
func isOnesFault(failure *secret.Error) bool {
	switch failure.Class {
	case secret.Unavailable, secret.Timeout, secret.BadAnswer:
		return failure.Sent
	}
	return false
}
