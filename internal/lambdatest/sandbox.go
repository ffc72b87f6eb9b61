package lambdatest

import (
	"context"
	"crypto/rand"
	"fmt"
	"net"
	"net/http"
	"sync"
	"time"
)

// A sandbox is one life of the environment, from its init to its end: its own
// listener, extensions and runtime. A reset makes a new one, so nothing of an
// old life, a parked request least of all, can reach into the next.
type sandbox struct {
	cfg     *Config
	rec     *recorder
	addr    string // of the APIs, host:port
	phase   string // of its init, in telemetry
	token   string // with which a process gets the role's keys, in SnapStart mode
	server  *http.Server
	starter *starter       // of processes
	tasks   sync.WaitGroup // the server, its handlers, and one waiter a process
	done    chan struct{}  // closed when parked requests must give up
	once    sync.Once      // closes the sandbox

	mu               sync.Mutex
	changed          chan struct{} // closed and replaced when anything below changes
	extensions       []*extension  // external ones in the order of their start, then internal ones
	runtime          *runtime
	processes        []*process
	registrationOver bool
	event            event         // what event/next hands out to those that were released
	invocation       *invocation   // the last one, over or under way; nil before the first
	work             []*invocation // those under way with managed instances, oldest first
	frozen           time.Time     // when the processes were stopped; zero while they go on
	snapshot         bool          // they were stopped for a snapshot
	telemetry        telemetry
	reported         *Fault // the first error that was reported, which outdoes a later crash
	stopping         bool   // processes may exit from here on
	closed           bool
	err              error // what ended the work: a *Fault or ErrClosed
}

// What an init is for.
const (
	initPhase     = "init"
	invokePhase   = "invoke" // made up for in an invoke
	snapshotPhase = "snap-start"
)

// newSandbox listens and serves the APIs; nothing is started yet.
func newSandbox(cfg *Config, rec *recorder, phase string) (*sandbox, error) {
	listener, err := net.Listen("tcp", net.JoinHostPort(cfg.Host, "0"))
	if err != nil {
		return nil, fmt.Errorf("listening for the Runtime API: %w", err)
	}
	s := &sandbox{
		cfg:     cfg,
		rec:     rec,
		addr:    listener.Addr().String(),
		phase:   phase,
		token:   rand.Text(),
		done:    make(chan struct{}),
		changed: make(chan struct{}),
		runtime: &runtime{state: started},
	}
	s.server = &http.Server{Handler: s.routes(), ReadHeaderTimeout: 10 * time.Second}
	s.starter = newStarter(s.tasks.Go, s.done)
	s.tasks.Go(func() { s.server.Serve(listener) })
	return s, nil
}

// changeLocked wakes everybody who waits for a change.
func (s *sandbox) changeLocked() {
	close(s.changed)
	s.changed = make(chan struct{})
}

// waitLocked blocks until cond, which is called with mu held, or until stop is
// closed. Like a sync.Cond it gives mu away meanwhile. It returns cond().
func (s *sandbox) waitLocked(stop <-chan struct{}, cond func() bool) bool {
	for !cond() {
		changed := s.changed
		s.mu.Unlock()
		stopped := false
		select {
		case <-changed:
		case <-stop:
			stopped = true
		}
		s.mu.Lock()
		if stopped {
			return cond()
		}
	}
	return true
}

// until blocks until cond. It fails with what ended the sandbox's work, or with
// the cause of ctx.
func (s *sandbox) until(ctx context.Context, cond func() bool) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	held := s.waitLocked(ctx.Done(), func() bool { return s.err != nil || cond() })
	switch {
	case s.err != nil:
		return s.err
	case held:
		return nil
	default:
		return context.Cause(ctx)
	}
}

// failLocked ends the sandbox's work; the first reason stays.
func (s *sandbox) failLocked(err error) {
	if s.err == nil {
		s.err = err
		s.changeLocked()
	}
}

// begin adds a task that close waits for, unless it is too late for that.
func (s *sandbox) begin() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.closed {
		s.tasks.Add(1)
	}
	return !s.closed
}

// close kills all processes, ends all requests, and returns when they are gone.
func (s *sandbox) close() {
	s.once.Do(func() {
		s.mu.Lock()
		s.closed = true
		s.stopping = true
		s.failLocked(ErrClosed)
		for _, p := range s.processes {
			p.kill()
		}
		s.unsubscribeLocked(func(*subscriber) bool { return true })
		s.mu.Unlock()
		close(s.done)
		s.server.Close()
		s.tasks.Wait()
	})
}

// newUUID returns a random UUID, version 4 of RFC 9562.
func newUUID() string {
	var b [16]byte
	rand.Read(b[:])
	b[6] = b[6]&0x0f | 0x40
	b[8] = b[8]&0x3f | 0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:])
}
