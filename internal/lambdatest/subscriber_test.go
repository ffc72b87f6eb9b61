package lambdatest_test

import (
	"encoding/json"
	"fmt"
	"net"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"larder/internal/lambdatest"
)

// What is delivered, and where: a listener on the common address of localhost gets
// nothing.
func TestDelivery(t *testing.T) {
	t.Parallel()
	s := newStage(t, "ext")
	sink := newSink(t)
	wrong := newSinkAt(t, "127.0.0.1:"+sink.port, func(int) int { return 200 })
	lambda, _, _, _, _ := s.listening(sink, want{})
	sink.await("platform.extension")
	lambda.Close()
	deliveries, _ := sink.all()
	for _, d := range deliveries {
		if d.method != "POST" || d.target != "/path?query=1" || d.host != "sandbox.localdomain:"+sink.port || d.ct != "application/json" {
			t.Errorf("delivered by %s of %s, Host %s, Content-Type %q", d.method, d.target, d.host, d.ct)
		}
	}
	if deliveries, _ := wrong.all(); len(deliveries) > 0 {
		t.Errorf("127.0.0.1 got %+v", deliveries)
	}
}

// Nothing is delivered to frozen processes: what an invoke leaves comes in the next.
func TestDeliveryInNextInvoke(t *testing.T) {
	t.Parallel()
	s := newStage(t, "ext")
	s.cfg.Freeze = 100 * time.Millisecond // four times as long as events wait
	sink := newSink(t)
	lambda, _, runtime, _, invocation := s.listening(sink, want{})
	done := invoke(t.Context(), lambda, "")
	sink.await("platform.start")
	if err := lambda.Freeze(); err != nil {
		t.Fatalf("Freeze: %v", err)
	}
	invocation = runtime.answers(invocation)
	receive(t, "Invoke", done)
	first, err := lambda.Wait(t.Context())
	if err != nil {
		t.Fatalf("Wait: %v", err)
	}
	invoke(t.Context(), lambda, "")
	runtime.answers(invocation)
	report := sink.await("platform.report")
	if r := report.read(t); r.RequestID != first.RequestID {
		t.Errorf("report of %s, want that of %s", r.RequestID, first.RequestID)
	}
	if thawed := s.await(lambdatest.Thawed, ""); !report.at.After(thawed.Time) {
		t.Errorf("the report was delivered at %v, want it after the thaw at %v", report.at, thawed.Time)
	}
	_, events := sink.all()
	want := []string{"initStart", "telemetrySubscription", "initRuntimeDone", "initReport", "extension", "start", "runtimeDone", "report"}
	if got := typesOf(events); !slices.Equal(got[:len(want)], want) {
		t.Errorf("events %q, want %q", got, want)
	}
}

// A delivery that is not accepted is made again, unchanged, and nothing overtakes it.
func TestDeliveryAgain(t *testing.T) {
	t.Parallel()
	s := newStage(t, "ext")
	sink := newSinkAt(t, "127.0.0.2:0", func(n int) int { return []int{500, 302, 404, 200}[min(n-1, 3)] })
	lambda, _, runtime, _, _ := s.listening(sink, want{types: `["platform","function"]`})
	runtime.print("a line\n")
	sink.await("function")
	lambda.Close()
	deliveries, events := sink.all()
	for _, d := range deliveries[1:4] {
		if d.body != deliveries[0].body {
			t.Errorf("delivered %s, and after an error %s", deliveries[0].body, d.body)
		}
	}
	if got := typesOf(events); got[0] != "initStart" || slices.Contains(got, "logsDropped") {
		t.Errorf("events %q, want all since initStart", got)
	}
}

// A listener that is not there yet gets what it missed.
func TestDeliveryRefused(t *testing.T) {
	t.Parallel()
	s := newStage(t, "clock", "ext")
	late, err := net.Listen("tcp", "127.0.0.2:0")
	if err != nil {
		t.Skipf("nothing can listen on 127.0.0.2 here: %v", err)
	}
	_, port, _ := net.SplitHostPort(late.Addr().String())
	late.Close()
	s.start()
	clock, ext := s.actor("clock"), s.actor("ext")
	clock.register()
	ext.register()
	ext.listens(&sink{port: port}, want{timeout: 25})
	// What waits longer comes when the other has been refused.
	first := newSink(t)
	clock.listens(first, want{timeout: 100})
	first.await("platform.initStart")
	second := newSinkAt(t, "127.0.0.2:"+port, func(int) int { return 200 })
	second.await("platform.initStart")
}

// What is never accepted is dropped in the end, and that is told.
func TestDeliveryDropped(t *testing.T) {
	t.Parallel()
	s := newStage(t, "ext")
	accept := make(chan struct{})
	sink := newSinkAt(t, "127.0.0.2:0", func(n int) int {
		if n == 7 {
			close(accept)
		}
		if n <= 7 {
			return 500
		}
		return 200
	})
	_, _, runtime, _, _ := s.listening(sink, want{types: `["platform","function"]`, timeout: 1000})
	receive(t, "the seventh attempt", accept)
	runtime.print("a line\n")
	r := sink.await("platform.logsDropped").read(t)
	deliveries, events := sink.all()
	var dropped []json.RawMessage
	if err := json.Unmarshal([]byte(deliveries[0].body), &dropped); err != nil {
		t.Fatal(err)
	}
	size := 0
	for _, e := range dropped {
		size += len(e)
	}
	if r.DroppedRecords != len(dropped) || r.DroppedBytes != size || r.Reason == "" {
		t.Errorf("dropped %d bytes, %d records, for %q; want %d, %d", r.DroppedBytes, r.DroppedRecords, r.Reason, size, len(dropped))
	}
	for _, e := range events {
		if e.Type == "platform.initStart" {
			t.Errorf("delivered after all: %s", e.Record)
		}
	}
}

// Who does not keep up loses what is more than twice maxBytes, and learns how much.
func TestDeliveryFallsBehind(t *testing.T) {
	t.Parallel()
	const lines, length = 700, 1000
	s := newStage(t, "ext")
	printed := make(chan struct{})
	left := lines
	s.cfg.Output = func(string, []byte) {
		if left--; left == 0 {
			close(printed)
		}
	}
	goOn := make(chan struct{})
	var once sync.Once
	t.Cleanup(func() { once.Do(func() { close(goOn) }) })
	sink := newSinkAt(t, "127.0.0.2:0", func(int) int {
		<-goOn
		return 200
	})
	_, _, runtime, _, _ := s.listening(sink, want{types: `["platform","function"]`})
	sink.tried(1)
	for i := 0; i < lines; i += 50 {
		var text strings.Builder
		for n := i; n < i+50; n++ {
			fmt.Fprintf(&text, "%0*d\n", length, n)
		}
		runtime.print(text.String())
	}
	receive(t, "the last line", printed)
	once.Do(func() { close(goOn) })
	r := sink.await("platform.logsDropped").read(t)
	deliveries, events := sink.all()
	n := 0
	for _, e := range events {
		if e.Type != "function" {
			continue
		}
		var text string
		e.into(t, &text)
		if want := fmt.Sprintf("%0*d", length, n); text != want {
			t.Fatalf("line %d = %s", n, text)
		}
		n++
	}
	if n+r.DroppedRecords != lines || n < 400 || r.DroppedBytes < r.DroppedRecords*length {
		t.Errorf("%d lines came, and %d with %d bytes were dropped, of %d", n, r.DroppedRecords, r.DroppedBytes, lines)
	}
	for _, d := range deliveries {
		if len(d.body) > 262144+1000 { // with commas
			t.Errorf("a delivery has %d bytes, want at most maxBytes", len(d.body))
		}
	}
}

// A batch goes out as soon as it is full.
func TestDeliveryOfManyItems(t *testing.T) {
	t.Parallel()
	const lines = 1200
	s := newStage(t, "ext")
	s.cfg.Output = nil
	sink := newSink(t)
	_, _, runtime, _, _ := s.listening(sink, want{types: `["function"]`, timeout: 30000})
	runtime.print(strings.Repeat("x\n", lines))
	sink.await("function")
	if _, events := sink.all(); len(events) != 1000 {
		t.Errorf("the first delivery has %d events, want maxItems, 1000", len(events))
	}
}

// What is outstanding is delivered before the extension is told of the shutdown.
func TestDeliveryAtShutdown(t *testing.T) {
	t.Parallel()
	s := newStage(t, "ext")
	sink := newSink(t)
	lambda, ext, runtime, event, invocation := s.listening(sink, want{types: `["platform","function"]`, timeout: 30000}, "SHUTDOWN")
	done := invoke(t.Context(), lambda, "")
	runtime.answers(invocation)
	receive(t, "Invoke", done)
	if deliveries, _ := sink.all(); len(deliveries) > 0 {
		t.Errorf("delivered before it was time: %+v", deliveries)
	}
	go func() {
		<-runtime.said // SIGTERM
		runtime.print("goodbye\n")
		runtime.exit(0)
	}()
	left := make(chan error, 1)
	go func() {
		_, err := lambda.Shutdown(t.Context(), "spindown")
		left <- err
	}()
	receive(t, "SHUTDOWN", event)
	_, events := sink.all()
	want := []string{"initStart", "telemetrySubscription", "initRuntimeDone", "initReport", "extension", "start", "runtimeDone", "report", "function"}
	if got := typesOf(events); !slices.Equal(got, want) {
		t.Errorf("events %q, want %q", got, want)
	}
	ext.exit(0)
	if err := receive(t, "Shutdown", left); err != nil {
		t.Errorf("Shutdown: %v", err)
	}
}

// A listener that never answers keeps nobody from leaving.
func TestDeliveryHangs(t *testing.T) {
	t.Parallel()
	s := newStage(t, "ext")
	forever := make(chan struct{})
	t.Cleanup(func() { close(forever) })
	sink := newSinkAt(t, "127.0.0.2:0", func(int) int {
		<-forever
		return 200
	})
	lambda, ext, runtime, event, _ := s.listening(sink, want{}, "SHUTDOWN")
	sink.tried(1)
	left := make(chan error, 1)
	go func() {
		_, err := lambda.Shutdown(t.Context(), "spindown")
		left <- err
	}()
	runtime.exit(0)
	receive(t, "SHUTDOWN", event)
	ext.exit(0)
	if err := receive(t, "Shutdown", left); err != nil {
		t.Errorf("Shutdown: %v", err)
	}
}

// Who has left is sent nothing, and others learn of it.
func TestDeliveryToTheDead(t *testing.T) {
	t.Parallel()
	s := newStage(t, "a", "b")
	result := s.start()
	sinks, cast := map[string]*sink{}, map[string]*actor{}
	for _, name := range []string{"a", "b"} {
		sinks[name], cast[name] = newSink(t), s.actor(name)
		cast[name].register()
		cast[name].listens(sinks[name], want{timeout: 30000})
	}
	runtime := s.actor("runtime")
	for _, a := range []*actor{runtime, cast["a"], cast["b"]} {
		a.park()
	}
	lambda := receive(t, "Start", result).lambda
	done := invoke(t.Context(), lambda, "")
	s.await(lambdatest.InvokeStart, "")
	cast["a"].exit(9)
	receive(t, "Invoke", done)
	if r := sinks["b"].await("platform.report").read(t); r.Status != "failure" || r.ErrorType != "Extension.Crash" {
		t.Errorf("report = %+v, want a failure by Extension.Crash", r)
	}
	if deliveries, _ := sinks["a"].all(); len(deliveries) > 0 {
		t.Errorf("delivered to who has left: %+v", deliveries)
	}
}
