package server_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"larder/secret"
)

func TestVariablesObject(t *testing.T) {
	t.Parallel()
	s := start(t, environ("B=secretsmanager://b", "A=secretsmanager://a#x", "OTHER=plain", "LARDER_PREFETCH=ssm:///p",
		"C=ssm:///gone?optional", "D=secretsmanager://b"))
	s.value("a", `{"x":"<1>"}`)
	s.value("b", `"two"=`+"\n")
	s.fails("/gone", secret.Error{Class: secret.NotFound})
	a := s.get("/env")
	isBody(t, "/env", a, `{"A":"<1>","B":"\"two\"=\n","D":"\"two\"=\n"}`)
	is(t, "Content-Type", a.header.Get("Content-Type"), "application/json")
	is(t, "Larder-Binary", a.header.Get("Larder-Binary"), "")
	is(t, "Larder-Absent", a.header.Get("Larder-Absent"), "C")
	is(t, "calls for a secret of two variables", s.asked()["b"], 1)
	is(t, "calls for what is no variable", s.asked()["/p"], 0)

	isBody(t, "/env of nothing", start(t).get("/env"), "{}")
	isBody(t, "/env of nothing", start(t).get("/env", "Accept: application/octet-stream"), "")
}

// tortured is a stand with a binary secret and a variable for each torture value.
func tortured(t *testing.T) (s *stand, values map[string][]byte) {
	var items []string
	values = make(map[string][]byte)
	for _, value := range torture() {
		name := fmt.Sprintf("V%02d", len(items))
		items = append(items, name+"=secretsmanager://"+name)
		values[name] = value
	}
	s = start(t, environ(items...))
	for name, value := range values {
		s.has(name, &secret.Record{Service: secret.SecretsManager, Version: "1", Binary: true, Value: secret.NewValue(value)})
	}
	return s, values
}

// carries fails the test unless got has the values that fit, as they are, and a
// names the others.
func carries(t *testing.T, a answer, got map[string]string, values map[string][]byte, fits func([]byte) bool) {
	t.Helper()
	var left []string
	for _, name := range slices.Sorted(maps.Keys(values)) {
		text, there := got[name]
		is(t, name+" is there", there, fits(values[name]))
		is(t, name+" comes back", text == string(values[name]), there)
		if !there {
			left = append(left, name)
		}
	}
	if len(left) == 0 || len(left) == len(values) {
		t.Errorf("%d of %d values fit: the test shows nothing", len(values)-len(left), len(values))
	}
	is(t, "Larder-Binary", a.header.Get("Larder-Binary"), strings.Join(left, ", "))
}

// Each representation carries what it can, and names the rest.
func TestVariablesTorture(t *testing.T) {
	t.Parallel()
	s, values := tortured(t)
	a := s.get("/env", "Accept: application/json")
	got := make(map[string]string)
	if err := json.Unmarshal([]byte(a.body), &got); err != nil {
		t.Fatalf("/env: %v", err)
	}
	carries(t, a, got, values, utf8.Valid)

	a = s.get("/env", "Accept: text/html, application/octet-stream")
	is(t, "Content-Type", a.header.Get("Content-Type"), "application/octet-stream")
	clear(got)
	for item := range strings.SplitSeq(a.body, "\x00") {
		name, value, found := strings.Cut(item, "=")
		is(t, "an item with '='", found, true)
		got[name] = value
	}
	carries(t, a, got, values, func(b []byte) bool { return !slices.Contains(b, 0) })
}

func TestVariableTorture(t *testing.T) {
	t.Parallel()
	s, values := tortured(t)
	for name, value := range values {
		isBody(t, "/env/"+name, s.get("/env/"+name), string(value))
	}
}

func TestVariable(t *testing.T) {
	t.Parallel()
	s := start(t, environ("A=secretsmanager://a#x", "a/b c=secretsmanager://b", "a%2Fb=secretsmanager://once", "LARDER_PREFETCH=secretsmanager://p", "PLAIN=x"))
	s.value("a", `{"x":"1"}`)
	s.value("b", "2")
	s.value("once", "3")
	isBody(t, "/env/A", s.get("/env/A"), "1")
	isBody(t, "a name with other characters", s.get("/env/a%2Fb%20c"), "2")
	isBody(t, "a raw slash", s.get("/env/a/b%20c"), "2")
	isBody(t, "a name that looks encoded", s.get("/env/a%252Fb"), "3")
	isBody(t, "a forced read", s.get("/env/A?refreshNow=1"), "1")
	is(t, "calls", s.asked()["a"], 2)
	for _, target := range []string{"/env/", "/env/NOPE", "/env/a", "/env/PLAIN", "/env/LARDER_PREFETCH", "/env/A/", "/env//A", "/env/%2FA", "/env/./A"} {
		a := s.get(target)
		is(t, target+": status", a.status, http.StatusNotFound)
		is(t, target+": code", failedBody(t, target, a).Code, "NotFound")
	}
}

// A failure names all variables that have no value, each with its reason.
func TestVariablesFailure(t *testing.T) {
	t.Parallel()
	items := []string{"GOOD=secretsmanager://good", "GONE=secretsmanager://gone", "DENIED=ssm:///denied", "FIELD=secretsmanager://good#nope",
		"ALSO=secretsmanager://gone", "OPTIONAL=secretsmanager://gone?optional"}
	fail := func(s *stand) {
		s.fails("gone", secret.Error{Class: secret.NotFound, Code: "ResourceNotFoundException", Status: 400})
		s.fails("/denied", secret.Error{Class: secret.Denied, Code: "AccessDeniedException", Action: "ssm:GetParameter"})
	}
	s := start(t, environ(items...))
	fail(s)
	a := s.get("/env")
	is(t, "status: the first variable's", a.status, http.StatusNotFound)
	f := failedBody(t, "/env", a)
	is(t, "variables", strings.Join(f.Variables, " "), "ALSO DENIED FIELD GONE")
	for _, want := range []string{"GONE: secretsmanager://gone in eu-west-1: ResourceNotFoundException", "ssm:GetParameter", `no field "nope"`} {
		if !strings.Contains(f.Message, want) {
			t.Errorf("message %q, want %q in it", f.Message, want)
		}
	}

	a = s.get("/env", "Accept: application/octet-stream")
	is(t, "as bytes: status", a.status, http.StatusNotFound)
	is(t, "as bytes: Content-Type", a.header.Get("Content-Type"), "text/plain; charset=utf-8")
	is(t, "as bytes: the same in one line", a.body, strings.ReplaceAll(f.Message, "\n", "; "))

	s = start(t, environ(items...), warn)
	fail(s)
	a = s.get("/env")
	isBody(t, "/env with warn: what there is", a, `{"GOOD":`+quote(t, planted)+`}`)
	is(t, "/env with warn: Larder-Absent", a.header.Get("Larder-Absent"), "ALSO, DENIED, FIELD, GONE, OPTIONAL")
	a = s.get("/env/GONE")
	is(t, "/env/GONE with warn", a.status, http.StatusNotFound)
	is(t, "its variable", strings.Join(failedBody(t, "/env/GONE", a).Variables, " "), "GONE")
}

// To who takes bytes, a refusal is a line of text, too.
func TestVariablesRefused(t *testing.T) {
	t.Parallel()
	s := start(t, environ("A=secretsmanager://a"))
	a := s.get("/env", "Accept: application/octet-stream", "X-Aws-Parameters-Secrets-Token: wrong")
	is(t, "status", a.status, http.StatusUnauthorized)
	is(t, "Larder-Error", a.header.Get("Larder-Error"), "BadToken")
	is(t, "Content-Type", a.header.Get("Content-Type"), "text/plain; charset=utf-8")
	if !strings.Contains(a.body, "AWS_SESSION_TOKEN") || strings.ContainsAny(a.body, "{\n") {
		t.Errorf("body %q, want one line of text that names AWS_SESSION_TOKEN", a.body)
	}
}

func quote(t *testing.T, text string) string {
	t.Helper()
	var b strings.Builder
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(text); err != nil {
		t.Fatal(err)
	}
	return strings.TrimSuffix(b.String(), "\n")
}
