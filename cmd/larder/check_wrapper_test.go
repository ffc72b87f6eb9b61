package main

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"testing"

	"larder/internal/awstest"
	"larder/secret"
)

// TestUnusableLength is about the first byte too many: of name, '=', value and
// NUL.
func TestUnusableLength(t *testing.T) {
	t.Parallel()
	const longest = 131072
	tests := []struct {
		variable string
		size     int
		warns    bool
	}{
		{"A", longest - len("A") - 2, false},
		{"A", longest - len("A") - 1, true},
		{"DB_PASSWORD", longest - len("DB_PASSWORD") - 2, false},
		{"DB_PASSWORD", longest - len("DB_PASSWORD") - 1, true},
	}
	for _, test := range tests {
		warning := unusable(test.variable, secret.NewValue(bytes.Repeat([]byte("x"), test.size)))
		if (warning != "") != test.warns {
			t.Errorf("%d bytes in %s: the warning is %q, want one: %v", test.size, test.variable, warning, test.warns)
		}
	}
}

// TestUnusable checks the warning about what larder-exec cannot set. It is more
// than that where larder-exec starts the function.
func TestUnusable(t *testing.T) {
	t.Parallel()
	c := newChecked(t, "NUL=secretsmanager://nul", "LONG=ssm:///long/*", "FITS=secretsmanager://prod/db", "LARDER_PREFETCH=secretsmanager://nul")
	if err := c.SetSecret("nul", awstest.Secret{String: "CANARY\x00nul"}); err != nil {
		t.Fatal(err)
	}
	for _, n := range strings.Split("abcdefghijklmnopqrstuvwxyz", "") {
		if err := c.SetParameter("/long/"+n, awstest.Parameter{Value: strings.Repeat("x", 8000)}); err != nil {
			t.Fatal(err)
		}
	}
	r := c.report(t, "--online")
	if r.ExitCode != exitRight || len(r.Warnings) != 2 || !strings.HasPrefix(r.Warnings[0], "LONG: ") || !strings.HasPrefix(r.Warnings[1], "NUL: ") {
		t.Errorf("exit code %d, warnings %q, want one for LONG and one for NUL", r.ExitCode, r.Warnings)
	}
	c.environ = append(c.environ, "AWS_LAMBDA_EXEC_WRAPPER=/opt/larder-exec")
	if wrapped := c.report(t, "--online"); wrapped.ExitCode != exitWrong || len(wrapped.Warnings) > 0 || !slices.Equal(wrapped.Mistakes, r.Warnings) {
		t.Errorf("behind larder-exec: exit code %d, mistakes %q, warnings %q, want %d and the same as mistakes", wrapped.ExitCode, wrapped.Mistakes, wrapped.Warnings, exitWrong)
	}
}

// TestTogether is about the first byte too many of all variables, and about how
// near to it what Lambda adds may decide. Linux counts a pointer for each, and the
// command.
func TestTogether(t *testing.T) {
	t.Parallel()
	const bound, full = 2 << 20, 32 << 10
	c := newChecked(t, "PLAIN="+plainValue, "GONE=ssm:///gone?optional", "AWS_LAMBDA_EXEC_WRAPPER=/opt/larder-exec",
		"LARDER_PREFETCH=secretsmanager://full") // which sets nothing
	if err := c.SetSecret("full", awstest.Secret{String: strings.Repeat("x", full)}); err != nil {
		t.Fatal(err)
	}
	used := 0 // by all variables but the value of LAST
	for name, value := range variablesOf(append(c.environ, "LAST=")) {
		if name != "GONE" {
			used += len(name) + len(value) + len("=") + len("\x00") + 8
		}
	}
	for n := 0; bound-used > full+full/2; n++ {
		name := fmt.Sprintf("FULL_%02d", n)
		c.environ = append(c.environ, name+"=secretsmanager://full")
		used += len(name) + full + len("=") + len("\x00") + 8
	}
	c.environ = append(c.environ, "LAST=secretsmanager://last")
	tests := []struct {
		together int
		code     int
		warns    string // "" for none
		mends    string
	}{
		{bound - 8192, exitRight, "", ""},
		{bound - 8191, exitRight, "larder-exec may be unable to start the function", ""},
		{bound, exitRight, "larder-exec may be unable to start the function", ""},
		{bound + 1, exitWrong, "", "larder-exec cannot start the function"},
	}
	for _, test := range tests {
		if err := c.SetSecret("last", awstest.Secret{String: strings.Repeat("x", test.together-used)}); err != nil {
			t.Fatal(err)
		}
		r := c.report(t, "--online")
		if r.ExitCode != test.code || !only(r.Warnings, test.warns) || !only(r.Mistakes, test.mends) {
			t.Errorf("%d bytes: exit code %d, warnings %q, mistakes %q, want %d, %q, %q", test.together, r.ExitCode, r.Warnings, r.Mistakes, test.code, test.warns, test.mends)
		}
		for _, text := range append(r.Warnings, r.Mistakes...) {
			if !strings.Contains(text, fmt.Sprintf("take %d bytes", test.together)) || !strings.Contains(text, "FULL_00 with 32768 bytes, FULL_01 with 32768 bytes, ") || !strings.Contains(text, "over HTTP") {
				t.Errorf("%d bytes: %q, want the bytes, the largest variables and what to do", test.together, text)
			}
		}
	}
	c.unset("AWS_LAMBDA_EXEC_WRAPPER", "INSTEAD="+strings.Repeat("x", 40))
	if r := c.report(t, "--online"); r.ExitCode != exitRight || !only(r.Warnings, "larder-exec cannot start the function") {
		t.Errorf("without larder-exec: exit code %d, warnings %q, want %d and one", r.ExitCode, r.Warnings, exitRight)
	}
}

// only reports whether there is one text, which begins with want, or none for "".
func only(texts []string, want string) bool {
	if want == "" {
		return len(texts) == 0
	}
	return len(texts) == 1 && strings.HasPrefix(texts[0], want)
}
