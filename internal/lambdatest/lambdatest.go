// Package lambdatest is a local Lambda: one execution environment of one
// function, with the Extensions, Runtime and Telemetry APIs on a loopback listener
// and the function's extensions and runtime as child processes.
//
// It keeps the platform's rules rather than being lenient: the order of init,
// the checks and texts of every request, who is awaited and who is killed when.
// What it takes from Lambda's public documentation
// (https://docs.aws.amazon.com/lambda/latest/dg/runtimes-extensions-api.html,
// https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html) and from AWS's
// open-source runtime interface emulator is noted at the line that relies on it.
//
// An environment is of one of four kinds, see Mode; between invokes it can be
// frozen as the platform freezes it.
//
// It does as the platform does, with real processes and in real time. Where a test
// has to decide what the Extensions API answers to one extension, and when, there
// is extension/extensiontest.
package lambdatest

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"
)

// ErrClosed is returned by calls on a Lambda that was shut down, closed, or
// whose context has ended. A managed instance that has failed wraps it, with the
// failure in the text.
var ErrClosed = errors.New("the local Lambda is closed")

// A Lambda is a running function environment. Its methods may be called from
// several goroutines; operations run one after the other, but for the invokes of
// managed instances.
type Lambda struct {
	cfg    Config
	rec    *recorder
	detach func() bool
	busy   chan struct{}  // holds one token while an operation runs
	watch  sync.WaitGroup // endWith, for managed instances

	mu      sync.Mutex
	sandbox *sandbox // nil when the next invoke must init
	closed  error    // what calls are refused with; nil while they are not
	last    Report
}

// Start runs init and returns when the runtime and all extensions are ready.
// As with exec.CommandContext, ctx spans the life of the Lambda: when it ends,
// all processes are killed.
//
// When init fails the error is an *InitError, and the Lambda is returned as
// well: as on the platform, its first Invoke runs init again, though not that of
// managed instances. It must be closed then, too. With any other error the
// Lambda is nil.
func Start(ctx context.Context, cfg Config) (*Lambda, error) {
	if err := cfg.complete(); err != nil {
		return nil, err
	}
	l := &Lambda{cfg: cfg, rec: &recorder{observe: cfg.Observe}, busy: make(chan struct{}, 1)}
	l.detach = context.AfterFunc(ctx, l.kill)
	l.busy <- struct{}{}
	s, err := l.initAhead(ctx)
	if err == nil && cfg.Mode == ManagedInstances {
		l.watch.Go(func() { l.endWith(s) })
	}
	<-l.busy
	if initErr := (*InitError)(nil); err == nil || errors.As(err, &initErr) {
		return l, err
	}
	l.Close()
	if ctx.Err() != nil {
		err = context.Cause(ctx)
	}
	return nil, err
}

// Wait blocks until the invoke that Invoke last answered has ended, which is
// when the platform would freeze the environment, and reports on it. The report
// is the zero Report before the first invoke. With managed instances it does not
// block, and reports on the invoke that ended last.
func (l *Lambda) Wait(ctx context.Context) (Report, error) {
	if err := l.acquire(ctx); err != nil {
		return Report{}, err
	}
	defer l.release()
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.last, nil
}

// Shutdown ends the environment as the platform does, giving reason
// ("spindown", "timeout" or "failure") to the extensions that subscribed to it,
// and returns how each process left. There are none where a failed init or
// invoke has already reset the environment. Frozen processes go on for it, and
// what is under way ends before. It closes the Lambda.
func (l *Lambda) Shutdown(ctx context.Context, reason string) ([]Exit, error) {
	l.Thaw() // or the invoke under way would not end
	if err := l.acquire(ctx); err != nil {
		return nil, err
	}
	defer l.release()
	s, err := l.closeWith(ErrClosed)
	if err != nil {
		return nil, err
	}
	l.detach()
	if s == nil {
		return nil, nil
	}
	s.drain(ctx)
	return s.shutdown(ctx, reason), ctx.Err()
}

// Close kills whatever still runs and waits until it has gone. It may be called
// at any time and more than once.
func (l *Lambda) Close() {
	l.detach()
	l.kill()
	l.busy <- struct{}{} // an operation ends promptly once its sandbox is killed
	<-l.busy
	l.watch.Wait()
}

// kill ends the present sandbox, and with it the operation that uses it.
func (l *Lambda) kill() {
	if s, _ := l.closeWith(ErrClosed); s != nil {
		s.close()
	}
}

// Events returns what has happened so far, in order.
func (l *Lambda) Events() []Event { return l.rec.allEvents() }

// Requests returns the API requests answered so far, in order of their answers.
func (l *Lambda) Requests() []Request { return l.rec.allRequests() }

func (l *Lambda) acquire(ctx context.Context) error {
	select {
	case l.busy <- struct{}{}:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("waiting for the invoke before this: %w", context.Cause(ctx))
	}
}

func (l *Lambda) release() { <-l.busy }

// present returns the sandbox, nil where the next invoke must init. It fails if
// the Lambda is closed.
func (l *Lambda) present() (*sandbox, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.sandbox, l.closed
}

// closeWith closes the Lambda and returns its sandbox, as present does. It fails
// if the Lambda was closed before.
func (l *Lambda) closeWith(reason error) (*sandbox, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	before := l.closed
	if before == nil {
		l.closed = reason
	}
	return l.sandbox, before
}

// initAhead runs init outside of an invoke, under the limit of its own.
func (l *Lambda) initAhead(ctx context.Context) (*sandbox, error) {
	limited, cancel := context.WithTimeoutCause(ctx, l.cfg.InitTimeout, errLimit)
	defer cancel()
	phase := initPhase
	if l.cfg.Mode == SnapStart {
		phase = snapshotPhase
	}
	return l.initSandbox(limited, l.cfg.InitTimeout, phase)
}

// initSandbox makes a sandbox and runs init in it, leaving no sandbox behind on
// failure. ctx ends at the limit, which is only told here for the error text.
func (l *Lambda) initSandbox(ctx context.Context, limit time.Duration, phase string) (*sandbox, error) {
	s, err := newSandbox(&l.cfg, l.rec, phase)
	if err != nil {
		return nil, err
	}
	l.mu.Lock()
	closed := l.closed
	l.sandbox = s
	l.mu.Unlock()
	if closed != nil {
		s.close()
		return nil, closed
	}
	if err := s.init(ctx, limit); err != nil {
		l.reset(s, err)
		return nil, err
	}
	if l.cfg.Mode == SnapStart {
		s.freeze(Snapshot)
	}
	return s, nil
}

// reset ends a sandbox in which err happened. A fault is followed by the
// platform's shutdown; where the caller gave up there is no grace.
func (l *Lambda) reset(s *sandbox, err error) {
	if fault := faultOf(err); fault == nil {
		s.close()
	} else if fault.Type == "Sandbox.Timeout" && l.cfg.Mode != ManagedInstances {
		s.shutdown(context.Background(), "timeout")
	} else {
		s.shutdown(context.Background(), "failure")
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.sandbox = nil
	if l.cfg.Mode == ManagedInstances && l.closed == nil {
		l.closed = fmt.Errorf("%w: %w", ErrClosed, err)
	}
}
