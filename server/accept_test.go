package server_test

import (
	"fmt"
	"net/http"
	"testing"

	"larder/secret"
)

// Bytes, and failures as a line of text, are for who names their type and does not
// like JSON better.
func TestAccept(t *testing.T) {
	t.Parallel()
	const text, bytes, json = "text/plain; charset=utf-8", "application/octet-stream", "application/json"
	s := start(t, environ("A=secretsmanager://a"))
	broken := start(t, environ("A=secretsmanager://a"))
	broken.fails("a", secret.Error{Class: secret.Denied, Code: "AccessDeniedException", Status: 400, Message: "no"})
	tests := []struct {
		accept []string // the header's lines
		bytes  bool
	}{
		{nil, false},
		{[]string{""}, false},
		{[]string{"*/*"}, false},
		{[]string{"application/*"}, false},
		{[]string{"application/json"}, false},
		{[]string{"text/html"}, false},
		{[]string{"application/octet-stream"}, true},
		{[]string{"Application/OCTET-Stream"}, true},
		{[]string{" application/octet-stream ;q=0.001"}, true},
		{[]string{"application/octet-stream;q=0"}, false},
		{[]string{"application/octet-stream; Q=0.0"}, false},
		{[]string{"application/octet-stream;q=0.000, */*"}, false},
		{[]string{"application/octet-stream;charset=binary"}, true},
		{[]string{"application/octet-stream;charset=binary;q=0"}, false},
		{[]string{`application/octet-stream;a="q=0"`}, true},
		{[]string{"application/octet-stream;q"}, true},
		{[]string{"application/octet-stream;q=high"}, true},
		{[]string{"application/octet-stream;q=NaN"}, true},
		{[]string{"application/octet-stream;q=-1"}, true},
		{[]string{"application/octet-stream;"}, true},
		{[]string{"application/octet-streams"}, false},
		{[]string{"x-application/octet-stream"}, false},
		{[]string{"text/plain;as=application/octet-stream"}, false},
		{[]string{`text/plain;as="application/octet-stream"`}, false},
		{[]string{"text/html, application/octet-stream"}, true},
		{[]string{"application/octet-stream, */*"}, true},
		{[]string{"application/octet-stream, */*;q=0.1"}, true},
		{[]string{"application/json, application/octet-stream"}, true},
		{[]string{"application/json;q=0.5, application/octet-stream"}, true},
		{[]string{"application/json, application/octet-stream;q=0.9"}, false},
		{[]string{"application/octet-stream;q=0.9, */*"}, false},
		{[]string{"application/octet-stream;q=0.2, application/json;q=0.1, application/*"}, true},
		{[]string{"text/html", "application/octet-stream"}, true},
		{[]string{"application/octet-stream", "application/json;q=0.5"}, true},
		{[]string{",, ,/,application/octet-stream,"}, true},
	}
	for _, test := range tests {
		var lines []string
		for _, line := range test.accept {
			lines = append(lines, "Accept: "+line)
		}
		ok, failed := json, json
		if test.bytes {
			ok, failed = bytes, text
		}
		for _, one := range []struct {
			what   string
			got    answer
			status int
			kind   string
		}{
			{"/env", s.get("/env", lines...), http.StatusOK, ok},
			{"a failure", broken.get("/env", lines...), http.StatusForbidden, failed},
			{"a bad request", s.get("/env?x=1", lines...), http.StatusBadRequest, failed},
			{"a refusal", s.get("/env", append(lines, "X-Vault-Token: no")...), http.StatusUnauthorized, failed},
			{"one variable", s.get("/env/A", lines...), http.StatusOK, text},
			{"AWS's own path", s.get(secretPath+"?secretId=a", lines...), http.StatusOK, json},
		} {
			what := fmt.Sprintf("Accept %q, %s", test.accept, one.what)
			is(t, what+": status", one.got.status, one.status)
			is(t, what+": Content-Type", one.got.header.Get("Content-Type"), one.kind)
		}
	}
}
