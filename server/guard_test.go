package server_test

import (
	"context"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"testing/synctest"

	"larder/secret"
)

// contract is one of the three, by a path that works.
type contract struct {
	name, path string
	words      map[int]string // what it says with a status, if it is text
}

const provider = "provider"

func contracts() []contract {
	aws := map[int]string{401: "bad session token or header key"}
	return []contract{
		{"own", "/value?ref=secretsmanager://a", nil},
		{"variables", "/env", nil},
		{"variable", "/env/A", nil},
		{"metrics", "/metrics", nil},
		{"no path", "/nothing", nil},
		{"AWS's secrets", secretPath + "?secretId=a", aws},
		{"AWS's parameters", parameterPath + "?name=a", aws},
		{provider, "/v1/a", map[int]string{400: "Forwarded", 403: "Bad Token", 405: "Not allowed", 429: "Connection limit exceeded"}},
	}
}

// refused fails the test if a is not the guard's answer in the contract's words.
func (c contract) refused(t *testing.T, what string, a answer, status int, code string) {
	t.Helper()
	what = c.name + ", " + what
	if status == http.StatusUnauthorized && c.name == provider {
		status = http.StatusForbidden
	}
	is(t, what+": status", a.status, status)
	is(t, what+": Larder-Error", a.header.Get("Larder-Error"), code)
	is(t, what+": Location", a.header.Get("Location"), "")
	switch text := c.words[status]; {
	case text != "":
		is(t, what+": body", a.body, text)
		is(t, what+": Content-Type", a.header.Get("Content-Type"), "text/plain; charset=utf-8")
	case c.words == nil:
		is(t, what+": code", failedBody(t, what, a).Code, code)
	default:
		is(t, what+": a body", a.body != "", true)
	}
}

func TestGuardToken(t *testing.T) {
	t.Parallel()
	s := start(t, environ("A=secretsmanager://a"))
	for _, c := range contracts() {
		for _, header := range []string{
			"X-Vault-Token:", "X-Aws-Parameters-Secrets-Token:", "X-Aws-Parameters-Secrets-Token: wrong",
			"X-Vault-Token: wrong", "X-Aws-Parameters-Secrets-Token: " + token[1:], "X-Aws-Parameters-Secrets-Token: " + token + "x",
			"X-Aws-Parameters-Secrets-Token: " + strings.ToLower(token), "X-Other-Token: " + token,
			"X-Aws-Parameters-Secrets-Token: wrong\r\nX-Aws-Parameters-Secrets-Token: " + token,
		} {
			c.refused(t, header, s.get(c.path, header), http.StatusUnauthorized, "BadToken")
		}
		for _, header := range []string{
			"X-Aws-Parameters-Secrets-Token: " + token, "x-aws-parameters-secrets-token:" + token, "X-AWS-PARAMETERS-SECRETS-TOKEN: " + token,
			"X-Vault-Token: " + token, "x-vault-token: " + token,
			"X-Vault-Token: wrong\r\nX-Aws-Parameters-Secrets-Token: " + token,
			"X-Aws-Parameters-Secrets-Token: wrong\r\nX-Vault-Token: " + token,
		} {
			want := http.StatusOK
			if c.name == "no path" {
				want = http.StatusNotFound
			}
			is(t, c.name+", "+header, s.get(c.path, header).status, want)
		}
	}
}

// An empty header lets nobody in, even where an empty token would be the right one.
func TestGuardEmptyToken(t *testing.T) {
	t.Parallel()
	s := start(t, func(c *setup) { c.token = "" })
	for _, header := range []string{"X-Aws-Parameters-Secrets-Token:", "X-Vault-Token:", "X-Other-Token: x"} {
		is(t, header, s.get("/value?ref=secretsmanager://a", header).status, http.StatusUnauthorized)
	}
}

func TestGuardForwarded(t *testing.T) {
	t.Parallel()
	s := start(t)
	for _, c := range contracts() {
		for _, header := range []string{"X-Forwarded-For: 10.0.0.1", "X-Forwarded-For:", "x-forwarded-for: localhost"} {
			c.refused(t, header, s.get(c.path, header), http.StatusBadRequest, "Forwarded")
		}
	}
	is(t, "calls", len(s.asked()), 0)
}

func TestGuardHost(t *testing.T) {
	t.Parallel()
	s := start(t, environ("A=secretsmanager://a"))
	for _, c := range contracts() {
		for _, host := range []string{
			"evil.com", "evil.com:2773", "localhost.evil.com", "localhost.", "127.0.0.1.evil.com", "127.0.0.2", "127.1", "0.0.0.0", "10.0.0.1:2773",
			"[::2]", "[::ffff:127.0.0.1]", "localhost:1:2", "2130706433", "localhost@evil.com", "xn--localhost",
		} {
			c.refused(t, "Host "+host, s.get(c.path, "Host: "+host), http.StatusMisdirectedRequest, "ForeignHost")
		}
		c.refused(t, "another host in the request line", s.get("http://evil.com"+c.path, "Host: localhost"), http.StatusMisdirectedRequest, "ForeignHost")
	}
	for _, host := range []string{"localhost", "localhost:2773", "LocalHost:1", "127.0.0.1", "127.0.0.1:2773", "[::1]", "[::1]:2773", "localhost:"} {
		is(t, "Host "+host, s.get("/env/A", "Host: "+host).status, http.StatusOK)
	}
	is(t, "another Host than in the request line", s.get("http://localhost:2773/env/A", "Host: evil.com").status, http.StatusOK)
	is(t, "HTTP/1.0 without Host", func() int {
		r := request(t, "GET /env/A HTTP/1.0")
		r.Host = ""
		w := httptest.NewRecorder()
		s.ServeHTTP(w, r)
		return w.Code
	}(), http.StatusOK)
}

func TestGuardMethod(t *testing.T) {
	t.Parallel()
	s := start(t)
	for _, c := range contracts() {
		for _, method := range []string{"POST", "PUT", "HEAD", "DELETE", "PATCH", "OPTIONS", "TRACE", "get", "PROPFIND"} {
			a := s.send(method + " " + c.path + " HTTP/1.1")
			c.refused(t, method, a, http.StatusMethodNotAllowed, "MethodNotAllowed")
			is(t, c.name+": Allow", a.header.Get("Allow"), "GET")
		}
	}
	is(t, "OPTIONS *", s.send("OPTIONS * HTTP/1.1").status, http.StatusMethodNotAllowed)
	is(t, "CONNECT", s.send("CONNECT localhost:2773 HTTP/1.1").status, http.StatusMethodNotAllowed)
	is(t, "calls", len(s.asked()), 0)
}

// The checks come in the order of the Workload Credentials Provider.
func TestGuardOrder(t *testing.T) {
	t.Parallel()
	s := start(t)
	headers := []string{"X-Forwarded-For: x", "Host: evil.com", "X-Vault-Token: wrong"}
	for n, want := range []int{400, 421, 403} {
		is(t, "with "+strings.Join(headers[n:], ", "), s.send(append([]string{"POST /v1/?x=1 HTTP/1.1"}, headers[n:]...)...).status, want)
	}
	is(t, "method before query", s.send("POST /v1/?x=1 HTTP/1.1").status, http.StatusMethodNotAllowed)
	is(t, "method before path", s.send("POST /nothing HTTP/1.1").status, http.StatusMethodNotAllowed)
	is(t, "token before path", s.get("/nothing", "X-Vault-Token: wrong").status, http.StatusUnauthorized)
}

// No path is cleaned, decoded or redirected.
func TestUnknownPaths(t *testing.T) {
	t.Parallel()
	s := start(t, environ("A=secretsmanager://a"))
	for _, path := range []string{
		"/", "//", "/value/", "//value", "/./value", "/x/../value", "/%76alue", "/value%2F", "/value%00", "/Value", "/env%2FA", "//env/A", "/v1", "/V1/a", "/v2/a",
		"/ping/", "//ping", "/x/%2e%2e/ping", "/..%2fping", "/secretsmanager/get//", "/secretsmanager//get", "/secretsmanager/../secretsmanager/get",
		"/secretsmanager%2Fget", "/secretsmanager/get/x", "/secretsmanager", "/systemsmanager/parameters/get/../get", "/metrics/", "//metrics", "/favicon.ico",
		"http://localhost//value", "http://localhost",
	} {
		a := s.get(path + "?ref=secretsmanager://a&secretId=a&name=a")
		is(t, path+": status", a.status, http.StatusNotFound)
		is(t, path+": Location", a.header.Get("Location"), "")
		is(t, path+": code", failedBody(t, path, a).Code, "NoSuchPath")
	}
	is(t, "calls", len(s.asked()), 0)
}

// 512 requests may be in flight; the next is refused in its contract's words,
// and the others are none the worse for it.
func TestGuardInFlight(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		const most = 512
		s := start(t, environ("A=secretsmanager://a"))
		s.gate = make(chan struct{})
		var readers sync.WaitGroup
		codes := make([]int, most)
		for i := range codes {
			readers.Go(func() {
				w := httptest.NewRecorder()
				s.ServeHTTP(w, request(t, "GET /value?ref=secretsmanager://a HTTP/1.1"))
				codes[i] = w.Code
			})
		}
		synctest.Wait()
		for range 3 { // a refusal takes no place
			for _, c := range contracts() {
				a := s.get(c.path, "X-Vault-Token: wrong") // the limit comes first
				c.refused(t, "over the limit", a, http.StatusTooManyRequests, "TooManyRequests")
				is(t, "Retry-After", a.header.Get("Retry-After"), "1")
			}
			is(t, "/ping", s.get("/ping").body, "Connection limit exceeded")
		}
		close(s.gate)
		readers.Wait()
		for _, code := range codes {
			is(t, "a reader in flight", code, http.StatusOK)
		}
		for _, c := range contracts() {
			is(t, c.name+" afterwards", s.get(c.path).status == http.StatusTooManyRequests, false)
		}
		is(t, "warnings", strings.Count(s.logged(), `level=WARN msg="requests refused" problem="more than 512 requests are in flight" count=1`), 1)
		is(t, "calls", s.asked()["a"], 2) // as a secret and as a parameter
	})
}

// A request that is refused keeps no place, whatever it is refused for.
func TestRefusedKeepNoPlace(t *testing.T) {
	t.Parallel()
	s := start(t, func(c *setup) { c.level = slog.LevelWarn })
	for _, lines := range [][]string{
		{"GET /v1/a HTTP/1.1", "X-Vault-Token: wrong"},
		{"GET /v1/a HTTP/1.1", "Host: evil.com"},
		{"GET /v1/a HTTP/1.1", "X-Forwarded-For: x"},
		{"POST /v1/a HTTP/1.1"},
	} {
		for range 600 {
			s.send(lines...)
		}
		is(t, "a read after "+strings.Join(lines, ", "), s.get("/v1/a").status, http.StatusOK)
	}
}

// A reader that leaves while it waits leaves no place occupied, and its call
// goes on for the next one.
func TestReaderLeaves(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := start(t)
		s.gate = make(chan struct{})
		r := request(t, "GET /value?ref=secretsmanager://a HTTP/1.1")
		ctx, leave := context.WithCancel(t.Context())
		w := httptest.NewRecorder()
		done := make(chan struct{})
		go func() {
			defer close(done)
			s.ServeHTTP(w, r.WithContext(ctx))
		}()
		synctest.Wait()
		leave()
		<-done
		is(t, "status", w.Code, http.StatusServiceUnavailable)
		is(t, "a warning", strings.Contains(s.logged(), "WARN"), false)
		close(s.gate)
		isBody(t, "the next reader", s.get("/value?ref=secretsmanager://a"), planted)
		is(t, "calls", s.asked()["a"], 1)
	})
}

// Nothing that stands at level debug names more than the request and its outcome.
func TestLogLine(t *testing.T) {
	t.Parallel()
	s := start(t, environ("A=secretsmanager://a#x", "B=ssm:///b?ttl=5&label=c"))
	s.fails("b", secret.Error{Class: secret.Denied, Code: "AccessDeniedException", Action: "kms:Decrypt"})
	s.get("/value?ref=secretsmanager://c", "X-Vault-Token: x")
	s.get("/value?ref=secretsmanager://b")
	s.get("/v1/c")
	s.get("/v1/c")
	s.get("/env/A")
	s.get("/env/B")
	s.get("/env/NOPE")
	s.get("/nothing")
	log := s.logged()
	for _, want := range []string{
		"level=WARN msg=read path=/value ref=secretsmanager://b result=error status=403 ",
		`problem="secretsmanager://b in eu-west-1: AccessDeniedException (the function's role needs kms:Decrypt)"`,
		"level=DEBUG msg=read path=/v1/c ref=secretsmanager://c result=miss status=200 ms=",
		"level=DEBUG msg=read path=/v1/c ref=secretsmanager://c result=hit status=200 ms=",
		"level=WARN msg=read path=/env/A ref=secretsmanager://a#x result=error status=422 ",
		`level=DEBUG msg=read path=/env/B ref="ssm:///b?label=c&ttl=5s" result=miss status=200 `,
		`level=DEBUG msg=read path=/env/NOPE ref="" result=error status=404 `,
		`level=DEBUG msg=read path=/nothing ref="" result=error status=404 `,
		`level=DEBUG msg=read path=/value ref="" result=error status=401 `,
	} {
		if !strings.Contains(log, want) {
			t.Errorf("the log lacks %s in\n%s", want, log)
		}
	}
	is(t, "lines", strings.Count(log, "\n"), 9) // and the warning of a wrong token
	is(t, "the token in the log", strings.Contains(log, token), false)
}
