// Package larder_test holds what is true of all packages together.
package larder_test

import (
	"encoding/json"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"larder/internal/gotest"
)

// pkg is what `go list` says about a package.
type pkg struct {
	ImportPath string
	Name       string
	Dir        string
	GoFiles    []string
	Imports    []string // of what is not a test
	Deps       []string // with those of its imports
}

// TestImports holds the one-way flow: each package can be read with nothing open
// but the ones in its row.
func TestImports(t *testing.T) {
	t.Parallel()
	const sdk, jitter = "github.com/aws/", "larder/internal/jitter"
	allowed := map[string][]string{ // prefixes of what is not in the standard library
		"larder/secret":                  {},
		"larder/cache":                   {"larder/secret", jitter, "github.com/hashicorp/golang-lru/v2/simplelru"},
		"larder/source":                  {"larder/secret", jitter, sdk},
		"larder/manifest":                {"larder/cache", "larder/secret", jitter},
		"larder/metrics":                 {"larder/cache", "larder/secret", "larder/extension"},
		"larder/server":                  {"larder/manifest", "larder/metrics", "larder/cache", "larder/secret"},
		"larder/policy":                  {"larder/secret"},
		"larder/extension":               {},
		"larder/extension/extensiontest": {},
		"larder/layer":                   {},
		"larder/layer/":                  {"larder/layer"},
		"larder/cmd/larder":              {"larder/cache", "larder/extension", "larder/manifest", "larder/metrics", "larder/policy", "larder/secret", "larder/server", "larder/source", "larder/internal/envfile"},
		"larder/cmd/larder-local":        {"larder/internal/", "larder/cmd/larder-local/internal/"},
		"larder/cmd/larder-local/":       {"larder/internal/", "larder/cmd/larder-local/internal/"},
		"larder/internal/":               {"larder/internal/", sdk, "go.yaml.in/yaml/v3"},
	}
	for _, p := range list(t, "./...") {
		imports := slices.DeleteFunc(slices.Clone(p.Imports), isStandard)
		if len(imports) == 0 {
			continue
		}
		prefixes, ok := allowed[p.ImportPath]
		for row := range allowed { // a row that ends in a slash is for a folder
			if !ok && strings.HasSuffix(row, "/") && strings.HasPrefix(p.ImportPath, row) {
				prefixes = append(prefixes, allowed[row]...)
			}
		}
		for _, path := range imports {
			if !slices.ContainsFunc(prefixes, func(prefix string) bool { return matches(path, prefix) }) {
				t.Errorf("%s imports %s, it may import %q", p.ImportPath, path, prefixes)
			}
		}
	}
}

// TestLinked checks that the extension, which is started with every sandbox, has
// nothing in it that is for tests and tools.
func TestLinked(t *testing.T) {
	t.Parallel()
	const sdk = "github.com/aws/aws-sdk-go-v2/"
	packages := list(t, "./cmd/larder")
	if len(packages) != 1 || !slices.Contains(packages[0].Deps, "larder/secret") {
		t.Fatalf("go list found %v, want cmd/larder with its dependencies", packages)
	}
	for _, path := range packages[0].Deps {
		for _, banned := range []string{
			"testing", "net/http/httptest", "flag", "os/exec", "larder/internal/", "larder/layer", "larder/extension/extensiontest",
			"go.yaml.in/", "github.com/rogpeppe/", "github.com/santhosh-tekuri/", sdk + "config", sdk + "service/sts",
		} {
			if matches(path, banned) && path != "larder/internal/jitter" && path != "larder/internal/envfile" {
				t.Errorf("cmd/larder links %s", path)
			}
		}
	}
}

// TestQuiet checks that each program shuts the log of libraries, which prints what a
// peer has sent, before it does anything else.
func TestQuiet(t *testing.T) {
	t.Parallel()
	found := 0
	for _, p := range list(t, "./...") {
		if p.Name != "main" || !slices.Contains(p.Deps, "log") || strings.Contains(p.ImportPath, "/testdata/") {
			continue
		}
		found++
		var source strings.Builder
		for _, file := range p.GoFiles {
			text, err := os.ReadFile(filepath.Join(p.Dir, file))
			if err != nil {
				t.Fatal(err)
			}
			source.Write(text)
		}
		_, main, _ := strings.Cut(source.String(), "func main() {\n")
		if first, _, _ := strings.Cut(main, "\n"); !strings.Contains(first, "log.SetOutput(io.Discard)") {
			t.Errorf("%s begins with %q, want log.SetOutput(io.Discard)", p.ImportPath, strings.TrimSpace(first))
		}
	}
	if found < 2 {
		t.Errorf("%d programs have a log to shut, want larder and larder-local at least", found)
	}
}

// matches reports whether path is the package or beneath the folder, which ends
// in a slash.
func matches(path, packageOrFolder string) bool {
	return path == packageOrFolder || strings.HasSuffix(packageOrFolder, "/") && strings.HasPrefix(path, packageOrFolder)
}

// isStandard reports whether a path is of the standard library: the first part of
// any other has a dot, or is our module.
func isStandard(path string) bool {
	first, _, _ := strings.Cut(path, "/")
	return first != "larder" && !strings.Contains(first, ".")
}

func list(t *testing.T, pattern string) []pkg {
	t.Helper()
	gotest.DependOn(t, ".")
	cmd := exec.Command("go", "list", "-json=ImportPath,Name,Dir,GoFiles,Imports,Deps", pattern)
	out, err := cmd.Output()
	if err != nil {
		if exit, ok := errors.AsType[*exec.ExitError](err); ok {
			err = errors.New(string(exit.Stderr))
		}
		t.Fatalf("%v: %v", cmd, err)
	}
	var packages []pkg
	for decoder := json.NewDecoder(strings.NewReader(string(out))); ; {
		var p pkg
		switch err := decoder.Decode(&p); {
		case errors.Is(err, io.EOF):
			return packages
		case err != nil:
			t.Fatal(err)
		}
		packages = append(packages, p)
	}
}
