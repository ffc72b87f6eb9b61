package source

import (
	"context"
	"sync"

	"larder/secret"
)

const (
	// throttledAfter is how many attempts in a row AWS refuses for too many calls
	// before that counts as lasting: as many as a call makes that is alone.
	throttledAfter = maxAttempts
	// throttledFor is how long after the latest of them that is so.
	throttledFor = callLimit
)

// throttling is what AWS's refusals for too many calls mean for the calls that
// follow. While they last, one call at a time asks, and once: who has waited for it
// meanwhile has its failure, and costs AWS nothing.
type throttling struct {
	clock clock
	turn  chan struct{} // holds an element while that one call asks

	mu       sync.Mutex
	row      int // refusals since AWS last gave another answer
	refusals int // so far
	latest   instant
	failure  *secret.Error // the latest
}

func newThrottling(clock clock) *throttling {
	return &throttling{clock: clock, turn: make(chan struct{}, 1)}
}

// note is told how an attempt went.
func (t *throttling) note(failure *secret.Error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	switch {
	case failure == nil, failure.Class != secret.Throttled && failure.Status != 0:
		t.row = 0
	case failure.Class == secret.Throttled:
		if t.clock.since(t.latest) >= throttledFor {
			t.row = 0
		}
		t.row++
		t.refusals++
		t.latest, t.failure = t.clock.now(), failure
	}
}

// lasts reports whether AWS has refused one attempt after the other until now.
func (t *throttling) lasts() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.row >= throttledAfter && t.clock.since(t.latest) < throttledFor
}

// seen returns what since takes for now.
func (t *throttling) seen() int {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.refusals
}

// since returns what AWS has refused with since seen, nil if it has not.
func (t *throttling) since(seen int) *secret.Error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.refusals == seen {
		return nil
	}
	failure := *t.failure
	return &failure
}

// enter lets a call ask, which leaves afterwards. failure is that of another call,
// which has asked while this one waited since seen. The error is ctx's.
func (t *throttling) enter(ctx context.Context, seen int) (leave func(), failure *secret.Error, err error) {
	if !t.lasts() {
		return func() {}, nil, nil
	}
	select {
	case t.turn <- struct{}{}:
	case <-ctx.Done():
		return nil, nil, ctx.Err()
	}
	leave = func() { <-t.turn }
	if failure = t.since(seen); failure != nil {
		leave()
		return nil, failure, nil
	}
	if !t.lasts() { // AWS answers again: nobody need wait any longer
		leave()
		leave = func() {}
	}
	return leave, nil, nil
}
