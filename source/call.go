package source

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"larder/internal/jitter"
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
	// maxBatchAttempts is for a batch that fails in a way that may be one key's fault:
	// a second attempt in case it was AWS's for a moment.
	maxBatchAttempts = 2
)

// caller makes the calls to one service in one Region, with one role.
type caller struct {
	region  string
	limit   time.Duration // of a call, and of the wait for its turn
	slots   chan struct{} // holds an element for each call under way
	observe func(Call)
	clock   clock
	web     *web
	signer  *signer
	pace    *pace
	skew    *atomic.Int64 // of AWS's clock, in nanoseconds; the SDK has its own for its clients
	busy    *throttling
}

func newCaller(c *clients, region string, signer *signer, limit time.Duration) caller {
	if limit <= 0 || limit > callLimit {
		limit = callLimit
	}
	observe := c.cfg.Observe
	if observe == nil {
		observe = func(Call) {}
	}
	return caller{
		region: region, limit: limit, slots: make(chan struct{}, c.cfg.MaxConnections), observe: observe,
		clock: c.cfg.clock, web: c.web, signer: signer, pace: new(pace), skew: new(atomic.Int64),
		busy: newThrottling(c.cfg.clock),
	}
}

// errLimit is the cause where a call has used up its own time, not its caller's. What
// net/http returns then, also while an answer is read, is the cause.
var errLimit error = limitError{}

type limitError struct{}

func (limitError) Error() string { return "the call's time is over" }

// Timeout makes it one for isTimeout.
func (limitError) Timeout() bool { return true }

// Temporary completes a net.Error.
func (limitError) Temporary() bool { return true }

// begin waits until it is a call's turn, and starts its clock then: waiting for
// one's own other calls is not AWS being slow. The wait has the same limit, so
// that nobody waits for longer than two of them while AWS hangs. end gives the
// turn to the next call.
func (c *caller) begin(ctx context.Context) (call context.Context, end func(), failure *secret.Error) {
	turn, cancel := context.WithTimeout(ctx, c.limit)
	defer cancel()
	asked, seen := c.clock.now(), c.busy.seen()
	defer func() { noteStandstill(ctx, c.clock, asked, c.limit) }()
	select {
	case c.slots <- struct{}{}:
	case <-turn.Done():
		return nil, nil, c.noTurn(ctx)
	}
	leave, failure, err := c.busy.enter(turn, seen)
	if err != nil {
		failure = c.noTurn(ctx)
	}
	if failure != nil {
		<-c.slots
		return nil, nil, failure
	}
	call, stop := context.WithTimeoutCause(ctx, c.limit, errLimit)
	began := c.clock.now()
	return call, func() {
		stop()
		leave()
		<-c.slots
		noteStandstill(ctx, c.clock, began, c.limit)
	}, nil
}

// noTurn is why a call of ctx had no turn.
func (c *caller) noTurn(ctx context.Context) *secret.Error {
	if ctx.Err() != nil {
		return canceled()
	}
	return &secret.Error{Class: secret.Timeout, Message: fmt.Sprintf("no turn in time, with %d calls "+
		"to AWS under way: see PARAMETERS_SECRETS_EXTENSION_MAX_CONNECTIONS", cap(c.slots))}
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
	renewed := false // the credentials, once
	for n := 1; ; n++ {
		out, failure, next := attempt(call, c, action, try)
		switch {
		case failure == nil:
			return out, nil
		case next == renew && !renewed:
			renewed = true
			continue
		case c.enough(n, action, failure):
		case next == atOnce, next == later && sleep(call, backoff(n)):
			continue
		}
		if call.Err() != nil && !errors.Is(context.Cause(call), errLimit) {
			failure = canceled()
		}
		var none T
		return none, failure
	}
}

// enough reports whether the nth attempt, which has failed, is the last one.
func (c *caller) enough(n int, action string, failure *secret.Error) bool {
	switch {
	case failure.Class == secret.Throttled:
		return n >= maxAttempts || c.busy.lasts()
	case (action == secret.BatchGetSecretValue || action == secret.GetParameters) && isOnesFault(failure):
		// The others of the batch are not to wait for it: see isolates.
		return failure.Class == secret.Timeout || n >= maxBatchAttempts
	}
	return n >= maxAttempts
}

// step is what may follow an attempt that failed.
type step int

const (
	giveUp step = iota
	later       // another one, after the back-off
	atOnce      // another one on a fresh connection
	renew       // another one with other credentials
)

// attempt asks once.
func attempt[T any](call context.Context, c *caller, action string, try func(context.Context) (T, error)) (out T, failure *secret.Error, next step) {
	if call.Err() != nil { // since the turn, or since the page of a tree before
		return out, &secret.Error{Class: secret.Timeout, Message: "no answer in time"}, giveUp
	}
	if failure := c.signer.ready(call); failure != nil {
		return out, failure, giveUp
	}
	signed := c.signer.generation()
	ctx, cancel := context.WithTimeout(call, attemptLimit)
	defer cancel()
	w := &watch{giveUp: cancel, pace: c.pace}
	defer w.stop()
	start := c.clock.now()
	out, err := try(w.trace(ctx))
	noteStandstill(ctx, c.clock, start, attemptLimit)
	observed := Call{Action: action, Region: c.region, Duration: time.Since(start.monotonic)}
	if err != nil {
		failure, next = c.judge(err, action, w.died(call.Err() != nil), signed)
		failure.Sent = failure.Status != 0 || w.connected()
		observed.Failure = failure.Class
	}
	c.busy.note(failure)
	c.observe(observed)
	return out, failure, next
}

// judge says what the error of an attempt is, and what may follow. signed is the
// generation of the attempt's credentials.
func (c *caller) judge(err error, action string, died bool, signed int) (*secret.Error, step) {
	if died {
		c.web.closeIdle() // the others are as old
		return &secret.Error{Class: secret.Unavailable, Message: "the connection died while it was idle"}, atOnce
	}
	failure := classify(err, action)
	switch {
	case failure.Class == secret.Credentials && c.signer.refuse(failure, signed):
		return failure, renew
	case retryable(err, failure.Class, action):
		return failure, later
	}
	return failure, giveUp
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
		return action != secret.BatchGetSecretValue // single calls have another quota: see isolates
	case secret.Unavailable, secret.Timeout, secret.BadAnswer:
		return true
	}
	return false
}

// backoff returns how long to wait after the nth attempt, with full jitter: any
// time up to the bound, so that the instances of a function that start together
// do not come back together.
func backoff(n int) time.Duration {
	return jitter.Below(min(maxBackoff, minBackoff<<(n-1)))
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
