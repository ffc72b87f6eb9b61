package lambdatest

import (
	"bytes"
	"errors"
	"os/exec"
	"sync"
	"syscall"
	"time"
)

// pipeGrace is how long a process's output stays open for grandchildren after
// its own exit. They are killed with its group, so this only bounds one that
// left the group and still holds the pipe.
const pipeGrace = 100 * time.Millisecond

// maxLine is where a line that does not end is cut, as CloudWatch Logs does.
const maxLine = 256 << 10

// An Exit is how a process left in a shutdown.
type Exit struct {
	// Source is the extension's name, or "runtime".
	Source string
	// Code is the exit code, -1 if a signal ended the process.
	Code int
	// Signal is the signal that ended it, such as "killed"; empty if it exited.
	Signal string
	// After is the time from the start of the shutdown to the exit.
	After time.Duration
}

// A process is a running child, the leader of a process group of its own.
type process struct {
	source    string
	extension *extension // nil for the runtime
	cmd       *exec.Cmd
	done      chan struct{} // closed when it has left; then exit and at are set
	exit      Exit          // without After
	at        time.Time
}

// launch starts argv as a child with nothing but env. Its exit is handled as
// the platform does, whenever it comes. It fails with ErrClosed, or with why
// the system refused to start the program.
func (s *sandbox) launch(e *extension, source, dir string, argv, env []string) error {
	output := &lines{source: source, print: s.cfg.Output, mu: &s.rec.output, tell: func(line []byte) { s.tellLine(e, line) }}
	cmd := &exec.Cmd{
		Path: argv[0],
		Args: argv,
		Dir:  dir,
		Env:  env,
		// One writer for both, so that the lines keep their order.
		Stdout:      output,
		Stderr:      output,
		SysProcAttr: &syscall.SysProcAttr{Setpgid: true},
		WaitDelay:   pipeGrace,
	}
	if !s.begin() {
		return ErrClosed
	}
	if err := s.starter.do(s.done, cmd.Start); err != nil {
		s.tasks.Done()
		return err
	}
	p := &process{source: source, extension: e, cmd: cmd, done: make(chan struct{})}
	s.mu.Lock()
	s.processes = append(s.processes, p)
	if e != nil {
		e.process = p
	} else {
		s.runtime.process = p
	}
	if s.closed {
		p.kill()
	}
	s.mu.Unlock()
	go func() {
		defer s.tasks.Done()
		cmd.Wait() // the state tells more than the error
		p.kill()   // what is left of its group
		output.flush()
		s.left(p)
	}()
	return nil
}

// kill sends SIGKILL to the process group.
func (p *process) kill() { p.signal(syscall.SIGKILL) }

// signal sends to the process group, unless the process has left: its number
// may be another's by then.
func (p *process) signal(signal syscall.Signal) {
	if p.alive() {
		syscall.Kill(-p.cmd.Process.Pid, signal)
	}
}

// alive reports whether the process has not left yet.
func (p *process) alive() bool {
	select {
	case <-p.done:
		return false
	default:
		return true
	}
}

// left records that a process has ended. Outside a shutdown that is a failure,
// whatever its exit code.
func (s *sandbox) left(p *process) {
	state := p.cmd.ProcessState
	p.exit = Exit{Source: p.source, Code: state.ExitCode()}
	if status, ok := state.Sys().(syscall.WaitStatus); ok && status.Signaled() {
		p.exit.Signal = status.Signal().String()
	}
	p.at = time.Now()
	s.rec.event(Event{Time: p.at, Kind: Left, Source: p.source, Code: p.exit.Code, Signal: p.exit.Signal})

	s.mu.Lock()
	defer s.mu.Unlock()
	close(p.done)
	s.unsubscribeLocked(func(b *subscriber) bool { return b.livesIn(p) })
	if s.stopping {
		if p.extension != nil {
			p.extension.state = shutdownFailed
			if p.exit.Code == 0 {
				p.extension.state = exited
			}
		}
		s.changeLocked()
		return
	}
	fault := &Fault{Type: "Extension.Crash", Message: state.String(), Source: p.source}
	if p.extension == nil {
		fault.Type, fault.Message = "Runtime.ExitError", "Runtime exited with error: "+state.String()
		if p.exit.Code == 0 {
			fault.Message = "Runtime exited without providing a reason"
		}
	}
	// The first error that was reported is the one that counts, even if
	// another process was the first to leave.
	if s.reported != nil {
		reported := *s.reported
		reported.Message = fault.Message
		fault = &reported
	}
	s.failLocked(fault)
}

// launchMessage is the cause of a failed start without the system call's name
// and path, which the user knows.
func launchMessage(err error) string {
	if errno := syscall.Errno(0); errors.As(err, &errno) {
		return errno.Error()
	}
	return err.Error()
}

// lines cuts what a process prints into lines.
type lines struct {
	source  string
	print   func(source string, line []byte)
	mu      *sync.Mutex // held while print runs, by all processes
	tell    func(line []byte)
	pending []byte
}

// Write keeps an unfinished line for the next call.
func (l *lines) Write(p []byte) (int, error) {
	n := len(p)
	for {
		line, rest, found := bytes.Cut(p, []byte("\n"))
		l.pending = append(l.pending, line...)
		if !found && len(l.pending) < maxLine {
			return n, nil
		}
		l.emit()
		p = rest
	}
}

// flush prints a last line that has no newline.
func (l *lines) flush() {
	if len(l.pending) > 0 {
		l.emit()
	}
}

func (l *lines) emit() {
	l.tell(l.pending)
	if l.print != nil {
		l.mu.Lock()
		l.print(l.source, l.pending)
		l.mu.Unlock()
	}
	l.pending = nil
}
