package main

import (
	"os/exec"
	"slices"
	"strings"
	"testing"
)

// Every package that the program is made of is loaded at every cold start.
func TestDependencies(t *testing.T) {
	t.Parallel()
	out, err := exec.Command("go", "list", "-deps", ".").Output()
	if err != nil {
		t.Fatal(err)
	}
	deps := strings.Fields(string(out))
	if !slices.Contains(deps, "syscall") {
		t.Fatalf("go list -deps = %q", deps)
	}
	for _, heavy := range []string{"fmt", "os", "time", "net", "net/http", "reflect", "context", "encoding/json", "unicode/utf16", "larder/secret"} {
		if slices.Contains(deps, heavy) {
			t.Errorf("larder-exec depends on %s", heavy)
		}
	}
}
