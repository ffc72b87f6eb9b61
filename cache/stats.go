package cache

import (
	"time"

	"larder/secret"
)

// Stats is what a cache holds at some moment.
type Stats struct {
	// Entries is their number, remembered absences included.
	Entries int
	// Bytes is the sum of their sizes.
	Bytes int
	// Oldest is the greatest age among them; 0 without any.
	Oldest time.Duration
}

// Stats returns what the cache holds. It looks at every entry.
func (c *Cache) Stats() Stats {
	c.mu.Lock()
	defer c.mu.Unlock()
	s := Stats{Entries: c.entries, Bytes: c.bytes}
	now := c.config.Clock.Now()
	for _, e := range c.index {
		age, _ := age(e.sent, now)
		s.Oldest = max(s.Oldest, age)
	}
	return s
}

// State says in a word what the cache has for a key.
type State string

// The states.
const (
	Fresh   State = "fresh"
	Due     State = "due"     // fresh, and to be refreshed
	Expired State = "stale"   // past its TTL, and servable while AWS fails
	Absent  State = "absent"  // AWS has no such thing, which may be so
	Missing State = "missing" // nothing that may be served
)

// Look is what the cache has for a key.
type Look struct {
	// State says what it is worth.
	State State
	// Version is the record's; empty without one.
	Version string
	// Age is the time since AWS was asked; 0 where State is Missing.
	Age time.Duration
}

// Look tells what there is for key. Unlike a read it leaves no trace: it neither
// makes AWS be asked nor counts as use.
func (c *Cache) Look(key secret.Key) Look {
	c.mu.Lock()
	defer c.mu.Unlock()
	e := c.index[key]
	if e == nil {
		return Look{State: Missing}
	}
	worth, age := c.freshnessLocked(e, c.config.Clock.Now())
	look := Look{State: [...]State{fresh: Fresh, due: Due, stale: Expired, tooOld: Missing}[worth], Age: age}
	switch {
	case worth == tooOld:
		look.Age = 0
	case e.Err != nil:
		look.State = Absent
	default:
		look.Version = e.Record.Version
	}
	return look
}

// Keeps reports whether what AWS says of key is kept at all: not so with a TTL of 0,
// without entries, and before Keep.
func (c *Cache) Keeps(key secret.Key) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.keepsLocked(key)
}
