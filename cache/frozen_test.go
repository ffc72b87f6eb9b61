package cache_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"larder/cache"
	"larder/secret"
)

// frozen marks a result as one that stood still on its way.
func frozen(r secret.Result) secret.Result {
	r.Frozen = true
	return r
}

// A reply that was sent before a freeze and read after it. A reader waits for it,
// and for the call that is made instead where it is worth nothing.
func TestFrozen(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name       string
		wall, mono time.Duration // of the freeze
		reply      secret.Result
		again      bool // AWS is asked once more, and answers v2
		want       string
		age        time.Duration
	}{
		{"not frozen, and fails", 0, 0, failed(db, secret.Unavailable), false, "miss Unavailable", 0},
		{"a short freeze, and a value", time.Minute, 0, frozen(found(db, "v1")), false, "miss v1", time.Minute},
		{"just within the TTL", ttl - 1, 0, frozen(found(db, "v1")), false, "miss v1", ttl - 1},
		{"as old as the TTL", ttl, 0, frozen(found(db, "v1")), true, "miss v2", 0},
		{"as old, by the monotonic clock", 0, ttl, frozen(found(db, "v1")), true, "miss v2", 0},
		{"set back meanwhile: nobody knows", -time.Hour, 0, frozen(found(db, "v1")), true, "miss v2", 0},
		{"a long freeze that nobody noted", time.Hour, 0, found(db, "v1"), false, "miss v1", time.Hour},
		{"unavailable", time.Minute, 0, frozen(failed(db, secret.Unavailable)), true, "miss v2", 0},
		{"timeout", time.Minute, 0, frozen(failed(db, secret.Timeout)), true, "miss v2", 0},
		{"credentials", time.Minute, 0, frozen(failed(db, secret.Credentials)), true, "miss v2", 0},
		{"not found: it stays so", time.Hour, 0, frozen(failed(db, secret.NotFound)), false, "miss NotFound", 0},
		{"denied: it stays so", time.Hour, 0, frozen(failed(db, secret.Denied)), false, "miss AccessDenied", 0},
		{"cancelled", time.Hour, 0, frozen(failed(db, secret.Canceled)), false, "miss Canceled", 0},
	}
	for _, tt := range tests {
		for _, force := range []bool{false, true} {
			t.Run(tt.name, func(t *testing.T) {
				t.Parallel()
				synctest.Test(t, func(t *testing.T) {
					f := start(t, bounded)
					r := f.read(db, force)
					f.clock.step(tt.wall, tt.mono)
					f.aws.call(0).answer(tt.reply)
					calls := 1
					if tt.again {
						check(t, "the reader", r.got(), "waiting")
						f.aws.call(1).answer(found(db, "v2"))
						calls = 2
					}
					check(t, "the reader", r.got(), tt.want)
					check(t, "its age", r.answer.Age, tt.age)
					check(t, "calls", f.aws.count(), calls)
					check(t, "Idle", f.Idle(), true)
				})
			})
		}
	}
}

// It is asked for once more, not for ever; and what happened is not remembered.
func TestFrozenTwice(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name  string
		reply secret.Result
		want  string
	}{
		{"a failure", frozen(failed(db, secret.Timeout)), "miss Timeout"},
		{"an old value", frozen(found(db, "v1")), "miss v1"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				f := start(t)
				r := f.read(db, false)
				for n := range 2 {
					call := f.aws.call(n)
					f.clock.step(time.Hour, 0)
					call.answer(tt.reply)
				}
				check(t, "the reader", r.got(), tt.want)
				check(t, "calls", f.aws.count(), 2)
				next := f.read(db, false)
				f.aws.call(2).answer(found(db, "v2"))
				check(t, "the next reader", next.got(), "miss v2")
			})
		})
	}
}

// To what is in memory, a freeze is no trouble: no back-off, no denial that is
// counted, no log line.
func TestFrozenIsNoTrouble(t *testing.T) {
	t.Parallel()
	for _, class := range []secret.Class{secret.Throttled, secret.Timeout, secret.Denied, secret.Rejected} {
		t.Run(class.String(), func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				f := stale(t)
				for range 4 { // over more than the five seconds of a denial
					n := f.aws.count()
					batch := f.Refresh()
					check(t, "Refresh has begun something", batch != nil, true)
					f.clock.step(10*time.Second, 0)
					f.aws.call(n).answer(frozen(failed(db, class)))
					check(t, "what it brings", batch.Wait(t.Context())[db].Err.Class, class)
				}
				r := f.read(db, false)
				f.clock.tick(patience)
				check(t, "a read", r.got(), "stale v1")
				check(t, "calls: it asked", f.aws.count(), 6)
				check(t, "log", f.logged(), "")
			})
		})
	}
}

// Where nobody waits, a frozen reply is not asked for again.
func TestFrozenWithoutReaders(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name  string
		reply secret.Result
		want  string // of a read afterwards, while AWS fails
	}{
		{"a failure", frozen(failed(db, secret.Timeout)), "miss Unavailable"},
		{"a value", frozen(found(db, "v1")), "stale v1"}, // better than none
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				f := start(t, bounded)
				left := f.read(db, false)
				left.leave()
				f.clock.step(ttl, 0)
				f.aws.call(0).answer(tt.reply)
				check(t, "calls", f.aws.count(), 1)
				check(t, "Idle", f.Idle(), true)
				f.aws.reply = replies{db: failed(db, secret.Unavailable)}.reply
				check(t, "a read", f.get(db), tt.want)
			})
		})
	}
}

// The calls that are made again are those that readers wait for, when the whole
// batch has ended: its connections are the ones that died.
func TestFrozenBatch(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := start(t)
		batch := f.load(t.Context(), a, b, c)
		waits, leaves := f.read(a, false), f.read(b, false)
		f.clock.step(time.Hour, 0)
		for _, k := range []secret.Key{a, b} {
			f.aws.call(0).answer(frozen(failed(k, secret.Timeout)))
		}
		leaves.leave()
		check(t, "calls before the batch has ended", f.aws.count(), 1)
		joins := f.read(a, false)
		f.aws.call(0).answer(frozen(failed(c, secret.Timeout)))
		check(t, "what is asked for again", f.aws.call(1).names(), "a b") // the batch waits for b
		f.aws.call(1).answer(found(a, "v2"))
		f.aws.call(1).answer(failed(b, secret.Denied))
		check(t, "the batch", batch.got(a, b, c), "v2 AccessDenied Timeout")
		check(t, "the reader", waits.got(), "wait v2")
		check(t, "the one that joined meanwhile", joins.got(), "wait v2")
		check(t, "the one that left", leaves.got(), "wait context canceled")
		check(t, "calls", f.aws.count(), 2)
	})
}

// Nobody is left to ask again for.
func TestFrozenAndLeft(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := start(t)
		ctx, cancel := context.WithCancel(t.Context())
		batch := f.load(ctx, a, b)
		r := f.read(a, false)
		f.aws.call(0).answer(frozen(failed(a, secret.Timeout)))
		r.leave()
		check(t, "the reader", r.got(), "wait context canceled")
		cancel()
		check(t, "the batch", batch.got(a, b), "nothing nothing")
		check(t, "calls", f.aws.count(), 1)
		check(t, "Idle", f.Idle(), true)
	})
}

// Readers with a servable value are patient with the call that is made again from
// when that begins; what grew too old in the freeze is not served.
func TestFrozenPatience(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name   string
		freeze time.Duration
		soon   string
		want   string
	}{
		{"servable", time.Minute, "stale v1", "stale v1"},
		{"too old", maxStale, "waiting", "wait v2"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				f := stale(t)
				r := f.read(db, false)
				f.clock.step(tt.freeze, 0)
				f.aws.call(1).answer(frozen(failed(db, secret.Timeout)))
				check(t, "the reader", r.got(), "waiting")
				f.clock.tick(patience)
				check(t, "the reader after half a second", r.got(), tt.soon)
				f.aws.call(2).answer(found(db, "v2"))
				check(t, "the reader when AWS has answered", r.got(), tt.want)
				check(t, "the next", f.get(db), "hit v2")
			})
		})
	}
}

// What a later call has brought meanwhile is older than the call that is made
// again: the outcome of that counts.
func TestFrozenAfterALaterCall(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name  string
		again secret.Result
		want  string // of the reader, and of the next read
		next  string
	}{
		{"a value", found(db, "v3"), "miss v3", "hit v3"},
		{"not found", failed(db, secret.NotFound), "miss NotFound", "hit NotFound"},
		{"a failure", failed(db, secret.Timeout), "miss v2", "hit v2"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				f := start(t, bounded)
				r, forced := f.read(db, false), f.read(db, true)
				f.aws.call(1).answer(found(db, "v2"))
				check(t, "the later read", forced.got(), "miss v2")
				f.aws.call(0).answer(frozen(failed(db, secret.Timeout)))
				f.aws.call(2).answer(tt.again)
				check(t, "the reader", r.got(), tt.want)
				check(t, "the next", f.get(db), tt.next)
			})
		})
	}
}

// A key that is not cached has no TTL to grow older than: its reply is asked for
// again whenever the process stood still.
func TestFrozenUncached(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := start(t, func(c *cache.Config) { c.TTL = nil })
		r := f.read(db, false)
		f.clock.step(2*time.Second, 0)
		f.aws.call(0).answer(frozen(found(db, "v1")))
		f.aws.call(1).answer(found(db, "v2"))
		check(t, "the reader", r.got(), "miss v2")
	})
}
