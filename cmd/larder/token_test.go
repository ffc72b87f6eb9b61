package main

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"larder/internal/awstest"
)

// TestToken: AWS_TOKEN is one more token, or none, and never a text that was meant
// otherwise.
func TestToken(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	write := func(name, content string) string {
		path := filepath.Join(folder, name)
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		return "file://" + path
	}
	if err := syscall.Mkfifo(filepath.Join(folder, "pipe"), 0o600); err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		name, text, token string
		warning, mistake  string // a part of it; empty for none
	}{
		{"literal", "CANARY-token", "CANARY-token", "", ""},
		{"blanks around it", " \tCANARY-token\n", "CANARY-token", "", ""},
		{"none", "", "", "", ""},
		{"blanks", " \t", "", "", ""},
		{"a file", write("token", "\nCANARY-token \r\n"), "CANARY-token", "", ""},
		{"an empty file", write("empty", " \n"), "", "", ""},
		{"no file", "file://" + filepath.Join(folder, "CANARY-none"), "", "the file cannot be opened: no such file", ""},
		{"a folder", "file://" + folder, "", "it is not a regular file", ""},
		{"a pipe", "file://" + filepath.Join(folder, "pipe"), "", "it is not a regular file", ""},
		{"too large", write("large", strings.Repeat("x", 64<<10+1)), "", "the file has more than 65536 bytes", ""},
		{"a reference", "secretsmanager://CANARY-token", "", "", "it is a reference"},
		{"a reference in blanks", " ssm:///CANARY-token ", "", "", "it is a reference"},
	}
	for _, test := range tests {
		s, warnings, mistakes := readSettings(function("AWS_TOKEN=" + test.text))
		if got := string(s.sdk.token.Reveal()); got != test.token {
			t.Errorf("%s: a token of %d bytes, want %d", test.name, len(got), len(test.token))
		}
		for what, check := range map[string]struct {
			got  []error
			want string
		}{"warnings": {warnings, test.warning}, "mistakes": {mistakes, test.mistake}} {
			said := strings.Join(texts(check.got), "; ")
			if (said == "") != (check.want == "") || !strings.Contains(said, check.want) || check.want != "" && !strings.HasPrefix(said, "AWS_TOKEN: ") {
				t.Errorf("%s: %s %q, want %q", test.name, what, said, check.want)
			}
			if strings.Contains(said, "CANARY") {
				t.Errorf("%s: %s repeat the value", test.name, what)
			}
		}
		if _, _, alone := readSettings([]string{"AWS_REGION=eu-west-1", "AWS_TOKEN=" + test.text}); (len(alone) == 0) != (test.token != "") {
			t.Errorf("%s, without a session token: mistakes %q; want none if there is a token", test.name, texts(alone))
		}
	}
}

// TestNoSessionToken names the way out.
func TestNoSessionToken(t *testing.T) {
	t.Parallel()
	_, _, mistakes := readSettings([]string{"AWS_REGION=eu-west-1", "AWS_ACCESS_KEY_ID=a", "AWS_SECRET_ACCESS_KEY=b"})
	if said := strings.Join(texts(mistakes), "; "); !strings.Contains(said, "as under sam local, set AWS_TOKEN to a text of your own, and send that") {
		t.Errorf("mistakes %q, want the way out", said)
	}
}

// TestReadWithToken: both tokens open the reads, and the log has neither.
func TestReadWithToken(t *testing.T) {
	inWhole(t, awstest.Config{Secrets: map[string]awstest.Secret{"a": {String: "value"}}}, func(t *testing.T, w *whole) {
		if err := w.init(t.Context()); err != nil {
			t.Fatal(err)
		}
		_, _, session := w.aws.Credentials()
		for token, want := range map[string]int{session: 200, "CANARY-token": 200, "CANARY-toke": 401, "": 401} {
			if got := w.present(token, "/value?ref=secretsmanager://a").Code; got != want {
				t.Errorf("a read with a token of %d bytes: status %d, want %d", len(token), got, want)
			}
		}
		if log := w.output.String(); strings.Contains(log, "CANARY") {
			t.Error("the log has a token")
		}
	}, "AWS_TOKEN=CANARY-token")
}
