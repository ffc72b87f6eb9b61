package larder_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"larder/internal/gotest"
)

// aGo is as much of Go as make asks before it does anything: a version, whether there can be
// a race detector, and what it would test.
const aGo = `#!/bin/sh
case "$1 $2" in
"version ") ;;
"build -race") test -n "$RACE" || { echo "a compiler's own words" >&2; exit 1; } ;;
"env CGO_ENABLED") echo 1 ;;
"env CC") echo a-compiler ;;
"test "*) echo "go $*" ;;
*) echo "go $*: unexpected" >&2; exit 9 ;;
esac
`

// TestMissing runs make where something is missing: it says what, in one line, and nothing
// of what is there.
func TestMissing(t *testing.T) {
	t.Parallel()
	gotest.DependOn(t, ".")
	if _, err := exec.LookPath("make"); err != nil {
		t.Skip("SKIPPED: there is no make")
	}
	bare, withGo := t.TempDir(), t.TempDir()
	for _, program := range []string{"sh", "make", "uname", "rm", "mkdir"} {
		path, err := exec.LookPath(program)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.Symlink(path, filepath.Join(bare, program)); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(filepath.Join(withGo, "go"), []byte(aGo), 0o755); err != nil {
		t.Fatal(err)
	}
	const noGo, noRace = "Go is missing: ", "testing without the race detector: it wants cgo and a C compiler, and here are CGO_ENABLED=1 CC=a-compiler"
	tests := []struct {
		path, args, want string
		env              []string
		ok               bool
	}{
		{path: bare, args: "run", want: noGo},
		{path: bare, args: "run-environment", want: noGo},
		{path: bare, args: "run-rotation", want: noGo},
		{path: bare, args: "test", want: noGo},
		{path: bare, args: "layer", want: noGo},
		{path: bare, args: "lint", want: noGo},
		{path: bare, args: "fuzz", want: noGo},
		{path: bare, args: "bench", want: noGo},
		{path: bare, args: "build-LayerX86", want: noGo, env: []string{"ARTIFACTS_DIR=" + t.TempDir()}},
		{path: withGo + ":" + bare, args: "test", want: noRace, ok: true},
		{path: withGo + ":" + bare, args: "test", want: "go test -race ./...", env: []string{"RACE=1"}, ok: true},
		{path: withGo + ":" + bare, args: "python EXAMPLE=python", want: "EXAMPLE=python wants python3"},
		{path: withGo + ":" + bare, args: "node EXAMPLE=node", want: "EXAMPLE=node wants Node.js"},
	}
	for _, test := range tests {
		cmd := exec.Command("make", append([]string{"--no-print-directory"}, strings.Fields(test.args)...)...)
		cmd.Env = append(test.env, "PATH="+test.path)
		out, err := cmd.CombinedOutput()
		if ok := err == nil; ok != test.ok {
			t.Errorf("make %s %q: %v, want success: %t\n%s", test.args, test.env, err, test.ok, out)
		}
		var said []string // but for the commands, and make's own line
		for line := range strings.Lines(string(out)) {
			if !strings.HasPrefix(line, "+ ") && !strings.HasPrefix(line, "make: ***") {
				said = append(said, strings.TrimSpace(line))
			}
		}
		if test.want == noRace {
			if len(said) != 2 || said[1] != "go test ./..." {
				t.Errorf("make %s says %q, want that it tests without the race detector", test.args, said)
				continue
			}
			said = said[:1]
		}
		if len(said) != 1 || !strings.HasPrefix(said[0], test.want) {
			t.Errorf("make %s %q says %q, want one line %q", test.args, test.env, said, test.want)
		}
	}
}
