package lambdatest_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"larder/internal/lambdatest"
)

// The processes of these tests are this test binary once more. They do nothing
// by themselves: each connects to the test's stage, says who it is, and does
// what it is told. The test itself makes the requests in their names.
const stageVariable = "LAMBDATEST_STAGE"

// patience bounds every wait of a test; it is only ever used up by a failure.
const patience = time.Minute

func TestMain(m *testing.M) {
	if addr := os.Getenv(stageVariable); addr != "" {
		act(addr)
	}
	os.Exit(m.Run())
}

// A script is what a process says of itself when it starts.
type script struct {
	PID  int
	Args []string
	Env  []string
	Dir  string
}

// act is the life of a process. It never returns.
func act(addr string) {
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		os.Exit(111)
	}
	terminated := make(chan os.Signal, 1)
	signal.Notify(terminated, syscall.SIGTERM)
	dir, _ := os.Getwd()
	json.NewEncoder(conn).Encode(script{os.Getpid(), os.Args, os.Environ(), dir})
	go func() {
		<-terminated
		fmt.Fprintln(conn, "SIGTERM")
	}()
	orders := bufio.NewScanner(conn)
	for orders.Scan() {
		verb, rest, _ := strings.Cut(orders.Text(), " ")
		switch verb {
		case "exit":
			code, _ := strconv.Atoi(rest)
			syscall.Exit(code) // os.Exit takes a second with the race detector
		case "print":
			text, _ := strconv.Unquote(rest)
			os.Stdout.WriteString(text)
		case "lookup":
			addresses, err := net.LookupHost(rest)
			fmt.Fprintln(conn, addresses, err)
		}
	}
	os.Exit(112) // the test has gone
}

// A stage is where the processes of one test meet.
type stage struct {
	t        *testing.T
	cfg      lambdatest.Config
	listener net.Listener
	changed  *sync.Cond
	arrived  []*actor
	events   []lambdatest.Event
	seen     int // events that await has passed
	timedOut bool
	cancel   context.CancelFunc // of the context that start passed
	lines    chan string        // "source: text" of what processes print
}

// An actor is one process, and the test's way to speak for it.
type actor struct {
	script
	t    *testing.T
	name string
	conn net.Conn
	said chan string // what it says later; closed when it has gone
	api  string
	id   string // of the extension, once registered
}

// newStage returns a stage whose layer has extensions of these names.
func newStage(t *testing.T, extensions ...string) *stage {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	opt := t.TempDir()
	if err := os.Mkdir(filepath.Join(opt, "extensions"), 0o755); err != nil {
		t.Fatal(err)
	}
	for _, name := range extensions {
		if err := os.Symlink(self, filepath.Join(opt, "extensions", name)); err != nil {
			t.Fatal(err)
		}
	}
	s := &stage{t: t, listener: listener, changed: sync.NewCond(new(sync.Mutex)), lines: make(chan string, 10)}
	s.cfg = lambdatest.Config{
		Opt:     opt,
		Runtime: []string{self, "runtime"},
		Env:     []string{stageVariable + "=" + listener.Addr().String()},
		Timeout: patience, InitTimeout: patience, RestoreTimeout: patience,
		Output: func(source string, line []byte) { s.lines <- source + ": " + string(line) },
		Observe: func(e lambdatest.Event) {
			s.changed.L.Lock()
			defer s.changed.L.Unlock()
			s.events = append(s.events, e)
			s.changed.Broadcast()
		},
	}
	giveUp := time.AfterFunc(patience, func() {
		s.changed.L.Lock()
		defer s.changed.L.Unlock()
		s.timedOut = true
		s.changed.Broadcast()
	})
	t.Cleanup(func() {
		giveUp.Stop()
		listener.Close()
	})
	go s.receive()
	return s
}

func (s *stage) receive() {
	for {
		conn, err := s.listener.Accept()
		if err != nil {
			return
		}
		lines := bufio.NewScanner(conn)
		lines.Buffer(nil, 1<<20)
		a := &actor{t: s.t, conn: conn, said: make(chan string, 10)}
		if !lines.Scan() || json.Unmarshal(lines.Bytes(), &a.script) != nil {
			continue
		}
		a.name = filepath.Base(a.Args[0])
		if len(a.Args) > 1 {
			a.name = "runtime"
		}
		a.api = a.variable("AWS_LAMBDA_RUNTIME_API")
		go func() {
			for lines.Scan() {
				a.said <- lines.Text()
			}
			close(a.said)
		}()
		s.changed.L.Lock()
		s.arrived = append(s.arrived, a)
		s.changed.Broadcast()
		s.changed.L.Unlock()
	}
}

// actor waits for the next process of that name to start.
func (s *stage) actor(name string) *actor {
	s.t.Helper()
	s.changed.L.Lock()
	defer s.changed.L.Unlock()
	for {
		i := slices.IndexFunc(s.arrived, func(a *actor) bool { return a.name == name })
		if i >= 0 {
			a := s.arrived[i]
			s.arrived = slices.Delete(s.arrived, i, i+1)
			return a
		}
		if s.timedOut {
			s.t.Fatalf("%s was not started; events: %v", name, s.events)
		}
		s.changed.Wait()
	}
}

// await waits for an event of that kind and source, after those that earlier
// calls returned.
func (s *stage) await(kind lambdatest.Kind, source string) lambdatest.Event {
	s.t.Helper()
	s.changed.L.Lock()
	defer s.changed.L.Unlock()
	for {
		for ; s.seen < len(s.events); s.seen++ {
			if e := s.events[s.seen]; e.Kind == kind && e.Source == source {
				s.seen++
				return e
			}
		}
		if s.timedOut {
			s.t.Fatalf("no event %q of %q; events: %v", kind, source, s.events)
		}
		s.changed.Wait()
	}
}

// started is what Start returned.
type started struct {
	lambda *lambdatest.Lambda
	err    error
}

// start calls Start and leaves it to the caller to play the processes.
func (s *stage) start() <-chan started {
	result := make(chan started, 1)
	done := make(chan struct{})
	ctx, cancel := context.WithCancel(context.Background())
	s.cancel = cancel
	go func() {
		defer close(done)
		l, err := lambdatest.Start(ctx, s.cfg)
		if l != nil {
			s.t.Cleanup(l.Close)
		}
		result <- started{l, err}
	}()
	s.t.Cleanup(func() {
		cancel()
		<-done
	})
	return result
}

// ready starts a function whose extensions subscribe to the events given, and
// returns when init is done and everybody is parked.
func (s *stage) ready(events ...string) (*lambdatest.Lambda, map[string]*actor) {
	s.t.Helper()
	result := s.start()
	cast := s.playInit(events...)
	got := <-result
	if got.err != nil {
		s.t.Fatalf("Start: %v", got.err)
	}
	return got.lambda, cast
}

// playInit plays an init in which all goes well.
func (s *stage) playInit(events ...string) map[string]*actor {
	s.t.Helper()
	cast := map[string]*actor{}
	files, err := os.ReadDir(filepath.Join(s.cfg.Opt, "extensions"))
	if err != nil {
		s.t.Fatal(err)
	}
	for _, file := range files {
		a := s.actor(file.Name())
		a.register(events...)
		cast[a.name] = a
	}
	cast["runtime"] = s.actor("runtime")
	for _, a := range cast {
		a.park()
	}
	return cast
}

// shutdown shuts the function down and has all processes exit as soon as that
// has begun. It returns how they left, without the time.
func (s *stage) shutdown(l *lambdatest.Lambda, cast map[string]*actor) []lambdatest.Exit {
	s.t.Helper()
	done := make(chan []lambdatest.Exit, 1)
	go func() {
		exits, err := l.Shutdown(s.t.Context(), "spindown")
		if err != nil {
			s.t.Errorf("Shutdown: %v", err)
		}
		for i := range exits {
			exits[i].After = 0
		}
		done <- exits
	}()
	s.await(lambdatest.Stop, "")
	for _, a := range cast {
		a.exit(0)
	}
	return receive(s.t, "Shutdown", done)
}

func (a *actor) variable(name string) string {
	for _, nameValue := range a.Env {
		if value, ok := strings.CutPrefix(nameValue, name+"="); ok {
			return value
		}
	}
	return ""
}

func (a *actor) exit(code int)     { fmt.Fprintln(a.conn, "exit", code) }
func (a *actor) print(text string) { fmt.Fprintln(a.conn, "print", strconv.Quote(text)) }

// gone waits until the process has ended and been reaped.
func (a *actor) gone() {
	a.t.Helper()
	for range a.said {
	}
	if err := syscall.Kill(a.PID, 0); err == nil {
		a.t.Errorf("%s, process %d, is still there", a.name, a.PID)
	}
}

// An answer is a response that was read to its end.
type answer struct {
	status int
	header http.Header
	body   string
	err    error
}

// do makes one request; headers are name and value by turns.
func (a *actor) do(method, path, body string, headers ...string) answer {
	request, err := http.NewRequest(method, "http://"+a.api+path, strings.NewReader(body))
	if err != nil {
		return answer{err: err}
	}
	for i := 0; i < len(headers); i += 2 {
		request.Header.Set(headers[i], headers[i+1])
	}
	client := http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	response, err := client.Do(request)
	if err != nil {
		return answer{err: err}
	}
	defer response.Body.Close()
	content, err := io.ReadAll(response.Body)
	return answer{response.StatusCode, response.Header, string(content), err}
}

// register registers an extension and keeps its identifier.
func (a *actor) register(events ...string) answer {
	a.t.Helper()
	body, _ := json.Marshal(map[string]any{"events": events})
	got := a.do("POST", "/2020-01-01/extension/register", string(body), "Lambda-Extension-Name", a.name)
	if got.status != 200 {
		a.t.Fatalf("register of %s: status %d, %s, %v", a.name, got.status, got.body, got.err)
	}
	a.id = got.header.Get("Lambda-Extension-Identifier")
	return got
}

// park calls next in the background.
func (a *actor) park() <-chan answer {
	parked := make(chan answer, 1)
	go func() { parked <- a.next() }()
	return parked
}

// next calls event/next or invocation/next.
func (a *actor) next() answer {
	if a.name == "runtime" {
		return a.do("GET", "/2018-06-01/runtime/invocation/next", "")
	}
	return a.do("GET", "/2020-01-01/extension/event/next", "", "Lambda-Extension-Identifier", a.id)
}

// fail reports to init/error or exit/error.
func (a *actor) fail(phase, errorType, message string) answer {
	body, _ := json.Marshal(map[string]any{"errorMessage": message, "errorType": errorType, "stackTrace": []string{}})
	return a.do("POST", "/2020-01-01/extension/"+phase+"/error", string(body),
		"Lambda-Extension-Identifier", a.id, "Lambda-Extension-Function-Error-Type", errorType)
}

// respond posts the response to a request.
func (a *actor) respond(id, payload string, headers ...string) answer {
	return a.do("POST", "/2018-06-01/runtime/invocation/"+id+"/response", payload, headers...)
}

// platformError checks an error answer of the platform.
func platformError(t *testing.T, what string, got answer, status int, errorType, message string) {
	t.Helper()
	want := new(bytes.Buffer)
	json.NewEncoder(want).Encode(struct {
		M string `json:"errorMessage"`
		T string `json:"errorType"`
	}{message, errorType})
	if got.status != status || got.body != want.String() {
		t.Errorf("%s = %d %q (%v), want %d %q", what, got.status, got.body, got.err, status, want)
	}
	if ct := got.header.Get("Content-Type"); ct != "application/json" {
		t.Errorf("%s: Content-Type = %q, want application/json", what, ct)
	}
}

// receive returns what comes from c, or fails the test when nothing does.
func receive[T any](t *testing.T, what string, c <-chan T) T {
	t.Helper()
	select {
	case v := <-c:
		return v
	case <-time.After(patience):
		t.Fatalf("%s: nothing came", what)
		panic("unreachable")
	}
}

// names returns the names of variables, sorted.
func names(env []string) []string {
	set := map[string]bool{}
	for _, nameValue := range env {
		name, _, _ := strings.Cut(nameValue, "=")
		set[name] = true
	}
	return slices.Sorted(maps.Keys(set))
}
