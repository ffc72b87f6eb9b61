package main

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
)

func TestWith(t *testing.T) {
	t.Parallel()
	env := environment{"PATH=/bin", "A=secretsmanager://a", "GONE=ssm:///gone?optional", "LARDER_PREFETCH=ssm:///p", "A2=x", "ODD"}
	got, err := env.with(answer{items: []string{"A=1=\n2", "EMPTY="}, absent: []string{"GONE"}})
	if err != nil {
		t.Fatal(err)
	}
	want := environment{"PATH=/bin", "LARDER_PREFETCH=ssm:///p", "A2=x", "ODD", "A=1=\n2", "EMPTY="}
	if !slices.Equal(got, want) {
		t.Errorf("with = %q, want %q", got, want)
	}
}

func TestWithRefuses(t *testing.T) {
	t.Parallel()
	limit := maxPages * syscall.Getpagesize()
	value := strings.Repeat("v", limit-len("LONG=")-1)
	if _, err := (environment{}).with(answer{items: []string{"LONG=" + value}}); err != nil {
		t.Errorf("a value of %d bytes: %v, want none", len(value), err)
	}
	_, err := environment{}.with(answer{items: []string{"SHORT=1", "LONG=" + value + "v"}})
	if err == nil || !strings.HasPrefix(err.Error(), "LONG: ") || strings.Contains(err.Error(), "vv") {
		t.Errorf("a value of %d bytes is not refused by its name", len(value)+1)
	}
	_, err = environment{}.with(answer{binary: []string{"N", "M"}})
	if err == nil || !strings.HasPrefix(err.Error(), "N, M: ") {
		t.Errorf("a value with NUL: %v, want an error that begins with the names", err)
	}
}

func TestGet(t *testing.T) {
	t.Parallel()
	env := environment{"AB=1", "A=2=3", "ODD", "A=4"}
	for name, want := range map[string]string{"A": "2=3", "AB": "1", "ODD": "", "B": ""} {
		if got := env.get(name); got != want {
			t.Errorf("get(%q) = %q, want %q", name, got, want)
		}
	}
}

// TestToken: the session token first, then that of AWS_TOKEN, also out of a file, and
// never two lines of a header.
func TestToken(t *testing.T) {
	path := filepath.Join(t.TempDir(), "token")
	if err := os.WriteFile(path, []byte("\nof a file\r\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		env  environment
		want string
	}{
		{environment{"AWS_SESSION_TOKEN=a", "AWS_TOKEN=b"}, "a"},
		{environment{"AWS_SESSION_TOKEN= ", "AWS_TOKEN= b\n"}, "b"},
		{environment{"AWS_TOKEN=file://" + path}, "of a file"},
		{environment{"AWS_TOKEN=file://" + path + ".none"}, ""},
		{environment{"AWS_TOKEN=a\r\nX: b"}, "a  X: b"},
		{nil, ""},
	} {
		if got := token(test.env); got != test.want {
			t.Errorf("token of %q = %q, want %q", test.env, got, test.want)
		}
	}
}
