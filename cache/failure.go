package cache

import (
	"log/slog"
	"time"

	"larder/secret"
)

// memory is how long a failure is remembered where there is no value to serve
// instead: a loop that asks for a missing name costs AWS a call a second.
const memory = time.Second

// failure is why a key could not be had a moment ago.
type failure struct {
	err *secret.Error
	at  Instant
}

// rememberedLocked returns the failure that a read of key now would meet again.
func (c *Cache) rememberedLocked(key secret.Key, now Instant) *secret.Error {
	f, ok := c.failures[key]
	if !ok || passed(f.at, now, memory) {
		return nil
	}
	return f.err
}

// ForgetFailures lets the next read of everything that has failed ask AWS again.
func (c *Cache) ForgetFailures() {
	c.mu.Lock()
	defer c.mu.Unlock()
	clear(c.failures)
}

// failLocked draws the conclusions from the failure of a call for key.
func (c *Cache) failLocked(key secret.Key, got reply) {
	now := c.config.Clock.Now()
	if e := c.index[key]; e != nil && got.Err.Class != secret.NotFound { // that is an answer, see applyLocked
		c.troubleLocked(e, got, now)
	}
	if delete(c.late, key); got.Err.Class.Transient() {
		c.noteLateLocked(key)
	}
	for k, f := range c.failures {
		if passed(f.at, now, memory) {
			delete(c.failures, k)
		}
	}
	if !c.ephemeral {
		c.failures[key] = failure{got.Err, now}
	}
}

// believed is how long a denial must last before it takes effect on a value that
// is there: while a policy is being replaced, IAM denies for some seconds.
const believed = 5 * time.Second

// troubleLocked notes that e could not be refreshed.
func (c *Cache) troubleLocked(e *entry, got reply, now Instant) {
	if got.Err.Class == secret.Denied {
		switch {
		case e.denied == (Instant{}):
			e.denied = now
		case passed(e.denied, now, believed):
			c.supersedeLocked(e.keys, got)
			c.removeLocked(e)
			return
		}
	}
	if e.failing.times == 0 {
		c.noteLocked(e, slog.LevelWarn, "AWS fails, serving what is in memory", got.Err)
	}
	e.failing.fail(now, c.config.Random())
}

// relievedLocked notes that e has been refreshed.
func (c *Cache) relievedLocked(e *entry) {
	if e.failing.times > 0 {
		c.noteLocked(e, slog.LevelInfo, "AWS answers again", nil, slog.Int("failures", e.failing.times))
	}
	e.failing, e.cut, e.denied = backoff{}, backoff{}, Instant{}
	for _, k := range e.keys {
		delete(c.failures, k)
	}
}

// backoff spaces attempts that fail. The zero value has seen no failure.
type backoff struct {
	times int
	since Instant
	wait  time.Duration
}

// The bounds of a back-off.
const (
	minBackoff = time.Second
	maxBackoff = 30 * time.Second
)

// fail notes one more failure. The wait is drawn from all of 0 to the bound (full
// jitter), by random from 0 to 1.
func (b *backoff) fail(now Instant, random float64) {
	bound := min(maxBackoff, minBackoff<<min(b.times, 10))
	b.times++
	b.since, b.wait = now, time.Duration(random*float64(bound))
}

// over reports whether it is time for another attempt.
func (b *backoff) over(now Instant) bool {
	return b.times == 0 || passed(b.since, now, b.wait)
}

// noteLocked logs a line about e, with err if that is not nil, when mu is free: a log
// may be slow. What is not declared is named at level debug only.
func (c *Cache) noteLocked(e *entry, level slog.Level, message string, err *secret.Error, more ...slog.Attr) {
	key := e.keys[0]
	ref := key.String()
	if !e.pinned && !c.config.Log.Enabled(c.root, slog.LevelDebug) {
		ref = secret.Unnamed
		if err != nil {
			err = err.Nameless()
		}
	}
	attrs := []slog.Attr{slog.String("ref", ref), slog.String("region", key.Region)}
	if err != nil {
		attrs = append(attrs, slog.String("problem", err.Error()))
	}
	attrs = append(attrs, more...)
	c.notices = append(c.notices, func() { c.config.Log.LogAttrs(c.root, level, message, attrs...) })
}

// unlock frees mu and logs what was noted.
func (c *Cache) unlock() {
	notices := c.notices
	c.notices = nil
	c.mu.Unlock()
	for _, log := range notices {
		log()
	}
}
