package server_test

import (
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"larder/secret"
)

// A place that was never taken is not given back: however many come while all are
// taken, afterwards there are as many as before.
func TestBusyKeepsNoPlace(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := start(t)
		s.gate = make(chan struct{})
		var readers sync.WaitGroup
		for range 512 {
			readers.Go(func() { s.get("/v1/a") })
		}
		synctest.Wait()
		for range 300 {
			is(t, "one too many", s.get("/v1/a").status, http.StatusTooManyRequests)
		}
		close(s.gate)
		readers.Wait()
		is(t, "a read afterwards", s.get("/v1/a").status, http.StatusOK)
	})
}

// What the log says of a read: how long it took, in milliseconds, and that status 400 is
// an error.
func TestReadLine(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := start(t)
		s.gate = make(chan struct{})
		time.AfterFunc(1500*time.Microsecond, func() { close(s.gate) })
		s.get("/v1/a")
		s.get("/v1/a%20b")
		for _, want := range []string{"path=/v1/a ref=secretsmanager://a result=miss status=200 ms=1.5\n", `result=error status=400`} {
			if !strings.Contains(s.logged(), want) {
				t.Errorf("the log is %q, want %q in it", s.logged(), want)
			}
		}
	})
}

// An empty item of a query is none, wherever it stands.
func TestEmptyItems(t *testing.T) {
	t.Parallel()
	s := start(t)
	is(t, "an empty item first", s.get(secretPath+"?&secretId=a&&versionStage=x&").status, http.StatusOK)
	is(t, "calls", s.asked()["a"], 1)
}

// The failure of one variable has its reason alone, as the variable stands beside it;
// headers that have nothing to name are left out.
func TestOneVariableFails(t *testing.T) {
	t.Parallel()
	s := start(t, environ("A=secretsmanager://a", "B=secretsmanager://b"))
	s.fails("a", secret.Error{Class: secret.Denied, Message: "no"})
	a := s.get("/env/A")
	is(t, "the message", failedBody(t, "/env/A", a).Message, "no")
	b := s.get("/env")
	is(t, "the message for all", failedBody(t, "/env", b).Message, "no")
	s = start(t, environ("B=secretsmanager://b"))
	for _, header := range []string{"Larder-Absent", "Larder-Binary"} {
		if _, ok := s.get("/env").header[header]; ok {
			t.Errorf("/env has the header %s, and nothing to name", header)
		}
	}
}
