package source

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"larder/secret"
)

const (
	// callLimit bounds a call with all its attempts, and the wait for its turn: half
	// of Lambda's ten seconds for init.
	callLimit = 5 * time.Second
	// attemptLimit bounds one attempt, so that a connection that hangs leaves time
	// for another one.
	attemptLimit = 2 * time.Second
	// maxAttempts and the back-off keep a call that AWS throttles or fails below a
	// second: with the SDK's own, such a call takes 3 s at the median.
	maxAttempts = 4
	minBackoff  = 100 * time.Millisecond
	maxBackoff  = time.Second
)

// caller makes the calls to one service in one Region.
type caller struct {
	region  string
	limit   time.Duration // of a call, and of the wait for its turn
	slots   chan struct{} // holds an element for each call under way
	observe func(Call)
}

func newCaller(cfg *Config, region string, limit time.Duration) caller {
	if limit <= 0 || limit > callLimit {
		limit = callLimit
	}
	observe := cfg.Observe
	if observe == nil {
		observe = func(Call) {}
	}
	return caller{region: region, limit: limit, slots: make(chan struct{}, cfg.MaxConnections), observe: observe}
}

// errLimit is the cause where a call has used up its own time, not its caller's.
var errLimit = errors.New("the call's time is over")

// begin waits until it is a call's turn, and starts its clock then: waiting for
// one's own other calls is not AWS being slow. The wait has the same limit, so
// that nobody waits for longer than two of them while AWS hangs. end gives the
// turn to the next call.
func (c *caller) begin(ctx context.Context) (call context.Context, end func(), failure *secret.Error) {
	turn, cancel := context.WithTimeout(ctx, c.limit)
	defer cancel()
	select {
	case c.slots <- struct{}{}:
	case <-turn.Done():
		if ctx.Err() != nil {
			return nil, nil, canceled()
		}
		return nil, nil, &secret.Error{Class: secret.Timeout, Message: fmt.Sprintf("no turn in time, with %d calls "+
			"to AWS under way: see PARAMETERS_SECRETS_EXTENSION_MAX_CONNECTIONS", cap(c.slots))}
	}
	call, stop := context.WithTimeoutCause(ctx, c.limit, errLimit)
	return call, func() { stop(); <-c.slots }, nil
}

// ask makes one call: try is one attempt, which asks AWS and checks the answer.
func ask[T any](ctx context.Context, c *caller, action string, try func(context.Context) (T, error)) (T, *secret.Error) {
	call, end, failure := c.begin(ctx)
	if failure != nil {
		var none T
		return none, failure
	}
	defer end()
	return insist(call, c, action, try)
}

// insist makes the attempts of a call that has begun.
//
// This is the only place where something is tried again; the SDK's own retries
// are off. Its retry loop reads every attempt's answer into the same struct, so
// that the ARN of an answer that broke off and the value of the next one, of
// another version perhaps, would come out as one secret. Nor could it try again
// an answer that lacks its fields.
func insist[T any](call context.Context, c *caller, action string, try func(context.Context) (T, error)) (T, *secret.Error) {
	for n := 1; ; n++ {
		out, failure, again := attempt(call, c, action, try)
		switch {
		case failure == nil:
			return out, nil
		case again && n < maxAttempts && sleep(call, backoff(n)):
			continue
		case call.Err() != nil && !errors.Is(context.Cause(call), errLimit):
			failure = canceled()
		}
		var none T
		return none, failure
	}
}

// attempt asks once, and reports whether asking again makes sense.
func attempt[T any](ctx context.Context, c *caller, action string, try func(context.Context) (T, error)) (T, *secret.Error, bool) {
	if ctx.Err() != nil { // since the turn, or since the page of a tree before
		var none T
		return none, &secret.Error{Class: secret.Timeout, Message: "no answer in time"}, false
	}
	ctx, cancel := context.WithTimeout(ctx, attemptLimit)
	defer cancel()
	start := time.Now()
	out, err := try(ctx)
	took := time.Since(start)
	if err == nil {
		c.observe(Call{Action: action, Region: c.region, Outcome: "OK", Duration: took})
		return out, nil, false
	}
	failure := classify(err, action)
	c.observe(Call{Action: action, Region: c.region, Outcome: failure.Word(), Duration: took})
	return out, failure, retryable(err, failure.Class, action)
}

// retryable reports whether the next attempt may fare better within the second
// that a call has for its attempts.
func retryable(err error, class secret.Class, action string) bool {
	// The SDK has found the clocks apart and signs the next request accordingly.
	var skewed interface{ RetryableError() bool }
	if errors.As(err, &skewed) && skewed.RetryableError() {
		return true
	}
	switch class {
	case secret.Throttled:
		return action != actionSecrets // single calls have another quota: see isolates
	case secret.Unavailable, secret.Timeout, secret.BadAnswer:
		return true
	}
	return false
}

// backoff returns how long to wait after the nth attempt, with full jitter: any
// time up to the bound, so that the instances of a function that start together
// do not come back together.
func backoff(n int) time.Duration {
	return rand.N(min(maxBackoff, minBackoff<<(n-1)))
}

// sleep waits, and reports whether there is time left afterwards.
func sleep(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}

func canceled() *secret.Error {
	return &secret.Error{Class: secret.Canceled, Message: "given up before AWS answered"}
}
