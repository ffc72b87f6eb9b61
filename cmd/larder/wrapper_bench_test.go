package main_test

import (
	"fmt"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"larder/internal/awstest"
)

// BenchmarkWrapper starts a program that does nothing, directly and behind
// larder-exec in turn, as many times as -benchtime says, and reports the medians
// of the time from exec to exit and their difference. The extension holds ten
// declared variables.
func BenchmarkWrapper(b *testing.B) {
	folder := b.TempDir()
	larder := build(b, filepath.Join(folder, "larder"), "LEAN", "./cmd/larder")
	wrapper := build(b, filepath.Join(folder, "larder-exec"), "TINY", "./cmd/larder-exec")
	idle := build(b, filepath.Join(folder, "idle"), "TINY", "./cmd/larder/testdata/idle")

	aws, env := declared(b, 10)
	env = append(env, "PARAMETERS_SECRETS_EXTENSION_HTTP_PORT="+freePort(b))
	extension := newExtensionsAPI(b).launch(b, larder, env...)
	defer extension.end(b)
	calls := len(aws.Calls())

	var direct, wrapped []float64
	for b.Loop() {
		direct = append(direct, life(b, env, idle))
		wrapped = append(wrapped, life(b, env, wrapper, idle))
	}
	if n := len(aws.Calls()) - calls; n > 0 {
		b.Errorf("larder-exec caused %d calls to AWS, want none", n)
	}
	b.ReportMetric(0, "ns/op") // of a pair: says nothing
	b.ReportMetric(median(direct), "direct-ms")
	b.ReportMetric(median(wrapped), "wrapped-ms")
	b.ReportMetric(median(wrapped)-median(direct), "cost-ms")
}

// declared returns AWS with some secrets, and the environment of a function that
// declares each of them.
func declared(b *testing.B, count int) (*awstest.Server, []string) {
	b.Helper()
	config := awstest.Config{Region: region, Secrets: make(map[string]awstest.Secret)}
	var references []string
	for i := range count {
		name := fmt.Sprintf("prod/number-%d", i)
		config.Secrets[name] = awstest.Secret{String: "a value of some forty bytes, as they are"}
		references = append(references, fmt.Sprintf("NUMBER_%d=secretsmanager://%s", i, name))
	}
	aws, err := awstest.New(config)
	if err != nil {
		b.Fatal(err)
	}
	server := httptest.NewServer(aws)
	b.Cleanup(server.Close)
	return aws, append(references, variablesFor(aws, server.URL)...)
}

// life runs a command and returns how long that takes, in milliseconds.
func life(b *testing.B, env []string, command ...string) float64 {
	b.Helper()
	cmd := exec.Command(command[0], command[1:]...)
	cmd.Env, cmd.Stderr = env, os.Stderr // a file: nothing has to be copied
	begin := time.Now()
	if err := cmd.Run(); err != nil {
		b.Fatalf("%s: %v", filepath.Base(command[0]), err)
	}
	return float64(time.Since(begin).Microseconds()) / 1000
}
