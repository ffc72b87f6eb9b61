package examples_test

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"larder/internal/awstest"
	"larder/internal/canary"
	"larder/internal/gotest"
)

// TestRotationOnLayer has the password rotate under the function between its first event and the second, with the
// real extension.
func TestRotationOnLayer(t *testing.T) {
	gotest.DependOn(t, "..")
	folder := t.TempDir()
	layer, local := filepath.Join(folder, "layer"), filepath.Join(folder, "larder-local")
	build(t, filepath.Join(layer, "extensions", "larder"), "../cmd/larder")
	build(t, local, "../cmd/larder-local")
	for _, lang := range languages() {
		t.Run(lang.name, func(t *testing.T) {
			lang.need(t)
			responses := filepath.Join(t.TempDir(), "responses")
			args := slices.Concat([]string{
				"run", "--layer", layer, "--port", "0", "--timeout", "20s", "--log", "--responses", responses,
				"--secrets", "rotation/secrets.yaml", "--change", "2=rotation/rotated.yaml",
				"--events", "rotation/events.jsonl", "--env-file", "rotation/function.env", "--",
			}, lang.command(t, "rotation"))
			output, err := exec.CommandContext(t.Context(), local, args...).CombinedOutput()
			if err != nil {
				t.Fatalf("larder-local: %v\n%s", err, output)
			}
			got, err := os.ReadFile(responses)
			if want := "{\"attempts\":1}\n{\"attempts\":2}\n{\"attempts\":1}\n"; err != nil || string(got) != want {
				t.Errorf("responses = %q (%v), want %q", got, err, want)
			}
			// One to prefetch, and one for the read with seen.
			if !strings.Contains(string(output), "\n2 AWS calls ") {
				t.Errorf("not exactly 2 AWS calls:\n%s", output)
			}
			checkLeak(t, output)
		})
	}
}

// build builds a program of the module.
func build(t *testing.T, path, pkg string) {
	t.Helper()
	if out, err := exec.Command("go", "build", "-buildvcs=false", "-o", path, pkg).CombinedOutput(); err != nil {
		t.Fatalf("building %s: %v\n%s", pkg, err, out)
	}
}

// checkLeak fails the test if the output holds a password of the rotation example.
func checkLeak(t *testing.T, output []byte) {
	t.Helper()
	for _, path := range []string{"rotation/secrets.yaml", "rotation/rotated.yaml"} {
		config, err := awstest.ReadConfig(path)
		if err != nil {
			t.Fatal(err)
		}
		var fields struct{ Password string }
		if err := json.Unmarshal([]byte(config.Secrets["demo/db"].String), &fields); err != nil {
			t.Fatalf("%s: demo/db is not JSON", path) // the error would quote it
		}
		if form, found := canary.Find(output, []byte(fields.Password)); found {
			t.Errorf("the output holds the password of %s: %s", path, form)
		}
	}
}
