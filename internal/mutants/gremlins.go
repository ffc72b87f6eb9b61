package main

import (
	"encoding/json"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"time"
)

// tool makes the mutants and runs the tests.
const tool = "github.com/go-gremlins/gremlins/cmd/gremlins@v0.6.0"

// patience is what a mutant may take, which is built and tested: one that takes longer
// goes round in circles, and that was noticed. The tool wants to be told how often that
// is the time of the tests by themselves.
const patience = 20 * time.Second

// result is what the tool writes.
type result struct {
	Total int `json:"mutants_total"` // that were tried
	Files []struct {
		Name      string `json:"file_name"` // within the package
		Mutations []struct {
			Type   string `json:"type"`
			Status string `json:"status"`
			Line   int    `json:"line"`
		} `json:"mutations"`
	} `json:"files"`
}

// install builds the tool in a folder, and returns its program.
func install(folder string) (program string, err error) {
	cmd := exec.Command("go", "install", tool)
	cmd.Env = append(os.Environ(), "GOBIN="+folder, "GOFLAGS=-mod=mod")
	if said, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("go install %s: %s", tool, said)
	}
	return filepath.Join(folder, "gremlins"), nil
}

// unleash tries all mutants of a package.
func unleash(program, folder string) (*result, error) {
	output, err := os.CreateTemp("", "mutants")
	if err != nil {
		return nil, err
	}
	defer os.Remove(output.Name())
	defer output.Close()
	var took time.Duration
	for range 2 { // the second time all is built
		began := time.Now()
		if said, err := exec.Command("go", "test", "-cover", "-coverprofile", os.DevNull, "./"+folder).CombinedOutput(); err != nil {
			return nil, fmt.Errorf("its tests fail without a mutant: %s", said)
		}
		took = time.Since(began)
	}
	times := strconv.Itoa(int(patience/took) + 1)
	cmd := exec.Command(program, "unleash", "--silent", "--timeout-coefficient", times, "--output", output.Name(),
		"--invert-logical", "--invert-loopctrl", "--invert-assignments", "--remove-self-assignments", "./"+folder)
	// A test that goes round in circles may not hear of go test's own end.
	cmd.Env = append(os.Environ(), fmt.Sprintf("GOFLAGS='-exec=timeout -s KILL %d'", int(2*patience.Seconds())))
	cmd.Stderr = os.Stderr
	if err := cmd.Run(); err != nil {
		return nil, err
	}
	r := new(result)
	return r, json.NewDecoder(output).Decode(r)
}

// mutant is one that lives.
type mutant struct {
	function string // with its package's folder: cache.(*Cache).Get
	mutation string
	line     string // where it is now
}

// living returns the mutants that no test has noticed. The tool tries what Go's coverage
// knows of: no constants, and no conditions of a case.
func (r *result) living(folder string) (all []mutant, err error) {
	for _, file := range r.Files {
		path := filepath.Join(folder, file.Name)
		functions, err := functionsOf(path)
		if err != nil {
			return nil, err
		}
		for _, m := range file.Mutations {
			if m.Status == "LIVED" {
				all = append(all, mutant{folder + "." + functions.at(m.Line), m.Type, fmt.Sprintf("%s:%d", path, m.Line)})
			}
		}
	}
	return all, nil
}

// functions are those of a file, by their lines.
type functions []struct {
	name       string
	first, end int
}

func functionsOf(path string) (all functions, err error) {
	files := token.NewFileSet()
	parsed, err := parser.ParseFile(files, path, nil, 0)
	if err != nil {
		return nil, err
	}
	for _, d := range parsed.Decls {
		f, ok := d.(*ast.FuncDecl)
		if !ok {
			continue
		}
		name := f.Name.Name
		if f.Recv != nil {
			name = receiver(f.Recv.List[0].Type) + "." + name
		}
		all = append(all, struct {
			name       string
			first, end int
		}{name, files.Position(f.Pos()).Line, files.Position(f.End()).Line})
	}
	return all, nil
}

// receiver names the type of a method, as in (*Cache) or (Value).
func receiver(e ast.Expr) string {
	switch t := e.(type) {
	case *ast.StarExpr:
		return "(*" + receiver(t.X)[1:]
	case *ast.IndexExpr:
		return receiver(t.X)
	case *ast.Ident:
		return "(" + t.Name + ")"
	}
	return "(?)"
}

// at returns the function at a line, or "".
func (fs functions) at(line int) string {
	for _, f := range fs {
		if f.first <= line && line <= f.end {
			return f.name
		}
	}
	return ""
}
