package examples_test

import (
	"bytes"
	"context"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"larder/internal/gotest"
)

// Request lines as the example functions must send them, and the fake platform records them.
const (
	readSessionKey = "larder: GET /secretsmanager/get?secretId=demo/session-key"
	readPassword   = "larder: GET /value?ref=secretsmanager://demo/db&field=password"
	readAPIKey     = "larder: GET /systemsmanager/parameters/get?name=/demo/api-key&withDecryption=true"
	readCert       = "larder: GET /value?ref=secretsmanager://demo/cert"
	readFlags      = "larder: GET /value?ref=ssm:///demo/flags/*"

	next      = "runtime: GET /2018-06-01/runtime/invocation/next"
	response  = "runtime: POST /2018-06-01/runtime/invocation/request-1/response"
	failure   = "runtime: POST /2018-06-01/runtime/invocation/request-1/error"
	initError = "runtime: POST /2018-06-01/runtime/init/error"
)

// language is one of the examples.
type language struct {
	name string
	// probe fails where the language is missing or too old.
	probe []string
	// command returns the runtime process of the example functions, or of another module, built where it has to be.
	command func(t *testing.T, module ...string) []string
	// initErrorReported is true for a client that posts to /init/error; Lambda's Go client leaves it at the exit code.
	initErrorReported bool
	// provided is true for a program that is its own runtime, for which Lambda knows no wrapper.
	provided bool
}

func languages() []language {
	script := func(path string) func(*testing.T, ...string) []string {
		return func(t *testing.T, module ...string) []string {
			path, err := filepath.Abs(path)
			if err != nil {
				t.Fatal(err)
			}
			return append([]string{path}, module...)
		}
	}
	return []language{
		{"python", []string{"python3", "-c", ""}, script("python/bootstrap"), true, false},
		{"node", []string{"node", "-e", "fetch"}, script("node/bootstrap"), true, false},
		{"go", []string{"go", "version"}, buildGo, false, true},
	}
}

func buildGo(t *testing.T, module ...string) []string {
	path := filepath.Join(t.TempDir(), "bootstrap")
	cmd := exec.Command("go", "build", "-C", "go", "-buildvcs=false", "-o", path, "./"+strings.Join(module, "/"))
	cmd.Env = append(os.Environ(), "GOWORK=off")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("building the Go example: %v\n%s", err, out)
	}
	return []string{path}
}

// need skips the test where the language is missing.
func (l language) need(t *testing.T) {
	t.Helper()
	if out, err := exec.Command(l.probe[0], l.probe[1:]...).CombinedOutput(); err != nil {
		t.Skipf("SKIPPED: %s is missing or too old: %v\n%s", l.name, err, out)
	}
}

func TestExamples(t *testing.T) {
	gotest.DependOn(t, ".")
	for _, lang := range languages() {
		t.Run(lang.name, func(t *testing.T) {
			t.Parallel()
			lang.need(t)
			command := lang.command(t)
			t.Run("reads", func(t *testing.T) { testReads(t, command) })
			t.Run("init error", func(t *testing.T) { testInitError(t, command, lang.initErrorReported) })
			t.Run("invocation error", func(t *testing.T) { testInvocationError(t, command) })
		})
	}
}

// testReads expects the same requests in the same order, and the same bytes, of every example.
func testReads(t *testing.T, command []string) {
	p := newPlatform(t, "request-1")
	process := start(t, command, p)
	process.awaitPost(t)

	want := []string{readSessionKey, next, readPassword, readAPIKey, readCert, readFlags, response}
	if got := p.requests(); !slices.Equal(got[:min(len(got), len(want))], want) {
		t.Errorf("requests:\n%s\nwant:\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	const answer = `{"sessionKey":19,"password":15,"apiKey":16,"cert":9,"flags":["Beta","banner","checkout"]}`
	if got := p.body(response); got != answer {
		t.Errorf("response = %s, want %s", got, answer)
	}
	if output, _ := process.stop(); strings.Contains(output, "CANARY") {
		t.Error("a value is in the function's output")
	}
}

// testInitError expects a failed read at module load to end the process before it asks for an event.
func testInitError(t *testing.T, command []string, reported bool) {
	p := newPlatform(t)
	p.answer("/secretsmanager/get?secretId=demo/session-key",
		reply{status: 400, body: "an unexpected error occurred while executing request\nsecond line"})
	process := start(t, command, p)
	output, err := process.wait()
	if err == nil {
		t.Error("exit status 0, want a failure")
	}

	want, message := []string{readSessionKey}, output
	if reported {
		want = append(want, initError)
		message = errorMessage(t, p.body(initError))
	}
	if got := p.requests(); !slices.Equal(got, want) {
		t.Errorf("requests:\n%s\nwant:\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	checkMessage(t, message, "400 an unexpected error occurred while executing request")
}

// testInvocationError expects a failed read in the handler to fail that invocation, and the next one to work.
func testInvocationError(t *testing.T, command []string) {
	p := newPlatform(t, "request-1", "request-2")
	p.answer("/value?ref=secretsmanager://demo/db&field=password",
		reply{status: 403, body: `{"code":"AccessDenied"}` + "\nsecond line"})
	process := start(t, command, p)

	process.awaitPost(t)
	want := []string{readSessionKey, next, readPassword, failure}
	if got := p.requests(); !slices.Equal(got[:min(len(got), len(want))], want) {
		t.Errorf("requests:\n%s\nwant:\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	checkMessage(t, errorMessage(t, p.body(failure)), `403 {"code":"AccessDenied"}`)

	process.awaitPost(t)
	if got := p.body(strings.Replace(response, "request-1", "request-2", 1)); got == "" {
		t.Errorf("no response to the second event; requests:\n%s", strings.Join(p.requests(), "\n"))
	}
}

func errorMessage(t *testing.T, body string) string {
	t.Helper()
	var report struct{ ErrorType, ErrorMessage string }
	if err := json.Unmarshal([]byte(body), &report); err != nil || report.ErrorType == "" {
		t.Errorf("error report %q: %v, want JSON with an errorType", body, err)
	}
	return report.ErrorMessage
}

func checkMessage(t *testing.T, message, want string) {
	t.Helper()
	if !strings.Contains(message, want) || strings.Contains(message, "second line") {
		t.Errorf("message = %q, want %q and nothing of the body's second line", message, want)
	}
}

// process is a running example.
type process struct {
	platform *platform
	cancel   context.CancelFunc
	exited   chan struct{} // closed when the process is gone; guards the two below
	output   bytes.Buffer
	err      error
}

// start runs an example against p. It is gone when the test ends.
func start(t *testing.T, command []string, p *platform) *process {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	run := &process{platform: p, cancel: cancel, exited: make(chan struct{})}
	cmd := exec.CommandContext(ctx, command[0], command[1:]...)
	cmd.Env = append(os.Environ(), p.env()...)
	cmd.Stdout, cmd.Stderr = &run.output, &run.output
	cmd.WaitDelay = time.Second // a child that outlives the process must not hold the test
	if err := cmd.Start(); err != nil {
		cancel()
		t.Fatal(err)
	}
	go func() {
		defer close(run.exited)
		run.err = cmd.Wait()
	}()
	t.Cleanup(func() { run.stop() })
	return run
}

// awaitPost returns when the process has sent a response or an error.
func (run *process) awaitPost(t *testing.T) {
	t.Helper()
	select {
	case <-run.platform.posted:
	case <-run.exited:
		t.Fatalf("the process ended without an answer: %v\n%s", run.err, &run.output)
	}
}

// wait returns what the process printed, and how it ended of its own accord.
func (run *process) wait() (output string, err error) {
	<-run.exited
	return run.output.String(), run.err
}

// stop ends the process and returns what it printed.
func (run *process) stop() (output string, err error) {
	run.cancel()
	<-run.exited
	return run.output.String(), run.err
}
