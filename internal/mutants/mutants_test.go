package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// TestCompare goes from what the tool writes to what is wrong with the list.
func TestCompare(t *testing.T) {
	t.Chdir(t.TempDir())
	if err := os.Mkdir("p", 0o700); err != nil {
		t.Fatal(err)
	}
	const code = "package p\n\nconst n = 5 * 60\n\nfunc plain() bool { return n > 1 }\n\n" +
		"func (*T) method() {\n\tif n > 1 {\n\t\treturn\n\t}\n}\n\nfunc (t G[X]) generic() bool {\n\treturn n > 1\n}\n"
	if err := os.WriteFile(filepath.Join("p", "a.go"), []byte(code), 0o600); err != nil {
		t.Fatal(err)
	}
	var r result
	if err := json.Unmarshal([]byte(`{"mutants_total": 4, "mutants_not_covered": 1, "files": [{"file_name": "a.go", "mutations": [
		{"type": "ARITHMETIC_BASE", "status": "NOT COVERED", "line": 3},
		{"type": "CONDITIONALS_BOUNDARY", "status": "LIVED", "line": 5},
		{"type": "CONDITIONALS_NEGATION", "status": "KILLED", "line": 5},
		{"type": "CONDITIONALS_NEGATION", "status": "TIMED OUT", "line": 8},
		{"type": "CONDITIONALS_BOUNDARY", "status": "LIVED", "line": 8},
		{"type": "CONDITIONALS_BOUNDARY", "status": "LIVED", "line": 14}]}]}`), &r); err != nil {
		t.Fatal(err)
	}
	living, err := r.living("p")
	if err != nil {
		t.Fatal(err)
	}
	want := []mutant{
		{"p.plain", "CONDITIONALS_BOUNDARY", "p/a.go:5"},
		{"p.(*T).method", "CONDITIONALS_BOUNDARY", "p/a.go:8"},
		{"p.(G).generic", "CONDITIONALS_BOUNDARY", "p/a.go:14"},
	}
	if !slices.Equal(living, want) {
		t.Fatalf("living = %v, want %v", living, want)
	}
	explained, err := readList(strings.NewReader("# for people\n\np.plain CONDITIONALS_BOUNDARY as good\np.(G).generic CONDITIONALS_BOUNDARY as good\n" +
		"p.gone CONDITIONALS_BOUNDARY of old\nother.gone CONDITIONALS_BOUNDARY of another package\n"))
	if err != nil {
		t.Fatal(err)
	}
	got := compare("p", living, explained)
	if want := []string{
		"p.(*T).method CONDITIONALS_BOUNDARY lives at p/a.go:8",
		"- p.gone CONDITIONALS_BOUNDARY lives no more: take it out of the list",
	}; !slices.Equal(got, want) {
		t.Errorf("compare = %q, want %q", got, want)
	}
}

// TestReadList refuses what explains nothing.
func TestReadList(t *testing.T) {
	for text, want := range map[string]string{
		"":                               "empty",
		"p.f CONDITIONALS_BOUNDARY":      "line 1: write",
		"p.f A reason\np.f A another":    "line 2: p.f A stands twice",
		"# p.f CONDITIONALS_BOUNDARY no": "empty",
	} {
		if _, err := readList(strings.NewReader(text)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("readList(%q) = %v, want an error with %q", text, err, want)
		}
	}
}

// TestList reads the real one.
func TestList(t *testing.T) {
	file, err := os.Open("survivors.txt")
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	if _, err := readList(file); err != nil {
		t.Error(err)
	}
}
