// Package lambdatest is a local Lambda: one execution environment of one
// function, with the Extensions and Runtime APIs on a loopback listener and the
// function's extensions and runtime as child processes.
//
// It keeps the platform's rules rather than being lenient: the order of init,
// the checks and texts of every request, who is awaited and who is killed when.
// What it takes from Lambda's public documentation
// (https://docs.aws.amazon.com/lambda/latest/dg/runtimes-extensions-api.html,
// https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html) and from AWS's
// open-source runtime interface emulator is noted at the line that relies on it.
//
// It does as the platform does, with real processes and in real time. Where a test
// has to decide what the Extensions API answers to one extension, and when, there
// is extension/extensiontest.
package lambdatest

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"
)

// ErrClosed is returned by calls on a Lambda that was shut down, closed, or
// whose context has ended.
var ErrClosed = errors.New("the local Lambda is closed")

// Config describes a function and the layer it runs with.
type Config struct {
	// Opt is the folder that stands in for /opt: a layer as it was unpacked.
	// Every file directly in its extensions folder is started. Empty, or
	// without such a folder, the function has no extensions.
	Opt string

	// Runtime is the command that speaks the Runtime API. A program without a
	// slash is looked up in the caller's PATH. Required.
	Runtime []string

	// Dir is the function's code folder: the runtime's working directory and
	// LAMBDA_TASK_ROOT. Empty means the caller's working directory.
	Dir string

	// Env holds NAME=value: the function's variables, its credentials, and
	// AWS_REGION (us-east-1 where it is absent). Nothing of the caller's own
	// environment reaches a process.
	Env []string

	// Function, Version, Handler and Account describe the function in
	// variables, answers and its ARN. Empty means "function", "$LATEST",
	// "index.handler" and "123456789012".
	Function, Version, Handler, Account string

	// Memory in MB appears in the environment and limits nothing. Zero means 128.
	Memory int

	// Timeout bounds one invoke, from its start until the runtime and the
	// extensions have called next. Zero means 3 s, the platform's default.
	Timeout time.Duration

	// InitTimeout bounds init. Zero means 10 s, the platform's limit on demand.
	InitTimeout time.Duration

	// UpperCaseReasons sends shutdown reasons as SPINDOWN, TIMEOUT and FAILURE,
	// as the documentation has them, and not in AWS's own code's lower case.
	UpperCaseReasons bool

	// Output gets every line that a process prints to stdout or stderr, without
	// its newline; source is an extension's file name or "runtime". The slice
	// is the callee's to keep. Calls come one at a time. Nil discards them.
	Output func(source string, line []byte)

	// Observe gets every event as it happens, one at a time and in order. It
	// must neither block nor call the Lambda. Nil means nobody looks.
	Observe func(Event)
}

// A Lambda is a running function environment. Its methods may be called from
// several goroutines; operations run one after the other.
type Lambda struct {
	cfg    Config
	rec    *recorder
	detach func() bool
	busy   chan struct{} // holds one token while an operation runs

	mu      sync.Mutex
	sandbox *sandbox // nil when the next invoke must init
	closed  bool
	last    Report
}

// Start runs init and returns when the runtime and all extensions are ready.
// As with exec.CommandContext, ctx spans the life of the Lambda: when it ends,
// all processes are killed.
//
// When init fails the error is an *InitError, and the Lambda is returned as
// well: as on the platform, its first Invoke runs init again. It must be closed
// then, too. With any other error the Lambda is nil.
func Start(ctx context.Context, cfg Config) (*Lambda, error) {
	if err := cfg.complete(); err != nil {
		return nil, err
	}
	l := &Lambda{cfg: cfg, rec: &recorder{observe: cfg.Observe}, busy: make(chan struct{}, 1)}
	l.detach = context.AfterFunc(ctx, l.kill)
	l.busy <- struct{}{}
	limited, cancel := context.WithTimeoutCause(ctx, cfg.InitTimeout, errLimit)
	_, err := l.initSandbox(limited, cfg.InitTimeout)
	cancel()
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

// complete checks the required fields and fills in the defaults.
func (c *Config) complete() error {
	if len(c.Runtime) == 0 || c.Runtime[0] == "" {
		return errors.New("no runtime command: set Config.Runtime")
	}
	for _, nameValue := range c.Env {
		if i := strings.IndexByte(nameValue, '='); i <= 0 {
			return errors.New("every item of Config.Env must be NAME=value")
		}
	}
	dir, err := filepath.Abs(c.Dir)
	if err != nil {
		return fmt.Errorf("code folder: %w", err)
	}
	c.Dir = dir
	if c.Opt != "" {
		if c.Opt, err = filepath.Abs(c.Opt); err != nil {
			return fmt.Errorf("layer folder: %w", err)
		}
		if info, err := os.Stat(c.Opt); err != nil {
			return fmt.Errorf("layer folder: %w", err)
		} else if !info.IsDir() {
			return fmt.Errorf("layer folder %s is a file: unpack it first", c.Opt)
		}
	}
	// A program that cannot be found stays as it is: starting it fails with
	// Runtime.InvalidEntrypoint, as on the platform.
	c.Runtime = slices.Clone(c.Runtime)
	if path, err := exec.LookPath(c.Runtime[0]); err == nil {
		if c.Runtime[0], err = filepath.Abs(path); err != nil {
			return fmt.Errorf("runtime: %w", err)
		}
	}
	setDefault(&c.Function, "function")
	setDefault(&c.Version, "$LATEST")
	setDefault(&c.Handler, "index.handler")
	setDefault(&c.Account, "123456789012")
	setDefault(&c.Memory, 128)
	setDefault(&c.Timeout, 3*time.Second)
	setDefault(&c.InitTimeout, 10*time.Second)
	return nil
}

func setDefault[T comparable](field *T, value T) {
	var zero T
	if *field == zero {
		*field = value
	}
}

// Wait blocks until the invoke that Invoke last answered has ended, which is
// when the platform would freeze the environment, and reports on it. The report
// is the zero Report before the first invoke.
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
// invoke has already reset the environment. It closes the Lambda.
func (l *Lambda) Shutdown(ctx context.Context, reason string) ([]Exit, error) {
	if err := l.acquire(ctx); err != nil {
		return nil, err
	}
	defer l.release()
	l.mu.Lock()
	s, closed := l.sandbox, l.closed
	l.closed = true
	l.mu.Unlock()
	if closed {
		return nil, ErrClosed
	}
	l.detach()
	if s == nil {
		return nil, nil
	}
	return s.shutdown(ctx, reason), ctx.Err()
}

// Close kills whatever still runs and waits until it has gone. It may be called
// at any time and more than once.
func (l *Lambda) Close() {
	l.detach()
	l.kill()
	l.busy <- struct{}{} // an operation ends promptly once its sandbox is killed
	<-l.busy
}

// kill ends the present sandbox, and with it the operation that uses it.
func (l *Lambda) kill() {
	l.mu.Lock()
	s := l.sandbox
	l.closed = true
	l.mu.Unlock()
	if s != nil {
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

// initSandbox makes a sandbox and runs init in it, leaving no sandbox behind on
// failure. ctx ends at the limit, which is only told here for the error text.
func (l *Lambda) initSandbox(ctx context.Context, limit time.Duration) (*sandbox, error) {
	s, err := newSandbox(&l.cfg, l.rec)
	if err != nil {
		return nil, err
	}
	l.mu.Lock()
	closed := l.closed
	l.sandbox = s
	l.mu.Unlock()
	if closed {
		s.close()
		return nil, ErrClosed
	}
	if err := s.init(ctx, limit); err != nil {
		l.reset(s, err)
		return nil, err
	}
	return s, nil
}

// reset ends a sandbox in which err happened. A fault is followed by the
// platform's shutdown; where the caller gave up there is no grace.
func (l *Lambda) reset(s *sandbox, err error) {
	if fault := faultOf(err); fault == nil {
		s.close()
	} else if fault.Type == "Sandbox.Timeout" {
		s.shutdown(context.Background(), "timeout")
	} else {
		s.shutdown(context.Background(), "failure")
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.sandbox = nil
}
