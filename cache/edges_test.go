package cache_test

import (
	"context"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"larder/secret"
)

// A cache that is closed asks nobody, and keeps nobody waiting.
func TestClosed(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := start(t, declare(a))
		f.Close()
		check(t, "a read", f.get(a), "miss Canceled")
		check(t, "a forced read", f.force(a), "miss Canceled")
		outcome := f.Begin([]secret.Key{a}, nil).Wait(t.Context())[a]
		check(t, "an outcome", outcome.Err.Class, secret.Canceled)
		check(t, "calls", f.aws.count(), 0)
	})
}

// Who can be served a stale value does not wait for longer than others for a call that
// is about to begin again after a freeze.
func TestPatienceBetweenCalls(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := start(t, bounded, declare(a, b))
		f.aws.reply = func(k secret.Key) secret.Result { return found(k, "v1") }
		f.all(a, b)
		f.aws.reply = nil
		f.clock.tick(ttl)
		first := f.read(a, false) // and b with it
		frozen := failed(a, secret.Timeout)
		frozen.Frozen = true
		f.aws.call(f.aws.count() - 1).answer(frozen)
		f.clock.tick(100 * time.Millisecond)
		second := f.read(a, false)
		check(t, "a reader between two calls", second.got(), "waiting")
		f.clock.tick(500 * time.Millisecond)
		check(t, "the first reader", first.got(), "stale v1")
		check(t, "the second one", second.got(), "stale v1")
	})
}

// The loop leaves a call to the readers who wait for all that it has still to bring,
// whatever it has brought before.
func TestLeaveToReaders(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := start(t, declare(a, b))
		batch := f.Begin([]secret.Key{a, b}, nil)
		f.aws.call(0).answer(found(a, "v1"))
		r := f.read(b, false)
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		check(t, "outcomes", len(batch.Wait(ctx)), 1)
		f.aws.call(0).answer(found(b, "v1"))
		check(t, "the reader", r.got(), "wait v1")
		check(t, "calls", f.aws.count(), 1)
	})
}

// What is remembered of keys that left is for calls that began before, and no longer.
func TestLeftIsBounded(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := start(t)
		gone := func(from, to int) {
			for i := from; i < to; i++ {
				r := f.read(name(fmt.Sprint("gone", i)), false)
				f.aws.call(f.aws.count() - 1).answer(failed(name(fmt.Sprint("gone", i)), secret.NotFound))
				r.got()
			}
		}
		f.read(a, false)
		first := f.aws.count() - 1
		gone(0, 600)
		check(t, "remembered while an older call is under way", f.Left(), 600)
		f.read(b, false)
		f.aws.call(first).answer(found(a, "v1"))
		gone(600, 1200)
		if left := f.Left(); left >= 1024 {
			t.Errorf("%d are remembered, want less than 1024", left)
		}
	})
}
