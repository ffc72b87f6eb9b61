package server_test

import (
	"bufio"
	"bytes"
	"context"
	"io"
	"log/slog"
	"maps"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"larder/cache"
	"larder/internal/canary"
	"larder/manifest"
	"larder/metrics"
	"larder/secret"
	"larder/server"
)

const (
	region = "eu-west-1"
	token  = "IQoJb3JpZ2luX2VjEXAMPLE+/=="
	// planted is in every value here. It has characters that escapes change.
	planted = "canary-\"Zq7\" <&>+%=é/end"
)

// stand is a server over a real manifest and cache, with an AWS that the test
// plays. Whatever leaves it but as a value is searched for the planted value.
type stand struct {
	*server.Server
	t        testing.TB
	manifest *manifest.Manifest
	counters *metrics.Counters
	log      *slog.Logger
	fetches  atomic.Int64

	mu      sync.Mutex
	calls   map[secret.Key]int
	results map[string]secret.Result // by the key's ID and selector
	gate    chan struct{}            // if not nil, AWS answers once it is closed
	lines   bytes.Buffer
}

// setup changes the parts of a stand before they are put together.
type setup struct {
	environ  []string
	manifest manifest.Config
	cache    cache.Config
	token    string
	presents func()     // when a token is checked
	level    slog.Level // of the log
}

// start returns a stand of which init is over, with nothing in memory.
func start(t testing.TB, change ...func(*setup)) *stand {
	c := setup{token: token, level: slog.LevelDebug, presents: func() {}}
	c.cache = cache.Config{
		TTL:     map[secret.Service]time.Duration{secret.SecretsManager: time.Minute, secret.ParameterStore: time.Minute},
		Entries: 1000, Bytes: 16 << 20,
	}
	for _, f := range change {
		f(&c)
	}
	s := &stand{t: t, calls: make(map[secret.Key]int), results: make(map[string]secret.Result)}
	s.log = slog.New(slog.NewTextHandler(s, &slog.HandlerOptions{Level: c.level}))
	var mistakes []error
	c.manifest.Declarations, mistakes = manifest.Find(c.environ, true, region)
	if len(mistakes) > 0 {
		t.Fatalf("Find: %v", mistakes)
	}
	c.cache.Fetch = s.fetch
	c.cache.Declared = manifest.Keys(c.manifest.Declarations)
	c.manifest.Cache = cache.New(c.cache)
	s.manifest = manifest.New(c.manifest)
	s.counters = metrics.New(metrics.Config{Cache: c.manifest.Cache.Stats})
	s.Server = server.New(server.Config{
		Manifest: s.manifest, Region: region, Metrics: s.counters, Log: s.log,
		Token: func(_ context.Context, presented string) bool {
			c.presents()
			return presented == c.token
		},
	})
	s.manifest.Settle() // nothing is prefetched
	t.Cleanup(func() {
		c.manifest.Cache.Close()
		s.mu.Lock()
		defer s.mu.Unlock()
		noCanary(t, "the log", s.lines.Bytes())
	})
	return s
}

func environ(items ...string) func(*setup) { return func(c *setup) { c.environ = items } }

func warn(c *setup) { c.manifest.Warn = true }

func declaredOnly(c *setup) { c.manifest.DeclaredOnly = true }

// Write takes a log line.
func (s *stand) Write(line []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.lines.Write(line)
}

func (s *stand) logged() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.lines.String()
}

// fetch plays AWS: without a result of the test's, a secret or parameter of any
// name exists.
func (s *stand) fetch(ctx context.Context, keys []secret.Key, deliver func(secret.Result)) {
	s.fetches.Add(1)
	s.mu.Lock()
	results, gate := maps.Clone(s.results), s.gate
	for _, k := range keys {
		s.calls[k]++
	}
	s.mu.Unlock()
	if gate != nil {
		select {
		case <-gate:
		case <-ctx.Done():
		}
	}
	for _, k := range keys {
		r, ok := results[k.ID+k.Selector()]
		if !ok {
			r.Record = plain(k)
		}
		r.Key = k
		if r.Err != nil {
			e := *r.Err
			e.Key = k
			r.Err = &e
		}
		deliver(r)
	}
}

// plain is a record with the planted value.
func plain(k secret.Key) *secret.Record {
	r := &secret.Record{Service: k.Service, Name: k.ID, Version: "7", Value: secret.NewValue([]byte(planted))}
	if k.Service == secret.ParameterStore {
		r.Type, r.DataType, r.Selector = "String", "text", k.Selector()
	}
	return r
}

// has makes AWS answer a record, or the record in a result, for an ID.
func (s *stand) has(id string, r *secret.Record) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.results[id] = secret.Result{Record: r}
}

// value makes AWS answer a secret's text.
func (s *stand) value(id, text string) {
	s.has(id, &secret.Record{Service: secret.SecretsManager, Name: id, Version: "v1", Value: secret.NewValue([]byte(text))})
}

// fails makes AWS fail for an ID.
func (s *stand) fails(id string, e secret.Error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.results[id] = secret.Result{Err: &e}
}

// asked returns how many calls there were for each key, by ID and selector.
func (s *stand) asked() map[string]int {
	s.mu.Lock()
	defer s.mu.Unlock()
	n := make(map[string]int)
	for k, calls := range s.calls {
		n[k.ID+k.Selector()] += calls
	}
	return n
}

// answer is a response with its whole body.
type answer struct {
	status int
	header http.Header
	body   string
}

// send hands a request to the handler as net/http would have read it from a
// connection. lines are the request line and headers; "Host: localhost" and the
// token are added if they do not name these headers.
func (s *stand) send(lines ...string) answer {
	s.t.Helper()
	r := request(s.t, lines...)
	w := httptest.NewRecorder()
	s.ServeHTTP(w, r)
	a := answer{w.Code, w.Header(), w.Body.String()}
	s.check(lines[0], a)
	return a
}

// check fails the test if an answer without a value shows one.
func (s *stand) check(what string, a answer) {
	s.t.Helper()
	var out bytes.Buffer
	_ = a.header.Write(&out)
	if a.status != http.StatusOK {
		out.WriteString(a.body)
	}
	noCanary(s.t, "the answer to "+what, out.Bytes())
}

// get is send for a target and further headers.
func (s *stand) get(target string, headers ...string) answer {
	s.t.Helper()
	return s.send(append([]string{"GET " + target + " HTTP/1.1"}, headers...)...)
}

func request(t testing.TB, lines ...string) *http.Request {
	t.Helper()
	r, err := http.ReadRequest(bufio.NewReader(strings.NewReader(wire(lines...))))
	if err != nil {
		t.Fatalf("ReadRequest(%q): %v", lines, err)
	}
	return r
}

// wire returns a request as it stands on the wire.
func wire(lines ...string) string {
	all := strings.ToLower(strings.Join(lines, "\r\n"))
	if !strings.Contains(all, "\r\nhost:") {
		lines = append(lines, "Host: localhost:2773")
	}
	if !strings.Contains(all, "token:") {
		lines = append(lines, "X-Aws-Parameters-Secrets-Token: "+token)
	}
	return strings.Join(lines, "\r\n") + "\r\n\r\n"
}

// readAnswer reads a response from a connection.
func readAnswer(r *bufio.Reader, method string) (answer, error) {
	resp, err := http.ReadResponse(r, &http.Request{Method: method})
	if err != nil {
		return answer{}, err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	return answer{resp.StatusCode, resp.Header, string(body)}, err
}

func noCanary(t testing.TB, where string, output []byte) {
	t.Helper()
	for _, part := range []string{planted, planted[:10]} {
		if form, found := canary.Find(output, []byte(part)); found {
			t.Errorf("%s shows the value (%s)", where, form)
			return
		}
	}
}

// is fails the test when got and want differ.
func is[T comparable](t testing.TB, what string, got, want T) {
	t.Helper()
	if got != want {
		t.Errorf("%s = %v, want %v", what, got, want)
	}
}

// isBody compares bodies that may hold a value, which a message must not show.
func isBody(t testing.TB, what string, got answer, want string) {
	t.Helper()
	if got.status != http.StatusOK {
		t.Errorf("%s: status %d, want 200", what, got.status)
		return
	}
	if got.body != want {
		n := 0
		for n < len(got.body) && n < len(want) && got.body[n] == want[n] {
			n++
		}
		t.Errorf("%s: body of %d bytes, want %d; they differ at byte %d", what, len(got.body), len(want), n)
	}
}
