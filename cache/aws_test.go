package cache_test

import (
	"context"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"larder/cache"
	"larder/secret"
)

// clock is a Clock that runs with the time of its bubble, and whose two readings
// the test moves apart.
type clock struct {
	start time.Time

	mu         sync.Mutex
	wall, mono time.Duration // how far they were moved
}

func (c *clock) Now() cache.Instant {
	c.mu.Lock()
	defer c.mu.Unlock()
	ran := time.Since(c.start)
	return cache.Instant{Wall: time.Unix(1e9, 0).Add(ran + c.wall), Mono: time.Hour + ran + c.mono}
}

// step moves the readings. No timer runs, as in a freeze.
func (c *clock) step(wall, mono time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.wall += wall
	c.mono += mono
}

// tick lets d pass.
func (c *clock) tick(d time.Duration) {
	<-time.After(d)
	synctest.Wait()
}

// aws is a Fetch that the test answers, or that answers at once by reply. It
// holds the cache to its side of the contract.
type aws struct {
	t     *testing.T
	clock *clock
	reply func(secret.Key) secret.Result // nil: the test answers
	takes func(secret.Key) time.Duration // before each reply; nil: no time
	cut   func(secret.Key) secret.Result // what a call that is cancelled says; nil: that it was

	mu      sync.Mutex
	calls   []*call
	running map[secret.Key]int
}

// call is one Fetch.
type call struct {
	began   cache.Instant
	ctx     context.Context
	keys    []secret.Key
	deliver func(secret.Result) // as Fetch got it, and counted

	mu   sync.Mutex
	left []secret.Key // to be answered
	end  chan struct{}
}

func (a *aws) Fetch(ctx context.Context, keys []secret.Key, deliver func(secret.Result)) {
	c := a.begin(ctx, keys, deliver)
	if a.reply != nil {
		for _, k := range keys {
			if a.takes != nil && !pass(ctx, a.takes(k)) {
				break
			}
			c.answer(a.reply(k))
		}
	}
	select {
	case <-c.end:
	case <-ctx.Done():
		for _, k := range c.unanswered() {
			if a.cut != nil {
				c.answer(a.cut(k))
			} else {
				c.answer(failed(k, secret.Canceled))
			}
		}
	}
}

// pass returns whether d has passed before ctx ended.
func pass(ctx context.Context, d time.Duration) bool {
	select {
	case <-time.After(d):
		return true
	case <-ctx.Done():
		return false
	}
}

func (a *aws) begin(ctx context.Context, keys []secret.Key, deliver func(secret.Result)) *call {
	a.mu.Lock()
	defer a.mu.Unlock()
	c := &call{began: a.clock.Now(), ctx: ctx, keys: keys, left: slices.Clone(keys), end: make(chan struct{})}
	c.deliver = func(r secret.Result) {
		a.mu.Lock()
		a.running[r.Key]--
		a.mu.Unlock()
		deliver(r)
	}
	a.calls = append(a.calls, c)
	if len(keys) == 0 {
		a.t.Error("Fetch of no keys")
	}
	for i, k := range keys {
		if slices.Contains(keys[:i], k) {
			a.t.Errorf("Fetch of %v twice in one call", k)
		}
		a.running[k]++
		if a.running[k] > 2 {
			a.t.Errorf("%d calls for %v are under way; one ordinary and one forced may be", a.running[k], k)
		}
	}
	return c
}

// count returns how many calls have begun.
func (a *aws) count() int {
	a.mu.Lock()
	defer a.mu.Unlock()
	return len(a.calls)
}

// call returns the nth call, from 0, which must have begun.
func (a *aws) call(n int) *call {
	a.t.Helper()
	synctest.Wait()
	a.mu.Lock()
	defer a.mu.Unlock()
	if n >= len(a.calls) {
		a.t.Fatalf("%d calls were made, want more than %d", len(a.calls), n)
	}
	return a.calls[n]
}

// answer delivers r; a key's first answer counts. The last one ends the call.
func (c *call) answer(r secret.Result) {
	c.mu.Lock()
	i := slices.Index(c.left, r.Key)
	if i >= 0 {
		c.left = slices.Delete(c.left, i, i+1)
	}
	last := len(c.left) == 0
	c.mu.Unlock()
	if i < 0 {
		return
	}
	c.deliver(r)
	if last {
		close(c.end)
	}
}

func (c *call) unanswered() []secret.Key {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Clone(c.left)
}

// replies answers every key by its current result; keys without one are not
// found. It may be changed between reads.
type replies map[secret.Key]secret.Result

func (r replies) reply(key secret.Key) secret.Result {
	if result, ok := r[key]; ok {
		result.Key = key
		return result
	}
	return failed(key, secret.NotFound)
}

func (r replies) set(results ...secret.Result) {
	for _, result := range results {
		r[result.Key] = result
	}
}

// names returns the ids that a call asked for, in its order.
func (c *call) names() string {
	ids := make([]string, len(c.keys))
	for i, k := range c.keys {
		ids[i] = k.ID
	}
	return strings.Join(ids, " ")
}
