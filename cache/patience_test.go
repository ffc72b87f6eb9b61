package cache_test

import (
	"testing"
	"testing/synctest"
	"time"

	"larder/cache"
	"larder/secret"
)

const patience = 500 * time.Millisecond

// stale returns a fixture where v1 of db has just expired, and may be served.
func stale(t *testing.T, configs ...func(*cache.Config)) *fixture {
	f := start(t, append(configs, bounded)...)
	r := f.read(db, false)
	f.aws.call(0).answer(found(db, "v1", dbARN))
	check(t, "the first read", r.got(), "miss v1")
	f.clock.tick(ttl)
	return f
}

// Readers who can be served a stale value wait half a second, counted from when
// the call began that they wait for.
func TestPatience(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := stale(t)
		first := f.read(db, false)
		f.clock.tick(patience - 200*time.Millisecond)
		second := f.read(dbARN, false)
		third := f.read(db, false)
		f.clock.tick(200*time.Millisecond - 1)
		check(t, "the first reader, a moment before", first.got(), "waiting")
		check(t, "the third, a moment before", third.got(), "waiting")
		f.clock.tick(1)
		check(t, "the first reader", first.got(), "stale v1")
		check(t, "its age", first.answer.Age, ttl+patience)
		check(t, "the third, which joined", third.got(), "stale v1")
		check(t, "one that comes now", f.get(db), "stale v1")
		check(t, "calls", f.aws.count(), 3) // one by name, one by ARN
		check(t, "the second, by ARN: its call is younger", second.got(), "waiting")

		f.aws.call(1).answer(found(db, "v2", dbARN))
		check(t, "a read when AWS has answered", f.get(db), "hit v2")
		f.clock.tick(300 * time.Millisecond)
		check(t, "the second at its end", second.got(), "miss v2")
		check(t, "log", f.logged(), "")
	})
}

func TestPatienceIsForWhoCanBeServed(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name  string
		age   time.Duration // when the reader comes
		force bool
		steps func(f *fixture) // while it waits
		soon  string           // after half a second
		want  string           // when AWS has answered v2, at last
	}{
		{"stale", ttl, false, nil, "stale v1", "stale v1"},
		{"forced", ttl, true, nil, "waiting", "miss v2"},
		{"fresh and forced", 0, true, nil, "waiting", "miss v2"},
		{"too old", ttl + maxStale, false, nil, "waiting", "miss v2"},
		{"too old when patience ends", ttl + maxStale - patience, false, nil, "waiting", "wait v2"},
		{"stale to the last", ttl + maxStale - patience - 1, false, nil, "stale v1", "stale v1"},
		{"frozen until it is too old", ttl, false,
			func(f *fixture) { f.clock.step(maxStale, 0) }, "waiting", "wait v2"},
		{"gone when patience ends", ttl, false,
			func(f *fixture) {
				gone := f.read(dbARN, true)
				f.aws.call(2).answer(failed(dbARN, secret.NotFound))
				check(f.t, "a forced read by ARN", gone.got(), "miss NotFound")
			}, "waiting", "wait NotFound"},
		{"another call was faster", ttl, false,
			func(f *fixture) {
				faster := f.read(db, true)
				f.aws.call(2).answer(found(db, "v3"))
				check(f.t, "a forced read", faster.got(), "miss v3")
			}, "miss v3", "miss v3"},
		{"the call fails", ttl, false,
			func(f *fixture) { f.aws.call(1).answer(failed(db, secret.Timeout)) }, "stale v1", "stale v1"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				f := start(t, bounded)
				first := f.read(db, false)
				f.aws.call(0).answer(found(db, "v1", dbARN))
				check(t, "the first read", first.got(), "miss v1")
				f.clock.tick(tt.age)
				r := f.read(db, tt.force)
				if tt.steps != nil {
					tt.steps(f)
				}
				f.clock.tick(patience)
				check(t, "the read after half a second", r.got(), tt.soon)
				f.aws.call(1).answer(found(db, "v2", dbARN))
				check(t, "the read when AWS has answered", r.got(), tt.want)
			})
		})
	}
}

// What a reader asked for and did not wait for serves the next one.
func TestStaleReaderLeavesTheCall(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := stale(t)
		r := f.read(db, false)
		f.clock.tick(3 * time.Second)
		check(t, "the reader", r.got(), "stale v1")
		for range 3 {
			check(t, "another while the call hangs", f.get(db), "stale v1")
		}
		check(t, "the call's context", f.aws.call(1).ctx.Err(), nil)
		f.aws.call(1).answer(failed(db, secret.Timeout))
		check(t, "the next", f.get(db), "stale v1")
		check(t, "calls", f.aws.count(), 2)
		check(t, "log", f.logged(), "WARN "+db.String())
	})
}
