package cache_test

import (
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"larder/cache"
	"larder/secret"
)

// Where there is no value, a failure is remembered for less than a second.
func TestFailureIsRemembered(t *testing.T) {
	t.Parallel()
	for class := secret.BadReference; class <= secret.Canceled; class++ {
		t.Run(class.String(), func(t *testing.T) {
			t.Parallel()
			remembered := "hit " + class.String()
			if class == secret.Canceled {
				remembered = "miss Canceled"
			}
			synctest.Test(t, func(t *testing.T) {
				f := start(t)
				aws := f.instant()
				aws.set(failed(db, class))
				check(t, "a read", f.get(db), "miss "+class.String())
				check(t, "another read", f.get(db), remembered)
				check(t, "a read of another key", f.get(a), "miss NotFound")
				f.clock.tick(time.Second - 1)
				check(t, "a read within the second", f.get(db), remembered)
				if class != secret.Canceled {
					check(t, "calls", f.aws.count(), 2)
				}
				f.clock.tick(1)
				check(t, "a read after it", f.get(db), "miss "+class.String())

				f.ForgetFailures()
				check(t, "a read when it was forgotten", f.get(db), "miss "+class.String())
				aws.set(found(db, "v1"))
				check(t, "a forced read when AWS is well again", f.force(db), "miss v1")
				check(t, "a read", f.get(db), "hit v1")
				check(t, "log", f.logged(), "") // there was nothing to refresh
			})
		})
	}
}

// The memory of a failure must not outlive what it was about.
func TestFailureIsForgotten(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name  string
		steps func(f *fixture, aws replies) // within the second
		want  string
	}{
		{"nothing happens", func(*fixture, replies) {}, "hit Unavailable"},
		{"frozen for an hour", func(f *fixture, _ replies) { f.clock.step(time.Hour, 0) }, "miss v1"},
		{"the wall clock stands still", func(f *fixture, _ replies) { f.clock.step(0, time.Second) }, "miss v1"},
		{"the wall clock is set back", func(f *fixture, _ replies) { f.clock.step(-time.Hour, 0) }, "miss v1"},
		{"asked for by force", func(f *fixture, _ replies) { f.force(db) }, "hit v1"},
		{"loaded by the loop", func(f *fixture, _ replies) { f.Begin([]secret.Key{db}, nil).Wait(f.t.Context()) }, "hit v1"},
		{"shown by another key, which does not know it", func(f *fixture, _ replies) { f.get(dbARN) }, "hit Unavailable"},
		{"another failure is the last one", func(f *fixture, aws replies) {
			aws.set(failed(db, secret.Throttled))
			f.clock.tick(time.Second / 2)
			f.force(db)
		}, "hit Throttled"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				f := start(t)
				aws := f.instant()
				aws.set(failed(db, secret.Unavailable))
				check(t, "a read", f.get(db), "miss Unavailable")
				aws.set(found(db, "v1", dbARN), found(dbARN, "v1"))
				tt.steps(f, aws)
				check(t, "a read", f.get(db), tt.want)
			})
		})
	}
}

// A loop that asks for what is missing costs AWS a call a second.
func TestHotLoop(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := start(t)
		f.instant()
		for range 100 {
			for range 10 {
				f.get(db)
			}
			f.clock.tick(100 * time.Millisecond)
		}
		check(t, "calls in ten seconds", f.aws.count(), 10)
	})
}

// What is remembered of keys that nobody asks for any more is let go.
func TestMemoryIsLetGo(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := start(t)
		f.instant()
		for n := range 100 {
			key := name(fmt.Sprint("n", n))
			check(t, "a read", f.get(key), "miss NotFound")
			check(t, "a forced read", f.force(key), "miss NotFound")
			f.clock.tick(300 * time.Millisecond)
		}
		failed, forced := f.Remembered()
		check(t, "failures that are remembered", failed, 4) // of a second
		check(t, "forced calls that are remembered", forced, 4)
	})
}

// An expired value is what a reader is told of, not AWS's failure, whose code stays.
func TestExpiredKeepsCode(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := start(t, bounded)
		aws := f.instant()
		aws.set(found(db, "v1"))
		f.get(db)
		cause := &secret.Error{Class: secret.Throttled, Code: "ThrottlingException", Status: 400, Message: "Rate exceeded", Key: db}
		aws.set(secret.Result{Key: db, Err: cause})
		f.clock.tick(ttl + maxStale)
		for _, how := range []cache.How{cache.Miss, cache.Hit} {
			r := f.read(db, false)
			check(t, "the read", r.got(), how.String()+" Expired")
			got, ok := r.err.(*secret.Error)
			if !ok {
				t.Fatalf("error = %T, want a *secret.Error", r.err)
			}
			check(t, "code", got.Code, cause.Code)
			check(t, "status", got.Status, cause.Status)
			check(t, "key", got.Key, db)
			if !strings.Contains(got.Message, cause.Message) || !strings.Contains(got.Message, "LARDER_MAX_STALE") {
				t.Errorf("message = %q, want AWS's and the setting in it", got.Message)
			}
		}
		check(t, "the class of what AWS said", cause.Class, secret.Throttled)
		check(t, "a forced read", f.force(db), "miss Throttled")
	})
}

// step of a story: d passes, AWS says class, and db is read by force.
type step struct {
	after time.Duration
	class secret.Class // 0: v2
}

// A denial takes effect on a value that is there when it is repeated at least
// five seconds after the first one since the value came.
func TestDenial(t *testing.T) {
	t.Parallel()
	const denied, s = secret.Denied, time.Second
	tests := []struct {
		name  string
		steps []step
		want  string // of an ordinary read
	}{
		{"once", []step{{0, denied}}, "hit v1"},
		{"twice within five seconds", []step{{0, denied}, {5*s - 1, denied}}, "hit v1"},
		{"again after five", []step{{0, denied}, {5 * s, denied}}, "hit AccessDenied"},
		{"many within five, one after", []step{{0, denied}, {2 * s, denied}, {2 * s, denied}, {s, denied}}, "hit AccessDenied"},
		{"it worked in between", []step{{0, denied}, {3 * s, 0}, {3 * s, denied}}, "hit v2"},
		{"it worked in between, then lasts", []step{{0, denied}, {3 * s, 0}, {3 * s, denied}, {5 * s, denied}}, "hit AccessDenied"},
		{"another failure in between", []step{{0, denied}, {3 * s, secret.Throttled}, {3 * s, denied}}, "hit AccessDenied"},
		{"another failure at the end", []step{{0, denied}, {6 * s, secret.Throttled}}, "hit v1"},
		{"another failure at the start", []step{{0, secret.Throttled}, {6 * s, denied}}, "hit v1"},
		{"rejected for long", []step{{0, secret.Rejected}, {6 * s, secret.Rejected}, {6 * s, secret.Rejected}}, "hit v1"},
		{"it works at the end", []step{{0, denied}, {5 * s, denied}, {s, 0}}, "hit v2"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				f := start(t, bounded, declare(db))
				aws := f.instant()
				aws.set(found(db, "v1", dbARN))
				check(t, "a read", f.get(db), "miss v1")
				for _, s := range tt.steps {
					f.clock.tick(s.after)
					want := "miss v2"
					aws.set(found(db, "v2", dbARN))
					if s.class != 0 {
						aws.set(failed(db, s.class))
						want = "miss " + s.class.String()
					}
					check(t, "a forced read", f.force(db), want)
				}
				check(t, "a read", f.get(db), tt.want)
				if tt.want == "hit AccessDenied" {
					aws.set(failed(dbARN, secret.Denied))
					check(t, "a read by ARN", f.get(dbARN), "miss AccessDenied")
					check(t, "PinnedBytes", f.PinnedBytes(), 0)
				}
				if err := f.Check(); err != nil {
					t.Error(err)
				}
			})
		})
	}
}
