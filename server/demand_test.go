package server_test

import (
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"larder/secret"
)

// readPath is a way to read the secret a or the parameter /p, which are declared
// as A and P.
type readPath struct {
	target string
	id     string // what AWS is asked for
	own    bool   // our own contract: strict, with a status for each failure
}

func readPaths() []readPath {
	return []readPath{
		{"/value?ref=secretsmanager://a", "a", true},
		{"/value?ref=ssm:///p", "/p", true},
		{"/env/A", "a", true},
		{"/env", "a", true},
		{secretPath + "?secretId=a", "a", false},
		{parameterPath + "?name=/p", "/p", false},
		{parameterPath + "?name=/p&withDecryption=true", "/p", false},
		{"/v1/a", "a", false},
	}
}

// with adds a parameter as it stands on the wire.
func (p readPath) with(parameter string) string {
	if strings.Contains(p.target, "?") {
		return p.target + "&" + parameter
	}
	return p.target + "?" + parameter
}

// version makes AWS answer a version of the secret and the parameter.
func (s *stand) version(number string) {
	s.has("a", &secret.Record{Service: secret.SecretsManager, Name: "a", Version: number, Value: secret.NewValue([]byte(planted + number))})
	s.has("/p", &secret.Record{Service: secret.ParameterStore, Name: "/p", Type: "String", Version: number, Value: secret.NewValue([]byte(planted + number))})
}

// onEachPath runs test for each way to read, on a stand in a bubble with version 1
// in memory.
func onEachPath(t *testing.T, test func(*testing.T, *stand, readPath), change ...func(*setup)) {
	t.Parallel()
	for _, p := range readPaths() {
		t.Run(p.target, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := start(t, append(change, environ("A=secretsmanager://a", "P=ssm:///p"))...)
				s.version("1")
				is(t, "the first read", s.get(p.target).status, http.StatusOK)
				test(t, s, p)
			})
		})
	}
}

// reads returns how many calls for p a request makes, and its answer.
func (s *stand) reads(p readPath, target string) (int, answer) {
	s.t.Helper()
	before := s.asked()[p.id]
	a := s.get(target)
	return s.asked()[p.id] - before, a
}

func TestRefreshNow(t *testing.T) {
	onEachPath(t, func(t *testing.T, s *stand, p readPath) {
		for _, text := range []string{"refreshNow=false", "refreshNow=0", "refreshNow=FALSE", "refreshNow=%30"} {
			calls, a := s.reads(p, p.with(text))
			is(t, text+": status", a.status, http.StatusOK)
			is(t, text+": calls", calls, 0)
		}
		old := s.get(p.target)
		for i, text := range []string{"refreshNow=true", "refreshNow=1", "refreshNow=True", "%72efreshNow=tru%65"} {
			s.version(fmt.Sprint(2 + i))
			calls, a := s.reads(p, p.with(text))
			is(t, text+": status", a.status, http.StatusOK)
			is(t, text+": calls", calls, 1)
			is(t, text+": the old ETag", a.header.Get("ETag") == old.header.Get("ETag"), false)
			is(t, text+": the old value", a.body == old.body, false)
			is(t, text+": Age", a.header.Get("Age"), "0")
			old = a
		}
		for _, text := range []string{"refreshNow=yes", "refreshNow=", "refreshNow"} {
			calls, a := s.reads(p, p.with(text))
			is(t, text+": status", a.status, http.StatusBadRequest)
			is(t, text+": Larder-Error", a.header.Get("Larder-Error"), "BadReference")
			is(t, text+": calls", calls, 0)
		}
	})
}

// Who wants an answer as of now gets the failure, and no old value for it.
func TestRefreshNowFails(t *testing.T) {
	onEachPath(t, func(t *testing.T, s *stand, p readPath) {
		s.fails(p.id, secret.Error{Class: secret.Throttled, Code: "ThrottlingException", Status: 400, Message: "no"})
		for _, parameter := range []string{"refreshNow=true", "seen=" + url.QueryEscape(s.get(p.target).header.Get("ETag"))} {
			calls, a := s.reads(p, p.with(parameter))
			is(t, parameter+": calls", calls, 1)
			is(t, parameter+": failed", a.status >= 400, true)
			is(t, parameter+": Larder-Error", a.header.Get("Larder-Error"), "ThrottlingException")
			is(t, parameter+": Larder-Stale", a.header.Get("Larder-Stale"), "")
			is(t, parameter+": ETag", a.header.Get("ETag"), "")
		}
		is(t, "a read that takes what there is", s.get(p.target).status, http.StatusOK)
	}, maxStale)
}

// seen takes the ETag as it stands in the header, and what clients make of it.
func TestSeen(t *testing.T) {
	onEachPath(t, func(t *testing.T, s *stand, p readPath) {
		etag := s.get(p.target).header.Get("ETag")
		bare := strings.Trim(etag, `"`)
		is(t, "the ETag", etag, `"`+bare+`"`)
		spellings := []string{
			etag, bare, "%22" + bare + "%22", "W/" + etag, "W/%22" + bare + "%22", "W%2F" + etag, fmt.Sprintf("%%%x", bare[0]) + bare[1:],
		}
		for _, spelling := range spellings { // AWS still has that version
			calls, a := s.reads(p, p.with("seen="+spelling))
			is(t, spelling+": status", a.status, http.StatusOK)
			is(t, spelling+": calls", calls, 1)
			is(t, spelling+": ETag", a.header.Get("ETag"), etag)
		}
		for _, spelling := range []string{"", "x" + bare, bare + "x", `"x` + bare + `"`, "*", "w/" + etag, "%2522" + bare + "%2522"} {
			calls, a := s.reads(p, p.with("seen="+spelling))
			is(t, spelling+": status", a.status, http.StatusOK)
			is(t, spelling+": calls", calls, 0)
		}
		s.version("2")
		before := s.get(p.target)
		is(t, "the ETag in memory", before.header.Get("ETag"), etag)
		calls, after := s.reads(p, p.with("seen="+url.QueryEscape(etag)))
		is(t, "rotated: calls", calls, 1)
		is(t, "rotated: the old value", after.body == before.body, false)
		is(t, "rotated: the old ETag", after.header.Get("ETag") == etag, false)
		calls, again := s.reads(p, p.with("seen="+url.QueryEscape(etag)))
		is(t, "somebody else has seen the old one: calls", calls, 0)
		is(t, "somebody else has seen the old one: ETag", again.header.Get("ETag"), after.header.Get("ETag"))
	})
}

// Of two the first counts on AWS's paths and the last on the provider's. Our own
// refuse them.
func TestSeenTwice(t *testing.T) {
	onEachPath(t, func(t *testing.T, s *stand, p readPath) {
		etag := url.QueryEscape(s.get(p.target).header.Get("ETag"))
		for query, counts := range map[string]struct{ first, last int }{
			"seen=" + etag + "&seen=other":            {1, 0},
			"seen=other&seen=" + etag:                 {0, 1},
			"seen=&seen=" + etag:                      {0, 1},
			"seen=" + etag + "&seen=" + etag:          {1, 1},
			"refreshNow=0&refreshNow=1":               {0, 1},
			"refreshNow=1&refreshNow=0":               {1, 0},
			"refreshNow=1&seen=other&refreshNow=true": {1, 1},
		} {
			want := counts.first
			if strings.HasPrefix(p.target, "/v1/") {
				want = counts.last
			}
			calls, a := s.reads(p, p.with(query))
			if !p.own {
				is(t, query+": status", a.status, http.StatusOK)
				is(t, query+": calls", calls, want)
				continue
			}
			is(t, query+": status", a.status, http.StatusBadRequest)
			is(t, query+": calls", calls, 0)
			is(t, query+": says so", strings.Contains(failedBody(t, query, a).Message, "stands twice"), true)
		}
	})
}

// What the request has fetched itself is as new as can be: no second call.
func TestSeenOnMiss(t *testing.T) {
	onEachPath(t, func(t *testing.T, s *stand, p readPath) {
		etag := url.QueryEscape(s.get(p.target).header.Get("ETag"))
		time.Sleep(time.Hour)
		calls, a := s.reads(p, p.with("seen="+etag))
		is(t, "status", a.status, http.StatusOK)
		is(t, "calls", calls, 1)
		calls, _ = s.reads(p, p.with("seen="+etag))
		is(t, "calls of the next one", calls, 1)
	})
}

// All variables are fetched anew if what was seen is all that is in memory, and
// the ETag is that of all of them.
func TestSeenOfAllVariables(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := start(t, environ("A=secretsmanager://a#x", "B=secretsmanager://b", "C=secretsmanager://a#y", "N=ssm:///none?optional"))
		s.fails("/none", secret.Error{Class: secret.NotFound})
		object := func(version string) {
			s.has("a", &secret.Record{Service: secret.SecretsManager, Version: version, Value: secret.NewValue([]byte(`{"x":"x` + version + `","y":"y` + version + `"}`))})
		}
		object("1")
		s.value("b", "b")
		first := s.get("/env")
		isBody(t, "/env", first, `{"A":"x1","B":"b","C":"y1"}`)
		var etags []string
		etags = append(etags, first.header.Get("ETag"))
		is(t, "the ETag of another form", s.get("/env", "Accept: application/octet-stream").header.Get("ETag"), etags[0])
		object("2")
		isBody(t, "the version before: from memory", s.get("/env?seen=other"), first.body)
		a := s.get("/env?seen=" + url.QueryEscape(etags[0]))
		isBody(t, "rotated", a, `{"A":"x2","B":"b","C":"y2"}`)
		is(t, "calls for a", s.asked()["a"], 2)
		is(t, "calls for b", s.asked()["b"], 2)
		etags = append(etags, a.header.Get("ETag"))
		s.has("b", &secret.Record{Service: secret.SecretsManager, Version: "v2", Value: secret.NewValue([]byte("b"))})
		etags = append(etags, s.get("/env?refreshNow=1").header.Get("ETag"))
		s.has("/none", &secret.Record{Service: secret.ParameterStore, Version: "1", Type: "String", Value: secret.NewValue([]byte("n"))})
		etags = append(etags, s.get("/env?refreshNow=1").header.Get("ETag"))
		slices.Sort(etags)
		is(t, "different ETags", len(slices.Compact(etags)), 4)
	})
}

// 20 variables are one call, by force as well.
func TestVariablesNowInOneCall(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var env []string
		for i := range 20 {
			env = append(env, fmt.Sprintf("V%d=secretsmanager://s%d", i, i))
		}
		s := start(t, environ(env...))
		fetches := func(target string) (n int, a answer) {
			before := s.fetches.Load()
			a = s.get(target)
			is(t, target+": status", a.status, http.StatusOK)
			return int(s.fetches.Load() - before), a
		}
		n, a := fetches("/env")
		is(t, "calls of the first reading", n, 1)
		etag := url.QueryEscape(a.header.Get("ETag"))
		for _, query := range []string{"refreshNow=1", "seen=" + etag, "refreshNow=1&seen=" + etag} {
			n, _ = fetches("/env?" + query)
			is(t, "calls of /env?"+query, n, 1)
		}
		time.Sleep(time.Hour)
		n, _ = fetches("/env?seen=" + etag)
		is(t, "calls of who has seen what has expired", n, 1)
	})
}
