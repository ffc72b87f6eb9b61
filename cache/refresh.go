package cache

import "larder/secret"

// Refresh starts to fetch, in one batch, everything that is due and has been read
// since it was last fetched; what nobody reads is left to expire and costs no
// call. It returns nil if nothing is due, nor is anything being fetched that no reader
// waits for. The expired read of a declared key starts the same: whoever comes first,
// the other joins.
//
// The first Refresh takes what is declared for read, unless Keep was called. A
// sandbox may wait for hours between init and the first INVOKE, and the function
// will read it now.
func (c *Cache) Refresh() *Batch {
	c.mu.Lock()
	defer c.mu.Unlock()
	keys := append(c.dueLocked(true), c.lateLocked(true)...)
	c.invoked = true
	if len(keys) == 0 {
		return nil
	}
	secret.SortKeys(keys)
	return c.beginLocked(keys, nil)
}

// dueLocked returns the keys by which to refresh. The loop leaves out what it had no
// time for a moment ago; a reader waits for its call anyway.
func (c *Cache) dueLocked(loop bool) []secret.Key {
	now := c.config.Clock.Now()
	var keys []secret.Key
	for key, e := range c.index {
		if key != c.refreshKeyLocked(e) {
			continue // an entry is in the index under each of its keys
		}
		worth, _ := c.freshnessLocked(e, now)
		calling := c.runningLocked(key) != nil
		if worth >= due && (calling || e.failing.over(now) && (!loop || e.cut.over(now))) {
			keys = append(keys, key)
		}
	}
	return keys
}

// lateLocked returns the declared keys that AWS was too busy or too slow for, as it
// may be during init, so that nothing is in memory of them. What has failed a moment ago
// is left out. The loop joins what a reader's call brings besides what readers wait
// for, and begins nothing, as nobody may read it: but for a tree of which a part has
// come, which would never be whole otherwise.
func (c *Cache) lateLocked(loop bool) []secret.Key {
	now := c.config.Clock.Now()
	var keys []secret.Key
	for key := range c.late {
		f, part := c.runningLocked(key), c.parts[key]
		switch {
		case loop && f != nil && f.readers == 0,
			loop && f == nil && part != nil && part.stuck.over(now) && c.rememberedLocked(key, now) == nil,
			!loop && f == nil && c.rememberedLocked(key, now) == nil:
			keys = append(keys, key)
		}
	}
	return keys
}

// noteLateLocked notes that AWS did not give key, but may.
func (c *Cache) noteLateLocked(key secret.Key) {
	if _, ok := c.config.Declared[key]; ok && c.index[key] == nil && c.keepsLocked(key) {
		c.late[key] = true
	}
}

// refreshKeyLocked returns the key by which e is refreshed: the one by which it
// was last read. It is the zero Key if nobody has.
func (c *Cache) refreshKeyLocked(e *entry) secret.Key {
	if e.reader != (secret.Key{}) || c.invoked {
		return e.reader
	}
	for _, k := range e.keys {
		if _, ok := c.config.Declared[k]; ok {
			return k
		}
	}
	return secret.Key{}
}

// Start begins, in one call, what a read of each of the keys would begin. Its
// Answer has what the cache does not keep; Wait is not called.
func (c *Cache) Start(keys []secret.Key) *Batch {
	c.mu.Lock()
	defer c.mu.Unlock()
	b := &Batch{cache: c, flights: make(map[secret.Key]*flight), reads: true}
	var fs []*flight
	for _, key := range keys {
		if _, _, ok := c.recallLocked(key); !ok && c.runningLocked(key) == nil && b.flights[key] == nil {
			b.flights[key] = newFlight(key)
			fs = append(fs, b.flights[key])
		}
	}
	if len(fs) > 0 {
		c.launchLocked(c.withDueLocked(fs), false, nil)
	}
	return b
}

// withDueLocked adds to the flights of a call that is about to begin those of all
// that is due besides, if one of them is for an expired key that is declared, and if
// one is for a late key, those of all others: AWS would be asked for them one by one.
func (c *Cache) withDueLocked(fs []*flight) []*flight {
	asked := make(map[secret.Key]bool, len(fs)) // under every name
	declared, late := false, false
	for _, f := range fs {
		asked[f.key] = true
		late = late || c.late[f.key]
		if e := c.index[f.key]; e != nil {
			declared = declared || e.pinned
			for _, k := range e.keys {
				asked[k] = true
			}
		}
	}
	var keys []secret.Key
	if declared || late {
		keys = c.dueLocked(false)
	}
	if late {
		keys = append(keys, c.lateLocked(false)...)
	}
	secret.SortKeys(keys)
	for _, k := range keys {
		if !asked[k] && c.runningLocked(k) == nil {
			fs = append(fs, newFlight(k))
		}
	}
	return fs
}
