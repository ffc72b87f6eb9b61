package cache_test

import (
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"larder/cache"
	"larder/secret"
)

// A key is asked for by force once a second; who comes too early waits.
func TestForcedLimit(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name       string
		wall, mono time.Duration // after the first forced read
		wait       time.Duration // of the second one
	}{
		{"at once", 0, 0, time.Second},
		{"soon", 300 * time.Millisecond, 300 * time.Millisecond, 700 * time.Millisecond},
		{"a second later", time.Second, time.Second, 0},
		{"after a freeze", time.Hour, 0, 0},
		{"the wall clock stands still", 0, time.Hour, 0},
		{"the wall clock is set back a little", -time.Second / 2, 0, time.Second},
		{"the wall clock is set back", -time.Hour, 0, 0},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				f := start(t)
				aws := f.instant()
				aws.set(found(db, "v1"))
				check(t, "the first forced read", f.force(db), "miss v1")
				aws.set(found(db, "v2"))
				f.clock.step(tt.wall, tt.mono)
				began := time.Now()
				second := f.read(db, true)
				<-second.done
				check(t, "the second", second.got(), "miss v2")
				check(t, "its wait", time.Since(began), tt.wait)
				check(t, "its age", second.answer.Age, 0)
			})
		})
	}
}

// The limit is the key's: others, and ordinary reads, know nothing of it.
func TestForcedLimitIsOfOneKey(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := start(t, func(c *cache.Config) { c.TTL = nil })
		f.instant().set(found(db, "v1"), found(a, "v1"), failed(b, secret.Throttled))
		began := time.Now()
		check(t, "an ordinary read", f.get(db), "miss v1")
		check(t, "a forced read", f.force(db), "miss v1")
		check(t, "a forced read of another key", f.force(a), "miss v1")
		check(t, "an ordinary read", f.get(db), "miss v1")
		check(t, "a forced read of what fails", f.force(b), "miss Throttled")
		check(t, "time that passed", time.Since(began), 0)
		check(t, "another of what fails", f.force(b), "miss Throttled")
		check(t, "time that passed", time.Since(began), time.Second)
	})
}

// The second counts from the start of a call: after one that took longer, the
// queued one begins at once.
func TestForcedLimitCountsFromTheStart(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := start(t)
		f.read(db, true)
		queued := f.read(db, true)
		f.clock.tick(3 * time.Second)
		check(t, "calls while the first one runs", f.aws.count(), 1)
		f.aws.call(0).answer(found(db, "v1"))
		f.aws.call(1).answer(found(db, "v2"))
		check(t, "the queued read", queued.got(), "miss v2")
	})
}

// A storm of forced reads costs a call a second, of which one runs at a time, and
// everybody is told what AWS said after they asked.
func TestForcedStorm(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		const readers, seconds = 200, 10
		f := start(t)
		f.aws.takes = func(secret.Key) time.Duration { return 300 * time.Millisecond }
		f.aws.reply = func(k secret.Key) secret.Result { return found(k, "v1") }
		end := time.Now().Add(seconds*time.Second - 1)
		var all sync.WaitGroup
		for range readers {
			all.Go(func() {
				for time.Now().Before(end) {
					asked := f.clock.Now()
					answer, err := f.Get(t.Context(), db, true)
					if err != nil || answer.Age > f.clock.Now().Mono-asked.Mono {
						t.Errorf("a forced read after %v = %s of age %v",
							f.clock.Now().Mono-asked.Mono, say(answer, err), answer.Age)
					}
				}
			})
		}
		all.Wait()
		check(t, "calls", f.aws.count(), seconds+1) // and one for those who asked in the last second
		for n := 1; n < f.aws.count(); n++ {
			check(t, "time between two calls", f.aws.call(n).began.Mono-f.aws.call(n-1).began.Mono, time.Second)
		}
	})
}

// Close ends those who wait for their second, too.
func TestCloseEndsForcedWait(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := start(t)
		f.instant().set(found(db, "v1"))
		check(t, "a forced read", f.force(db), "miss v1")
		r := f.read(db, true)
		check(t, "another", r.got(), "waiting")
		f.Close()
		check(t, "another, closed", r.got(), "miss Canceled")
		f.clock.tick(2 * time.Second)
		check(t, "calls", f.aws.count(), 1)
		check(t, "Idle", f.Idle(), true)
	})
}
