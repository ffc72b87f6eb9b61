package main

import (
	"encoding/json"
	"fmt"
	"io"
	"net"
	"slices"
	"strings"
	"testing"

	"larder/extension/extensiontest"
	"larder/internal/awstest"
)

// logged is a line of the log, in either form.
type logged struct{ level, message string }

// parseLog reads an output of which every line must be the log's, in the form that is
// asked for.
func parseLog(t *testing.T, output string, asJSON bool) (lines []logged) {
	t.Helper()
	for line := range strings.Lines(output) {
		var l logged
		if asJSON {
			var values struct{ Time, Level, Msg, Extension string }
			if err := json.Unmarshal([]byte(line), &values); err != nil || values.Time == "" || values.Extension != "larder" {
				t.Errorf("no line of JSON with time and extension: %q, %v", line, err)
			}
			l = logged{values.Level, values.Msg}
		} else {
			rest, ok := strings.CutPrefix(line, "larder level=")
			level, rest, cut := strings.Cut(rest, " msg=")
			if !ok || !cut {
				t.Errorf("no line of text with level and msg: %q", line)
			}
			message, _, _ := strings.Cut(strings.TrimPrefix(rest, `"`), `"`)
			if !strings.HasPrefix(rest, `"`) {
				message, _, _ = strings.Cut(rest, " ")
			}
			l = logged{level, strings.TrimSpace(message)}
		}
		lines = append(lines, l)
	}
	return lines
}

// TestLogLevels goes through a life in which something happens at every level, in
// both forms and at every level that can be set, in both variables.
func TestLogLevels(t *testing.T) {
	const ours, functions = "PARAMETERS_SECRETS_EXTENSION_LOG_LEVEL=", "AWS_LAMBDA_LOG_LEVEL="
	all := []string{"DEBUG", "INFO", "WARN", "ERROR"}
	tests := []struct {
		environ []string
		lowest  string // "" for none
	}{
		{[]string{ours + "debug"}, "DEBUG"}, {[]string{ours + "INFO"}, "INFO"}, {[]string{ours + "Warn"}, "WARN"},
		{[]string{ours + "ERROR"}, "ERROR"}, {[]string{ours + "NONE"}, ""}, {[]string{ours}, "INFO"},
		{[]string{ours, functions + "TRACE"}, "DEBUG"}, {[]string{ours, functions + "DEBUG"}, "DEBUG"}, {[]string{ours, functions + "WARN"}, "WARN"},
		{[]string{ours, functions + "FATAL"}, "ERROR"}, {[]string{ours, functions + "error"}, "ERROR"}, {[]string{ours, functions + "LOUD"}, "INFO"},
		{[]string{ours + "ERROR", functions + "DEBUG"}, "ERROR"},
	}
	for _, tt := range tests {
		for _, format := range []string{"JSON", "Text", ""} {
			st := newStage(t, awstest.Config{Secrets: map[string]awstest.Secret{"a": {String: "x"}}},
				append(slices.Clone(tt.environ), "AWS_LAMBDA_LOG_FORMAT="+format, "A=secretsmanager://a", "LARDER_NOTHING=1")...)
			st.lambda.Instead(extensiontest.Next, answer500) // so that the end is an error
			st.start(t)
			if err := st.end(t); err == nil {
				t.Fatal("extend = nil, and the platform is broken")
			}
			var levels []string
			for _, l := range parseLog(t, st.output.String(), format == "JSON") {
				if l.message == "" {
					t.Errorf("%v: a line without a message in\n%s", tt.environ, st.output.String())
				}
				levels = append(levels, l.level)
			}
			slices.Sort(levels)
			want := []string{}
			if i := slices.Index(all, tt.lowest); i >= 0 {
				want = slices.Sorted(slices.Values(all[i:]))
			}
			if got := slices.Compact(levels); !slices.Equal(got, want) {
				t.Errorf("%v, format %q: the levels in the log are %v, want %v", tt.environ, format, got, want)
			}
		}
	}
}

// TestLogCannotBeForged sends what would be another line, or another key of one.
func TestLogCannotBeForged(t *testing.T) {
	for _, format := range []string{"JSON", "Text"} {
		st := newStage(t, awstest.Config{}, "AWS_LAMBDA_LOG_FORMAT="+format)
		st.start(t)
		st.lambda.Await(extensiontest.Next, 1)
		for _, hostile := range []string{
			"x\nlarder level=ERROR msg=forged", "x\r\n{\"level\":\"ERROR\",\"msg\":\"forged\",\"time\":\"t\",\"extension\":\"larder\"}",
			"x\" level=ERROR msg=forged", "x\x1b[31m\u2028\u0085\x00forged", `{"_aws":{}}`,
		} {
			st.read("secretsmanager://" + hostile)
			st.read("ssm://" + hostile)
			st.read(hostile)
		}
		st.shutdown()
		if err := st.end(t); err != nil {
			t.Errorf("extend = %v", err)
		}
		reads := 0
		for _, l := range parseLog(t, st.output.String(), format == "JSON") {
			if l.message == "forged" || l.level == "ERROR" {
				t.Errorf("a line is forged in\n%s", st.output.String())
			}
			if l.message == "read" {
				reads++
			}
		}
		if reads != 15 {
			t.Errorf("%d lines for 15 reads", reads)
		}
		if i := strings.IndexFunc(st.output.String(), func(r rune) bool { return r < ' ' && r != '\n' || r == '\u2028' || r == '\u0085' }); i >= 0 {
			t.Errorf("a control character is in the log: %q", st.output.String()[i:])
		}
	}
}

// TestLogLinesAreShort sends the longest requests that are read: no line is so long that
// Lambda would make two of it, with the second one as a request says.
func TestLogLinesAreShort(t *testing.T) {
	for _, format := range []string{"JSON", "Text"} {
		st := newStage(t, awstest.Config{Secrets: map[string]awstest.Secret{"a": {String: "x"}}}, "A=secretsmanager://a", "AWS_LAMBDA_LOG_FORMAT="+format)
		st.start(t)
		st.lambda.Await(extensiontest.Next, 1)
		long := strings.Repeat("\xff", 60<<10) // raw, each becomes an escape of four or six bytes
		for _, target := range []string{"/value?ref=secretsmanager://a&field=" + long, "/v1/" + long, "/" + long} {
			conn, err := net.Dial("tcp", st.addr("127.0.0.1"))
			if err != nil {
				t.Fatal(err)
			}
			fmt.Fprintf(conn, "GET %s HTTP/1.0\r\nX-Aws-Parameters-Secrets-Token: %s\r\n\r\n", target, st.token)
			if answer, err := io.ReadAll(conn); err != nil || len(answer) == 0 {
				t.Errorf("an answer of %d bytes, %v", len(answer), err)
			}
			conn.Close()
		}
		st.shutdown()
		if err := st.end(t); err != nil {
			t.Errorf("extend = %v", err)
		}
		reads := 0
		for _, l := range parseLog(t, st.output.String(), format == "JSON") {
			if l.message == "read" {
				reads++
			}
		}
		if reads != 3 {
			t.Errorf("%d lines for 3 reads", reads)
		}
		for line := range strings.Lines(st.output.String()) {
			if len(line) > 256<<10 {
				t.Errorf("a line of %d bytes: %.200s", len(line), line)
			}
		}
	}
}
