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

var tree = must(secret.TreeKey(region, "/t/**"))

// partial is a try for the tree that ends with class, before which n members came, the
// first page so long before the try.
func partial(class secret.Class, n int, older time.Duration) secret.Result {
	r := failed(tree, class)
	r.Older, r.Part = older, &secret.Record{Service: secret.ParameterStore, Members: make([]secret.Record, n)}
	return r
}

// whole is the tree, whose first page came so long before the try.
func whole(version string, older time.Duration) secret.Result {
	r := found(tree, version)
	r.Older = older
	return r
}

// part says what Part returns: its members and age.
func (f *fixture) part() string {
	a, ok := f.Part(tree)
	switch {
	case !ok:
		return "none"
	case a.Record == nil:
		return "too old"
	}
	return fmt.Sprint(len(a.Record.Members), " after ", a.Age)
}

// What has come of a tree is there while the tree is not, with the age of its first
// page; the age of the tree, when that is whole, counts from there, too.
func TestPart(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := start(t, declare(tree))
		check(t, "the part of a tree that nobody has asked for", f.part(), "none")
		r := f.read(tree, false)
		f.clock.tick(time.Second)
		f.aws.call(0).answer(partial(secret.Timeout, 20, 0))
		check(t, "a read of the tree itself", r.got(), "miss Timeout")
		check(t, "the part", f.part(), "20 after 1s")
		f.clock.tick(ttl - time.Second - 1)
		check(t, "the part in time", f.part(), "20 after 4m59.999999999s")
		f.clock.tick(1)
		check(t, "the part past the TTL", f.part(), "too old")
		r = f.read(tree, false)
		f.clock.tick(time.Second)
		f.aws.call(1).answer(whole("v1", time.Minute))
		check(t, "the tree", r.got(), "miss v1")
		check(t, "its age", r.answer.Age, time.Minute+time.Second)
		check(t, "the part of a tree that is there", f.part(), "none")
		f.clock.tick(ttl - time.Minute - time.Second)
		check(t, "a read past its TTL", f.read(tree, false).got(), "waiting")
	})
}

// A tree that is served, also past its TTL, is not told from a part.
func TestPartOfServedTree(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := start(t, bounded, declare(tree))
		aws := f.instant()
		aws.set(whole("v1", 0))
		f.get(tree)
		aws.set(partial(secret.Timeout, 20, 0))
		f.clock.tick(ttl)
		check(t, "a stale read", f.get(tree), "stale v1")
		check(t, "the part", f.part(), "none")
		f.clock.tick(maxStale)
		check(t, "a read when the tree is too old", f.get(tree), "miss Expired")
		check(t, "the part", f.part(), "20 after 0s")
		aws.set(failed(tree, secret.Denied))
		f.clock.tick(time.Second)
		f.get(tree)
		check(t, "the part when AWS denies the tree", f.part(), "none")
	})
}

// Parts are of declared trees that are kept, and the latest.
func TestNoPart(t *testing.T) {
	t.Parallel()
	for name, config := range map[string]func(*cache.Config){
		"not declared": func(*cache.Config) {},
		"not kept":     func(c *cache.Config) { declare(tree)(c); c.Entries = 0 },
		"ephemeral":    func(c *cache.Config) { declare(tree)(c); c.Ephemeral = true },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := start(t, config)
				f.instant().set(partial(secret.Timeout, 20, 0))
				f.get(tree)
				check(t, "the part", f.part(), "none")
			})
		})
	}
	synctest.Test(t, func(t *testing.T) {
		f := start(t, declare(tree))
		f.read(tree, false)
		f.read(tree, true)
		f.aws.call(1).answer(partial(secret.Timeout, 30, 0))
		f.aws.call(0).answer(partial(secret.Timeout, 20, 0))
		check(t, "the part of two calls", f.part(), "30 after 0s")
		f.Close()
		check(t, "the part after Close", f.part(), "none")
	})
}

// The loop reads on a tree of which a part has come, over several invokes, and less
// often while that brings nothing.
func TestLoopReadsOn(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := start(t, declare(tree, a))
		cut := func(b *cache.Batch, members int, older time.Duration) {
			t.Helper()
			f.aws.cut = func(secret.Key) secret.Result { return partial(secret.Canceled, members, older) }
			ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
			defer cancel()
			b.Wait(ctx)
		}
		cut(f.Begin([]secret.Key{tree}, nil), 20, 0) // init
		check(t, "the part", f.part(), "20 after 2s")
		cut(f.Refresh(), 40, 2*time.Second)
		check(t, "the part after an invoke", f.part(), "40 after 4s")
		cut(f.Refresh(), 40, 4*time.Second)
		check(t, "Refresh after one that brought nothing is nil", f.Refresh() == nil, true)
		f.clock.tick(500 * time.Millisecond)
		b := f.Refresh()
		f.aws.call(3).answer(whole("v1", 6500*time.Millisecond))
		b.Wait(t.Context())
		check(t, "the tree", f.get(tree), "hit v1")
		check(t, "Refresh when the tree is whole is nil", f.Refresh() == nil, true)
	})
}

// What has not come at all is not begun by the loop: nobody may read it.
func TestLoopBeginsNothing(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := start(t, declare(tree))
		f.instant().set(failed(tree, secret.Timeout))
		f.get(tree)
		f.clock.tick(time.Minute)
		check(t, "Refresh is nil", f.Refresh() == nil, true)
	})
}

// Pages that are older than a forced read are not what it wants, and a tree that is
// past its TTL when it is whole is worth nothing: both are read anew, once.
func TestOldPages(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		force bool
		older time.Duration
		again bool
	}{
		"force":              {true, 1, true},
		"force, all is new":  {true, 0, false},
		"old":                {false, ttl, true},
		"just in time":       {false, ttl - 1, false},
		"all is new anyway":  {false, 0, false},
		"force, old as well": {true, ttl, true},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := start(t, declare(tree))
				r := f.read(tree, test.force)
				f.aws.call(0).answer(whole("v1", test.older))
				if !test.again {
					check(t, "the read", r.got(), "miss v1")
					return
				}
				check(t, "the read", r.got(), "waiting")
				f.aws.call(1).answer(whole("v2", 0))
				check(t, "the read", r.got(), "miss v2")
			})
		})
	}
}
