package lambdatest

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"time"
)

// A Response is what the function answered to an invoke.
type Response struct {
	// RequestID is that of the invoke.
	RequestID string
	// Payload is the body that the runtime posted. It may hold secrets.
	Payload []byte
	// ContentType is the runtime's; empty if it sent none.
	ContentType string
	// Duration is the time from the start of the invoke to the response.
	Duration time.Duration
}

// A Report tells how an invoke went that has ended.
type Report struct {
	// RequestID is that of the invoke; empty if there was none yet.
	RequestID string
	// Duration is the time from the start of the invoke until the runtime and
	// all extensions subscribed to INVOKE had called next.
	Duration time.Duration
	// Responded is the time from the start to the response; zero if none came.
	Responded time.Duration
	// PostRuntime is how long extensions held the invoke after the runtime had
	// called next: the platform's PostRuntimeExtensionsDuration.
	PostRuntime time.Duration
	// Err is why the environment was reset: an *InitError or *InvokeError, also
	// when the failure came after a response that was good. Nil if it was not
	// reset; an error of the function itself does not reset it.
	Err error
}

// An invocation is one invoke under way.
type invocation struct {
	id       string
	attempt  string // the Lambda-Runtime-Invocation-Id
	trace    string
	payload  []byte
	start    time.Time
	deadline time.Time
	told     time.Time     // the deadline that the processes see
	answered chan struct{} // closed when response and err are final

	// Guarded by the sandbox's mutex until answered is closed.
	response Response
	err      error

	// Guarded by the sandbox's mutex.
	arrived     time.Time // when the response began
	responded   time.Time // and ended; zero while there is none
	runtimeDone time.Time // zero until the runtime has called next
	over        bool      // a response comes too late
	taken       bool      // by a worker, with managed instances
}

func newInvocation(payload []byte, cfg *Config) *invocation {
	now := time.Now()
	var b [24]byte
	rand.Read(b[:])
	return &invocation{
		id:       newUUID(),
		attempt:  newUUID(),
		trace:    fmt.Sprintf("Root=1-%08x-%x;Parent=%x;Sampled=0", now.Unix(), b[:12], b[12:20]),
		payload:  payload,
		start:    now,
		deadline: now.Add(cfg.Timeout),
		told:     now.Add(cfg.Deadline),
		answered: make(chan struct{}),
	}
}

// Invoke runs the function once and returns as soon as the runtime has posted
// its response, as the platform answers its client. The invoke itself ends
// later: see Wait, which the next Invoke and Shutdown do by themselves. Only
// managed instances run several at once, as many as the runtime has workers;
// what is more waits for one.
//
// Frozen processes go on for it, not before Config.Freeze has passed, and a
// snapshot is restored. Where that fails, the *InvokeError has no RequestID.
//
// Where there is no environment, because init or the invoke before failed, init
// is run first, within the function's timeout. An error is an *InvokeError or
// *InitError if the function or its environment failed; after any but an error
// of the function itself, the environment has been reset when Invoke returns.
// It is the error of ctx if that ended before the response, which leaves no
// environment, too.
func (l *Lambda) Invoke(ctx context.Context, payload []byte) (Response, error) {
	if l.cfg.Mode == ManagedInstances {
		return l.invokeBeside(ctx, payload)
	}
	if err := l.acquire(ctx); err != nil {
		return Response{}, err
	}
	if err := l.wake(ctx); err != nil {
		l.keep(Report{Err: err})
		l.release()
		return Response{}, err
	}
	inv := newInvocation(payload, &l.cfg)
	// Once the client is answered its context has no say in the rest.
	own, cancel := context.WithCancelCause(context.WithoutCancel(ctx))
	limited, cancelLimit := context.WithDeadlineCause(own, inv.deadline, errLimit)
	detach := context.AfterFunc(ctx, func() { cancel(context.Cause(ctx)) })
	go func() {
		defer l.release()
		defer cancel(nil)
		defer cancelLimit()
		l.run(limited, inv)
	}()
	<-inv.answered
	detach()
	return inv.response, inv.err
}

// run does one invoke to its end, and resets the environment if it failed.
func (l *Lambda) run(ctx context.Context, inv *invocation) {
	s, err := l.present()
	if err == nil && s == nil {
		s, err = l.initSandbox(ctx, l.cfg.Timeout, invokePhase)
	}
	report := Report{RequestID: inv.id}
	if err == nil {
		if report, err = s.invoke(ctx, inv); err != nil {
			l.reset(s, err)
		} else if l.cfg.Freeze > 0 {
			s.freeze(Frozen)
		}
	}
	report.Err = err
	l.keep(report)
	if inv.responded.IsZero() { // the sandbox is done with inv
		inv.err = err
		close(inv.answered)
	}
}

// keep has Wait return the report.
func (l *Lambda) keep(report Report) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.last = report
}

// invoke hands the invocation out and waits until everybody is done with it.
// It fails with an *InvokeError or with why the caller gave up.
func (s *sandbox) invoke(ctx context.Context, inv *invocation) (Report, error) {
	s.mu.Lock()
	s.invocation = inv
	s.event = invokeEvent(inv, s.functionARN())
	s.tellStartLocked(inv)
	s.runtime.released = true
	for _, e := range s.extensions {
		e.released = e.invoke
	}
	s.rec.event(Event{Time: inv.start, Kind: InvokeStart, RequestID: inv.id})
	s.changeLocked()
	s.mu.Unlock()

	err := s.until(ctx, func() bool {
		for _, e := range s.extensions {
			if e.holdsInvoke() {
				return false
			}
		}
		return !inv.runtimeDone.IsZero()
	})
	return s.conclude(inv, err)
}

// conclude ends an invoke with the error that it came to, and returns that as
// Invoke does.
func (s *sandbox) conclude(inv *invocation, err error) (Report, error) {
	if errors.Is(err, errLimit) {
		err = &Fault{
			Type:    "Sandbox.Timeout",
			Message: fmt.Sprintf("Task timed out after %.2f seconds", s.cfg.Timeout.Seconds()),
		}
	}
	if fault := (*Fault)(nil); errors.As(err, &fault) {
		failed := &InvokeError{Fault: *fault, RequestID: inv.id}
		failed.Message = "RequestId: " + inv.id + " Error: " + fault.Message
		err = failed
	}
	report := s.end(inv)
	fault := faultOf(err)
	s.rec.event(Event{
		Kind: InvokeEnd, RequestID: inv.id, Fault: fault,
		Duration: report.Duration, PostRuntime: report.PostRuntime,
	})
	if err == nil || fault != nil { // else the caller gave up
		s.tellReport(inv, report, fault)
	}
	return report, err
}

// end takes no response to inv from here on, and sums it up.
func (s *sandbox) end(inv *invocation) Report {
	s.mu.Lock()
	defer s.mu.Unlock()
	inv.over = true
	now := time.Now()
	report := Report{RequestID: inv.id, Duration: now.Sub(inv.start)}
	if !inv.responded.IsZero() {
		report.Responded = inv.responded.Sub(inv.start)
	}
	if !inv.runtimeDone.IsZero() {
		report.PostRuntime = now.Sub(inv.runtimeDone)
	}
	return report
}
