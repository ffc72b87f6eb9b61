package server_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"unicode/utf8"

	"larder/secret"
)

// torture are values that some loader has broken: see [texts] for those that are
// UTF-8.
func torture() map[string][]byte {
	all := bytes.Repeat([]byte{0}, 256)
	for i := range all {
		all[i] = byte(i)
	}
	values := map[string][]byte{
		"every byte": all, "NULs": {0, 0, 0}, "not UTF-8": []byte("\xff\xfe\xc3("), "64 KiB of bytes": bytes.Repeat(all, 256),
		"dollar": []byte("$(id) `id` ${HOME} \"'\\"), "equals": []byte("a=b==c="), "ends in newlines": []byte("a\n\r\n"),
	}
	for _, text := range texts {
		values[fmt.Sprintf("%.10q", text)] = []byte(text)
	}
	return values
}

func TestValueIsBare(t *testing.T) {
	t.Parallel()
	s, n := start(t), 0
	for name, value := range torture() {
		for _, binary := range []bool{false, true} {
			id := fmt.Sprint("x", n)
			n++
			s.has(id, &secret.Record{Service: secret.SecretsManager, Version: "v1", Binary: binary, Value: secret.NewValue(value)})
			a := s.get("/value?ref=secretsmanager://" + id)
			isBody(t, name, a, string(value))
			want := "text/plain; charset=utf-8"
			if binary || !utf8.Valid(value) {
				want = "application/octet-stream"
			}
			is(t, name+": Content-Type", a.header.Get("Content-Type"), want)
			is(t, name+": ETag", a.header.Get("ETag"), `"v1"`)
			is(t, name+": Age", a.header.Get("Age"), "0")
			is(t, name+": X-Content-Type-Options", a.header.Get("X-Content-Type-Options"), "nosniff")
		}
	}
}

func TestValueFields(t *testing.T) {
	t.Parallel()
	s := start(t)
	object, err := json.Marshal(map[string]any{
		"password": planted, "n": 1.50, "o": map[string]any{"a": []any{1, "two"}, "b": nil}, "a&b": "amp", "a#b": "hash", "?": "ask", "": "none",
	})
	if err != nil {
		t.Fatal(err)
	}
	s.value("x", string(object))
	s.has("/t/**", &secret.Record{
		Service: secret.ParameterStore, Version: "0a", Value: secret.NewValue([]byte(`{"a":"1","b/c":"2"}`)),
		Members: []secret.Record{{Name: "/t/a"}},
	})
	const x = "/value?ref=secretsmanager://x"
	tests := []struct{ target, want, kind string }{
		{x, string(object), "text/plain"},
		{x + "%23password", planted, "text/plain"},
		{x + "&field=password", planted, "text/plain"},
		{"/value?field=password&ref=" + url.QueryEscape("secretsmanager://x"), planted, "text/plain"},
		{x + "#password", planted, "text/plain"}, // as some clients do send it
		{x + "&field=n", "1.5", "text/plain"},
		{x + "&field=o", `{"a":[1,"two"],"b":null}`, "text/plain"},
		{x + "&field=/o/a/1", "two", "text/plain"},
		{x + "&field=a%26b", "amp", "text/plain"},
		{x + "&field=a%23b", "hash", "text/plain"},
		{x + "&field=?", "ask", "text/plain"},
		{x + "&field=", string(object), "text/plain"},
		{x + "%3Fttl=5%26optional&field=/password", planted, "text/plain"},
		{"/value?ref=ssm:///t/**", `{"a":"1","b/c":"2"}`, "application/json"},
		{"/value?ref=ssm:///t/**&field=b/c", "2", "text/plain"},
	}
	is(t, "a field that is null", s.get(x+"&field=%2Fo%2Fb").status, http.StatusUnprocessableEntity)
	for _, test := range tests {
		a := s.get(test.target)
		isBody(t, test.target, a, test.want)
		is(t, test.target+": Content-Type", strings.HasPrefix(a.header.Get("Content-Type"), test.kind), true)
	}
}

// A value has one type, whether it is read by its reference or by its variable.
func TestValueContentType(t *testing.T) {
	t.Parallel()
	const text, binary, object = "text/plain; charset=utf-8", "application/octet-stream", "application/json"
	tests := []struct{ ref, want string }{
		{"secretsmanager://text", text},
		{"secretsmanager://object", text}, // it is somebody's text, and may be no JSON tomorrow
		{"secretsmanager://object#a", text},
		{"secretsmanager://binary", binary},
		{"secretsmanager://binary#a", text},
		{"secretsmanager://bytes", binary},
		{"secretsmanager://wrong", binary}, // UTF-8 is not claimed of what is not
		{"ssm:///text", text},
		{"ssm:///t/**", object},
		{"ssm:///t/**#a", text},
	}
	var items []string
	for i, test := range tests {
		items = append(items, fmt.Sprintf("V%d=%s", i, test.ref))
	}
	s := start(t, environ(items...))
	for id, r := range map[string]*secret.Record{
		"text":   {Value: secret.NewValue([]byte("é"))},
		"object": {Value: secret.NewValue([]byte(`{"a":"1"}`))},
		"binary": {Value: secret.NewValue([]byte(`{"a":"1"}`)), Binary: true},
		"bytes":  {Value: secret.NewValue([]byte{0xff}), Binary: true},
		"wrong":  {Value: secret.NewValue([]byte{0xff})},
		"/t/**":  {Value: secret.NewValue([]byte(`{"a":"1"}`)), Members: []secret.Record{{Name: "/t/a"}}},
	} {
		s.has(id, r)
	}
	for i, test := range tests {
		for _, target := range []string{"/value?ref=" + url.QueryEscape(test.ref), fmt.Sprint("/env/V", i)} {
			a := s.get(target)
			is(t, test.ref+" at "+target+": status", a.status, http.StatusOK)
			is(t, test.ref+" at "+target+": Content-Type", a.header.Get("Content-Type"), test.want)
		}
	}
}

// What a request asks AWS for.
func TestValueRequests(t *testing.T) {
	t.Parallel()
	tests := []struct{ target, want, region string }{
		{"/value?ref=secretsmanager://a", "secretsmanager://a", region},
		{"/value?ref=secretsmanager%3A%2F%2Fa%2Bb", "secretsmanager://a+b", region},
		{"/value?ref=secretsmanager://a+b", "secretsmanager://a+b", region},
		{"/value?ref=secretsmanager://a?stage=AWSPREVIOUS", "secretsmanager://a?stage=AWSPREVIOUS", region},
		{"/value?ref=secretsmanager://a?version=1%26region=us-east-2", "secretsmanager://a?version=1", "us-east-2"},
		{"/value?ref=ssm:///a:3", "ssm:///a?version=3", region},
		{"/value?ref=ssm://plain?label=Dev", "ssm://plain?label=Dev", region},
		{"/value?ref=secretsmanager://" + strings.Replace(secretARN, region, "us-east-2", 1) + ":field::",
			"secretsmanager://" + strings.Replace(secretARN, region, "us-east-2", 1), "us-east-2"},
	}
	for _, test := range tests {
		s := start(t)
		for _, id := range []string{"a", secretARN, strings.Replace(secretARN, region, "us-east-2", 1)} {
			s.value(id, `{"field":"x"}`)
		}
		is(t, test.target+": status", s.get(test.target).status, http.StatusOK)
		for k := range s.calls {
			is(t, test.target+" asks for", k.String(), test.want)
			is(t, test.target+" asks in", k.Region, test.region)
			is(t, test.target+" decrypts", k.Decrypt, k.Service == secret.ParameterStore)
		}
		is(t, test.target+": calls", len(s.calls), 1)
	}
}

func TestValueBadRequests(t *testing.T) {
	t.Parallel()
	s := start(t, environ("A=secretsmanager://a"))
	tests := []struct{ target, message string }{
		{"/value", "the parameter ref is missing"},
		{"/value?ref=", "the parameter ref is missing"},
		{"/value?field=x", "the parameter ref is missing"},
		{"/value?ref=a", "secretsmanager:// or ssm://"},
		{"/value?ref=https://evil.com", "secretsmanager:// or ssm://"},
		{"/value?ref=secretsmanager://a?stage=x&version=1", "an & inside ref is written %26"},
		{"/value?ref=secretsmanager://a&ref=secretsmanager://b", "the parameter ref stands twice"},
		{"/value?ref=secretsmanager://a&x", "unknown parameter"},
		{"/value?ref=secretsmanager://a&Field=x", "unknown parameter"},
		{"/value?ref=secretsmanager://a&" + url.QueryEscape(planted) + "=1", "unknown parameter"},
		{"/value?ref=" + url.QueryEscape("secretsmanager://"+planted), "a secret's name"},
		{"/value?ref=secretsmanager://a%23x&field=y", "the field is named twice"},
		{"/value?ref=secretsmanager://" + secretARN + ":x::&field=y", "the field is named twice"},
		{"/value?ref=secretsmanager://a&field=/~", "JSON Pointer"},
		{"/value?ref=secretsmanager://a%23", "nothing follows the '#'"},
		{"/value?ref=secretsmanager://a&refreshNow=maybe", "refreshNow is true, 1, false or 0"},
		{"/value?ref=secretsmanager://a&refreshNow=", "refreshNow is true, 1, false or 0"},
		{"/value?ref=secretsmanager://a?region=evil.com/x", "a Region has only"},
		{"/value?ref=ssm://a/b", "did you mean ssm:///a/b"},
		{"/value?ref=%zz", "starts no percent-encoding"},
		{"/value?ref=secretsmanager://a&field=%", "starts no percent-encoding"},
		{"/env?ref=x", "there are refreshNow and seen"},
		{"/env?%zz", "percent-encoding"},
		{"/env/A?field=x", "there are refreshNow and seen"},
		{"/env/A?refreshNow=1&refreshNow=1", "the parameter refreshNow stands twice"},
		{"/value?ref=secretsmanager://a&refreshNow=1&refreshNow=1", "the parameter refreshNow stands twice"},
		{"/env/A?refreshNow=no", "refreshNow is true, 1, false or 0"},
		{"/env/A?x=%zz", "starts no percent-encoding"},
	}
	for _, test := range tests {
		a := s.get(test.target)
		is(t, test.target+": status", a.status, http.StatusBadRequest)
		f := failedBody(t, test.target, a)
		is(t, test.target+": code", f.Code, "BadReference")
		if !strings.Contains(f.Message, test.message) {
			t.Errorf("%s: message %q, want %q in it", test.target, f.Message, test.message)
		}
	}
	is(t, "calls", len(s.asked()), 0)
}

func TestValueUndeclared(t *testing.T) {
	t.Parallel()
	s := start(t, environ("A=secretsmanager://a#x"), declaredOnly)
	s.value("a", `{"x":"1"}`)
	isBody(t, "a declared secret", s.get("/value?ref=secretsmanager://a&field=x"), "1")
	a := s.get("/value?ref=secretsmanager://b")
	is(t, "an undeclared one", a.status, http.StatusForbidden)
	f := failedBody(t, "an undeclared one", a)
	is(t, "code", f.Code, "Undeclared")
	is(t, "reference", f.Reference, "secretsmanager://b")
	is(t, "calls for it", s.asked()["b"], 0)
}
