package cache_test

import (
	"testing"
	"testing/synctest"
	"time"

	"larder/cache"
	"larder/secret"
)

// A forced read is answered by a call that began after it asked. However many
// ask, there are at most one ordinary call, one forced, and one that is queued.
func TestForced(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := start(t)
		ordinary := f.read(db, false)
		running := f.read(db, true)
		check(t, "calls of an ordinary and a forced read", f.aws.count(), 2)
		var queued []*read
		for range 50 {
			queued = append(queued, f.read(db, true))
		}
		joined := f.read(db, false)
		check(t, "calls of 50 more forced reads", f.aws.count(), 2)

		f.aws.call(1).answer(found(db, "v2"))
		check(t, "the first forced read", running.got(), "miss v2")
		f.clock.tick(time.Second - 1)
		check(t, "calls within a second of the first forced one", f.aws.count(), 2)
		f.clock.tick(1)
		check(t, "calls a second after the first forced one", f.aws.count(), 3)
		check(t, "a queued forced read", queued[0].got(), "waiting")
		check(t, "an ordinary read", f.get(db), "hit v2")

		late := f.read(db, true) // the queued one has begun before this asks
		f.clock.tick(2 * time.Second)
		check(t, "calls while it runs", f.aws.count(), 3)
		f.aws.call(2).answer(found(db, "v3"))
		for i, r := range queued {
			want := "wait v3"
			if i == 0 {
				want = "miss v3"
			}
			check(t, "a queued forced read", r.got(), want)
		}
		check(t, "one that asked after they began", late.got(), "waiting")
		f.aws.call(3).answer(found(db, "v4"))
		check(t, "one that asked after they began", late.got(), "miss v4")

		f.aws.call(0).answer(found(db, "v1"))
		check(t, "the first ordinary read", ordinary.got(), "miss v4")
		check(t, "the one that joined it", joined.got(), "wait v4")
		check(t, "age of the first ordinary read", ordinary.answer.Age, 0)
		check(t, "an ordinary read", f.get(db), "hit v4")
		check(t, "calls", f.aws.count(), 4)
	})
}

func TestOrdinaryJoinsForced(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := start(t)
		f.read(db, true)
		joined := f.read(db, false)
		f.aws.call(0).answer(found(db, "v1"))
		check(t, "an ordinary read beside a forced one", joined.got(), "wait v1")
		check(t, "calls", f.aws.count(), 1)
	})
}

// A forced read does not make ordinary ones of a fresh value wait, nor does its
// failure take the value away.
func TestForcedFailure(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := start(t)
		r := f.read(db, false)
		f.aws.call(0).answer(found(db, "v1"))
		check(t, "a read", r.got(), "miss v1")
		forced, queued := f.read(db, true), f.read(db, true)
		check(t, "an ordinary read meanwhile", f.get(db), "hit v1")
		f.aws.call(1).answer(failed(db, secret.Timeout))
		check(t, "the forced read", forced.got(), "miss Timeout")
		check(t, "an ordinary read", f.get(db), "hit v1")
		f.clock.tick(time.Second)
		f.aws.call(2).answer(found(db, "v2"))
		check(t, "the queued read", queued.got(), "miss v2")
	})
}

// A call is not made that all have left who queued for it.
func TestQueuedReaderLeaves(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := start(t)
		f.read(db, true)
		queued := f.read(db, true)
		queued.leave()
		check(t, "the queued read", queued.got(), "miss context canceled")
		f.aws.call(0).answer(found(db, "v1"))
		f.clock.tick(time.Second)
		check(t, "a read", f.get(db), "hit v1")
		check(t, "calls", f.aws.count(), 1)
		check(t, "Idle", f.Idle(), true)
	})
}

// The outcome of an older call, when it comes after that of a later one, changes
// nothing, and its readers get the later one.
func TestOlderOutcome(t *testing.T) {
	t.Parallel()
	newer := found(db, "new", dbARN)
	newerByARN := found(dbARN, "new")
	older := found(db, "old", dbARN)
	tests := []struct {
		name         string
		before       bool // db was read before, so its ARN is known
		newer, older secret.Result
		want         string // of the older call's reader
		age          time.Duration
		kept         string // of a read afterwards, while AWS says "now"
	}{
		{"value", false, newer, older, "miss new", 0, "hit new"},
		{"value of a known secret", true, newer, older, "miss new", 0, "hit new"},
		{"failure", false, newer, failed(db, secret.Unavailable), "miss new", 0, "hit new"},
		{"not found", true, newer, failed(db, secret.NotFound), "miss new", 0, "hit new"},
		{"value, by an alias", true, newerByARN, older, "miss new", 0, "hit new"},
		{"value, by an alias that the older one shows", false, newerByARN, older, "miss new", 0, "hit new"},
		{"failure, by an alias", true, newerByARN, failed(db, secret.Throttled), "miss new", 0, "hit new"},
		{"not found, by an alias", true, newerByARN, failed(db, secret.NotFound), "miss new", 0, "hit new"},
		{"value after not found", true, failed(db, secret.NotFound), older, "miss NotFound", 0, "miss now"},
		{"value after not found, never had", false, failed(db, secret.NotFound), older, "miss NotFound", 0, "miss now"},
		{"value after not found, by an alias", true, failed(dbARN, secret.NotFound), older, "miss NotFound", 0, "miss now"},
		{"value after a failure", false, failed(db, secret.Unavailable), older, "miss old", time.Second, "hit old"},
		{"value of another ARN", true, found(db, "new", newDBARN), older, "miss new", 0, "hit new"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				f := start(t)
				n := 0
				if tt.before {
					f.read(db, false)
					f.aws.call(0).answer(found(db, "before", dbARN))
					f.clock.tick(ttl)
					n = 1
				}
				// Two forced calls are out of order only by an alias: one key's queue.
				reader := f.read(db, tt.newer.Key != db)
				f.clock.tick(time.Second)
				forced := f.read(tt.newer.Key, true)
				f.aws.call(n + 1).answer(tt.newer)
				if forced.got() == "waiting" {
					t.Error("the forced read waits")
				}
				f.aws.call(n).answer(tt.older)
				check(t, "the reader of the older call", reader.got(), tt.want)
				check(t, "its age", reader.answer.Age, tt.age)
				if tt.older.Err != nil {
					check(t, "log", f.logged(), "")
				}
				f.ForgetFailures()
				f.aws.reply = replies{db: found(db, "now")}.reply
				check(t, "a read", f.get(db), tt.kept)
				if err := f.Check(); err != nil {
					t.Error(err)
				}
			})
		})
	}
}

// The later value need not be in the cache any more to count.
func TestOlderOutcomeAfterEviction(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := start(t, func(c *cache.Config) { c.Entries = 1 })
		reader, forced, other := f.read(db, false), f.read(db, true), f.read(a, false)
		f.aws.call(1).answer(found(db, "new"))
		f.aws.call(2).answer(found(a, "a"))
		f.aws.call(0).answer(found(db, "old"))
		check(t, "the forced read", forced.got(), "miss new")
		check(t, "the other read", other.got(), "miss a")
		check(t, "the reader of the older call", reader.got(), "miss new")
		check(t, "a read of the other", f.get(a), "hit a")
	})
}

// A call that hangs until the answer of a later one has expired does not pass that
// for its own.
func TestOutlivedAnswer(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := start(t, func(c *cache.Config) { c.MaxStale = time.Minute })
		first := f.read(db, false)
		forced := f.read(db, true)
		f.aws.call(1).answer(found(db, "v1"))
		check(t, "the forced read", forced.got(), "miss v1")
		first.leave() // or it would ask, too, and one of the two would join the other
		f.clock.tick(ttl + 2*time.Minute)
		waits := f.read(db, false)
		f.aws.call(0).answer(failed(db, secret.Timeout))
		check(t, "who waited for the call that hung", waits.got(), "waiting")
		f.aws.call(2).answer(found(db, "v2"))
		check(t, "and for the next one", waits.got(), "miss v2")
	})
}
