package server_test

import (
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"larder/secret"
	"larder/server"
)

// thrown is what code fails with in the tests.
type thrown struct{ text string }

func (e thrown) Error() string { return e.text }

// faults returns the problems in the log's lines of message serving, and fails the
// test if one shows what it must not.
func (s *stand) faults() (problems []string) {
	s.t.Helper()
	log := s.logged()
	for _, hidden := range []string{"Zq7", "evil", "goroutine", token, "X-Secret"} {
		if strings.Contains(log, hidden) {
			s.t.Errorf("the log shows %q:\n%s", hidden, log)
		}
	}
	for line := range strings.Lines(log) {
		if _, problem, ok := strings.Cut(line, "level=ERROR msg=serving problem="); ok {
			problems = append(problems, strings.TrimSpace(problem))
		}
	}
	return problems
}

// A panic is status 500 by every contract, on a connection that goes on. The log has
// a line with its type and place, and neither its value nor anything of the request.
func TestFault(t *testing.T) {
	t.Parallel()
	var broken atomic.Bool
	l := &live{stand: start(t, environ("A=secretsmanager://a"), func(c *setup) {
		c.level = slog.LevelInfo
		c.presents = func() {
			if broken.Load() {
				panic(thrown{planted + "\nlevel=ERROR msg=evil"})
			}
		}
	})}
	l.serve(t, "127.0.0.1", server.HTTP(l.stand, l.log))
	c := l.dial()
	ask := func(path string) answer {
		c.write(wire("GET "+path+" HTTP/1.1", "X-Secret: Zq7canary"))
		return c.read("GET")
	}
	for _, contract := range contracts() {
		broken.Store(true)
		a := ask(contract.path)
		what := contract.name
		l.check(what, a)
		is(t, what+": status", a.status, http.StatusInternalServerError)
		is(t, what+": Larder-Error", a.header.Get("Larder-Error"), "InternalFailure")
		switch {
		case what == provider:
			is(t, what+": body", strings.HasPrefix(a.body, `{"__type":"InternalFailure","message":"`), true)
		case contract.words == nil:
			is(t, what+": code", failedBody(t, what, a).Code, "InternalFailure")
		default:
			is(t, what+": body", a.body, "an unexpected error occurred while executing request")
			message(t, what, a, "Zq7")
		}
		faults := l.faults()
		if want := `"a panic of type server_test.thrown in larder/server_test.TestFault.func1.1 (fault_test.go:`; !strings.HasPrefix(faults[len(faults)-1], want) {
			t.Errorf("%s: the log's last line has %s, want %s…", what, faults[len(faults)-1], want)
		}
		broken.Store(false)
		is(t, what+" goes on", ask(contract.path).status == http.StatusInternalServerError, false)
	}
	is(t, "lines", strings.Count(l.logged(), "\n"), len(contracts()))
	is(t, "connections", l.total, 1)
}

// A panic keeps no place among the requests in flight, and what was noted of the answer
// that there was to be is gone. The panic here is our own: of a date that JSON cannot
// have.
func TestFaultOnTheWay(t *testing.T) {
	t.Parallel()
	s := start(t, func(c *setup) { c.level = slog.LevelWarn })
	s.has("a", &secret.Record{Service: secret.SecretsManager, Version: "Zq7", Created: time.Date(10000, 1, 1, 0, 0, 0, 0, time.UTC), Value: secret.NewValue([]byte(planted))})
	for range 600 {
		a := s.get(secretPath + "?secretId=a")
		is(t, "status", a.status, http.StatusInternalServerError)
		is(t, "ETag", a.header.Get("ETag"), "")
		is(t, "Age", a.header.Get("Age"), "")
	}
	is(t, "a read afterwards", s.get(secretPath+"?secretId=b").status, http.StatusOK)
	faults := s.faults()
	is(t, "lines", len(faults), 600)
	if want := `"a panic of type *json.MarshalerError in larder/server.(*Server).serveAWS (awsextension.go:`; !strings.HasPrefix(faults[0], want) {
		t.Errorf("the log has %s, want %s…", faults[0], want)
	}
}

// brokenWriter fails when the answer has begun.
type brokenWriter struct{ *httptest.ResponseRecorder }

func (brokenWriter) Write([]byte) (int, error) { panic(thrown{planted}) }

// An answer that has begun cannot become another one: the connection ends.
func TestFaultInAnswer(t *testing.T) {
	t.Parallel()
	s := start(t)
	defer func() {
		is(t, "what net/http is told", recover(), any(http.ErrAbortHandler))
		is(t, "lines", len(s.faults()), 1)
	}()
	s.ServeHTTP(brokenWriter{httptest.NewRecorder()}, request(t, "GET /ping HTTP/1.1"))
}

// Of what net/http itself has to tell, the log has only what is the system's.
func TestTroubleIsLogged(t *testing.T) {
	t.Parallel()
	const hidden = `"net/http has met a fault whose text may hold anything"`
	l := &live{stand: start(t)}
	handler := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/panic":
			panic(planted + r.Header.Get("X-Secret") + "\nlevel=ERROR msg=evil")
		case "/length":
			w.Header().Set("Content-Length", r.Header.Get("X-Secret"))
		}
		w.WriteHeader(http.StatusOK)
		w.WriteHeader(http.StatusOK)
	})
	l.serve(t, "127.0.0.1", server.HTTP(handler, l.log))
	for i, path := range []string{"/panic", "/length"} {
		c := l.dial()
		c.write(wire("GET "+path+" HTTP/1.1", "X-Secret: Zq7canary", "Connection: close"))
		_, _ = io.ReadAll(c)
		faults := l.faults()
		if len(faults) <= i {
			t.Fatalf("%s: the log has %q, want a line", path, faults)
		}
		for _, fault := range faults {
			is(t, path+": the log", fault, hidden)
		}
	}

	s := start(t)
	refusing := &refusing{}
	h := server.HTTP(s, s.log)
	err := h.Serve(refusing)
	is(t, "Serve", err, net.ErrClosed)
	is(t, "what the system says", strings.Join(s.faults(), ""), `"http: Accept error: accept tcp: too many open files; retrying in 5ms"`)
}

// refusing is a listener that has no descriptor left once, and is closed then.
type refusing struct{ tried bool }

func (r *refusing) Accept() (net.Conn, error) {
	if r.tried {
		return nil, net.ErrClosed
	}
	r.tried = true
	return nil, &net.OpError{Op: "accept", Net: "tcp", Err: syscall.EMFILE}
}

func (r *refusing) Close() error   { return nil }
func (r *refusing) Addr() net.Addr { return &net.TCPAddr{} }
