//go:build soak

package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

// The extension of the soak test is extend in a process of its own: what is counted
// there are its goroutines and its memory, without those of the readers and of AWS,
// which keeps a record of all calls. It sends its figures on the file descriptor
// after the standard ones: before it begins, for each line on its standard input,
// and after its end.

// asExtension is set in the environment of that process.
const asExtension = "SOAK_EXTENSION"

// figures are what an extension has.
type figures struct {
	Goroutines int
	// Heap is the bytes that are in use after a collection.
	Heap uint64
	// Resident is the bytes resident, with all that the race detector keeps; 0
	// where there is no /proc.
	Resident uint64
}

// TestSoakExtension is the extension, where TestSoak has started it.
func TestSoakExtension(t *testing.T) {
	if os.Getenv(asExtension) == "" {
		t.Skip("TestSoak runs this as a process of its own")
	}
	answers := json.NewEncoder(os.NewFile(3, "figures"))
	if err := answers.Encode(measure()); err != nil {
		t.Fatal(err)
	}
	before := runtime.NumGoroutine() + 1 // with the one that answers
	go func() {
		for lines := bufio.NewScanner(os.Stdin); lines.Scan(); {
			_ = answers.Encode(measure()) // who asked sees that nothing comes
		}
	}()
	if err := extend(t.Context(), "/opt/extensions/larder", os.Environ(), os.Stderr); err != nil {
		t.Errorf("extend = %v, want nil after SHUTDOWN", err)
	}
	awaitGoroutines(t, before)
	if err := answers.Encode(measure()); err != nil {
		t.Error(err)
	}
}

func measure() figures {
	runtime.GC()
	runtime.GC() // what is in pools is let go by the second one
	var memory runtime.MemStats
	runtime.ReadMemStats(&memory)
	return figures{Goroutines: runtime.NumGoroutine(), Heap: memory.HeapAlloc, Resident: resident()}
}

func resident() uint64 {
	status, _ := os.ReadFile("/proc/self/status")
	for line := range strings.Lines(string(status)) {
		if fields := strings.Fields(line); len(fields) == 3 && fields[0] == "VmRSS:" {
			kb, _ := strconv.ParseUint(fields[1], 10, 64)
			return kb << 10
		}
	}
	return 0
}

// process is the extension as TestSoak sees it.
type process struct {
	command *exec.Cmd
	stdin   io.WriteCloser
	figures *json.Decoder
	log     soakLog
}

func startExtension(t *testing.T, environ []string) *process {
	t.Helper()
	p := &process{command: exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestSoakExtension$", "-test.timeout=0")}
	read, write, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer write.Close()
	t.Cleanup(func() { read.Close() })
	p.figures = json.NewDecoder(read)
	p.command.Env = append(environ, asExtension+"=1", "PATH="+os.Getenv("PATH"), "GORACE=atexit_sleep_ms=0")
	p.command.ExtraFiles = []*os.File{write}
	p.command.Stdout, p.command.Stderr = &p.log, &p.log
	if p.stdin, err = p.command.StdinPipe(); err != nil {
		t.Fatal(err)
	}
	if err := p.command.Start(); err != nil {
		t.Fatal(err)
	}
	return p
}

// measure returns the present figures of the extension.
func (p *process) measure(t *testing.T) (f figures) {
	t.Helper()
	if _, err := fmt.Fprintln(p.stdin); err != nil {
		t.Errorf("asking the extension for its figures: %v", err)
		return f
	}
	return p.next(t)
}

// next returns the figures that come next.
func (p *process) next(t *testing.T) (f figures) {
	t.Helper()
	if err := p.figures.Decode(&f); err != nil {
		t.Errorf("the extension sends no figures: %v", err)
	}
	return f
}

// patienceAtEnd is far more than the second within which the extension should
// leave: what takes longer is told apart from what hangs.
const patienceAtEnd = 20 * time.Second

// exit waits until the extension has left.
func (p *process) exit() error {
	timer := time.AfterFunc(patienceAtEnd, func() { _ = p.command.Process.Kill() })
	defer timer.Stop()
	return p.command.Wait()
}

// soakLog is what the extension has printed: how often each message came, and the
// end of it.
type soakLog struct {
	mu       sync.Mutex
	rest     string // the begin of a line
	messages map[string]int
	tail     []string
	leak     string // a line with a value in it, without that
}

// Write takes whatever comes.
func (l *soakLog) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.messages == nil {
		l.messages = make(map[string]int)
	}
	text := l.rest + string(b)
	for {
		line, after, complete := strings.Cut(text, "\n")
		if !complete {
			l.rest = text
			return len(b), nil
		}
		text = after
		if before, _, found := strings.Cut(line, marker); found {
			l.leak = before
		}
		if _, message, found := strings.Cut(line, " msg="); found {
			l.messages[messageOf(message)]++
		}
		l.tail = append(l.tail[max(0, len(l.tail)-40):], line)
	}
}

// end returns the last lines.
func (l *soakLog) end() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return strings.Join(l.tail, "\n")
}

// messageOf cuts the message from the attributes that follow it.
func messageOf(text string) string {
	if quoted, err := strconv.QuotedPrefix(text); err == nil {
		message, _ := strconv.Unquote(quoted)
		return message
	}
	message, _, _ := strings.Cut(text, " ")
	return message
}
