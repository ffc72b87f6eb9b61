package main

import (
	"slices"
	"strings"
	"testing"
)

const (
	okHead = "HTTP/1.0 200 OK\r\nContent-Type: application/octet-stream\r\n"
	noHead = "HTTP/1.0 403 Forbidden\r\nContent-Type: text/plain; charset=utf-8\r\nLarder-Error: AccessDenied\r\n"
)

func TestParse(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name, raw string
		items     []string
		absent    []string
		binary    []string
		problem   string // a part of the error
	}{
		{name: "two", raw: okHead + "Content-Length: 9\r\n\r\nA=1\x00B==\r\n", items: []string{"A=1", "B==\r\n"}},
		{name: "an empty value", raw: okHead + "Content-Length: 2\r\n\r\nA=", items: []string{"A="}},
		{name: "none", raw: okHead + "Content-Length: 0\r\n\r\n"},
		{name: "header names in other letters", raw: "HTTP/1.1 200 OK\r\ncontent-type:application/octet-stream\r\nCONTENT-LENGTH:3\r\nlarder-absent: X, Y\r\nlarder-binary: Z\r\n\r\nA=1",
			items: []string{"A=1"}, absent: []string{"X", "Y"}, binary: []string{"Z"}},
		{name: "a header's name inside the body", raw: okHead + "Content-Length: 25\r\n\r\nA=1\r\nLarder-Binary: A\r\n\r\n",
			items: []string{"A=1\r\nLarder-Binary: A\r\n\r\n"}},

		{name: "refused", raw: noHead + "Content-Length: 6\r\n\r\nA: why", problem: "A: why"},
		{name: "cut off in the body", raw: okHead + "Content-Length: 9\r\n\r\nA=1\x00B=2", problem: "not whole"},
		{name: "longer than it says", raw: okHead + "Content-Length: 2\r\n\r\nA=1", problem: "not whole"},
		{name: "without a length", raw: okHead + "\r\nA=1", problem: "not whole"},
		{name: "a length that is none", raw: okHead + "Content-Length: -1\r\n\r\n", problem: "not whole"},
		{name: "cut off in the head", raw: okHead + "Content-Le", problem: "broke off"},
		{name: "nothing", raw: "", problem: "broke off"},
		{name: "another protocol", raw: "SSH-2.0-x\r\n\r\n", problem: "does not speak HTTP"},
		{name: "another extension", raw: "HTTP/1.1 400 Bad Request\r\nContent-Length: 2\r\n\r\nno", problem: "status 400"},
		{name: "one that says no length", raw: "HTTP/1.0 404 Not Found\r\n\r\nno", problem: "status 404"},
		{name: "a status that is none", raw: "HTTP/1.1 CANARY-status\r\n\r\n", problem: "what listens there does not speak HTTP"},
		{name: "a page", raw: "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 2\r\n\r\nA=", problem: "not as Larder does"},
		{name: "an error with status 200", raw: "HTTP/1.1 200 OK\r\nLarder-Error: X\r\nContent-Length: 2\r\n\r\nA=", problem: "not as Larder does"},
	}
	for _, test := range tests {
		got, err := parse(test.raw)
		if test.problem != "" {
			if err == nil || !strings.Contains(err.Error(), test.problem) {
				t.Errorf("%s: parse = %v, want an error with %q", test.name, err, test.problem)
			}
			continue
		}
		if err != nil {
			t.Errorf("%s: parse: %v", test.name, err)
			continue
		}
		if !slices.Equal(got.items, test.items) || !slices.Equal(got.absent, test.absent) || !slices.Equal(got.binary, test.binary) {
			t.Errorf("%s: parse = %q, want items %q, absent %q, binary %q", test.name, got, test.items, test.absent, test.binary)
		}
	}
}

// FuzzParse looks for an answer that breaks off and still gives variables.
func FuzzParse(f *testing.F) {
	f.Add(okHead+"Content-Length: 7\r\n\r\nA=1\x00B=2", 60)
	f.Add(noHead+"Content-Length: 6\r\nLarder-Absent: A, B\r\n\r\nA: why", 3)
	f.Fuzz(func(t *testing.T, raw string, cut int) {
		if _, err := parse(raw); err != nil || cut < 0 || cut >= len(raw) {
			return
		}
		if got, err := parse(raw[:cut]); err == nil {
			t.Errorf("parse of a part = %q, want an error", got)
		}
	})
}

func TestLargest(t *testing.T) {
	t.Parallel()
	a := answer{items: []string{"A=1", "B=", "C=4444", "D=22", "E=666666"}}
	if got, want := a.largest(), "E with 6 bytes, C with 4 bytes, D with 2 bytes"; got != want {
		t.Errorf("largest() = %q, want %q", got, want)
	}
	if got, want := (answer{items: []string{"A=1"}}).largest(), "A with 1 bytes"; got != want {
		t.Errorf("largest() = %q, want %q", got, want)
	}
}

func TestOneLine(t *testing.T) {
	t.Parallel()
	if got, want := oneLine("a\nb\r\x00c\x7f d"), "a b  c  d"; got != want {
		t.Errorf("oneLine = %q, want %q", got, want)
	}
}
