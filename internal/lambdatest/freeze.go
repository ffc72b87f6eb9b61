package lambdatest

import (
	"context"
	"errors"
	"syscall"
	"time"
)

var errNeverFrozen = errors.New("managed instances are never frozen")

// Freeze stops all processes of the environment, at once and wherever they are,
// also in the middle of an invoke, whose time goes on. They go on with Thaw, and
// without it in the next Invoke or in Shutdown. It changes nothing where they
// are stopped already.
//
// It fails for managed instances, and where there is no environment: after an
// init or invoke that failed, and with ErrClosed after the Lambda was closed.
func (l *Lambda) Freeze() error {
	s, err := l.present()
	switch {
	case err != nil:
		return err
	case l.cfg.Mode == ManagedInstances:
		return errNeverFrozen
	case s == nil:
		return errors.New("there is no environment to freeze: the next invoke makes one")
	}
	s.freeze(Frozen)
	return nil
}

// Thaw lets the processes that Freeze stopped go on. It changes nothing where
// there are none, and leaves a snapshot to the Invoke that restores it.
func (l *Lambda) Thaw() {
	if s, _ := l.present(); s != nil && !s.isSnapshot() {
		s.thaw(Thawed)
	}
}

// wake makes the environment go on as the platform does for an invoke, if there
// is one. What comes before the restore of a snapshot takes none of the
// function's time.
func (l *Lambda) wake(ctx context.Context) error {
	s, err := l.present()
	if err == nil && s == nil && l.cfg.Mode == SnapStart {
		s, err = l.initAhead(ctx)
	}
	if err != nil || s == nil {
		return err
	}
	if err := s.standStill(ctx, l.cfg.Freeze); err != nil {
		return err
	}
	if !s.isSnapshot() {
		s.thaw(Thawed)
		return nil
	}
	if err := s.restore(ctx, l.cfg.RestoreTimeout); err != nil {
		l.reset(s, err)
		return err
	}
	return nil
}

// freeze stops all processes, and records that as kind: Frozen or Snapshot.
func (s *sandbox) freeze(kind Kind) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.stopping || !s.frozen.IsZero() {
		return
	}
	s.frozen, s.snapshot = time.Now(), kind == Snapshot
	for _, p := range s.processes {
		p.signal(syscall.SIGSTOP)
	}
	s.rec.event(Event{Time: s.frozen, Kind: kind})
}

// thaw lets all processes go on if they were stopped, and records that as kind:
// Thawed or RestoreStart.
func (s *sandbox) thaw(kind Kind) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.frozen.IsZero() {
		return
	}
	s.rec.event(Event{Kind: kind, Duration: time.Since(s.frozen)})
	s.frozen, s.snapshot = time.Time{}, false
	for _, p := range s.processes {
		p.signal(syscall.SIGCONT)
	}
	s.changeLocked()
}

// standStill waits until frozen processes have been so for a time. It fails
// only if the caller gives up; what else ends the wait is found by the invoke.
func (s *sandbox) standStill(ctx context.Context, least time.Duration) error {
	s.mu.Lock()
	end := s.frozen.Add(least)
	s.mu.Unlock()
	over, cancel := context.WithDeadline(ctx, end)
	defer cancel()
	s.until(over, func() bool { return s.frozen.IsZero() })
	return context.Cause(ctx)
}

func (s *sandbox) isSnapshot() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.snapshot
}
