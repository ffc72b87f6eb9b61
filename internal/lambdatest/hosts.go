package lambdatest

import (
	"fmt"
	"net"
	"os"
	goruntime "runtime"
	"slices"
	"strings"
)

// TelemetryHost is where telemetry is delivered: what sandbox.localdomain stands
// for. It is not the address on which local servers commonly listen, so that one
// which takes telemetry on the wrong address receives nothing. Linux has all of
// 127/8; macOS needs `ifconfig lo0 alias 127.0.0.2`.
const TelemetryHost = "127.0.0.2"

// telemetryName is what an extension calls the address of its own listener, and
// telemetryEntry the line of /etc/hosts for it. Lambda takes the short name, too.
const (
	telemetryName  = "sandbox.localdomain"
	telemetryEntry = TelemetryHost + " " + telemetryName + " sandbox"
)

const hostsFile = "/etc/hosts"

// CanResolve reports why the processes of a Lambda cannot resolve
// sandbox.localdomain to TelemetryHost, as they can on the platform. It is nil
// where /etc/hosts has the name already, and on Linux as root: there a Lambda gives
// its processes a /etc/hosts of their own. Elsewhere they are started without, and
// a listener has to know the address.
func CanResolve() error {
	hosts, err := os.ReadFile(hostsFile)
	if err == nil && resolves(hosts) {
		return nil
	}
	t := newStarter(func(f func()) { go f() }, nil)
	t.end()
	if t.err != nil {
		return fmt.Errorf("processes cannot resolve %s: run as root on Linux, or add the line %q to %s: %w",
			telemetryName, telemetryEntry, hostsFile, t.err)
	}
	return nil
}

// A starter is a thread whose children see another /etc/hosts than this process
// and the machine. Children inherit what the thread that starts them sees, so
// that no program has to stand before theirs.
type starter struct {
	work chan func()
	quit chan struct{}
	err  error // why there is no such thread
}

// newStarter returns when the thread is prepared, and has it end with done or
// with end; spawn runs its goroutine. Where there is none, or none is needed, the
// caller's thread does.
func newStarter(spawn func(func()), done <-chan struct{}) *starter {
	t := &starter{work: make(chan func()), quit: make(chan struct{})}
	hosts, err := os.ReadFile(hostsFile)
	if err != nil || resolves(hosts) {
		t.work, t.err = nil, err
		return t
	}
	ready := make(chan error)
	spawn(func() { onThread(func() { t.run(hosts, ready, done) }) })
	if t.err = <-ready; t.err != nil {
		t.work = nil
	}
	return t
}

// run is the life of the thread.
func (t *starter) run(hosts []byte, ready chan<- error, done <-chan struct{}) {
	err := seeHosts(withName(hosts))
	ready <- err
	for err == nil {
		select {
		case f := <-t.work:
			f()
		case <-t.quit:
			return
		case <-done:
			return
		}
	}
}

// do runs f on the thread. It fails with ErrClosed if the thread has ended by
// done.
func (t *starter) do(done <-chan struct{}, f func() error) error {
	if t.work == nil {
		return f()
	}
	result := make(chan error, 1)
	select {
	case t.work <- func() { result <- f() }:
		return <-result
	case <-done:
		return ErrClosed
	}
}

// end ends the thread. Nothing is started afterwards.
func (t *starter) end() { close(t.quit) }

// onThread runs f on a thread that ends with it: what f does to the thread must
// reach no other goroutine. The first thread of a process never ends, and is the
// one that the system shows as the process.
func onThread(f func()) {
	goruntime.LockOSThread()
	if !isFirstThread() {
		f()
		return // still locked, which ends the thread
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		onThread(f) // elsewhere, as this thread is not free
	}()
	<-done
	goruntime.UnlockOSThread()
}

// resolves reports whether a hosts file has the name, and no other address for it.
func resolves(hosts []byte) bool {
	found := false
	for line := range strings.Lines(string(hosts)) {
		if fields := hostsFields(line); namesTelemetry(fields) {
			if !net.ParseIP(fields[0]).Equal(net.ParseIP(TelemetryHost)) {
				return false
			}
			found = true
		}
	}
	return found
}

// withName returns a hosts file with the name in it, and with all that the other
// one has for other names.
func withName(hosts []byte) []byte {
	var b strings.Builder
	b.WriteString(telemetryEntry + "\n")
	for line := range strings.Lines(string(hosts)) {
		if !namesTelemetry(hostsFields(line)) {
			b.WriteString(line)
		}
	}
	return []byte(b.String())
}

// hostsFields returns the address and the names of a line; none of a comment.
func hostsFields(line string) []string {
	line, _, _ = strings.Cut(line, "#")
	return strings.Fields(line)
}

func namesTelemetry(fields []string) bool {
	return len(fields) > 1 && slices.Contains(fields[1:], telemetryName)
}
