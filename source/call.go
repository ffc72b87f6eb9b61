package source

import (
	"context"
	"errors"
	"math/rand/v2"
	"time"

	"larder/secret"
)

const (
	// callLimit bounds a call with all its attempts: half of Lambda's ten seconds
	// for init.
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
	limit   time.Duration // of a call
	slots   chan struct{} // holds an element for each call under way
	observe func(Call)
	// renew forgets the credentials, so that the next attempt loads new ones. Nil
	// where there is nowhere to load them from.
	renew func()
}

func newCaller(cfg *Config, region string, limit time.Duration, renew func()) caller {
	if limit <= 0 || limit > callLimit {
		limit = callLimit
	}
	observe := cfg.Observe
	if observe == nil {
		observe = func(Call) {}
	}
	return caller{region: region, limit: limit, slots: make(chan struct{}, cfg.MaxConnections), observe: observe, renew: renew}
}

// ask makes one call: try is one attempt, which asks AWS and checks the answer.
//
// This is the only place where something is tried again; the SDK's own retries
// are off. Its retry loop reads every attempt's answer into the same struct, so
// that the ARN of an answer that broke off and the value of the next one, of
// another version perhaps, would come out as one secret. Nor could it try again
// an answer that lacks its fields.
func ask[T any](ctx context.Context, c *caller, action string, try func(context.Context) (T, error)) (T, *secret.Error) {
	var none T
	// The clock of a call starts when it is its turn: waiting for one's own other
	// calls is not AWS being slow.
	select {
	case c.slots <- struct{}{}:
		defer func() { <-c.slots }()
	case <-ctx.Done():
	}
	call, cancel := context.WithTimeout(ctx, c.limit)
	defer cancel()
	for n := 1; ; n++ {
		if ctx.Err() != nil {
			return none, canceled()
		}
		out, failure, again := attempt(call, c, action, try)
		switch {
		case failure == nil:
			return out, nil
		case ctx.Err() != nil:
			return none, canceled()
		case !again || n == maxAttempts || !sleep(call, backoff(n)):
			return none, failure
		}
	}
}

// attempt asks once, and reports whether asking again makes sense.
func attempt[T any](ctx context.Context, c *caller, action string, try func(context.Context) (T, error)) (T, *secret.Error, bool) {
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
	again := retryable(err, failure.Class, action)
	if failure.Class == secret.Credentials && c.renew != nil {
		c.renew()
		again = true
	}
	return out, failure, again
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
	case secret.Unavailable:
		return !isUntrusted(err)
	case secret.Timeout, secret.BadAnswer:
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
