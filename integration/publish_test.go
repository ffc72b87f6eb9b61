//go:build integration

package integration_test

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

func TestPublish(t *testing.T) {
	t.Parallel()
	moto := startMoto(t)
	const organisation = "o-a1b2c3d4e5"
	published := publish(t, moto, "REGIONS=eu-west-1 us-east-1", "ORG="+organisation)
	want := []string{
		"eu-west-1 x86_64 arn:aws:lambda:eu-west-1:123456789012:layer:larder-x86_64:1",
		"eu-west-1 arm64 arn:aws:lambda:eu-west-1:123456789012:layer:larder-arm64:1",
		"us-east-1 x86_64 arn:aws:lambda:us-east-1:123456789012:layer:larder-x86_64:1",
		"us-east-1 arm64 arn:aws:lambda:us-east-1:123456789012:layer:larder-arm64:1",
	}
	if !slices.Equal(published, want) {
		t.Fatalf("published\n%s\nwant\n%s", strings.Join(published, "\n"), strings.Join(want, "\n"))
	}
	for _, line := range published {
		fields := strings.Fields(line)
		checkVersion(t, moto, fields[0], fields[1], fields[2])
		if policy := moto.cli(t, versionArgs("get-layer-version-policy", fields[0], fields[1])...); !strings.Contains(policy, organisation) || !strings.Contains(policy, "lambda:GetLayerVersion") {
			t.Errorf("the policy of %s is %s, want lambda:GetLayerVersion for %s", fields[2], policy, organisation)
		}
	}
}

// TestPublishAgain publishes for one account alone, under another name.
func TestPublishAgain(t *testing.T) {
	t.Parallel()
	moto := startMoto(t)
	for version := 1; version <= 2; version++ {
		got := publish(t, moto, "REGIONS=eu-west-1", "NAME=pantry")
		want := []string{
			fmt.Sprintf("eu-west-1 x86_64 arn:aws:lambda:eu-west-1:123456789012:layer:pantry-x86_64:%d", version),
			fmt.Sprintf("eu-west-1 arm64 arn:aws:lambda:eu-west-1:123456789012:layer:pantry-arm64:%d", version),
		}
		if !slices.Equal(got, want) {
			t.Errorf("published %q, want %q", got, want)
		}
	}
}

func TestPublishRefuses(t *testing.T) {
	t.Parallel()
	bare := t.TempDir() // a PATH without the AWS CLI
	for _, name := range []string{"bash", "dirname"} {
		if err := os.Symlink(tool(t, name), filepath.Join(bare, name)); err != nil {
			t.Fatal(err)
		}
	}
	nowhere := &aws{url: "http://127.0.0.1:1"}
	nowhere.signAs("id", "key", "")
	nowhere.env = append(nowhere.env, "AWS_MAX_ATTEMPTS=1")
	tests := []struct {
		name string
		env  []string
		want string
	}{
		{"no Region", []string{"REGIONS="}, `no Region given: make publish REGIONS="eu-west-1 us-east-1"`},
		{"no Region but blanks", []string{"REGIONS=  "}, "no Region given"},
		{"a bad Region", []string{"REGIONS=eu-west-1 Ireland"}, `"Ireland" is not a Region`},
		{"a host for a Region", []string{"REGIONS=eu-west-1.example.com/"}, "is not a Region"},
		{"a bad organisation", []string{"REGIONS=eu-west-1", "ORG=123456789012"}, `"123456789012" is not an organisation`},
		{"a bad name", []string{"REGIONS=eu-west-1", "NAME=a b"}, `"a b" is not a layer's name`},
		{"no AWS CLI", []string{"REGIONS=eu-west-1", "PATH=" + bare}, "the AWS CLI is not installed"},
		{"no answer from AWS", []string{"REGIONS=eu-west-1"}, "stopped at larder-x86_64 in eu-west-1"},
	}
	for _, test := range tests {
		cmd := exec.Command("../layer/publish.sh")
		cmd.Env = append(slices.Clone(nowhere.env), test.env...)
		output, err := cmd.CombinedOutput()
		if err == nil {
			t.Errorf("%s: publish.sh succeeded", test.name)
		}
		if !strings.Contains(string(output), "publish: ") || !strings.Contains(string(output), test.want) {
			t.Errorf("%s: publish.sh said\n%s\nwant %q", test.name, output, test.want)
		}
	}
}

// publish runs layer/publish.sh and returns the lines of its table, single-spaced, without the head.
func publish(t *testing.T, moto *aws, env ...string) []string {
	t.Helper()
	cmd := exec.Command("../layer/publish.sh")
	cmd.Env = append(slices.Clone(moto.env), env...)
	cmd.Stderr = os.Stderr
	output, err := cmd.Output()
	if err != nil {
		t.Fatalf("publish.sh: %v", err)
	}
	var lines []string
	for line := range strings.Lines(string(output)) {
		lines = append(lines, strings.Join(strings.Fields(line), " "))
	}
	if len(lines) == 0 || lines[0] != "REGION ARCHITECTURE ARN" {
		t.Fatalf("publish.sh printed %q, want a table", output)
	}
	return lines[1:]
}

// checkVersion checks that a published version is the zip in dist/, for its architecture.
func checkVersion(t *testing.T, moto *aws, region, architecture, arn string) {
	t.Helper()
	zip, err := os.ReadFile("../dist/larder-" + architecture + ".zip")
	if err != nil {
		t.Fatalf("%v: run make test-integration", err)
	}
	var version struct {
		LicenseInfo             string
		CompatibleArchitectures []string
		Content                 struct{ CodeSha256 string }
	}
	if err := json.Unmarshal([]byte(moto.cli(t, versionArgs("get-layer-version", region, architecture)...)), &version); err != nil {
		t.Fatal(err)
	}
	digest := sha256.Sum256(zip)
	if got, want := version.Content.CodeSha256, base64.StdEncoding.EncodeToString(digest[:]); got != want {
		t.Errorf("%s has CodeSha256 %s, want %s, that of the zip", arn, got, want)
	}
	if !slices.Equal(version.CompatibleArchitectures, []string{architecture}) || version.LicenseInfo != "Apache-2.0" {
		t.Errorf("%s is for %v under %q, want %s under Apache-2.0", arn, version.CompatibleArchitectures, version.LicenseInfo, architecture)
	}
}

func versionArgs(operation, region, architecture string) []string {
	return []string{"lambda", operation, "--region", region, "--layer-name", "larder-" + architecture, "--version-number", "1"}
}
