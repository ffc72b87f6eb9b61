package main

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// readmeTable returns the cells of the table in the README that has this header.
func readmeTable(t *testing.T, header string) (rows [][]string) {
	t.Helper()
	readme, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	_, table, _ := strings.Cut(string(readme), "\n"+header+"\n")
	table, _, _ = strings.Cut(table, "\n\n")
	for line := range strings.Lines(table) {
		if cells := strings.Split(line, "|"); !strings.HasPrefix(line, "|--") {
			rows = append(rows, cells[1:len(cells)-1])
		}
	}
	return rows
}

// quoted returns what stands between backticks.
func quoted(cell string) (words []string) {
	for i, word := range strings.Split(cell, "`") {
		if i%2 == 1 {
			words = append(words, word)
		}
	}
	return words
}

// TestReadme holds the settings table of the README against the code.
func TestReadme(t *testing.T) {
	t.Parallel()
	documented := map[string]string{}
	for _, row := range readmeTable(t, "| variable | default | meaning |") {
		documented[strings.Trim(row[0], " `")] = strings.Trim(row[1], " `")
	}
	for _, v := range variables() {
		want := v.fallback
		if want == "" {
			want = "–"
		}
		switch got, ok := documented[v.name]; {
		case !ok:
			t.Errorf("%s has no row in the README", v.name)
		case got != want:
			t.Errorf("%s has the default %q in the README, want %q", v.name, got, want)
		}
		delete(documented, v.name)
	}
	for _, name := range slices.Sorted(maps.Keys(documented)) {
		t.Errorf("%s has a row in the README, and is no setting", name)
	}
}

// TestReadmeActions holds the table of IAM actions in the README against the
// policies for one reference of each kind.
func TestReadmeActions(t *testing.T) {
	t.Parallel()
	var documented []string
	for _, row := range readmeTable(t, "| | actions | resource |") {
		documented = append(documented, quoted(row[1])...)
	}
	c := &checked{environ: append(declared(), "LARDER_PREFETCH=ssm:///prod/more")}
	r := c.report(t)
	used := actionsOf(*r.Policy)
	for _, document := range r.RolePolicies {
		used = append(used, actionsOf(document)...)
	}
	slices.Sort(used)
	slices.Sort(documented)
	if used = slices.Compact(used); !slices.Equal(documented, used) {
		t.Errorf("the README has the actions %q, want those of the policies, %q", documented, used)
	}
}

// TestReadmeMessages holds the messages of the log against the README: they are
// fixed, and each has its place there.
func TestReadmeMessages(t *testing.T) {
	t.Parallel()
	var documented, logged []string
	for _, row := range readmeTable(t, "| level | message | keys |") {
		documented = append(documented, quoted(row[1])...)
	}
	for _, folder := range []string{".", "../../cache", "../../source", "../../server", "../../manifest", "../../extension", "../../metrics"} {
		logged = append(logged, logMessages(t, folder)...)
	}
	slices.Sort(documented)
	slices.Sort(logged)
	if documented, logged = slices.Compact(documented), slices.Compact(logged); !slices.Equal(documented, logged) {
		t.Errorf("the README has the messages %q, want those of the code, %q", documented, logged)
	}
}

// logMessages returns the messages in the calls of a folder's programs that log. One
// that is no literal fails the test.
func logMessages(t *testing.T, folder string) (messages []string) {
	t.Helper()
	at := map[string]int{"Debug": 0, "Info": 0, "Warn": 0, "Error": 0, "LogAttrs": 2, "noteLocked": 2}
	err := filepath.WalkDir(folder, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") || strings.Contains(path, "testdata") {
			return err
		}
		file, err := parser.ParseFile(token.NewFileSet(), path, nil, 0)
		if err != nil {
			return err
		}
		ast.Inspect(file, func(n ast.Node) bool {
			call, ok := n.(*ast.CallExpr)
			if !ok {
				return true
			}
			method, ok := call.Fun.(*ast.SelectorExpr)
			if !ok {
				return true
			}
			i, ok := at[method.Sel.Name]
			if on, isPackage := method.X.(*ast.Ident); !ok || i >= len(call.Args) || isPackage && on.Name == "http" {
				return true // http.Error logs nothing
			}
			switch literal := call.Args[i].(type) {
			case *ast.BasicLit:
				message, err := strconv.Unquote(literal.Value)
				if err != nil {
					t.Errorf("%s: %v", path, err)
				}
				messages = append(messages, message)
			case *ast.Ident: // passed on by noteLocked, whose callers are looked at
				if literal.Name != "message" {
					t.Errorf("%s: a message is %s, want a literal", path, literal.Name)
				}
			default:
				t.Errorf("%s: a message is computed", path)
			}
			return true
		})
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return messages
}
