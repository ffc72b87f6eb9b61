package cache

import (
	"cmp"
	"context"
	"errors"
	"time"

	"larder/secret"
)

// call is one Fetch: a batch of keys that were asked for together.
type call struct {
	seq      uint64  // calls are numbered in the order in which they began
	sent     Instant // when it began
	force    bool
	cancel   context.CancelFunc
	flights  []*flight
	again    []*flight                // what a call of their own must ask for when this one is over
	retry    func(*secret.Error) bool // see Begin
	pausing  bool                     // until flights that have failed are asked for again
	finished chan struct{}            // closed when Fetch has returned and all is settled
}

// flight is the part of a call that brings one key.
type flight struct {
	key secret.Key

	// Guarded by Cache.mu.
	call    *call         // nil while queued, or taken from one call and not yet given to another
	readers int           // that wait
	batches int           // that wait, on behalf of the extension's loop
	again   bool          // its result was outdated, and it was asked for once more
	newer   reply         // what a later call has brought meanwhile
	failure *secret.Error // the latest one after which it is asked for again

	done  chan struct{}
	reply reply // there once done is closed, as is what follows
	late  bool  // the reply is that of a later call
}

func newFlight(key secret.Key) *flight { return &flight{key: key, done: make(chan struct{})} }

// reply is what a call brought for one key.
type reply struct {
	Outcome
	sent Instant // when the call began, or of a tree the one that brought its first page; the age counts from here
	seq  uint64  // of the call; 0 in the zero reply
}

// underWay is what is under way for one key. There is never more, so a storm of
// readers costs AWS at most this.
type underWay struct {
	ordinary *flight
	forced   *flight
	queued   *flight // a forced one that begins as soon as it may, see launchQueuedLocked
}

// runningLocked returns the flight under way that answers an ordinary read, or nil.
func (c *Cache) runningLocked(key secret.Key) *flight {
	under := c.flights[key]
	if under == nil {
		return nil
	}
	return cmp.Or(under.ordinary, under.forced)
}

// joinLocked returns the flight that answers an ordinary read.
func (c *Cache) joinLocked(key secret.Key) (*flight, How) {
	f, how := c.runningLocked(key), Wait
	if f == nil {
		f, how = newFlight(key), Miss
		c.launchLocked(c.withDueLocked([]*flight{f}), false, nil)
	}
	f.readers++
	return f, how
}

// errImpatient is why a reader does not wait any longer: it can be served a stale
// value.
var errImpatient = errors.New("the reader can be served otherwise")

// wait returns when the flight is done, or why the reader, which was counted, has
// left: ctx has ended, or patience, unless it is nil.
func (c *Cache) wait(ctx context.Context, f *flight, patience *time.Timer) error {
	var over <-chan time.Time
	if patience != nil {
		over = patience.C
	}
	err := errImpatient
	select {
	case <-f.done:
		return nil
	case <-ctx.Done():
		err = ctx.Err()
	case <-over:
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	f.readers--
	return err
}

// launchLocked runs one call for flights that have none yet.
func (c *Cache) launchLocked(fs []*flight, force bool, retry func(*secret.Error) bool) *call {
	ctx, cancel := context.WithCancel(c.root)
	call := &call{force: force, cancel: cancel, flights: fs, retry: retry, finished: make(chan struct{})}
	c.numberLocked(call)
	for _, f := range fs {
		f.call = call
		under := c.underLocked(f.key)
		if force {
			under.forced = f
			c.forcedLocked(f.key, call.sent)
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
		c.fetch(ctx, call)
		c.mu.Lock()
		defer c.unlock()
		c.abandonLocked(call, fs) // what Fetch left out must not hang its readers
		c.relaunchLocked(call)
	})
	return call
}

// numberLocked notes that AWS is asked from now on.
func (c *Cache) numberLocked(call *call) {
	c.lastSeq++
	call.seq, call.sent = c.lastSeq, c.config.Clock.Now()
}

// fetch asks for the flights of a call, and again for those that fail and are to be
// asked for again, after a pause that grows, until ctx ends.
func (c *Cache) fetch(ctx context.Context, call *call) {
	fs := call.flights
	for try := 0; len(fs) > 0; try++ {
		byKey := make(map[secret.Key]*flight, len(fs))
		keys := make([]secret.Key, len(fs))
		for i, f := range fs {
			byKey[f.key], keys[i] = f, f.key
		}
		c.config.Fetch(ctx, keys, func(r secret.Result) {
			c.mu.Lock()
			defer c.unlock()
			c.settleLocked(call, byKey[r.Key], r)
		})
		if fs = c.failed(call); len(fs) > 0 && !c.pause(ctx, call, try) {
			return
		}
	}
}

// underLocked returns what is under way for key, to be added to.
func (c *Cache) underLocked(key secret.Key) *underWay {
	under := c.flights[key]
	if under == nil {
		under = &underWay{}
		c.flights[key] = under
	}
	return under
}

// relaunchLocked gives a call to those flights that the one that has ended could
// not serve, and that somebody still waits for.
func (c *Cache) relaunchLocked(ended *call) {
	var wanted []*flight
	for _, f := range ended.again {
		f.call = ended
		if f.wanted() {
			wanted = append(wanted, f)
		} else {
			c.abandonLocked(ended, []*flight{f})
		}
	}
	if len(wanted) > 0 {
		c.launchLocked(wanted, ended.force, ended.retry)
	}
}

// wanted reports whether anybody waits for f.
func (f *flight) wanted() bool { return f.readers+f.batches > 0 }

// abandonLocked settles those flights of a call that will bring nothing.
func (c *Cache) abandonLocked(call *call, fs []*flight) {
	for _, f := range fs {
		c.endLocked(call, f, secret.Result{Key: f.key, Err: cmp.Or(f.failure, canceled(f.key))})
	}
}

func canceled(key secret.Key) *secret.Error {
	return &secret.Error{Class: secret.Canceled, Message: "the call was cancelled", Key: key}
}

// settleLocked ends a flight of a call with its result, once. A flight that was
// given to another call is none of its any more.
func (c *Cache) settleLocked(call *call, f *flight, r secret.Result) {
	c.notePartLocked(call, r) // also of what has been cut
	if f == nil || f.call != call || isDone(f.done) {
		return
	}
	if c.outdatedLocked(f, r) && f.readers > 0 && !f.again && !c.closed {
		// Asked for once more when the call has ended, on connections that are new.
		f.call, f.again = nil, true
		call.again = append(call.again, f)
		return
	}
	if r.Err != nil && f.batches > 0 && call.retry != nil && call.retry(r.Err) {
		f.failure = r.Err // and once more, see fetch
		return
	}
	c.endLocked(call, f, r)
}

// endLocked ends a flight of a call with its result.
func (c *Cache) endLocked(call *call, f *flight, r secret.Result) {
	if f.call != call || isDone(f.done) {
		return
	}
	f.reply = c.applyLocked(f, r)
	f.late = f.reply.seq != call.seq
	close(f.done)
	c.landLocked(f)
}

// outdatedLocked reports whether a result is worth nothing by now. The sandbox stood
// still while AWS was asked: the call failed of it, or its answer has grown old on the
// way. Or a tree has pages that are as old, or older than who wants it as of now.
func (c *Cache) outdatedLocked(f *flight, r secret.Result) bool {
	switch {
	case r.Err != nil:
		return r.Frozen && r.Err.Class.Transient() && r.Err.Class != secret.Canceled
	case !r.Frozen && r.Older == 0:
		return false
	}
	sent := f.call.sent.before(r.Older)
	return f.call.force && r.Older > 0 || passed(sent, c.config.Clock.Now(), c.ttl(f.key))
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
		c.launchQueuedLocked([]secret.Key{f.key})
	}
	if *under == (underWay{}) {
		delete(c.flights, f.key)
	}
	if len(c.flights) == 0 {
		clear(c.left)
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
