package cache

import (
	"context"

	"larder/secret"
)

// Batch is a fetch of several keys. For that of the extension's loop, Wait must be
// called once.
type Batch struct {
	cache   *Cache
	flights map[secret.Key]*flight
	reads   bool // of readers, not of the loop: see Start
}

// Begin starts to fetch keys in one batch, each once. A read that comes later waits
// for it. A key that is being fetched already is waited for, not fetched again. What
// fails with an error for which retry returns true is asked for again, together, until
// the end of Wait: until then nobody who waits hears of that. nil: nothing is.
func (c *Cache) Begin(keys []secret.Key, retry func(*secret.Error) bool) *Batch {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.beginLocked(keys, retry)
}

func (c *Cache) beginLocked(keys []secret.Key, retry func(*secret.Error) bool) *Batch {
	b := &Batch{cache: c, flights: make(map[secret.Key]*flight, len(keys))}
	var begin []*flight
	for _, key := range keys {
		if b.flights[key] != nil {
			continue
		}
		f := c.runningLocked(key)
		if f == nil {
			f = newFlight(key)
			begin = append(begin, f)
		}
		f.batches++
		b.flights[key] = f
	}
	if len(begin) > 0 {
		c.launchLocked(begin, false, retry)
	}
	return b
}

// Len is the number of distinct keys.
func (b *Batch) Len() int { return len(b.flights) }

// Began reports whether a reader began the fetch of key with Start: for it the answer
// is a miss, from wherever it comes in the end.
func (b *Batch) Began(key secret.Key) bool { return b.reads && b.flights[key] != nil }

// Wait returns the outcomes that are there when all have come or ctx ends, of what was
// to be asked for again the failure. By then no call is under way that no reader waits
// for.
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
	for key, err := range b.leave() {
		outcomes[key] = Outcome{Err: err}
	}
	return outcomes
}

// Answer waits for what the batch brings for key and the cache does not keep. It
// returns false if Get has to answer: key is kept, or no part of the batch, or ctx
// has ended. Only to one of Start does that add a reader: the loop's calls end with
// the loop's wait, whoever else waits here.
func (b *Batch) Answer(ctx context.Context, key secret.Key) (answer Answer, err error, ok bool) {
	f, c := b.flights[key], b.cache
	if f == nil || c.has(key) {
		return Answer{}, nil, false
	}
	how := Hit
	if !isDone(f.done) {
		how = Wait
	}
	if b.await(ctx, f) != nil || c.has(key) {
		return Answer{}, nil, false
	}
	answer, err = c.answer(f.reply, how)
	return answer, err, true
}

// await returns when f is done, or why ctx has ended before that.
func (b *Batch) await(ctx context.Context, f *flight) error {
	if b.reads {
		b.cache.mu.Lock()
		f.readers++
		b.cache.mu.Unlock()
		return b.cache.wait(ctx, f, nil)
	}
	select {
	case <-f.done:
	case <-ctx.Done():
		if !isDone(f.done) {
			return ctx.Err()
		}
	}
	return nil
}

func (c *Cache) has(key secret.Key) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.index[key] != nil
}

// leave ends the loop's part in the calls that it has waited for, and those calls
// with it; it returns when they are over. What a reader waits for is asked for
// again in a call of its own, which the reader owns: it must not keep alive, beyond
// next, a batch of which nobody else wants the rest.
//
// It returns the latest failures of what is not done then.
func (b *Batch) leave() map[secret.Key]*secret.Error {
	c := b.cache
	failures := make(map[secret.Key]*secret.Error)
	c.mu.Lock()
	for key, f := range b.flights {
		f.batches--
		if !isDone(f.done) && f.failure != nil {
			failures[key] = f.failure
		}
	}
	var over []*call
	for _, f := range b.flights {
		call := f.call // before a reader takes f out of it
		if !isDone(f.done) && call != nil && c.cutLocked(call) {
			over = append(over, call)
		}
	}
	c.mu.Unlock()
	for _, call := range over {
		<-call.finished
	}
	return failures
}

// cutLocked ends a call unless all that it has still to bring is waited for.
func (c *Cache) cutLocked(call *call) bool {
	var owned, rest []*flight
	for _, f := range call.flights {
		switch {
		case f.call != call || isDone(f.done):
		case f.wanted() && !call.pausing:
			owned = append(owned, f)
		default:
			rest = append(rest, f)
		}
	}
	if len(rest) == 0 {
		return false
	}
	call.cancel()
	// No failure, as AWS may just need longer than there was time; but the next
	// invokes are not held for it, each again: hence one pause for all, and not less
	// than half of its bound.
	now, random := c.config.Clock.Now(), (1+c.config.Random())/2
	for _, f := range rest {
		if e := c.index[f.key]; e != nil {
			e.cut.fail(now, random)
		}
		c.noteLateLocked(f.key)
	}
	c.abandonLocked(call, rest) // under the lock, so that nobody joins a call that is about to end
	for _, f := range owned {
		f.call = nil
	}
	call.again = append(call.again, owned...)
	return true
}
