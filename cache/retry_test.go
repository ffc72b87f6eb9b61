package cache_test

import (
	"context"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"larder/cache"
	"larder/secret"
)

// passing is a retry for what fails in a way that passes.
func passing(e *secret.Error) bool { return e.Class.Transient() }

// began returns how long after each other the calls began.
func (f *fixture) began() (gaps []time.Duration) {
	synctest.Wait()
	for i := 1; i < f.aws.count(); i++ {
		gaps = append(gaps, f.aws.call(i).began.Mono-f.aws.call(i-1).began.Mono)
	}
	return gaps
}

// What fails is asked for again, alone, after pauses that grow, and a reader who waits
// hears of no failure before the end.
func TestRetry(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := start(t, declare(a, b))
		var answers atomic.Bool
		f.aws.reply = func(k secret.Key) secret.Result {
			if k == b && !answers.Load() {
				return failed(b, secret.Throttled)
			}
			return found(k, "v1")
		}
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
		defer cancel()
		outcomes := make(chan map[secret.Key]cache.Outcome, 1)
		batch := f.Begin([]secret.Key{a, b}, passing)
		go func() { outcomes <- batch.Wait(ctx) }()
		synctest.Wait()
		check(t, "a read of what has come", f.get(a), "hit v1")
		reader := f.read(b, false)
		check(t, "the first call", f.aws.call(0).names(), "a b")
		f.clock.tick(10 * time.Second)
		check(t, "a reader between two tries", reader.got(), "waiting")
		// Three quarters of each bound, as 0.5 is drawn.
		for i, want := range []time.Duration{375, 750, 1500, 3000, 3000} {
			if gaps := f.began(); i < len(gaps) && gaps[i] != want*time.Millisecond {
				t.Errorf("pause %d is %v, want %v", i, gaps[i], want*time.Millisecond)
			}
			check(t, "a further call", f.aws.call(i+1).names(), "b")
		}
		check(t, "calls in ten seconds", f.aws.count(), 6)
		answers.Store(true)
		check(t, "the outcomes", len(<-outcomes), 2)
		check(t, "the reader", reader.got(), "wait v1")
		check(t, "its age", reader.answer.Age, 0)
		check(t, "Idle", f.Idle(), true)
	})
}

// At its end a batch says why something has not come, and lets go those who wait for
// another try. Who waits for a try that is under way goes on waiting.
func TestRetryEnds(t *testing.T) {
	t.Parallel()
	for name, hangs := range map[string]bool{"in a pause": false, "in a try": true} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := start(t, declare(a))
				ctx, cancel := context.WithTimeout(t.Context(), time.Second)
				defer cancel()
				if !hangs {
					f.instant().set(failed(a, secret.Unavailable))
				}
				batch := f.Begin([]secret.Key{a}, passing)
				reader := f.read(a, false)
				if hangs { // the second one, which is not answered before the end
					f.aws.call(0).answer(failed(a, secret.Unavailable))
				}
				outcome := batch.Wait(ctx)[a]
				if outcome.Err == nil || outcome.Err.Class != secret.Unavailable {
					t.Errorf("the outcome is %v, want why it has not come", outcome.Err)
				}
				if hangs {
					check(t, "the reader", reader.got(), "waiting")
					f.aws.call(1).answer(found(a, "v1"))
					check(t, "the reader", reader.got(), "wait v1")
				} else {
					check(t, "the reader", reader.got(), "wait Unavailable")
				}
			})
		})
	}
}

// Close ends a pause, too.
func TestCloseInPause(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := start(t, declare(a))
		f.instant().set(failed(a, secret.Throttled))
		f.Begin([]secret.Key{a}, passing)
		reader := f.read(a, false)
		began := time.Now()
		f.Close()
		check(t, "Close takes", time.Since(began), 0)
		check(t, "the reader", reader.got(), "wait Throttled")
	})
}

// What does not pass, and what nobody asks to try again, is told at once.
func TestNoRetry(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := start(t, declare(a, b))
		f.instant().set(failed(a, secret.Denied), failed(b, secret.Throttled))
		check(t, "outcomes of a denial", len(f.Begin([]secret.Key{a}, passing).Wait(t.Context())), 1)
		check(t, "outcomes without retry", len(f.Begin([]secret.Key{b}, nil).Wait(t.Context())), 1)
		check(t, "calls", f.aws.count(), 2)
	})
}
