package main

import (
	"bytes"
	"slices"
	"strings"
	"testing"
)

// TestEnvFile checks what counts beside a file.
func TestEnvFile(t *testing.T) {
	t.Parallel()
	tests := []struct {
		file, process []string
		want          []string
	}{
		{[]string{"A=1"}, []string{"A=2", "B=3", "LARDER_PREFETCH=ssm:///x"}, []string{"A=1"}},
		{[]string{"A=1"}, []string{"AWS_REGION=eu-west-1", "AWS_CA_BUNDLE=/x"}, []string{"A=1", "AWS_CA_BUNDLE=/x", "AWS_REGION=eu-west-1"}},
		{[]string{"AWS_REGION=us-east-1"}, []string{"AWS_REGION=eu-west-1"}, []string{"AWS_REGION=us-east-1"}},
		{[]string{"AWS_DEFAULT_REGION=us-east-1"}, []string{"AWS_REGION=eu-west-1"}, []string{"AWS_DEFAULT_REGION=us-east-1"}},
		{[]string{"AWS_REGION="}, []string{"AWS_REGION=eu-west-1"}, []string{"AWS_REGION=eu-west-1"}},
		{[]string{"AWS_ACCESS_KEY_ID=a", "AWS_SECRET_ACCESS_KEY=b"}, []string{"AWS_SESSION_TOKEN=c", "AWS_ACCESS_KEY_ID=d"}, []string{"AWS_ACCESS_KEY_ID=a", "AWS_SECRET_ACCESS_KEY=b"}},
		{[]string{"A=1", "A=2"}, nil, []string{"A=2"}},
	}
	for _, test := range tests {
		for _, args := range [][]string{{"--env-file", write(t, test.file...)}, {"--env-file=" + write(t, test.file...)}} {
			o, err := parseCheck(args, test.process)
			var got []string
			for name, value := range o.environ {
				got = append(got, name+"="+value)
			}
			if slices.Sort(got); err != nil || !slices.Equal(got, test.want) {
				t.Errorf("%q beside %q: %q, %v, want %q", test.file, test.process, got, err, test.want)
			}
		}
	}
}

// TestStandIns checks that what stands for Lambda's own variables goes no further.
func TestStandIns(t *testing.T) {
	t.Parallel()
	tests := []struct {
		environ []string
		home    bool
		region  string
		token   string
	}{
		{nil, false, standIn, ""},
		{[]string{"AWS_REGION=eu-west-1", "AWS_ACCESS_KEY_ID=a", "AWS_SECRET_ACCESS_KEY=b"}, true, "eu-west-1", ""}, // a user's keys have no token
		{[]string{"AWS_DEFAULT_REGION=eu-west-1", "AWS_SESSION_TOKEN=t"}, true, "eu-west-1", "t"},
	}
	for _, test := range tests {
		o, err := parseCheck(nil, test.environ)
		if err != nil {
			t.Fatal(err)
		}
		s, home, _, mistakes := o.settings()
		if token := string(s.sdk.sessionToken.Reveal()); home != test.home || s.region != test.region || token != test.token || len(mistakes) > 0 {
			t.Errorf("%q: home %t, Region %q, token %q, mistakes %q, want %t, %q, %q, none", test.environ, home, s.region, token, mistakes, test.home, test.region, test.token)
		}
	}
}

// TestArguments checks the exit codes and streams of everything but check itself.
func TestArguments(t *testing.T) {
	t.Parallel()
	broken := write(t, "A=1", "hunter2-Tr0ub4dor")
	tests := []struct {
		args   []string
		code   int
		stdout string
		stderr string
	}{
		{[]string{"help"}, exitRight, usage, ""},
		{[]string{"-h"}, exitRight, usage, ""},
		{[]string{"check", "--help"}, exitRight, usage, ""},
		{[]string{"version"}, exitRight, versionLine() + "\n", ""},
		{[]string{"version", "x"}, exitUsage, "", usage},
		{[]string{"serve"}, exitUsage, "", usage},
		{[]string{""}, exitUsage, "", usage},
		{[]string{"check", "x"}, exitUsage, "", usage},
		{[]string{"check", "--online=true"}, exitUsage, "", usage},
		{[]string{"check", "--env-file"}, exitUsage, "", "name a file"},
		{[]string{"check", "--env-file", broken + ".not"}, exitUsage, "", broken},
		{[]string{"check", "--env-file", broken}, exitUsage, "", "line 2: not of the form NAME=value"},
	}
	for _, test := range tests {
		var stdout, stderr bytes.Buffer
		code := run(t.Context(), test.args, nil, &stdout, &stderr)
		if code != test.code || stdout.String() != test.stdout || (stderr.Len() == 0) != (test.stderr == "") || !strings.Contains(stderr.String(), test.stderr) {
			t.Errorf("larder %q: exit code %d, want %d; stdout %q, want %q; stderr %q, want %q", test.args, code, test.code, &stdout, test.stdout, &stderr, test.stderr)
		}
		if strings.Contains(stderr.String(), "hunter2") {
			t.Errorf("larder %q: stderr repeats the file", test.args)
		}
	}
}
