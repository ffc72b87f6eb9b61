package cache

import (
	"maps"
	"math"
	"slices"
	"time"

	"github.com/hashicorp/golang-lru/v2/simplelru"

	"larder/secret"
)

// entry is one record, or the absence of an optional one, with every key that
// leads to it. Guarded by the cache's mutex; the record itself never changes.
type entry struct {
	keys   []secret.Key
	reply  // an error is the absence of an optional secret
	ttl    time.Duration
	size   int
	pinned bool       // never in recent
	reader secret.Key // by which it was last read; zero if it was not, since the reply

	// What refreshing it has met since the reply.
	failing backoff // AWS failed
	cut     backoff // there was not enough time: keeps the loop from trying, not readers
	denied  Instant // when AWS first denied it; zero if it did not
}

// newRecent returns the order in which entries that may be evicted were used.
// The bound is kept by trimLocked, not by the list: it counts bytes, too, and
// pinned entries, which are not in the list.
func newRecent() *simplelru.LRU[*entry, struct{}] {
	l, err := simplelru.NewLRU[*entry, struct{}](math.MaxInt, nil)
	if err != nil {
		panic(err) // only for a size below one
	}
	return l
}

// applyLocked stores what a flight brought and returns what its readers get:
// that, or what a later call has brought already.
func (c *Cache) applyLocked(f *flight, r secret.Result) reply {
	got := reply{Outcome{r.Record, r.Err}, f.call.sent.before(r.Older), f.call.seq}
	if r.Err == nil || !r.Err.Class.Transient() {
		delete(c.parts, r.Key)
	}
	if f.newer.seq > got.seq { // not so if f was given a later call meanwhile
		return f.newer
	}
	e := c.index[r.Key]
	if r.Err != nil {
		if r.Err.Class != secret.Canceled && !r.Frozen {
			c.failLocked(r.Key, got)
		}
		if r.Err.Class != secret.NotFound {
			return got
		}
		c.supersedeLocked([]secret.Key{r.Key}, got)
		c.leaveLocked([]secret.Key{r.Key}, got.seq)
		if e != nil {
			c.supersedeLocked(e.keys, got)
			c.leaveLocked(e.keys, got.seq)
			c.removeLocked(e)
		}
		if !c.config.Declared[r.Key].Optional {
			return got
		}
		e = nil // the absence of what may be absent is kept, for this key alone
	}
	if len(r.Same) > 0 && alike(r.Same[0], r.Key) {
		// The entry by ARN. A name that led elsewhere until now, because its secret
		// was deleted and made anew, moves.
		e = c.index[r.Same[0]]
	}
	if e == nil {
		e = &entry{}
		c.entries++
	}
	if e.seq > got.seq {
		// A later call by ARN was faster. Of this one it is news where the name leads.
		c.attachLocked(e, r.Key)
	} else {
		e.reply, e.reader = got, secret.Key{}
		if f.readers > 0 {
			e.reader = f.key
		}
		c.aliasLocked(e, r)
		c.relievedLocked(e)
	}
	c.supersedeLocked(e.keys, e.reply)
	c.keepLocked(e)
	return e.reply
}

// keepLocked keeps an entry whose reply or keys have changed, and the bounds.
func (c *Cache) keepLocked(e *entry) {
	size := 0
	if e.Record != nil {
		size = e.Record.Size()
	}
	if !c.keepsLocked(e.keys...) || !e.pinned && size > c.config.Bytes {
		c.removeLocked(e)
	} else {
		c.sizeLocked(e, size)
		if !e.pinned {
			c.recent.Add(e, struct{}{})
		}
	}
	c.trimLocked()
}

// keepsLocked reports whether anything is kept of what keys, which mean the same, name.
func (c *Cache) keepsLocked(keys ...secret.Key) bool {
	return !c.ephemeral && c.config.Entries > 0 && c.ttl(keys...) > 0
}

// trimLocked evicts what was not used for the longest time until the bounds hold
// or only pinned entries are left.
func (c *Cache) trimLocked() {
	for c.recent.Len() > 0 && (c.entries > c.config.Entries || c.bytes > c.config.Bytes) {
		oldest, _, _ := c.recent.GetOldest()
		c.removeLocked(oldest)
	}
}

// sizeLocked changes the size of an entry and the sums that it is part of.
func (c *Cache) sizeLocked(e *entry, size int) {
	c.bytes += size - e.size
	if e.pinned {
		c.pinned += size - e.size
	}
	e.size = size
}

// aliasLocked makes the key that was asked for and those that the answer showed
// to be the same lead to e, unless a later answer has shown otherwise.
func (c *Cache) aliasLocked(e *entry, r secret.Result) {
	c.attachLocked(e, r.Key)
	for _, k := range r.Same {
		if old := c.index[k]; (old == nil || old.seq <= e.seq) && c.left[k] <= e.seq {
			c.attachLocked(e, k)
		}
	}
	// A key that differs in more than its name, as the decrypt flags of a plain
	// parameter do, stays for as long as the answers say so: the parameter may
	// have been made anew as a SecureString, whose plain text is not its cipher text.
	shown := append(r.Same[:len(r.Same):len(r.Same)], r.Key)
	for _, k := range slices.Clone(e.keys) {
		if !slices.ContainsFunc(shown, func(s secret.Key) bool { return alike(s, k) }) {
			c.detachLocked(e, k)
		}
	}
}

// alike reports whether two keys differ in nothing but the name or ARN.
func alike(a, b secret.Key) bool {
	a.ID = b.ID
	return a == b
}

// attachLocked makes key lead to e, and to nothing else.
func (c *Cache) attachLocked(e *entry, key secret.Key) {
	old := c.index[key]
	switch {
	case old == e:
		return
	case old == nil:
	case key.Service == secret.SecretsManager:
		// The secret that it led to was deleted, or it would have its name still.
		c.relievedLocked(old)
		c.removeLocked(old)
	default:
		c.detachLocked(old, key)
	}
	c.index[key] = e
	delete(c.late, key)
	e.keys = append(e.keys, key)
	c.declareLocked(e)
}

func (c *Cache) detachLocked(e *entry, key secret.Key) {
	delete(c.index, key)
	e.keys = slices.DeleteFunc(e.keys, func(k secret.Key) bool { return k == key })
	if len(e.keys) == 0 {
		c.removeLocked(e)
		return
	}
	c.declareLocked(e)
}

// declareLocked gives an entry what the declarations of its keys say: it is
// pinned if there are any.
func (c *Cache) declareLocked(e *entry) {
	e.ttl = c.ttl(e.keys...)
	pinned := slices.ContainsFunc(e.keys, func(k secret.Key) bool { _, ok := c.config.Declared[k]; return ok })
	if pinned == e.pinned {
		return
	}
	size := e.size
	c.sizeLocked(e, 0)
	e.pinned = pinned
	c.sizeLocked(e, size)
	if pinned {
		c.recent.Remove(e)
	} else {
		c.recent.Add(e, struct{}{})
	}
}

// ttl is how long a record of keys, which mean the same, is fresh: the smallest TTL
// that is declared for them, else their service's.
func (c *Cache) ttl(keys ...secret.Key) time.Duration {
	ttl, found := c.config.TTL[keys[0].Service], false
	for _, k := range keys {
		if d := c.config.Declared[k]; d.HasTTL && (!found || d.TTL < ttl) {
			ttl, found = d.TTL, true
		}
	}
	return ttl
}

// leaveLocked remembers what the cache knew of keys that leave it, for as long as
// there are calls that began before: an answer to another name may show them to be
// the same, and must not bring back what they were.
func (c *Cache) leaveLocked(keys []secret.Key, seq uint64) {
	const many = 1024
	if len(c.left) >= many {
		oldest := c.lastSeq
		for _, under := range c.flights {
			for _, f := range []*flight{under.ordinary, under.forced} {
				if f != nil && f.call != nil {
					oldest = min(oldest, f.call.seq)
				}
			}
		}
		maps.DeleteFunc(c.left, func(_ secret.Key, seq uint64) bool { return seq <= oldest })
	}
	for _, k := range keys {
		c.left[k] = max(c.left[k], seq)
	}
}

// removeLocked forgets an entry with all its keys.
func (c *Cache) removeLocked(e *entry) {
	c.leaveLocked(e.keys, e.seq)
	for _, k := range e.keys {
		delete(c.index, k)
	}
	e.keys = nil
	c.sizeLocked(e, 0)
	c.recent.Remove(e)
	c.entries--
}
