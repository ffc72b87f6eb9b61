package cache

import (
	"context"

	"larder/secret"
)

// call is one Fetch: a batch of keys that were asked for together.
type call struct {
	seq      uint64  // calls are numbered in the order in which they began
	sent     Instant // when it began
	cancel   context.CancelFunc
	flights  []*flight
	finished chan struct{} // closed when Fetch has returned and all is settled
}

// flight is the part of a call that brings one key.
type flight struct {
	key secret.Key

	// Guarded by Cache.mu.
	call    *call // nil while queued, or taken from one call and not yet given to another
	readers int   // that wait
	newer   reply // what a later call has brought meanwhile

	done  chan struct{}
	reply reply // there once done is closed
}

// reply is what a call brought for one key.
type reply struct {
	Outcome
	sent Instant // when the call began; the age counts from here
	seq  uint64  // of the call; 0 in the zero reply
}

// underWay is what is under way for one key. There is never more, so a storm of
// readers costs AWS at most this.
type underWay struct {
	ordinary *flight
	forced   *flight
	queued   *flight // starts when forced has ended
}

// joinLocked returns the flight that answers a read that begins now.
func (c *Cache) joinLocked(key secret.Key, force bool) (*flight, How) {
	under := c.flights[key]
	var f *flight
	how := Wait
	switch {
	case under != nil && !force && under.ordinary != nil:
		f = under.ordinary
	case under != nil && !force && under.forced != nil:
		f = under.forced
	case under != nil && force && under.queued != nil:
		f = under.queued
	case under != nil && force && under.forced != nil:
		// The one that runs began before this read asked, so it does not do.
		f = &flight{key: key, done: make(chan struct{})}
		under.queued = f
		how = Miss
	default:
		f = &flight{key: key, done: make(chan struct{})}
		c.launchLocked([]*flight{f}, force)
		how = Miss
	}
	f.readers++
	return f, how
}

// wait returns when the flight is done, or why ctx has ended: then the reader, which
// was counted, has left.
func (c *Cache) wait(ctx context.Context, f *flight) error {
	select {
	case <-f.done:
		return nil
	case <-ctx.Done():
		c.mu.Lock()
		defer c.mu.Unlock()
		f.readers--
		return ctx.Err()
	}
}

// launchLocked runs one Fetch for flights that have no call yet.
func (c *Cache) launchLocked(fs []*flight, force bool) *call {
	c.lastSeq++
	ctx, cancel := context.WithCancel(c.root)
	call := &call{seq: c.lastSeq, sent: c.clock.Now(), cancel: cancel, flights: fs, finished: make(chan struct{})}
	byKey := make(map[secret.Key]*flight, len(fs))
	keys := make([]secret.Key, len(fs))
	for i, f := range fs {
		f.call = call
		byKey[f.key], keys[i] = f, f.key
		under := c.flights[f.key]
		if under == nil {
			under = &underWay{}
			c.flights[f.key] = under
		}
		if force {
			under.forced = f
		} else {
			under.ordinary = f
		}
	}
	if c.closed {
		cancel()
		c.abandonLocked(call, fs)
		close(call.finished)
		return call
	}
	c.calls.Go(func() {
		defer cancel()
		defer close(call.finished)
		c.config.Fetch(ctx, keys, func(r secret.Result) {
			c.mu.Lock()
			defer c.mu.Unlock()
			c.settleLocked(call, byKey[r.Key], r)
		})
		c.mu.Lock()
		defer c.mu.Unlock()
		c.abandonLocked(call, fs) // what Fetch left out must not hang its readers
	})
	return call
}

// abandonLocked settles those flights of a call that will bring nothing.
func (c *Cache) abandonLocked(call *call, fs []*flight) {
	for _, f := range fs {
		c.settleLocked(call, f, secret.Result{Key: f.key, Err: canceled(f.key)})
	}
}

func canceled(key secret.Key) *secret.Error {
	return &secret.Error{Class: secret.Canceled, Message: "the call was cancelled", Key: key}
}

// settleLocked ends a flight of a call with its result, once. A flight that was
// given to another call is none of its any more.
func (c *Cache) settleLocked(call *call, f *flight, r secret.Result) {
	if f == nil || f.call != call || isDone(f.done) {
		return
	}
	f.reply = c.applyLocked(f, r)
	close(f.done)
	c.landLocked(f)
}

// supersedeLocked gives every older flight that is under way for keys the reply
// of a later call. Its own, when it comes, changes nothing, also if the later one
// is not in the cache any more: a secret that was deleted must not come back.
func (c *Cache) supersedeLocked(keys []secret.Key, later reply) {
	for _, key := range keys {
		under := c.flights[key]
		if under == nil {
			continue
		}
		for _, f := range []*flight{under.ordinary, under.forced} {
			if f != nil && f.call != nil && f.call.seq < later.seq {
				f.newer = later
			}
		}
	}
}

// landLocked takes a flight out of what is under way, and starts the forced one
// that waited for it.
func (c *Cache) landLocked(f *flight) {
	under := c.flights[f.key]
	if under.ordinary == f {
		under.ordinary = nil
	}
	if under.forced == f {
		under.forced = nil
		if next := under.queued; next != nil {
			under.queued = nil
			c.launchLocked([]*flight{next}, true)
		}
	}
	if *under == (underWay{}) {
		delete(c.flights, f.key)
	}
}

func isDone(done <-chan struct{}) bool {
	select {
	case <-done:
		return true
	default:
		return false
	}
}
