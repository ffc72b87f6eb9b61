package cache_test

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"larder/secret"
)

// While AWS fails, a stale value is asked for ever more seldom: after a wait
// drawn from all of 0 to 1, 2, 4 … 30 seconds.
func TestBackoff(t *testing.T) {
	t.Parallel()
	for _, random := range []float64{0.25, 0.5, 0.9375} {
		t.Run(fmt.Sprint(random), func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				f := stale(t)
				f.random = random
				f.aws.reply = replies{db: failed(db, secret.Unavailable)}.reply
				check(t, "a read", f.get(db), "stale v1")
				calls := 2
				for i, bound := range []time.Duration{1, 2, 4, 8, 16, 30, 30, 30} {
					wait := time.Duration(random * float64(bound*time.Second))
					f.clock.tick(wait - 1)
					check(t, "a read before the wait is over", f.get(db), "stale v1")
					check(t, "calls", f.aws.count(), calls)
					f.clock.tick(1)
					check(t, "a read when it is over", f.get(db), "stale v1")
					calls++
					if got := f.aws.count(); got != calls {
						t.Fatalf("after %d failures: %d calls, want %d", i+1, got, calls)
					}
				}
				f.aws.reply = replies{db: found(db, "v2")}.reply
				f.clock.tick(30 * time.Second)
				check(t, "a read when AWS is well again", f.get(db), "miss v2")

				f.aws.reply = replies{db: failed(db, secret.Unavailable)}.reply
				f.clock.tick(ttl)
				check(t, "a read when it fails again", f.get(db), "stale v2")
				calls = f.aws.count()
				f.clock.tick(time.Duration(random * float64(time.Second)))
				check(t, "a read after the first wait", f.get(db), "stale v2")
				check(t, "calls", f.aws.count(), calls+1)
			})
		})
	}
}

// A failure while a value can be served is no failure to its readers, however
// short the back-off is.
func TestBackoffOfNothing(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := stale(t)
		f.random = 0
		f.aws.reply = replies{db: failed(db, secret.Throttled)}.reply
		for range 3 {
			check(t, "a read", f.get(db), "stale v1")
		}
		check(t, "calls", f.aws.count(), 4)
	})
}

func TestBackoffAndTheClocks(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name       string
		wall, mono time.Duration
		calls      int // of a read after the step
	}{
		{"nothing passed", 0, 0, 0},
		{"frozen", time.Minute, 0, 1},
		{"the wall clock stands still", 0, time.Minute, 1},
		{"set back by a second", -time.Second, 0, 0},
		{"set back", -time.Minute, 0, 1},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				f := stale(t)
				f.aws.reply = replies{db: failed(db, secret.Unavailable)}.reply
				f.get(db)
				calls := f.aws.count()
				f.clock.step(tt.wall, tt.mono)
				check(t, "a read", f.get(db), "stale v1")
				check(t, "calls", f.aws.count()-calls, tt.calls)
			})
		})
	}
}

// A forced read is not bound by the back-off, and ends it.
func TestForcedReadEndsBackoff(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := stale(t)
		f.aws.reply = replies{db: failed(db, secret.Unavailable)}.reply
		check(t, "a read", f.get(db), "stale v1")
		check(t, "a forced read", f.force(db), "miss Unavailable")
		f.aws.reply = replies{db: found(db, "v2")}.reply
		check(t, "a read within the back-off", f.get(db), "stale v1")
		check(t, "a forced read when AWS is well", f.force(db), "miss v2")
		check(t, "a read", f.get(db), "hit v2")
		check(t, "log", f.logged(), "WARN "+db.String()+", INFO "+db.String())
	})
}

// Past the bound there is nothing to serve meanwhile: a call a second, as for what
// was never there.
func TestTooOldIsAskedForEverySecond(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := stale(t)
		f.aws.reply = replies{db: failed(db, secret.Unavailable)}.reply
		f.clock.tick(maxStale)
		calls := f.aws.count()
		for range 10 {
			check(t, "a read", f.get(db), "miss Expired")
			check(t, "another", f.get(db), "hit Expired")
			f.clock.tick(time.Second)
		}
		check(t, "calls", f.aws.count()-calls, 10)
	})
}
