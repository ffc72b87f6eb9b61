package cache

import (
	"cmp"
	"context"

	"larder/secret"
)

// Batch is a fetch of several keys for the extension's loop. Wait must be called
// once.
type Batch struct {
	cache   *Cache
	call    *call // nil when every key was being fetched already
	joined  []*flight
	flights map[secret.Key]*flight // all of them
}

// Begin starts to fetch keys in one batch, each once. A read that comes later waits
// for it.
// A key that is being fetched already is waited for, not fetched again.
func (c *Cache) Begin(keys []secret.Key) *Batch {
	c.mu.Lock()
	defer c.mu.Unlock()
	b := &Batch{cache: c, flights: make(map[secret.Key]*flight, len(keys))}
	var begin []*flight
	for _, key := range keys {
		if b.flights[key] != nil {
			continue
		}
		f := (*flight)(nil)
		if under := c.flights[key]; under != nil {
			f = cmp.Or(under.ordinary, under.forced)
		}
		if f == nil {
			f = &flight{key: key, done: make(chan struct{})}
			begin = append(begin, f)
		} else {
			f.readers++ // the batch is one: whose call this is must not cancel it
			b.joined = append(b.joined, f)
		}
		b.flights[key] = f
	}
	if len(begin) > 0 {
		b.call = c.launchLocked(begin, false)
	}
	return b
}

// Wait returns the outcomes that are there when all have come or ctx ends. By
// then no call is under way that no reader waits for.
func (b *Batch) Wait(ctx context.Context) map[secret.Key]Outcome {
	outcomes := make(map[secret.Key]Outcome, len(b.flights))
	for key, f := range b.flights {
		select {
		case <-f.done:
		case <-ctx.Done():
		}
		if isDone(f.done) {
			outcomes[key] = f.reply.Outcome
		}
	}
	b.release()
	return outcomes
}

// Outcome waits, as a reader, for what the batch brings for key. It returns false
// if key is not part of it or ctx ends first.
func (b *Batch) Outcome(ctx context.Context, key secret.Key) (Outcome, bool) {
	f := b.flights[key]
	if f == nil {
		return Outcome{}, false
	}
	b.cache.mu.Lock()
	f.readers++
	b.cache.mu.Unlock()
	if b.cache.wait(ctx, f) != nil {
		return Outcome{}, false
	}
	return f.reply.Outcome, true
}

// release ends the loop's ownership of the call, which is cancelled; release
// returns when it is over. What a reader waits for is asked for again in a call of
// its own, which the reader owns: it must not keep alive, beyond next, a batch of
// which nobody else wants the rest.
func (b *Batch) release() {
	b.cache.mu.Lock()
	for _, f := range b.joined {
		f.readers--
	}
	if b.call == nil || isDone(b.call.finished) {
		b.cache.mu.Unlock()
		return
	}
	var owned, rest []*flight
	for _, f := range b.call.flights {
		switch {
		case isDone(f.done):
		case f.readers > 0:
			owned = append(owned, f)
		default:
			rest = append(rest, f)
		}
	}
	if len(rest) == 0 && len(owned) > 0 {
		b.cache.mu.Unlock()
		return // the readers own all of it
	}
	b.call.cancel()
	b.cache.abandonLocked(b.call, rest) // under the lock, so that nobody joins a call that is about to end
	for _, f := range owned {
		f.call = nil
	}
	b.cache.mu.Unlock()
	<-b.call.finished
	if len(owned) > 0 {
		b.cache.mu.Lock()
		b.cache.launchLocked(owned, false)
		b.cache.mu.Unlock()
	}
}
