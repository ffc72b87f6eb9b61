package server_test

import (
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"larder/secret"
)

func maxStale(c *setup) { c.cache.MaxStale = time.Hour }

func throttled() secret.Error {
	return secret.Error{Class: secret.Throttled, Code: "ThrottlingException", Status: 400, Message: "Rate exceeded"}
}

// isStale checks the headers of an answer that is age old.
func isStale(t *testing.T, what string, a answer, stale bool, age string) {
	t.Helper()
	want := ""
	if stale {
		want = "true"
	}
	is(t, what+": Larder-Stale", a.header.Get("Larder-Stale"), want)
	is(t, what+": Age", a.header.Get("Age"), age)
}

// While AWS fails, what is in memory is served past its TTL, in the same bytes.
func TestStale(t *testing.T) {
	onEachPath(t, func(t *testing.T, s *stand, p readPath) {
		fresh := s.get(p.target)
		isStale(t, "fresh", fresh, false, "0")
		s.fails("a", throttled())
		s.fails("/p", throttled())
		time.Sleep(59 * time.Second)
		isStale(t, "before the TTL is over", s.get(p.target), false, "59")
		is(t, "the log names a stale read", strings.Contains(s.logged(), "result=stale"), false)
		time.Sleep(2 * time.Second)
		for range 2 { // once AWS is asked, and then it is known to fail
			stale := s.get(p.target)
			isBody(t, "stale", stale, fresh.body)
			isStale(t, "stale", stale, true, "61")
			is(t, "ETag", stale.header.Get("ETag"), fresh.header.Get("ETag"))
			is(t, "Content-Type", stale.header.Get("Content-Type"), fresh.header.Get("Content-Type"))
			is(t, "Larder-Error", stale.header.Get("Larder-Error"), "")
		}
		is(t, "stale reads in the log", strings.Count(s.logged(), "result=stale status=200"), 2)
		time.Sleep(time.Minute) // longer than any back-off
		s.version("2")
		isStale(t, "AWS answers again", s.get(p.target), false, "0")
	}, maxStale)
}

// A reader who can have a stale value waits for AWS for half a second, and only
// the first one does.
func TestStaleWhileAWSHangs(t *testing.T) {
	onEachPath(t, func(t *testing.T, s *stand, p readPath) {
		fresh := s.get(p.target)
		time.Sleep(2 * time.Minute)
		s.mu.Lock()
		s.gate = make(chan struct{})
		s.mu.Unlock()
		for _, want := range []time.Duration{500 * time.Millisecond, 0} {
			began := time.Now()
			stale := s.get(p.target)
			is(t, "it took", time.Since(began), want)
			isBody(t, "stale", stale, fresh.body)
			isStale(t, "stale", stale, true, "120")
		}
		close(s.gate)
		synctest.Wait()
		isStale(t, "AWS has answered", s.get(p.target), false, "0")
	}, maxStale)
}

// Past the bound nothing is served: a typed 503, or what each contract says.
func TestExpired(t *testing.T) {
	onEachPath(t, func(t *testing.T, s *stand, p readPath) {
		time.Sleep(61*time.Minute - time.Second)
		s.fails("a", throttled())
		s.fails("/p", throttled())
		isStale(t, "a second before the bound", s.get(p.target), true, "3659")
		time.Sleep(time.Minute)
		for _, test := range []struct {
			failure  secret.Error
			word     string
			provider int
		}{
			{throttled(), "ThrottlingException", http.StatusBadRequest},
			{secret.Error{Class: secret.Unavailable, Message: "AWS cannot be reached"}, "Expired", http.StatusBadGateway},
		} {
			s.fails("a", test.failure)
			s.fails("/p", test.failure)
			for range 2 { // once AWS is asked, and then it is known to fail
				a := s.get(p.target)
				is(t, test.word+": Larder-Error", a.header.Get("Larder-Error"), test.word)
				isStale(t, test.word, a, false, "")
				is(t, test.word+": ETag", a.header.Get("ETag"), "")
				switch {
				case p.own:
					is(t, test.word+": status", a.status, http.StatusServiceUnavailable)
					is(t, test.word+": Retry-After", a.header.Get("Retry-After"), "1")
					body := failedBody(t, test.word, a)
					is(t, test.word+": code", body.Code, test.word)
					is(t, test.word+": names the setting", strings.Contains(body.Message, "LARDER_MAX_STALE"), true)
				case strings.HasPrefix(p.target, "/v1/"):
					is(t, test.word+": status", a.status, test.provider)
				default:
					is(t, test.word+": status", a.status, http.StatusBadRequest)
					is(t, test.word+": body", a.body, "an unexpected error occurred while executing request")
				}
			}
			time.Sleep(time.Minute)
		}
		is(t, "a warning", strings.Contains(s.logged(), "level=WARN msg=read"), true)
		s.version("2")
		isStale(t, "AWS answers again", s.get(p.target), false, "0")
	}, maxStale)
}

// Without LARDER_MAX_STALE nothing is served past its TTL.
func TestNeverStale(t *testing.T) {
	onEachPath(t, func(t *testing.T, s *stand, p readPath) {
		s.fails("a", throttled())
		s.fails("/p", throttled())
		time.Sleep(time.Minute)
		a := s.get(p.target)
		is(t, "a failure", a.status >= 400, true)
		isStale(t, "the failure", a, false, "")
	})
}

// All variables together are as old as the oldest, and stale if any is.
func TestStaleVariables(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := start(t, environ("A=secretsmanager://a", "B=ssm:///b?ttl=5m", "C=ssm:///c?ttl=5m"), maxStale)
		isStale(t, "fetched", s.get("/env"), false, "0")
		time.Sleep(20 * time.Second)
		is(t, "C is fetched anew", s.get("/env/C?refreshNow=1").status, http.StatusOK)
		fresh := s.get("/env")
		isStale(t, "the oldest", fresh, false, "20")
		time.Sleep(41 * time.Second)
		s.fails("a", throttled())
		stale := s.get("/env")
		isStale(t, "one is stale", stale, true, "61")
		isBody(t, "one is stale", stale, fresh.body)
		is(t, "ETag", stale.header.Get("ETag"), fresh.header.Get("ETag"))
		isStale(t, "one that is not", s.get("/env/B"), false, "61")
		list := s.get("/env", "Accept: application/octet-stream")
		isStale(t, "as a list", list, true, "61")
		time.Sleep(time.Minute)
		s.has("a", &secret.Record{Service: secret.SecretsManager, Version: "7", Value: secret.NewValue([]byte("v"))})
		isStale(t, "AWS answers again", s.get("/env"), false, "121")
	})
}
