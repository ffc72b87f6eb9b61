package cache

import (
	"time"

	"larder/secret"
)

// forcedEvery is how often at most a key is asked for by force.
const forcedEvery = time.Second

// joinForcedLocked returns the flight that answers a forced read: one whose call
// has not begun yet. At most one runs and one is queued, however many readers ask.
func (c *Cache) joinForcedLocked(key secret.Key) (*flight, How) {
	under := c.underLocked(key)
	if f := under.queued; f != nil {
		f.readers++
		return f, Wait
	}
	f := newFlight(key)
	f.readers++
	under.queued = f
	c.launchQueuedLocked(key)
	return f, Miss
}

// launchQueuedLocked begins the forced call that is queued for key, when the one
// that runs has ended and a second has passed since that began.
func (c *Cache) launchQueuedLocked(key secret.Key) {
	under := c.flights[key]
	if under == nil || under.queued == nil || under.forced != nil {
		return
	}
	if wait := c.forcedInLocked(key); wait > 0 && !c.closed {
		time.AfterFunc(wait, func() {
			c.mu.Lock()
			defer c.unlock()
			c.launchQueuedLocked(key)
		})
		return
	}
	f := under.queued
	under.queued = nil
	if !f.wanted() {
		if *under == (underWay{}) {
			delete(c.flights, key)
		}
		return
	}
	c.launchLocked([]*flight{f}, true, nil)
}

// forcedInLocked returns how long it is until key may be forced again.
func (c *Cache) forcedInLocked(key secret.Key) time.Duration {
	latest, ok := c.forced[key]
	age, known := age(latest, c.config.Clock.Now())
	if !ok || !known {
		return 0
	}
	return max(0, forcedEvery-age)
}

// forcedLocked notes when a forced call for key began.
func (c *Cache) forcedLocked(key secret.Key, began Instant) {
	for k, latest := range c.forced {
		if passed(latest, began, forcedEvery) {
			delete(c.forced, k)
		}
	}
	c.forced[key] = began
}
