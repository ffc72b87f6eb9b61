package lambdatest_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"larder/internal/lambdatest"
)

// A sink takes deliveries of telemetry, as a listener of an extension does.
type sink struct {
	t       *testing.T
	port    string
	answers func(n int) int // the status of the nth delivery; it may block

	changed    *sync.Cond
	deliveries []delivery
	events     []told
	seen       map[string]int // events that await has passed, by type
	timedOut   bool
}

// A delivery is one request to a sink.
type delivery struct {
	at                       time.Time
	method, target, host, ct string
	body                     string
}

// told is one event of telemetry that a sink accepted.
type told struct {
	Time   string
	Type   string
	Record json.RawMessage
	at     time.Time // of its delivery
}

// into reads the record.
func (e told) into(t *testing.T, record any) {
	t.Helper()
	if err := json.Unmarshal(e.Record, record); err != nil {
		t.Fatalf("record of %s: %v", e.Type, err)
	}
}

// newSink returns a sink that accepts all.
func newSink(t *testing.T) *sink {
	t.Helper()
	return newSinkAt(t, "127.0.0.2:0", func(int) int { return 200 })
}

func newSinkAt(t *testing.T, addr string, answers func(n int) int) *sink {
	t.Helper()
	listener, err := net.Listen("tcp", addr)
	if err != nil {
		t.Skipf("nothing can listen on %s here: %v", addr, err)
	}
	_, port, _ := net.SplitHostPort(listener.Addr().String())
	s := &sink{t: t, port: port, answers: answers, changed: sync.NewCond(new(sync.Mutex)), seen: map[string]int{}}
	server := &http.Server{Handler: s}
	giveUp := time.AfterFunc(patience, func() {
		s.changed.L.Lock()
		defer s.changed.L.Unlock()
		s.timedOut = true
		s.changed.Broadcast()
	})
	go server.Serve(listener)
	t.Cleanup(func() {
		giveUp.Stop()
		server.Close()
	})
	return s
}

func (s *sink) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return
	}
	s.changed.L.Lock()
	d := delivery{time.Now(), r.Method, r.URL.RequestURI(), r.Host, r.Header.Get("Content-Type"), string(body)}
	s.deliveries = append(s.deliveries, d)
	n := len(s.deliveries)
	s.changed.Broadcast()
	s.changed.L.Unlock()
	status := s.answers(n)
	s.changed.L.Lock()
	defer s.changed.L.Unlock()
	if status == 200 {
		var events []told
		if err := json.Unmarshal(body, &events); err != nil || len(events) == 0 {
			s.t.Errorf("delivery %q is no array of events: %v", body, err)
		}
		for _, e := range events {
			e.at = d.at
			s.events = append(s.events, e)
		}
		s.changed.Broadcast()
	}
	w.WriteHeader(status)
}

// await waits for an event of that type, after those of it that earlier calls
// returned.
func (s *sink) await(kind string) told {
	s.t.Helper()
	s.changed.L.Lock()
	defer s.changed.L.Unlock()
	for {
		for n := s.seen[kind]; n < len(s.events); n++ {
			if e := s.events[n]; e.Type == kind {
				s.seen[kind] = n + 1
				return e
			}
		}
		if s.timedOut {
			s.t.Fatalf("no event %s was delivered; events: %q", kind, typesOf(s.events))
		}
		s.changed.Wait()
	}
}

// tried waits until there were n deliveries, accepted or not.
func (s *sink) tried(n int) {
	s.t.Helper()
	s.changed.L.Lock()
	defer s.changed.L.Unlock()
	for len(s.deliveries) < n {
		if s.timedOut {
			s.t.Fatalf("there were %d deliveries, want %d", len(s.deliveries), n)
		}
		s.changed.Wait()
	}
}

// all returns what has come so far.
func (s *sink) all() ([]delivery, []told) {
	s.changed.L.Lock()
	defer s.changed.L.Unlock()
	return slices.Clone(s.deliveries), slices.Clone(s.events)
}

// typesOf returns the types of events, platform's without the prefix.
func typesOf(events []told) []string {
	var list []string
	for _, e := range events {
		list = append(list, strings.TrimPrefix(e.Type, "platform."))
	}
	return list
}

// want is a subscription's body. Empty fields are those of a good one.
type want struct {
	schema, types string // types are JSON
	timeout       int
}

// subscription renders a subscription to a sink.
func (s *sink) subscription(w want) string {
	if w.schema == "" {
		w.schema = "2025-01-29"
	}
	if w.types == "" {
		w.types = `["platform"]`
	}
	if w.timeout == 0 {
		w.timeout = 25
	}
	return fmt.Sprintf(`{"schemaVersion":%q,"types":%s,"buffering":{"maxItems":1000,"maxBytes":262144,"timeoutMs":%d},
		"destination":{"protocol":"HTTP","URI":"http://sandbox.localdomain:%s/path?query=1"}}`, w.schema, w.types, w.timeout, s.port)
}

// subscribe asks the Telemetry API.
func (a *actor) subscribe(body string) answer {
	return a.do("PUT", "/2022-07-01/telemetry", body, "Lambda-Extension-Identifier", a.id)
}

// listens subscribes an extension with a sink, which must succeed.
func (a *actor) listens(s *sink, w want) {
	a.t.Helper()
	if got := a.subscribe(s.subscription(w)); got.status != 200 || got.body != `"OK"` {
		a.t.Fatalf("subscription = %d %s (%v), want 200 \"OK\"", got.status, got.body, got.err)
	}
}

// listening plays an init in which extension ext subscribes to telemetry.
func (s *stage) listening(sink *sink, w want, events ...string) (lambda *lambdatest.Lambda, ext, runtime *actor, event, invocation <-chan answer) {
	s.t.Helper()
	result := s.start()
	ext = s.actor("ext")
	ext.register(events...)
	ext.listens(sink, w)
	runtime = s.actor("runtime")
	invocation = runtime.park()
	s.await(lambdatest.Next, "runtime")
	event = ext.park()
	got := receive(s.t, "Start", result)
	if got.err != nil {
		s.t.Fatalf("Start: %v", got.err)
	}
	return got.lambda, ext, runtime, event, invocation
}
