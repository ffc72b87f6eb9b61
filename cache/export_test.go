package cache

import (
	"fmt"

	"larder/secret"
)

// Check recomputes from the index what the cache keeps as sums, and returns what
// does not agree.
func (c *Cache) Check() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	entries := make(map[*entry]int)
	for key, e := range c.index {
		entries[e]++
		found := 0
		for _, k := range e.keys {
			if k == key {
				found++
			}
		}
		if found != 1 {
			return fmt.Errorf("%v leads to an entry that lists it %d times", key, found)
		}
	}
	bytes, pinned, evictable := 0, 0, 0
	for e, n := range entries {
		if len(e.keys) != n {
			return fmt.Errorf("an entry lists %d keys, %d lead to it", len(e.keys), n)
		}
		if err := c.checkEntryLocked(e); err != nil {
			return err
		}
		bytes += e.size
		if e.pinned {
			pinned += e.size
		} else {
			evictable++
		}
	}
	if c.entries != len(entries) || c.bytes != bytes || c.pinned != pinned || c.recent.Len() != evictable {
		return fmt.Errorf("kept %d entries, %d bytes, %d pinned, %d evictable; counted %d, %d, %d, %d",
			c.entries, c.bytes, c.pinned, c.recent.Len(), len(entries), bytes, pinned, evictable)
	}
	if evictable > 0 && (len(entries) > c.config.Entries || bytes > c.config.Bytes) {
		return fmt.Errorf("%d entries of %d bytes with %d that can be evicted: over the bounds", len(entries), bytes, evictable)
	}
	return nil
}

func (c *Cache) checkEntryLocked(e *entry) error {
	size, declared := 0, false
	for _, k := range e.keys {
		_, ok := c.config.Declared[k]
		declared = declared || ok
	}
	if e.Record != nil {
		size = e.Record.Size()
	}
	if size != e.size || declared != e.pinned || e.pinned == c.recent.Contains(e) {
		return fmt.Errorf("the entry of %v has size %d, want %d; pinned %t, want %t; evictable %t",
			e.keys[0], e.size, size, e.pinned, declared, c.recent.Contains(e))
	}
	return nil
}

// Idle reports whether nothing is under way, so far as the cache knows.
func (c *Cache) Idle() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.flights) == 0
}

// Same reports whether a and b are known to lead to one entry.
func (c *Cache) Same(a, b secret.Key) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	e := c.index[a]
	return a == b || e != nil && e == c.index[b]
}

// Has reports whether key leads to an entry.
func (c *Cache) Has(key secret.Key) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.index[key] != nil
}

// Locked reports whether somebody holds the lock.
func (c *Cache) Locked() bool {
	free := c.mu.TryLock()
	if free {
		c.mu.Unlock()
	}
	return !free
}

// Remembered returns of how many keys a failure is remembered, and of how many
// when they were last asked for by force.
func (c *Cache) Remembered() (failed, forced int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.failures), len(c.forced)
}

// PinnedBytes is the first half of Pinned.
func (c *Cache) PinnedBytes() int {
	size, _ := c.Pinned()
	return size
}

// Left returns of how many keys that left the index the cache remembers what it knew.
func (c *Cache) Left() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.left)
}
