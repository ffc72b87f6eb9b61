package cache_test

import (
	"testing"
	"testing/synctest"
	"time"

	"larder/cache"
)

func TestAge(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name       string
		wall, mono time.Duration
		want       string
		age        time.Duration // of a hit
	}{
		{"nothing passed", 0, 0, "hit v1", 0},
		{"both forward, within", ttl - 1, ttl - 1, "hit v1", ttl - 1},
		{"both forward, at the end", ttl, ttl, "miss v2", 0},
		{"frozen for an hour", time.Hour, 0, "miss v2", 0},
		{"frozen for a minute", time.Minute, 0, "hit v1", time.Minute},
		{"frozen up to the end", ttl, time.Second, "miss v2", 0},
		{"the wall clock stands still", 0, time.Hour, "miss v2", 0},
		{"the wall clock stands still, within", 0, time.Minute, "hit v1", time.Minute},
		{"the wall clock lags", time.Minute, 2 * time.Minute, "hit v1", 2 * time.Minute},
		{"set back by half a second", -500 * time.Millisecond, 0, "hit v1", 0},
		{"set back by half a second, a minute later", -500 * time.Millisecond, time.Minute, "hit v1", time.Minute},
		{"set back by half a second, past the end", -500 * time.Millisecond, ttl, "miss v2", 0},
		{"set back by a second", -time.Second, 0, "hit v1", 0},
		{"set back by more than a second", -time.Second - 1, 0, "miss v2", 0},
		{"set back by two seconds", -2 * time.Second, time.Second, "miss v2", 0},
		{"set back by an hour", -time.Hour, 0, "miss v2", 0},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				f := start(t)
				aws := f.instant()
				aws.set(found(db, "v1"))
				check(t, "the first read", f.get(db), "miss v1")
				aws.set(found(db, "v2"))
				f.clock.step(tt.wall, tt.mono)
				r := f.read(db, false)
				check(t, "the read after the step", r.got(), tt.want)
				check(t, "its age", r.answer.Age, tt.age)
			})
		})
	}
}

// The age counts from when AWS was asked: a reply that froze on its way may be
// long out of date when it is read.
func TestReplyFrozenOnItsWay(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := start(t)
		first := f.read(db, false)
		f.clock.step(time.Hour, 0)
		f.aws.call(0).answer(found(db, "v1"))
		check(t, "the reader that was frozen, too", first.got(), "miss v1")
		check(t, "its age", first.answer.Age, time.Hour)
		again := f.read(db, false)
		f.aws.call(1).answer(found(db, "v2"))
		check(t, "the next read", again.got(), "miss v2")
		check(t, "the one after it", f.get(db), "hit v2")
	})
}

// The queued call is sent when the running one has ended, and its age counts
// from there.
func TestAgeOfQueuedCall(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := start(t)
		f.read(db, true)
		queued := f.read(db, true)
		f.clock.tick(time.Minute)
		f.aws.call(0).answer(found(db, "v1"))
		f.clock.tick(time.Second)
		f.aws.call(1).answer(found(db, "v2"))
		check(t, "the queued read", queued.got(), "miss v2")
		check(t, "its age", queued.answer.Age, time.Second)
	})
}

func TestSystemClock(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		clock := cache.SystemClock()
		before := clock.Now()
		<-time.After(time.Minute) // of the bubble's time
		after := clock.Now()
		check(t, "wall", after.Wall.Sub(before.Wall), time.Minute)
		check(t, "mono", after.Mono-before.Mono, time.Minute)
	})
	// A bubble's time has no monotonic reading.
	if now := cache.SystemClock().Now(); now.Wall != now.Wall.Round(0) {
		t.Error("the wall reading carries a monotonic one: Sub would compare that")
	}
}
