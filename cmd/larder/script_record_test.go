package main_test

import (
	"context"
	"errors"
	"fmt"
	"net/http/httptest"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"larder/internal/awstest"
	"larder/internal/lambdatest"
)

// record runs init only, and writes to the file record, in their order, what the
// extension asked of Lambda, what the processes printed, and how they left. AWS
// answers when the reader has asked for its first secret, and not before.
func (b *bench) record(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 0 {
		ts.Fatalf("usage: record")
	}
	var found chronicle
	l, err := lambdatest.Start(context.Background(), b.recorded(ts, &found))
	if l == nil {
		ts.Fatalf("starting: %v", err)
	}
	l.Close()
	if failed := (*lambdatest.InitError)(nil); errors.As(err, &failed) {
		found.add(time.Now(), fmt.Sprintf("init failed with %s, reported %s", failed.Type, failed.ReportedType))
	}
	for _, r := range l.Requests() {
		found.add(r.Time, strings.TrimSpace(r.Extension+" "+r.Method+" "+r.Path))
	}
	ts.Check(os.WriteFile(ts.MkAbs("record"), []byte(found.String()), 0o644))
	if _, form := leak(ts); form != "" {
		ts.Fatalf("a secret's value is in the record, as: %s", form)
	}
}

// recorded is the function of record.
func (b *bench) recorded(ts *testscript.TestScript, found *chronicle) lambdatest.Config {
	port, err := b.freePort()
	ts.Check(err)
	command, err := exec.LookPath("reader")
	ts.Check(err)
	s := standIn(ts)
	server := httptest.NewServer(s)
	ts.Defer(server.Close)
	reading := make(chan struct{})
	ts.Check(s.AddFault(awstest.Fault{
		Before: func(ctx context.Context) {
			select {
			case <-reading:
			case <-ctx.Done():
			}
		},
		Delay: 300 * time.Millisecond, // on the request's way to larder
	}))
	env := append(variablesFor(s, server.URL),
		"PARAMETERS_SECRETS_EXTENSION_HTTP_PORT="+port, "READER_INIT="+events(ts, "init")[0], noRaceSleep)
	for line := range strings.Lines(ts.ReadFile("env")) {
		env = append(env, strings.TrimSuffix(line, "\n"))
	}
	return lambdatest.Config{
		Opt: ts.Getenv("LAYER"), Runtime: []string{command}, Env: env,
		Output: func(source string, line []byte) {
			if string(line) == beginsToRead {
				close(reading)
			}
			found.add(time.Now(), source+" | "+string(line))
		},
		Observe: func(e lambdatest.Event) {
			switch e.Kind {
			case lambdatest.Next:
				found.add(e.Time, e.Source+" next")
			case lambdatest.Left:
				found.add(e.Time, fmt.Sprintf("%s left with %d", e.Source, e.Code))
			}
		},
	}
}

// chronicle is lines with their times.
type chronicle struct {
	mu    sync.Mutex
	lines []chronicleLine
}

type chronicleLine struct {
	at   time.Time
	text string
}

func (c *chronicle) add(at time.Time, text string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.lines = append(c.lines, chronicleLine{at, text})
}

// String returns the lines in the order of their times.
func (c *chronicle) String() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	slices.SortStableFunc(c.lines, func(a, b chronicleLine) int { return a.at.Compare(b.at) })
	var b strings.Builder
	for _, line := range c.lines {
		b.WriteString(line.text + "\n")
	}
	return b.String()
}
