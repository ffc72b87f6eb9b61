package cache

import (
	"context"
	"time"

	"larder/secret"
)

// freshness is what an entry is worth at some moment.
type freshness uint8

const (
	fresh  freshness = iota // served
	due                     // served, and refreshed at the next INVOKE if somebody has read it
	stale                   // past its TTL: AWS is asked first, and it is served while AWS fails
	tooOld                  // past Config.MaxStale, too: not served any more
)

// An entry is due from a point between these shares of its TTL, which each sandbox
// draws for itself: a thousand that start together do not refresh together.
const (
	earliestDue = 0.70
	latestDue   = 0.85
)

func (c *Cache) drawLocked() {
	c.dueAt = earliestDue + (latestDue-earliestDue)*c.config.Random()
}

// freshnessLocked says what e is worth, and how old it is.
func (c *Cache) freshnessLocked(e *entry, now Instant) (freshness, time.Duration) {
	age, known := age(e.sent, now)
	expired := age >= e.ttl || !known
	switch {
	case expired && (c.config.MaxStale == 0 || age >= e.ttl+c.config.MaxStale):
		return tooOld, age
	case expired:
		return stale, age
	case float64(age) >= c.dueAt*float64(e.ttl):
		return due, age
	}
	return fresh, age
}

// maxPatience is how long readers who can be served a stale value wait for a
// fresh one, from the moment when AWS was asked for it: the second reader of a
// call that hangs does not wait as long again.
const maxPatience = 500 * time.Millisecond

// recallLocked answers a read without asking AWS, if that is possible: from a
// fresh entry, from a stale one where it makes no sense to ask or to wait, or by
// the failure that the same question has met a moment ago.
func (c *Cache) recallLocked(key secret.Key) (Answer, error, bool) {
	now := c.config.Clock.Now()
	e, worth, age := c.index[key], tooOld, time.Duration(0)
	if e != nil {
		e.reader = key
		c.recent.Get(e)
		if worth, age = c.freshnessLocked(e, now); worth <= due {
			answer, err := e.answer(age, Hit)
			return answer, err, true
		}
	}
	calling := c.runningLocked(key)
	if worth == stale && c.hopelessLocked(e, calling, now) {
		answer, err := e.answer(age, Stale)
		return answer, err, true
	}
	if worth == tooOld && calling == nil {
		if err := c.rememberedLocked(key, now); err != nil {
			return Answer{How: Hit}, c.verdictLocked(e, err, now), true
		}
	}
	return Answer{}, nil, false
}

// hopelessLocked reports whether a reader who can have the stale e takes it at
// once: AWS has failed a moment ago, or the call that would answer has hung for
// as long as readers wait.
func (c *Cache) hopelessLocked(e *entry, calling *flight, now Instant) bool {
	if calling == nil {
		return !e.failing.over(now)
	}
	return patience(calling, now) == 0
}

// patienceLocked returns a timer for how long a reader of key waits for f before
// it takes a stale value, or nil if there is none to take.
func (c *Cache) patienceLocked(key secret.Key, f *flight) *time.Timer {
	now := c.config.Clock.Now()
	if e := c.index[key]; e != nil {
		if worth, _ := c.freshnessLocked(e, now); worth == stale {
			return time.NewTimer(patience(f, now))
		}
	}
	return nil
}

// patience is what is left of the time that a flight is waited for.
func patience(f *flight, now Instant) time.Duration {
	if f.call == nil { // about to begin again, see relaunchLocked
		return maxPatience
	}
	age, _ := age(f.call.sent, now)
	return max(0, maxPatience-age)
}

// instead answers a read whose call has failed, or for which it waits no longer:
// then err is nil.
func (c *Cache) instead(ctx context.Context, key secret.Key, err *secret.Error, how How) (Answer, error) {
	c.mu.Lock()
	now := c.config.Clock.Now()
	e := c.index[key]
	if e != nil {
		switch worth, age := c.freshnessLocked(e, now); worth {
		case fresh, due: // another call was faster
			defer c.mu.Unlock()
			return e.answer(age, how)
		case stale:
			defer c.mu.Unlock()
			return e.answer(age, Stale)
		}
	}
	if err != nil {
		err = c.verdictLocked(e, err, now)
	}
	c.mu.Unlock()
	if err == nil { // what was stale is too old now, or gone
		return c.Get(ctx, key, false)
	}
	return Answer{How: how}, err
}

// verdictLocked returns what a reader is told of a failure: that the value was
// there and is too old, where that is so.
func (c *Cache) verdictLocked(e *entry, err *secret.Error, now Instant) *secret.Error {
	if e == nil || !err.Class.Transient() {
		return err
	}
	if worth, _ := c.freshnessLocked(e, now); worth != tooOld {
		return err
	}
	expired := *err
	expired.Class = secret.Expired
	expired.Message = "AWS fails, and what is in memory is older than LARDER_MAX_STALE allows: " + err.Message
	return &expired
}
