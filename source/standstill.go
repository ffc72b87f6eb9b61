package source

import (
	"context"
	"sync/atomic"
	"time"

	"larder/secret"
)

// standstill is how much longer than its limit something must have taken for the
// process to have stood still. A timer that is late by as much on a machine that is
// busy costs a call at most.
const standstill = 250 * time.Millisecond

// frozenKey is under which the context of a Fetch has an *atomic.Bool: whether
// the process has stood still during that Fetch. Other contexts have none.
type frozenKey struct{}

// watchStandstills returns a context in which standstills are noted, and a deliver that
// marks the results after the first one.
func watchStandstills(ctx context.Context, deliver func(secret.Result)) (context.Context, func(secret.Result)) {
	frozen := new(atomic.Bool)
	return context.WithValue(ctx, frozenKey{}, frozen), func(r secret.Result) {
		r.Frozen = frozen.Load()
		deliver(r)
	}
}

// stoodStill reports whether a standstill was noted.
func stoodStill(ctx context.Context) bool {
	frozen, ok := ctx.Value(frozenKey{}).(*atomic.Bool)
	return ok && frozen.Load()
}

// noteStandstill is called at the end of what began at start and had a limit.
func noteStandstill(ctx context.Context, c clock, start instant, limit time.Duration) {
	if frozen, ok := ctx.Value(frozenKey{}).(*atomic.Bool); ok && c.since(start) > limit+standstill {
		frozen.Store(true)
	}
}
