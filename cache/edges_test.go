package cache_test

import (
	"context"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"larder/cache"
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

// Where nothing is kept a reader gets what a later call has brought meanwhile, and AWS is
// not asked once more for that.
func TestLaterReplyIsNotAskedForAgain(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := start(t, func(c *cache.Config) {
			c.Declared = map[secret.Key]cache.Declaration{a: {HasTTL: true}}
		})
		ordinary := f.read(a, false)
		forced := f.read(a, true)
		f.aws.call(1).answer(found(a, "v2"))
		f.aws.call(0).answer(found(a, "v1"))
		check(t, "the forced reader", forced.got(), "miss v2")
		check(t, "the ordinary one", ordinary.got(), "miss v2")
		check(t, "calls", f.aws.count(), 2)
	})
}

// The age of a tree that is read on counts by either clock.
func TestAgeOfPartsByEitherClock(t *testing.T) {
	t.Parallel()
	for name, step := range map[string]struct{ wall, mono time.Duration }{"wall": {0, -30 * time.Second}, "monotonic": {-30 * time.Second, 0}} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := start(t, declare(tree))
				f.instant().set(whole("v1", time.Minute))
				f.get(tree)
				f.clock.step(step.wall, step.mono)
				r := f.read(tree, false)
				check(t, "a read", r.got(), "hit v1")
				check(t, "its age", r.answer.Age, time.Minute)
			})
		})
	}
}

// What has failed, and then stood still in a freeze, is asked for again once.
func TestRetryOfFrozen(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := start(t, declare(a))
		batch := f.Begin([]secret.Key{a}, passing)
		reader := f.read(a, false)
		f.aws.call(0).answer(failed(a, secret.Unavailable))
		f.clock.tick(375 * time.Millisecond)
		frozen := failed(a, secret.Timeout)
		frozen.Frozen = true
		f.aws.call(1).answer(frozen)
		f.aws.call(2).answer(found(a, "v1"))
		f.clock.tick(time.Minute)
		check(t, "the reader", reader.got(), "wait v1")
		check(t, "outcomes", len(batch.Wait(t.Context())), 1)
		check(t, "calls", f.aws.count(), 3)
	})
}

// A key that stands twice in a batch keeps no other from being asked for.
func TestBatchOfDoubles(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := start(t)
		f.aws.reply = func(k secret.Key) secret.Result { return found(k, "v1") }
		f.Begin([]secret.Key{a, a, b}, nil).Wait(t.Context())
		check(t, "the call", f.aws.call(0).names(), "a b")
	})
}

// A reader whom the loop has left a call to hears of its failure: nobody asks again.
func TestNoRetryForReaders(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := start(t, declare(a))
		batch := f.Begin([]secret.Key{a}, passing)
		reader := f.read(a, false)
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		batch.Wait(ctx)
		f.aws.call(0).answer(failed(a, secret.Unavailable))
		check(t, "the reader", reader.got(), "wait Unavailable")
		check(t, "calls", f.aws.count(), 1)
	})
}

// That a secret is gone counts for all of its names that are being asked for, also behind
// one that is not: an older answer does not bring it back.
func TestLaterAnswerForAllNames(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := start(t)
		full, partial := arn("123456789012", region, "prod/db-AbCdEf"), arn("123456789012", region, "prod/db")
		aws := f.instant()
		aws.set(found(db, "v1", full), found(partial, "v1", full))
		f.get(db)
		f.get(partial)
		f.aws.reply = nil
		f.clock.tick(ttl)
		calls := f.aws.count()
		older := f.read(partial, false)
		newer := f.read(db, true)
		f.aws.call(calls + 1).answer(failed(db, secret.NotFound))
		f.aws.call(calls).answer(found(partial, "v1", full))
		check(t, "the forced reader", newer.got(), "miss NotFound")
		check(t, "the one before, by another name", older.got(), "miss NotFound")
	})
}

// Who is being asked for by force holds up none of those that are forced with it.
func TestForcedBehindOneThatRuns(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := start(t)
		f.read(a, true)
		f.clock.tick(2 * time.Second)
		f.forceAll(a, b)
		check(t, "the second call", f.aws.call(1).names(), "b")
	})
}

// Start asks for what a read would ask for: nothing that is there, or on its way.
func TestStartAsksForTheRest(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := start(t)
		f.aws.reply = func(k secret.Key) secret.Result { return found(k, "v1") }
		f.get(a)
		f.aws.reply = nil
		f.read(b, false)
		f.Start([]secret.Key{a, b, db, db})
		check(t, "the third", f.aws.call(2).names(), db.ID)
		check(t, "calls", f.aws.count(), 3)
	})
}
