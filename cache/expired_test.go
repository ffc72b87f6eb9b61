package cache_test

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"larder/cache"
	"larder/secret"
)

// INVOKE and the expired read of a declared key start the same batch.
func TestExpiredReadStartsTheBatch(t *testing.T) {
	t.Parallel()
	e := name("e")
	tests := []struct {
		name  string
		read  secret.Key
		calls string // what the read asks for; then, what Refresh asks for besides
		after string
	}{
		{"of a declared key", a, "a b c", ""},
		{"of another declared key, which nobody read since", d, "d a b c", ""},
		{"of an undeclared key", c, "c", "a b"},
		{"of a key that is not there", e, "e", "a b c"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				f := start(t, bounded, declare(a, b, d))
				f.aws.reply = func(k secret.Key) secret.Result { return found(k, "v1") }
				f.all(a, b, c, d)
				f.refreshed()
				f.force(d)
				f.Begin([]secret.Key{d}, nil).Wait(t.Context()) // since then nobody has read it
				f.clock.tick(ttl)
				f.aws.reply = nil
				calls := f.aws.count()
				r := f.read(tt.read, false)
				check(t, "the read asks for", f.aws.call(calls).names(), tt.calls)
				batch := f.Refresh()
				if tt.after == "" {
					check(t, "calls", f.aws.count(), calls+1)
				} else {
					check(t, "Refresh asks for", f.aws.call(calls+1).names(), tt.after)
				}
				for n := calls; n < f.aws.count(); n++ {
					for _, k := range f.aws.call(n).keys {
						f.aws.call(n).answer(found(k, "v2"))
					}
				}
				check(t, "the read", r.got(), "miss v2")
				check(t, "Refresh brings", batch.Wait(t.Context())[a].Record.Version, "v2")
				check(t, "another read", f.get(a), "hit v2")
				check(t, "Idle", f.Idle(), true)
			})
		})
	}
}

// A reading of several keys at once is such a read, if one of them is declared.
func TestExpiredReadOfSeveral(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name  string
		keys  []secret.Key
		calls string // what the reading asks for; then, what Refresh asks for besides
		after string
	}{
		{"declared", []secret.Key{a, b}, "a b c d", ""},
		{"one of them", []secret.Key{d, b}, "d b a c", ""},
		{"by another name of what is due", []secret.Key{a, arn(account, region, "c-AbCdEf")}, a.ID + " " + arn(account, region, "c-AbCdEf").ID + " b d", ""},
		{"undeclared", []secret.Key{c, d}, "c d", "a b"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				f := start(t, bounded, declare(a, b))
				aws := f.instant()
				aws.set(found(a, "v1"), found(b, "v1"), found(c, "v1", arn(account, region, "c-AbCdEf")), found(d, "v1"))
				f.all(a, b, c, d)
				f.refreshed()
				f.clock.tick(ttl)
				f.aws.reply = nil
				calls := f.aws.count()
				batch := f.Start(tt.keys)
				check(t, "the reading asks for", f.aws.call(calls).names(), tt.calls)
				f.Refresh()
				if tt.after == "" {
					check(t, "calls", f.aws.count(), calls+1)
				} else {
					check(t, "Refresh asks for", f.aws.call(calls+1).names(), tt.after)
				}
				for n := calls; n < f.aws.count(); n++ {
					for _, k := range f.aws.call(n).keys {
						f.aws.call(n).answer(found(k, "v2"))
					}
				}
				check(t, "keys of the reading", batch.Len(), len(tt.keys))
				for _, k := range tt.keys {
					check(t, "a read", f.get(k), "hit v2")
				}
				check(t, "Idle", f.Idle(), true)
			})
		})
	}
}

// What AWS was too busy for is not asked for one by one afterwards, and not at all when
// nobody reads any of it. Of what is declared, d is there, none is not, and unkept is
// never kept.
func TestReadAfterFailedInit(t *testing.T) {
	t.Parallel()
	e, none, denied, unkept := name("e"), name("none"), name("denied"), name("unkept")
	tests := []struct {
		name  string
		steps func(f *fixture) // a second after the failure
		read  secret.Key
		calls string
	}{
		{"of one of them", func(*fixture) {}, a, "a b e"},
		{"with what is due besides", func(f *fixture) { f.clock.tick(soon) }, a, "a b d e"},
		{"without what has just failed", func(f *fixture) { f.force(e) }, a, "a b"},
		{"of what is there", func(f *fixture) { f.clock.tick(ttl) }, d, "d"},
		{"of what is not there", func(*fixture) {}, none, "none"},
		{"of what is not kept", func(*fixture) {}, unkept, "unkept"},
		{"of an undeclared key", func(*fixture) {}, c, "c"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				f := start(t, declare(a, b, d, e, none, denied), func(c *cache.Config) {
					c.Declared[unkept] = cache.Declaration{HasTTL: true}
				})
				aws := f.instant()
				aws.set(found(d, "v1"), failed(none, secret.NotFound), failed(denied, secret.Denied))
				for _, k := range []secret.Key{a, b, e, unkept} {
					aws.set(failed(k, secret.Throttled))
				}
				f.Begin([]secret.Key{a, b, d, e, none, denied, unkept}, nil).Wait(t.Context())
				f.clock.tick(time.Second)
				tt.steps(f)
				calls := f.aws.count()
				f.get(tt.read)
				check(t, "the read asks for", f.aws.call(calls).names(), tt.calls)
			})
		})
	}
}

// The same where AWS has not answered at all.
func TestReadAfterHangingInit(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := start(t, declare(a, b))
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		f.Begin([]secret.Key{a, b}, nil).Wait(ctx)
		f.read(b, false)
		check(t, "the read asks for", f.aws.call(1).names(), "b a")
	})
}

// What is late no more is asked for by itself.
func TestLateNoMore(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := start(t, declare(a, b, c, d))
		aws := f.instant()
		keys := []secret.Key{a, b, c, d}
		for _, k := range keys {
			aws.set(failed(k, secret.Throttled))
		}
		f.Begin(keys, nil).Wait(t.Context())
		f.clock.tick(time.Second)
		aws.set(failed(a, secret.Denied), failed(b, secret.NotFound), found(c, "v1"), found(d, "v1"))
		f.get(a)
		for _, k := range []secret.Key{c, d} {
			aws.set(failed(k, secret.NotFound))
			f.force(k)
		}
		for _, k := range keys {
			f.clock.tick(time.Second)
			calls := f.aws.count()
			f.get(k)
			check(t, "a read asks for", f.aws.call(calls).names(), k.ID)
		}
	})
}

// INVOKE begins nothing of that. What a reader's call brings besides, it waits for, and
// not for what only the reader wants.
func TestRefreshAfterFailedInit(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := start(t, declare(a, b))
		f.aws.reply = func(k secret.Key) secret.Result { return failed(k, secret.Throttled) }
		f.Begin([]secret.Key{a, b}, nil).Wait(t.Context())
		f.clock.tick(time.Second)
		check(t, "Refresh is nil", f.Refresh() == nil, true)
		f.aws.reply = nil
		r := f.read(a, false)
		batch := f.Refresh()
		check(t, "calls", f.aws.count(), 2)
		check(t, "keys of Refresh", batch.Len(), 1)
		f.aws.call(1).answer(found(b, "v1"))
		check(t, "Refresh brings", batch.Wait(t.Context())[b].Record.Version, "v1")
		check(t, "Refresh while only the reader waits is nil", f.Refresh() == nil, true)
		f.aws.call(1).answer(found(a, "v1"))
		check(t, "the reader", r.got(), "miss v1")
		check(t, "another read", f.get(b), "hit v1")
		check(t, "calls", f.aws.count(), 2)
	})
}

// Before the first INVOKE, what is declared counts as read here, too.
func TestExpiredReadBeforeTheFirstRefresh(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := start(t, declare(a, b))
		f.aws.reply = func(k secret.Key) secret.Result { return found(k, "v1") }
		f.Begin([]secret.Key{a, b}, nil).Wait(t.Context())
		f.clock.step(time.Hour, 0)
		check(t, "a read", f.get(b), "miss v1")
		check(t, "it asked for", f.aws.call(1).names(), "b a")
		check(t, "Refresh asks for", f.refreshed(), "")
	})
}

// A storm of readers over a declared set that has expired costs one batch.
func TestStormOnExpiredSet(t *testing.T) {
	t.Parallel()
	for _, invoked := range []bool{false, true} { // before the readers come
		synctest.Test(t, func(t *testing.T) {
			const readers = 200
			var keys []secret.Key
			for n := range 20 {
				keys = append(keys, name(fmt.Sprint("n", n)))
			}
			f := start(t, bounded, declare(keys...))
			f.aws.reply = func(k secret.Key) secret.Result { return found(k, "v1") }
			f.all(keys...)
			f.clock.step(time.Hour, 0) // frozen
			f.aws.reply = nil
			calls := f.aws.count()
			var batch *cache.Batch
			if invoked {
				batch = f.Refresh()
			}
			var all sync.WaitGroup
			for n := range readers {
				all.Go(func() {
					for i := range keys {
						key := keys[(n+i)%len(keys)]
						if answer, err := f.Get(t.Context(), key, false); err != nil || answer.Record.Version != "v2" {
							t.Errorf("Get(%v) = %s, want v2", key, say(answer, err))
						}
					}
				})
			}
			synctest.Wait()
			check(t, "calls", f.aws.count(), calls+1)
			check(t, "keys of the batch", len(f.aws.call(calls).keys), len(keys))
			for _, k := range keys {
				f.aws.call(calls).answer(found(k, "v2"))
			}
			all.Wait()
			if batch != nil {
				check(t, "outcomes", len(batch.Wait(t.Context())), len(keys))
			}
			check(t, "calls", f.aws.count(), calls+1)
		})
	}
}
