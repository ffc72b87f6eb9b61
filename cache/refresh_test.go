package cache_test

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"larder/secret"
)

// refreshed does what an INVOKE does, and returns the ids that AWS was asked for,
// in the words of call.names; calls are parted by a bar.
func (f *fixture) refreshed() string {
	calls := f.aws.count()
	if batch := f.Refresh(); batch != nil {
		batch.Wait(f.t.Context())
	}
	var asked []string
	for ; calls < f.aws.count(); calls++ {
		asked = append(asked, f.aws.call(calls).names())
	}
	return strings.Join(asked, "|")
}

const soon = ttl * 9 / 10 // everything is due

func TestRefresh(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name  string
		steps func(f *fixture, aws replies)
		want  string // what Refresh asks for; a and b are declared and were prefetched
	}{
		{"nothing is due", func(*fixture, replies) {}, ""},
		{"the first one: what is declared, read or not", func(f *fixture, _ replies) { f.clock.tick(soon) }, "a b"},
		{"the first one, after hours", func(f *fixture, _ replies) { f.clock.step(10*time.Hour, 0) }, "a b"},
		{"what was read since", func(f *fixture, _ replies) { f.refreshed(); f.get(a); f.clock.tick(soon) }, "a"},
		{"what nobody read costs nothing", func(f *fixture, _ replies) { f.refreshed(); f.clock.tick(soon) }, ""},
		{"nor when it is expired", func(f *fixture, _ replies) { f.refreshed(); f.clock.tick(ttl) }, ""},
		{"what is read while it is due", func(f *fixture, _ replies) { f.refreshed(); f.clock.tick(soon); f.get(b) }, "b"},
		{"what is read is read until it is fetched",
			func(f *fixture, _ replies) { f.refreshed(); f.get(a); f.clock.tick(ttl + maxStale) }, "a"},
		{"read before it was fetched, not since",
			func(f *fixture, _ replies) {
				f.refreshed()
				f.get(a)
				f.clock.tick(soon)
				f.refreshed()
				f.clock.tick(soon)
			}, ""},
		{"read by force, which is a read", func(f *fixture, _ replies) { f.refreshed(); f.force(a); f.clock.tick(soon) }, "a"},
		{"undeclared ones, too", func(f *fixture, _ replies) { f.refreshed(); f.all(c, a); f.clock.tick(soon) }, "a c"},
		{"undeclared ones that nobody read since",
			func(f *fixture, _ replies) { f.get(c); f.clock.tick(soon); f.refreshed(); f.clock.tick(soon) }, ""},
		{"by the key that it was last read by",
			func(f *fixture, _ replies) { f.refreshed(); f.all(c, dbARN); f.clock.tick(soon) }, dbARN.ID},
		{"by the other key that it was last read by",
			func(f *fixture, _ replies) { f.refreshed(); f.all(c, dbARN, c); f.clock.tick(soon) }, "c"},
		{"not what is gone",
			func(f *fixture, aws replies) {
				f.refreshed()
				f.all(a, b)
				f.clock.tick(soon)
				delete(aws, a)
				f.force(a)
			}, "b"},
		{"not by a name that leads elsewhere",
			func(f *fixture, aws replies) {
				f.refreshed()
				f.get(c)
				aws.set(found(c, "v2", newDBARN))
				f.force(c)
				f.clock.tick(soon)
			}, "c"},
		{"what is fresh by now, not",
			func(f *fixture, _ replies) {
				f.refreshed()
				f.all(a, b)
				f.clock.tick(soon)
				f.force(a)
				f.clock.tick(1)
			}, "b"},
		{"not what fails, until its back-off is over",
			func(f *fixture, aws replies) {
				f.refreshed()
				f.all(a, b)
				f.clock.tick(soon)
				aws.set(failed(a, secret.Throttled))
				f.force(a)
				f.clock.tick(time.Second/2 - 1)
			}, "b"},
		{"what fails, when its back-off is over",
			func(f *fixture, aws replies) {
				f.refreshed()
				f.all(a, b)
				f.clock.tick(soon)
				aws.set(failed(a, secret.Throttled))
				f.force(a)
				f.clock.tick(time.Second / 2)
			}, "a b"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				f := start(t, bounded, declare(a, b))
				aws := f.instant()
				aws.set(found(a, "v1"), found(b, "v1"), found(c, "v1", dbARN), found(dbARN, "v1"))
				f.Begin([]secret.Key{a, b}, nil).Wait(t.Context())
				tt.steps(f, aws)
				check(t, "Refresh asks for", f.refreshed(), tt.want)
				if tt.want != "" {
					check(t, "and again for", f.refreshed(), "")
				}
				if err := f.Check(); err != nil {
					t.Error(err)
				}
			})
		})
	}
}

// The order of a batch is the keys', not that of a map.
func TestRefreshOrder(t *testing.T) {
	t.Parallel()
	keys := []secret.Key{
		name("a"), name("b"), name("c"), must(secret.SecretKey("us-east-1", "a", "", "")), // after eu-west-1
		parameter("/a", true), parameter("/b", true),
	}
	for range 5 {
		synctest.Test(t, func(t *testing.T) {
			f := start(t, declare(keys...))
			f.aws.reply = func(k secret.Key) secret.Result { return found(k, "v1") }
			f.Begin([]secret.Key{keys[4], keys[0], keys[5], keys[3], keys[2], keys[1]}, nil).Wait(t.Context())
			f.clock.tick(soon)
			check(t, "Refresh asks for", f.refreshed(), "a b c a /a /b")
			check(t, "the Region of the last secret", f.aws.call(1).keys[3].Region, "us-east-1")
		})
	}
}

// Readers are served while what is due is fetched.
func TestRefreshDoesNotDelay(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := start(t, declare(db))
		r := f.read(db, false)
		f.aws.call(0).answer(found(db, "v1"))
		check(t, "a read", r.got(), "miss v1")
		f.clock.tick(soon)
		batch := f.Refresh()
		check(t, "a read meanwhile", f.get(db), "hit v1")
		f.aws.call(1).answer(found(db, "v2"))
		check(t, "what the batch brings", batch.Wait(t.Context())[db].Record.Version, "v2")
		check(t, "a read", f.get(db), "hit v2")
	})
}

// A thousand sandboxes that start together do not refresh together.
func TestKeepDrawsAnew(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := start(t, declare(db)) // due at 77.5 %
		f.instant().set(found(db, "v1"))
		f.random = 0
		f.get(db)
		f.clock.tick(ttl * 75 / 100)
		check(t, "Refresh before the draw", f.refreshed(), "")
		f.Keep()
		check(t, "Refresh after it", f.refreshed(), db.ID)
	})
}
