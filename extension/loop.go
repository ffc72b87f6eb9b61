package extension

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strings"
	"time"
)

// Fault is a failure that Lambda is told about, and that its user sees.
type Fault struct {
	// Type is a stable name in Lambda's form, Category.Reason.
	Type string
	// Message says what is wrong and what to do.
	Message string
}

// Error returns type and message.
func (f *Fault) Error() string { return f.Type + ": " + f.Message }

// Types of the faults that the lifecycle itself meets.
const (
	initFailed = "Extension.InitFailed"
	exitFailed = "Extension.ExitFailed"
)

// Lifecycle is what an extension does at each step. All functions are required.
type Lifecycle struct {
	// Client speaks to the Extensions API.
	Client *Client
	// Events are what to register for.
	Events []string
	// Init runs between register and the first next, in parallel with the
	// runtime's own start. Its error ends the extension: a *Fault is reported as
	// it is.
	Init func(ctx context.Context) error
	// Invoke runs at each INVOKE, in parallel with the handler. Next is asked for
	// when it returns, so it must not outlast the event's deadline.
	Invoke func(ctx context.Context, event Event)
	// Shutdown runs at SHUTDOWN. ctx ends at the event's deadline.
	Shutdown func(ctx context.Context, event Event)
}

// Run goes through the lifecycle and returns nil after SHUTDOWN. An error has
// been reported to Lambda where it has an ear for it; the process must then exit
// with a status other than 0. When ctx is cancelled, its cause is reported and
// returned.
func (l *Lifecycle) Run(ctx context.Context) error {
	if err := l.Client.Register(ctx, l.Events...); err != nil {
		return cmp.Or(context.Cause(ctx), err)
	}
	if err := l.Init(ctx); err != nil {
		return failed(l.Client.InitError, asFault(err, initFailed), err)
	}
	for pause := minPause; ; {
		event, err := l.Client.Next(ctx)
		if err != nil {
			err = cmp.Or(context.Cause(ctx), err)
			return failed(l.Client.ExitError, asFault(err, exitFailed), err)
		}
		switch strings.ToUpper(event.Type) {
		case Invoke:
			l.Invoke(ctx, event)
			pause = minPause
		case Shutdown:
			l.shutdown(ctx, event)
			return nil
		default: // it was not asked for: there is nothing to do about it
			select {
			case <-time.After(pause):
			case <-ctx.Done():
			}
			pause = min(2*pause, maxPause)
		}
	}
}

// Bounds of the pause after an event that nobody knows, which grows while no other comes:
// a platform that tells of one again and again gets no whole processor for it.
const (
	minPause = 10 * time.Millisecond
	maxPause = time.Second
)

// Fail registers only to tell Lambda that this extension cannot start.
// Lambda hears nothing from a process that has not registered.
func Fail(ctx context.Context, c *Client, f *Fault) error {
	if err := c.Register(ctx); err != nil {
		return errors.Join(f, err)
	}
	return failed(c.InitError, f, f)
}

// reportTimeout bounds the wait for Lambda's answer to an error report: the
// process exits anyway.
const reportTimeout = time.Second

// failed reports a fault and returns err, which it stands for. The context is a
// new one: that of the loop may be why it failed.
func failed(report func(context.Context, *Fault) error, f *Fault, err error) error {
	ctx, cancel := context.WithTimeout(context.Background(), reportTimeout)
	defer cancel()
	return errors.Join(err, report(ctx, f))
}

func (l *Lifecycle) shutdown(ctx context.Context, event Event) {
	ctx, cancel := context.WithDeadline(ctx, event.Deadline())
	defer cancel()
	l.Shutdown(ctx, event)
}

func asFault(err error, otherwise string) *Fault {
	if f, ok := errors.AsType[*Fault](err); ok {
		return f
	}
	return &Fault{Type: otherwise, Message: fmt.Sprint(err)}
}
