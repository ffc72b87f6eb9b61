package cache

import (
	"context"
	"time"

	"larder/secret"
)

// forcedEvery is how often at most a key is asked for by force.
const forcedEvery = time.Second

// Force is Get with force for several keys, of which those that may be asked for now
// are asked for in one call. The replies are in the order of the keys.
func (c *Cache) Force(ctx context.Context, keys []secret.Key) []Reply {
	c.mu.Lock()
	fs, replies := c.joinForcedLocked(keys)
	c.mu.Unlock()
	for i, f := range fs {
		r := &replies[i]
		if r.Err = c.wait(ctx, f, nil); r.Err != nil {
			continue
		}
		if r.Answer, r.Err = c.answer(f.reply, r.Answer.How); c.outlived(f) {
			r.Answer, r.Err = c.Get(ctx, f.key, true)
		}
	}
	return replies
}

// Reply is what Force brings for one key, as Get returns it.
type Reply struct {
	// Answer is the answer; without a record where there is an error.
	Answer Answer
	// Err is a *secret.Error, or the context's.
	Err error
}

// joinForcedLocked returns the flights that answer forced reads of keys: those whose
// call has not begun yet. For each key at most one runs and one is queued, however many
// readers ask.
func (c *Cache) joinForcedLocked(keys []secret.Key) ([]*flight, []Reply) {
	fs, replies := make([]*flight, len(keys)), make([]Reply, len(keys))
	var queued []secret.Key
	for i, key := range keys {
		under := c.underLocked(key)
		replies[i].Answer.How = Wait
		if under.queued == nil {
			under.queued = newFlight(key)
			queued = append(queued, key)
			replies[i].Answer.How = Miss
		}
		fs[i] = under.queued
		fs[i].readers++
	}
	c.launchQueuedLocked(queued)
	return fs, replies
}

// launchQueuedLocked begins, in one call, the forced fetch of those of the keys that are
// queued and may be asked for: the one that runs has ended, and a second has passed
// since that began. The others follow when it has. They then go together where they
// were forced together: who has ended a second after he began does not wait for those
// that have not, so that the trouble of one is not that of all.
func (c *Cache) launchQueuedLocked(keys []secret.Key) {
	var begin []*flight
	for _, key := range keys {
		under := c.flights[key]
		if under == nil || under.queued == nil || under.forced != nil {
			continue
		}
		if wait := c.forcedInLocked(key); wait > 0 && !c.closed {
			time.AfterFunc(wait, func() { c.launchQueued(key) })
			continue
		}
		f := under.queued
		under.queued = nil
		switch {
		case f.wanted():
			begin = append(begin, f)
		case *under == underWay{}:
			delete(c.flights, key)
		}
	}
	if len(begin) > 0 {
		c.launchLocked(begin, true, nil)
	}
}

// launchQueued begins what is queued for key, whose second has passed, and for all keys
// whose second has passed as well. The others have timers of their own.
func (c *Cache) launchQueued(key secret.Key) {
	c.mu.Lock()
	defer c.unlock()
	keys := []secret.Key{key}
	for other, under := range c.flights {
		if under.queued != nil && c.forcedInLocked(other) == 0 {
			keys = append(keys, other)
		}
	}
	secret.SortKeys(keys)
	c.launchQueuedLocked(keys)
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
