//go:build integration

// Package integration_test runs what Larder ships against moto, a stand-in for
// AWS that others wrote: it does not share our own stand-in's mistakes. It runs
// the examples under AWS's own runtime clients, too. Run it by make
// test-integration, which builds the layers and installs all that.
package integration_test

import (
	"bufio"
	"io"
	"net/http"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"testing"
)

// aws is a moto server, and how to ask it.
type aws struct {
	url string
	env []string // for the AWS CLI: the server, credentials, and nothing of the user's own
}

// startMoto runs moto until the test has ended. It holds nothing yet.
func startMoto(t *testing.T, env ...string) *aws {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), tool(t, "moto_server"), "-H", "127.0.0.1", "-p", "0")
	cmd.Env = append(os.Environ(), env...)
	stderr, err := cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	logged := make(chan struct{})
	t.Cleanup(func() {
		<-logged
		_ = cmd.Wait() // killed, as the test's context has ended
	})
	// moto says where it listens once it does, and then logs every request.
	lines := bufio.NewReader(stderr)
	url := listening(lines)
	go func() {
		defer close(logged)
		_, _ = io.Copy(io.Discard, lines)
	}()
	if url == "" {
		t.Fatal("moto_server has ended before it listened")
	}
	server := &aws{url: url}
	server.signAs("AKIAIOSFODNN7EXAMPLE", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY", "")
	return server
}

// listening reads moto's log up to the address that it listens on. It is empty
// if moto ends before.
func listening(log *bufio.Reader) string {
	running := regexp.MustCompile(`Running on (http://127\.0\.0\.1:\d+)`)
	for {
		line, err := log.ReadString('\n')
		if match := running.FindStringSubmatch(line); match != nil {
			return match[1]
		}
		if err != nil {
			return ""
		}
	}
}

// signAs sets the credentials of the calls to come.
func (a *aws) signAs(accessKeyID, secretAccessKey, sessionToken string) {
	a.env = []string{
		"PATH=" + os.Getenv("PATH"),
		"AWS_ENDPOINT_URL=" + a.url,
		"AWS_ACCESS_KEY_ID=" + accessKeyID,
		"AWS_SECRET_ACCESS_KEY=" + secretAccessKey,
		"AWS_SESSION_TOKEN=" + sessionToken,
		"AWS_DEFAULT_REGION=eu-west-1",
		"AWS_CONFIG_FILE=" + os.DevNull,
		"AWS_SHARED_CREDENTIALS_FILE=" + os.DevNull,
	}
}

// enforce has moto check the signature and the action of every call to come, or of none. It must have been started
// with INITIAL_NO_AUTH_ACTION_COUNT.
func (a *aws) enforce(t *testing.T, checked bool) {
	t.Helper()
	unchecked := "1000000" // calls
	if checked {
		unchecked = "0"
	}
	answer, err := http.Post(a.url+"/moto-api/reset-auth", "text/plain", strings.NewReader(unchecked))
	if err != nil {
		t.Fatal(err)
	}
	answer.Body.Close()
}

// cli runs the AWS CLI and returns what it prints.
func (a *aws) cli(t *testing.T, args ...string) string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), tool(t, "aws"), args...)
	cmd.Env = a.env
	var stderr strings.Builder
	cmd.Stderr = &stderr
	output, err := cmd.Output()
	if err != nil {
		t.Fatalf("aws %s: %v\n%s", strings.Join(args, " "), err, stderr.String())
	}
	return strings.TrimSpace(string(output))
}

// tool finds one of the tools that make test-integration installs.
func tool(t *testing.T, name string) string {
	t.Helper()
	path, err := exec.LookPath(name)
	if err != nil {
		t.Fatalf("%v: run make test-integration", err)
	}
	return path
}
