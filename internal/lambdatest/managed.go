package lambdatest

import (
	"context"
	"errors"
	"fmt"
	"slices"
)

// invokeBeside runs the function once, beside other invokes. Managed instances
// have no part for extensions in it, so that it ends with the response; what is
// late is given up, and goes on in the runtime.
// https://docs.aws.amazon.com/lambda/latest/dg/lambda-managed-instances-execution-environment.html
func (l *Lambda) invokeBeside(ctx context.Context, payload []byte) (Response, error) {
	s, err := l.present()
	if err != nil {
		return Response{}, err
	}
	inv := newInvocation(payload, &l.cfg)
	limited, cancel := context.WithDeadlineCause(ctx, inv.deadline, errLimit)
	defer cancel()
	s.mu.Lock()
	s.work = append(s.work, inv)
	s.tellStartLocked(inv)
	s.rec.event(Event{Time: inv.start, Kind: InvokeStart, RequestID: inv.id})
	s.changeLocked()
	s.mu.Unlock()

	err = s.until(limited, func() bool { return !inv.responded.IsZero() })
	report, err := s.conclude(inv, err)
	s.mu.Lock()
	s.work = slices.DeleteFunc(s.work, func(w *invocation) bool { return w == inv })
	s.changeLocked()
	s.mu.Unlock()
	l.keep(report)
	if err != nil {
		return Response{}, err
	}
	return inv.response, inv.err
}

// drain waits until no invoke is under way, or the caller gives up.
func (s *sandbox) drain(ctx context.Context) {
	s.until(ctx, func() bool { return len(s.work) == 0 })
}

// endWith ends the environment for good as soon as a process has left it.
func (l *Lambda) endWith(s *sandbox) {
	err := s.until(context.Background(), func() bool { return false })
	if errors.Is(err, ErrClosed) {
		return
	}
	if _, closed := l.closeWith(fmt.Errorf("%w: %w", ErrClosed, err)); closed == nil { // else Shutdown is at it
		s.shutdown(context.Background(), "failure")
	}
}

// serveWorker parks one of the runtime's workers until there is an invoke that
// no other has taken.
func (s *sandbox) serveWorker(call) *reply {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.runtime.state == initError {
		return refuseRuntime(initError, ready)
	}
	s.runtime.state = ready // and stays so
	s.rec.event(Event{Kind: Next, Source: runtimeSource})
	s.changeLocked()
	var inv *invocation
	if !s.waitLocked(s.done, func() bool { inv = s.untakenLocked(); return inv != nil }) {
		return nil
	}
	inv.taken = true
	return s.handOut(inv)
}

func (s *sandbox) untakenLocked() *invocation {
	for _, inv := range s.work {
		if !inv.taken {
			return inv
		}
	}
	return nil
}

// workLocked returns the invoke of that id, or nil if it is not under way.
func (s *sandbox) workLocked(id string) *invocation {
	for _, inv := range s.work {
		if inv.id == id {
			return inv
		}
	}
	return nil
}
