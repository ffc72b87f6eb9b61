package cache_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"larder/secret"
)

// A batch that the loop has no time for is no failure, but the loop does not try
// the same again at once. Readers do.
func TestCut(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := start(t, bounded, declare(a, b))
		f.aws.reply = func(k secret.Key) secret.Result { return found(k, "v1") }
		f.all(a, b)
		f.clock.tick(soon)
		f.aws.reply = nil
		for i, bound := range []time.Duration{1, 2, 4, 8} { // half of it at least, of the rest 0.5 is drawn
			calls := f.aws.count()
			ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
			batch := f.Refresh()
			check(t, "Refresh asks for", f.aws.call(calls).names(), "a b")
			check(t, "outcomes", len(batch.Wait(ctx)), 0)
			cancel()
			wait := bound * time.Second * 3 / 4
			f.clock.tick(wait - 1)
			check(t, "Refresh within the back-off is nil", f.Refresh() == nil, true)
			check(t, "a read", f.get(a), "hit v1")
			f.clock.tick(1)
			check(t, "calls", f.aws.count(), i+3)
		}
		check(t, "Idle", f.Idle(), true)
		check(t, "log", f.logged(), "")

		// A reader's call takes along what was cut: it does not hold next.
		f.clock.tick(ttl - soon)
		f.aws.reply = replies{a: found(a, "v2"), b: found(b, "v2")}.reply
		cut, cancel := context.WithCancel(t.Context())
		cancel()
		f.Refresh().Wait(cut)
		calls := f.aws.count()
		check(t, "a reader's expired read", f.get(a), "miss v2")
		check(t, "it asks for", f.aws.call(calls).names(), "a b")
		f.get(b)
		f.clock.tick(soon)
		check(t, "Refresh, when the value came", f.refreshed(), "a b")
	})
}

// What a reader waits for when the loop goes on is asked for again, by itself.
func TestCutRefreshLeavesReaders(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := start(t, bounded, declare(a, b))
		f.aws.reply = func(k secret.Key) secret.Result { return found(k, "v1") }
		f.all(a, b)
		f.clock.tick(ttl)
		f.aws.reply = nil
		batch := f.Refresh()
		r := f.read(b, false)
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		check(t, "outcomes", len(batch.Wait(ctx)), 0)
		check(t, "the reader", r.got(), "waiting")
		check(t, "what it asks for", f.aws.call(3).names(), "b")
		f.aws.call(3).answer(found(b, "v2"))
		check(t, "the reader", r.got(), "wait v2")
		check(t, "log", f.logged(), "")
	})
}
