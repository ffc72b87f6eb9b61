package extension_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"larder/extension"
)

// receiver is a TelemetryReceiver on loopback, with what it took.
type receiver struct {
	*extension.TelemetryReceiver
	t    *testing.T
	addr string
	path string

	mu     sync.Mutex
	events []extension.PlatformEvent
}

func receive(t *testing.T) *receiver {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	r := &receiver{t: t, addr: listener.Addr().String()}
	r.TelemetryReceiver = extension.ReceiveTelemetry(listener, func(e extension.PlatformEvent) {
		r.mu.Lock()
		defer r.mu.Unlock()
		r.events = append(r.events, e)
	})
	uri, err := url.Parse(r.URI())
	if err != nil {
		t.Fatal(err)
	}
	r.path = uri.Path
	t.Cleanup(func() { r.Close(t.Context()) })
	return r
}

// deliver sends a body as Lambda does and returns the status of the answer.
func (r *receiver) deliver(method, path string, body io.Reader) int {
	r.t.Helper()
	req, err := http.NewRequest(method, "http://"+r.addr+path, body)
	if err != nil {
		r.t.Fatal(err)
	}
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	resp, err := client.Do(req)
	if err != nil {
		r.t.Fatal(err)
	}
	resp.Body.Close()
	return resp.StatusCode
}

func (r *receiver) took() []extension.PlatformEvent {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.events)
}

// TestDelivery checks what is made of a delivery, also of one that Lambda never
// sends.
func TestDelivery(t *testing.T) {
	t.Parallel()
	const report = `{"time":"2026-10-12T00:00:00.123Z","type":"platform.report","record":{"requestId":"r-1","status":"success",` +
		`"metrics":{"durationMs":12.5,"billedDurationMs":13,"memorySizeMB":128},"spans":[{"name":"extensionOverhead","start":"2026-10-12T00:00:00Z","durationMs":2.5}]}}`
	known := extension.PlatformEvent{
		Time: time.Date(2026, 10, 12, 0, 0, 0, 123e6, time.UTC), Type: "platform.report", RequestID: "r-1",
		Duration: 12500 * time.Microsecond, Spans: map[string]time.Duration{"extensionOverhead": 2500 * time.Microsecond},
	}
	item := func(record string) string {
		return `{"time":"2026-10-12T00:00:00.123Z","type":"platform.report","record":` + record + `}`
	}
	bare := extension.PlatformEvent{Time: known.Time, Type: known.Type}
	span := `{"name":"x","durationMs":1},`
	tests := []struct {
		name, body string
		status     int
		want       []extension.PlatformEvent
	}{
		{"one event", "[" + report + "]", 200, []extension.PlatformEvent{known}},
		{"two", "[" + report + ",\n" + report + "]", 200, []extension.PlatformEvent{known, known}},
		{"none", "[]", 200, nil},
		{"unknown keys", "[" + item(`{"tenantId":"t","more":{"a":[1]}}`) + "]", 200, []extension.PlatformEvent{bare}},
		{"a log line, which was not asked for", `[{"time":"2026-10-12T00:00:00.123Z","type":"function","record":"text"},` + report + "]", 200, []extension.PlatformEvent{known}},
		{"negative", "[" + item(`{"metrics":{"durationMs":-1}}`) + "]", 200, nil},
		{"endless", "[" + item(`{"metrics":{"durationMs":1e300}}`) + "]", 200, nil},
		{"no number", "[" + item(`{"metrics":{"durationMs":"1"}}`) + "," + report + "]", 200, []extension.PlatformEvent{known}},
		{"a span that ends before it begins", "[" + item(`{"spans":[{"name":"x","durationMs":-1}]}`) + "]", 200, nil},
		{"sixteen spans", "[" + item(`{"spans":[`+strings.Repeat(span, 15)+`{"name":"x","durationMs":1}]}`) + "]", 200,
			[]extension.PlatformEvent{{Time: known.Time, Type: known.Type, Spans: map[string]time.Duration{"x": time.Millisecond}}}},
		{"seventeen", "[" + item(`{"spans":[`+strings.Repeat(span, 16)+`{"name":"x","durationMs":1}]}`) + "]", 200, nil},
		{"the longest request id", "[" + item(`{"requestId":"`+strings.Repeat("r", 64)+`"}`) + "]", 200,
			[]extension.PlatformEvent{{Time: known.Time, Type: known.Type, RequestID: strings.Repeat("r", 64)}}},
		{"a long request id", "[" + item(`{"requestId":"`+strings.Repeat("r", 65)+`"}`) + "]", 200, nil},
		{"no time", `[{"type":"platform.report","record":{}}]`, 200, nil},
		{"items that are no events", `[1,"x",null,[],` + report + `]`, 200, []extension.PlatformEvent{known}},
		{"no array", report, 400, nil},
		{"cut", "[" + report, 400, nil},
		{"not JSON", "x", 400, nil},
		{"empty", "", 400, nil},
		{"deep", strings.Repeat("[", 100_000), 400, nil},
		{"oversized", "[" + report + strings.Repeat(" ", 1<<20) + "]", 413, nil},
	}
	for _, tt := range tests {
		r := receive(t)
		if got := r.deliver(http.MethodPost, r.path, strings.NewReader(tt.body)); got != tt.status {
			t.Errorf("%s: status %d, want %d", tt.name, got, tt.status)
		}
		if got := r.took(); !reflect.DeepEqual(got, tt.want) {
			t.Errorf("%s: the events are %+v, want %+v", tt.name, got, tt.want)
		}
	}
}

// TestForgedDelivery checks that who does not know the path delivers nothing.
func TestForgedDelivery(t *testing.T) {
	t.Parallel()
	const body = `[{"time":"2026-10-12T00:00:00.123Z","type":"platform.start","record":{"requestId":"x"}}]`
	r, other := receive(t), receive(t)
	tests := []struct {
		method, path string
		status       int
	}{
		{"POST", "/", 404}, {"POST", "/telemetry", 404}, {"POST", other.path, 404}, {"POST", r.path + "/", 404}, {"POST", strings.ToLower(r.path), 404},
		{"GET", r.path, 405}, {"PUT", r.path, 405}, {"GET", "/", 404},
	}
	for _, tt := range tests {
		if got := r.deliver(tt.method, tt.path, strings.NewReader(body)); got != tt.status {
			t.Errorf("%s %s: status %d, want %d", tt.method, tt.path, got, tt.status)
		}
	}
	if got := r.took(); len(got) > 0 {
		t.Errorf("forged events were taken: %+v", got)
	}
	if len(r.path) < 20 {
		t.Errorf("the path %q can be guessed", r.path)
	}
}

// TestFlood delivers ten thousand events while nobody takes them, and then somebody
// does: all are there, those of a delivery in their order.
func TestFlood(t *testing.T) {
	t.Parallel()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	reached, busy, taken := make(chan struct{}), make(chan struct{}), make(map[string][]int)
	first := sync.OnceFunc(func() { close(reached) })
	l := extension.ReceiveTelemetry(listener, func(e extension.PlatformEvent) {
		first()
		<-busy
		sender, number, _ := strings.Cut(e.RequestID, "-")
		n, _ := strconv.Atoi(number)
		taken[sender] = append(taken[sender], n)
	})
	r := &receiver{t: t, addr: listener.Addr().String()}
	uri, _ := url.Parse(l.URI())
	const senders, each = 10, 1000
	var sending sync.WaitGroup
	for sender := range senders {
		var body strings.Builder
		for n := range each {
			fmt.Fprintf(&body, `%c{"time":"2026-10-12T00:00:00Z","type":"platform.start","record":{"requestId":"%d-%d"}}`, "[,"[min(n, 1)], sender, n)
		}
		body.WriteString("]")
		sending.Go(func() {
			if got := r.deliver(http.MethodPost, uri.Path, strings.NewReader(body.String())); got != http.StatusOK {
				t.Errorf("status %d, want 200", got)
			}
		})
	}
	<-reached
	close(busy)
	sending.Wait()
	l.Close(t.Context())
	for sender := range senders {
		got := taken[strconv.Itoa(sender)]
		if len(got) != each || !slices.IsSorted(got) {
			t.Errorf("of sender %d %d events were taken, in order: %t; want %d", sender, len(got), slices.IsSorted(got), each)
		}
	}
}

func FuzzDelivery(f *testing.F) {
	f.Add([]byte(`[{"time":"2026-10-12T00:00:00.123Z","type":"platform.report","record":{"requestId":"r","metrics":{"durationMs":1},"spans":[{"name":"x","durationMs":2}]}}]`))
	f.Add([]byte(`[null,{}]`))
	f.Fuzz(func(t *testing.T, body []byte) {
		events, err := extension.ParsePlatformEvents(body)
		if err != nil && json.Valid(body) && bytes.HasPrefix(bytes.TrimSpace(body), []byte("[")) {
			t.Errorf("an array is refused: %v", err)
		}
		for _, e := range events {
			if e.Time.IsZero() || e.Duration < 0 || e.Duration > 24*time.Hour || len(e.RequestID) > 64 || len(e.Spans) > 16 {
				t.Errorf("an event out of bounds: %+v", e)
			}
			for name, d := range e.Spans {
				if d < 0 || d > 24*time.Hour {
					t.Errorf("the span %q takes %v", name, d)
				}
			}
		}
	})
}
