package cache_test

import (
	"testing"
	"testing/synctest"

	"larder/cache"
	"larder/secret"
)

// Before Keep nothing stays: a snapshot of the process must hold no value.
func TestEphemeral(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := start(t, bounded, declare(db), func(c *cache.Config) { c.Ephemeral = true })
		first, second := f.read(db, false), f.read(db, false)
		f.aws.call(0).answer(found(db, "v1", dbARN))
		check(t, "a read", first.got(), "miss v1")
		check(t, "one that came meanwhile", second.got(), "wait v1")
		check(t, "PinnedBytes", f.PinnedBytes(), 0)
		check(t, "Same", f.Same(db, dbARN), false)

		aws := f.instant()
		aws.set(found(db, "v2"), failed(a, secret.Denied))
		check(t, "the next read", f.get(db), "miss v2")
		check(t, "Batch", f.load(t.Context(), db).got(db), "v2")
		check(t, "a forced read", f.force(db), "miss v2")
		check(t, "a read of what fails", f.get(a), "miss AccessDenied")
		check(t, "another", f.get(a), "miss AccessDenied")
		check(t, "Refresh asks for", f.refreshed(), "")
		if err := f.Check(); err != nil {
			t.Error(err)
		}

		f.Keep()
		check(t, "the first read after Keep", f.get(db), "miss v2")
		check(t, "the second", f.get(db), "hit v2")
		check(t, "a read of what fails", f.get(a), "miss AccessDenied")
		check(t, "another", f.get(a), "hit AccessDenied")
		check(t, "PinnedBytes", f.PinnedBytes(), len(text))
	})
}

// A call that was under way at Keep brings a value that is kept.
func TestKeepDuringACall(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := start(t, func(c *cache.Config) { c.Ephemeral = true })
		r := f.read(db, false)
		f.Keep()
		f.aws.call(0).answer(found(db, "v1"))
		check(t, "the reader", r.got(), "miss v1")
		check(t, "the next", f.get(db), "hit v1")
	})
}
