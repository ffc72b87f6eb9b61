package envfile_test

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"larder/internal/envfile"
)

func TestParse(t *testing.T) {
	t.Parallel()
	tests := []struct {
		text    string
		want    []string
		problem string
	}{
		{"", nil, ""},
		{"A=1\nB=2\n", []string{"A=1", "B=2"}, ""},
		{"A=1", []string{"A=1"}, ""},
		{"A=1\r\nB=2\r\n", []string{"A=1", "B=2"}, ""},
		{"# comment\n\n \t\nA=1 # no comment\n#B=2", []string{"A=1 # no comment"}, ""},
		{"A=\nB==\nC=\"x y\"\nD= x ", []string{"A=", "B==", `C="x y"`, "D= x "}, ""},
		{"DB=secretsmanager://prod/db?ttl=60#password", []string{"DB=secretsmanager://prod/db?ttl=60#password"}, ""},
		{"A=1\nA=2", []string{"A=1", "A=2"}, ""},
		{"\ufeffA=1\r\nB=\ufeff2", []string{"A=1", "B=\ufeff2"}, ""},
		{"\ufeff# comment\n\ufeffA=1\n\ufeff\n", []string{"A=1"}, ""}, // two files put together, and a third one that is empty
		{"A=1\n\nhunter2", nil, "line 3: not of the form NAME=value"},
		{"=hunter2", nil, "line 1: not of the form NAME=value"},
		{"export A=hunter2", nil, "line 1: not of the form NAME=value"},
		{" A=hunter2", nil, "line 1: not of the form NAME=value"},
		{"A=hunter2\x00", nil, "line 1: not of the form NAME=value"},
	}
	for _, test := range tests {
		got, err := envfile.Parse(test.text)
		problem := ""
		if err != nil {
			problem = err.Error()
		}
		if !slices.Equal(got, test.want) || problem != test.problem {
			t.Errorf("Parse(%q) = %q, %q, want %q, %q", test.text, got, problem, test.want, test.problem)
		}
	}
}

func TestRead(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "function.env")
	if err := os.WriteFile(path, []byte("A=1\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if got, err := envfile.Read(path); err != nil || !slices.Equal(got, []string{"A=1"}) {
		t.Errorf("Read = %q, %v, want A=1", got, err)
	}
	if err := os.WriteFile(path, []byte("A=1\nhunter2\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := envfile.Read(path); err == nil || err.Error() != path+", line 2: not of the form NAME=value" {
		t.Errorf("Read = %v, want the file, the line and nothing of it", err)
	}
	if _, err := envfile.Read(path + ".not"); err == nil || !strings.Contains(err.Error(), path) {
		t.Errorf("Read of no file = %v, want an error that names it", err)
	}
}

// FuzzParse checks that what is read reads as the same again, and that no error
// repeats the text.
func FuzzParse(f *testing.F) {
	for _, seed := range []string{"A=1\nB=2\n", "# x\r\nA==\r\n", "A", "=x", "A=\x00", "A=\xff\n\n", "\ufeffA=1\n\ufeff\ufeffB=2"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		items, err := envfile.Parse(text)
		if err != nil {
			if !strings.HasSuffix(err.Error(), ": not of the form NAME=value") {
				t.Fatalf("Parse(%q): error %q, want one fixed text", text, err)
			}
			return
		}
		again, err := envfile.Parse(strings.Join(items, "\n"))
		if err != nil || !slices.Equal(again, items) {
			t.Fatalf("Parse(%q) = %q, and of that %q, %v", text, items, again, err)
		}
		for _, item := range items {
			if envfile.Check(item) != nil || strings.ContainsAny(item, "\n\x00") {
				t.Errorf("Parse(%q) has the item %q", text, item)
			}
		}
	})
}
