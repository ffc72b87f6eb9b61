package lambdatest

import (
	"context"
	"strings"
	"syscall"
	"time"
)

// The time a shutdown may take, by what is registered, and the runtime's share
// of it while there are external extensions.
// https://docs.aws.amazon.com/lambda/latest/dg/lambda-runtime-environment.html#runtimes-lifecycle-shutdown
const (
	externalBudget = 2000 * time.Millisecond
	internalBudget = 500 * time.Millisecond
	runtimeShare   = externalBudget * 30 / 100
)

// shutdown ends the sandbox as the platform does: first the runtime, with
// SIGTERM and then SIGKILL, then the extensions, with a SHUTDOWN event and then
// SIGKILL. External extensions never get SIGTERM. When ctx ends there is no
// more grace. It returns how everybody left who was still there.
func (s *sandbox) shutdown(ctx context.Context, reason string) []Exit {
	start := time.Now()
	s.mu.Lock()
	s.stopping = true
	s.changeLocked()
	var external, all int
	for _, e := range s.extensions {
		if all++; e.external {
			external++
		}
	}
	var leaving []*process
	for _, p := range s.processes {
		if p.alive() {
			leaving = append(leaving, p)
		}
	}
	s.mu.Unlock()
	s.thaw(Thawed)
	if s.cfg.UpperCaseReasons {
		reason = strings.ToUpper(reason)
	}
	s.rec.event(Event{Time: start, Kind: Stop, Reason: reason})

	switch {
	case external > 0:
		s.stopRuntime(ctx, start.Add(runtimeShare))
		s.flush(ctx)
		s.stopExtensions(ctx, start.Add(externalBudget), reason)
	case all > 0:
		s.stopRuntime(ctx, start.Add(internalBudget))
	}
	s.close() // kills who is left

	var exits []Exit
	for _, p := range leaving {
		exit := p.exit
		exit.After = p.at.Sub(start)
		exits = append(exits, exit)
	}
	return exits
}

// stopRuntime gives the runtime until the deadline to leave by itself.
func (s *sandbox) stopRuntime(ctx context.Context, deadline time.Time) {
	s.mu.Lock()
	p := s.runtime.process
	s.mu.Unlock()
	if p == nil || !p.alive() {
		return
	}
	p.signal(syscall.SIGTERM)
	p.endBy(ctx, deadline)
}

// stopExtensions tells those that asked for it, and kills the others.
func (s *sandbox) stopExtensions(ctx context.Context, deadline time.Time, reason string) {
	var told []*process
	s.mu.Lock()
	s.event = shutdownEvent(deadline, reason)
	for _, e := range s.extensions {
		switch {
		case e.process == nil || !e.process.alive():
		case e.shutdown:
			e.released = true
			told = append(told, e.process)
		default:
			e.process.kill()
		}
	}
	s.changeLocked()
	s.mu.Unlock()
	for _, p := range told {
		p.endBy(ctx, deadline)
	}
}

// endBy waits for a process to leave, and kills it at the deadline.
func (p *process) endBy(ctx context.Context, deadline time.Time) {
	ctx, cancel := context.WithDeadline(ctx, deadline)
	defer cancel()
	select {
	case <-p.done:
	case <-ctx.Done():
		p.kill()
		<-p.done
	}
}
