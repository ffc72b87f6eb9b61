package examples_test

import (
	"cmp"
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
	built := buildLayer(t)
	for _, lang := range languages() {
		t.Run(lang.name, func(t *testing.T) {
			lang.need(t)
			responses, output := built.run(t, lang.command(t, "rotation"),
				"--secrets", "rotation/secrets.yaml", "--change", "2=rotation/rotated.yaml",
				"--events", "rotation/events.jsonl", "--env-file", "rotation/function.env")
			if want := "{\"attempts\":1}\n{\"attempts\":2}\n{\"attempts\":1}\n"; responses != want {
				t.Errorf("responses = %q, want %q", responses, want)
			}
			// One to prefetch, and one for the read with seen.
			if !strings.Contains(output, "\n2 AWS calls ") {
				t.Errorf("not exactly 2 AWS calls:\n%s", output)
			}
			checkLeak(t, output, "rotation/secrets.yaml", "rotation/rotated.yaml")
		})
	}
}

// TestEnvironmentOnLayer has larder-exec set the function's variables, with the real extension.
func TestEnvironmentOnLayer(t *testing.T) {
	gotest.DependOn(t, "..")
	built := buildLayer(t)
	for _, lang := range languages() {
		t.Run(lang.name, func(t *testing.T) {
			lang.need(t)
			args := []string{"--secrets", "secrets.yaml", "--env-file", "environment/function.env", "--invoke", "1"}
			command := lang.command(t, "environment")
			if lang.provided {
				args = append(args, "--provided")
				command = built.customRuntime(t, command[0])
			}
			responses, output := built.run(t, command, args...)
			const want = `{"sessionKey":31,"password":21,"apiKey":21,"flags":["audit-log","banner","beta-search","checkout",` +
				`"dark-mode","export","gift-cards","invoices","maintenance","partner-hook","regions","wishlist"]}` + "\n"
			if responses != want {
				t.Errorf("responses = %q, want %q", responses, want)
			}
			checkLeak(t, output, "secrets.yaml")
		})
	}
}

// layer is a layer's folder, and the local Lambda to run it in.
type layer struct{ folder, local string }

func buildLayer(t *testing.T) layer {
	t.Helper()
	folder := t.TempDir()
	built := layer{filepath.Join(folder, "layer"), filepath.Join(folder, "larder-local")}
	build(t, filepath.Join(built.folder, "extensions", "larder"), "../cmd/larder")
	build(t, filepath.Join(built.folder, "larder-exec"), "../cmd/larder-exec")
	build(t, built.local, "../cmd/larder-local")
	return built
}

// run starts a function in the local Lambda, and returns its responses and all that was printed.
func (l layer) run(t *testing.T, command []string, args ...string) (responses, output string) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "responses")
	args = slices.Concat([]string{
		"run", "--layer", l.folder, "--port", "0", "--timeout", "20s", "--log", "--responses", path,
	}, args, []string{"--"}, command)
	printed, err := exec.CommandContext(t.Context(), l.local, args...).CombinedOutput()
	if err != nil {
		t.Fatalf("larder-local: %v\n%s", err, printed)
	}
	answered, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(answered), string(printed)
}

// customRuntime returns the bootstrap of the Go example for provided.al2023. What it takes for /opt and for its own
// folder are the layer's and the program's here.
func (l layer) customRuntime(t *testing.T, program string) []string {
	t.Helper()
	script, err := os.ReadFile("go/environment/bootstrap")
	if err != nil {
		t.Fatal(err)
	}
	text := strings.NewReplacer("/opt/", l.folder+"/", "./server", program).Replace(string(script))
	path := filepath.Join(t.TempDir(), "bootstrap")
	if err := os.WriteFile(path, []byte(text), 0o755); err != nil {
		t.Fatal(err)
	}
	return []string{path}
}

// build builds a program of the module.
func build(t *testing.T, path, pkg string) {
	t.Helper()
	if out, err := exec.Command("go", "build", "-buildvcs=false", "-o", path, pkg).CombinedOutput(); err != nil {
		t.Fatalf("building %s: %v\n%s", pkg, err, out)
	}
}

// checkLeak fails the test if the output holds a secret or a parameter of the files.
func checkLeak(t *testing.T, output string, paths ...string) {
	t.Helper()
	for _, path := range paths {
		config, err := awstest.ReadConfig(path)
		if err != nil {
			t.Fatal(err)
		}
		values := make(map[string]string)
		for name, secret := range config.Secrets {
			values[name] = cmp.Or(password(secret.String), secret.String, string(secret.Binary))
		}
		for name, parameter := range config.Parameters {
			if len(parameter.Value) >= canary.MinLength { // or it is a flag
				values[name] = parameter.Value
			}
		}
		for name, value := range values {
			if form, found := canary.Find([]byte(output), []byte(value)); found {
				t.Errorf("the output holds the value of %s in %s: %s", name, path, form)
			}
		}
	}
}

// password returns the field of a secret that the functions read; empty where there is none.
func password(secret string) string {
	var fields struct{ Password string }
	_ = json.Unmarshal([]byte(secret), &fields) // the error would quote it
	return fields.Password
}
