package cache_test

import (
	"context"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"larder/cache"
	"larder/secret"
)

// loading is a batch that is under way. outcomes are there once done is closed.
type loading struct {
	done     chan struct{}
	outcomes map[secret.Key]cache.Outcome
}

// load starts a Batch and returns when it waits or has ended.
func (f *fixture) load(ctx context.Context, keys ...secret.Key) *loading {
	return load(ctx, f.Begin(keys, nil))
}

// load waits for a Batch, and returns when it waits or has ended.
func load(ctx context.Context, batch *cache.Batch) *loading {
	l := &loading{done: make(chan struct{})}
	go func() {
		defer close(l.done)
		l.outcomes = batch.Wait(ctx)
	}()
	synctest.Wait()
	return l
}

// got returns the outcomes of keys in their order: "v1 NotFound nothing", or
// "waiting".
func (l *loading) got(keys ...secret.Key) string {
	synctest.Wait()
	select {
	case <-l.done:
	default:
		return "waiting"
	}
	words := make([]string, len(keys))
	for i, k := range keys {
		o, ok := l.outcomes[k]
		switch {
		case !ok:
			words[i] = "nothing"
		case o.Err != nil:
			words[i] = o.Err.Class.String()
		default:
			words[i] = o.Record.Version
		}
	}
	return strings.Join(words, " ")
}

var a, b = name("a"), name("b")

func TestBatch(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := start(t, declare(a, b))
		l := f.load(t.Context(), a, b, a)
		f.aws.call(0).answer(found(a, "v1"))
		check(t, "Batch", l.got(a, b), "waiting")
		f.aws.call(0).answer(failed(b, secret.Denied))
		check(t, "Batch", l.got(a, b), "v1 AccessDenied")
		check(t, "outcomes", len(l.outcomes), 2)
		check(t, "calls", f.aws.count(), 1)
		check(t, "a read", f.get(a), "hit v1")
		check(t, "Batch of nothing", len(f.Begin(nil, nil).Wait(t.Context())), 0)
		check(t, "calls", f.aws.count(), 1)
	})
}

func TestBatchDeadline(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := start(t)
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		l := f.load(ctx, a, b)
		f.aws.call(0).answer(found(a, "v1"))
		left := f.read(b, false)
		left.leave()
		check(t, "a reader that left", left.got(), "wait context canceled")

		<-l.done // a second of the bubble's time
		check(t, "Batch at its deadline", l.got(a, b), "v1 nothing")
		if f.aws.call(0).ctx.Err() == nil || !f.Idle() {
			t.Error("Batch returned with a call under way")
		}
		check(t, "what came in time", f.get(a), "hit v1")
		r := f.read(b, false)
		f.aws.call(1).answer(found(b, "v2"))
		check(t, "what did not", r.got(), "miss v2")
	})
}

// A Batch whose context has ended must not begin a call that it does not end.
func TestBatchContextEnded(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := start(t)
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		check(t, "Batch", f.load(ctx, a, b).got(a, b), "nothing nothing")
		check(t, "Idle", f.Idle(), true)
	})
}

func TestBatchWaitsForItsCalls(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := start(t)
		returned := make(chan struct{})
		f.aws.reply = func(k secret.Key) secret.Result {
			<-returned // deaf to its context
			return found(k, "late")
		}
		ctx, cancel := context.WithCancel(t.Context())
		l := f.load(ctx, a)
		cancel()
		check(t, "Batch while its call is under way", l.got(a), "waiting")
		next := f.read(a, false)
		check(t, "a read after Batch gave up", next.got(), "waiting")
		close(returned)
		check(t, "Batch", l.got(a), "nothing")
		check(t, "the read", next.got(), "miss late")
		check(t, "calls", f.aws.count(), 2)
	})
}

// A reader that waits for one key of the loop's call gets a call of its own for
// it: the rest of the batch must not go on because of that.
func TestReaderOutlivesBatch(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := start(t)
		ctx, cancel := context.WithCancel(t.Context())
		l := f.load(ctx, a, b)
		reader := f.read(b, false)
		cancel()
		check(t, "Batch", l.got(a, b), "nothing nothing")
		check(t, "the call's context", f.aws.call(0).ctx.Err(), context.Canceled)
		check(t, "the reader", reader.got(), "waiting")
		check(t, "calls", f.aws.count(), 2)
		check(t, "the reader's call", len(f.aws.call(1).keys), 1)
		joined := f.read(b, false)
		f.aws.call(1).answer(found(b, "v2"))
		check(t, "the reader", reader.got(), "wait v2")
		check(t, "one that came later", joined.got(), "wait v2")
		check(t, "Idle", f.Idle(), true)
	})
}

// Readers who wait for all that is left own the call as it is.
func TestReadersOwnBatch(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := start(t)
		ctx, cancel := context.WithCancel(t.Context())
		l := f.load(ctx, a, b)
		reader := f.read(b, false)
		f.aws.call(0).answer(found(a, "v1"))
		cancel()
		check(t, "Batch", l.got(a, b), "v1 nothing")
		check(t, "the call's context", f.aws.call(0).ctx.Err(), nil)
		f.aws.call(0).answer(found(b, "v2"))
		check(t, "the reader", reader.got(), "wait v2")
		check(t, "calls", f.aws.count(), 1)
	})
}

// A batch that joined another's key is one who waits for it.
func TestBatchesOverlap(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := start(t)
		ctx, cancel := context.WithCancel(t.Context())
		first := f.load(ctx, a)
		second := f.load(t.Context(), a)
		cancel()
		check(t, "the first", first.got(a), "nothing")
		f.aws.call(0).answer(found(a, "v1"))
		check(t, "the second", second.got(a), "v1")
		check(t, "calls", f.aws.count(), 1)
	})
}

// A reader whose key has come is no reason to let the rest of the call go on.
func TestReaderIsAnsweredAndBatchEnds(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := start(t)
		ctx, cancel := context.WithCancel(t.Context())
		l := f.load(ctx, a, b)
		reader := f.read(a, false)
		f.aws.call(0).answer(found(a, "v1"))
		check(t, "the reader", reader.got(), "wait v1")
		cancel()
		check(t, "Batch", l.got(a, b), "v1 nothing")
		check(t, "Idle", f.Idle(), true)
	})
}

func TestBatchJoinsReaders(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := start(t)
		ordinary, forced := f.read(a, false), f.read(b, true)
		ctx, cancel := context.WithCancel(t.Context())
		l := f.load(ctx, a, b)
		check(t, "calls", f.aws.count(), 2)
		f.aws.call(0).answer(found(a, "v1"))
		cancel()
		check(t, "Batch", l.got(a, b), "v1 nothing")
		check(t, "the reader that fetched", ordinary.got(), "miss v1")
		check(t, "the call of the other", f.aws.call(1).ctx.Err(), nil)
		f.aws.call(1).answer(found(b, "v2"))
		check(t, "the other", forced.got(), "miss v2")
	})
}

func TestClose(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		kept := name("kept")
		f := start(t, declare(kept))
		r := f.read(kept, false)
		f.aws.call(0).answer(found(kept, "v1"))
		check(t, "a read", r.got(), "miss v1")
		check(t, "PinnedBytes", f.PinnedBytes(), 10)

		readers := []*read{f.read(a, false), f.read(a, true), f.read(a, true), f.read(b, false)}
		l := f.load(t.Context(), name("loaded"))
		check(t, "calls", f.aws.count(), 5)
		f.Close()
		for _, r := range readers {
			check(t, "a reader that waits", r.got(), "miss Canceled")
		}
		check(t, "Batch", l.got(name("loaded")), "Canceled")
		check(t, "Idle", f.Idle(), true)
		check(t, "a later read", f.get(kept), "miss Canceled")
		check(t, "a later forced read", f.force(a), "miss Canceled")
		check(t, "a later Batch", f.load(t.Context(), a, b).got(a, b), "Canceled Canceled")
		check(t, "calls", f.aws.count(), 5)
		check(t, "PinnedBytes", f.PinnedBytes(), 0)
	})
}

func TestCloseWaitsForItsCalls(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := start(t)
		returned := make(chan struct{})
		f.aws.reply = func(k secret.Key) secret.Result {
			<-returned
			return found(k, "late")
		}
		r := f.read(a, false)
		closed := make(chan struct{})
		go func() {
			f.Close()
			close(closed)
		}()
		synctest.Wait()
		select {
		case <-closed:
			t.Error("Close returned with a call under way")
		default:
		}
		close(returned)
		<-closed
		check(t, "the reader", r.got(), "miss late")
		check(t, "a later read", f.get(a), "miss Canceled")
	})
}
