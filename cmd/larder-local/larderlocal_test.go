package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
)

// The function and the extension of these tests are this test binary once more.
const roleVariable = "LARDER_LOCAL_ROLE"

func TestMain(m *testing.M) {
	if os.Getenv(roleVariable) != "" {
		if len(os.Args) == 1 {
			syscall.Exit(extension()) // os.Exit takes a second with the race detector
		}
		function(os.Args[1])
	}
	os.Exit(m.Run())
}

// extension logs as Larder does. It leaves with what EXIT says. Under SnapStart it
// warns of other keys, and with VERSION it tells the version of that secret.
func extension() int {
	log := slog.New(slog.NewJSONHandler(os.Stdout, &slog.HandlerOptions{Level: slog.LevelDebug}))
	log.Debug("listening", "addr", "127.0.0.1:"+os.Getenv("PARAMETERS_SECRETS_EXTENSION_HTTP_PORT"))
	api := "http://" + os.Getenv("AWS_LAMBDA_RUNTIME_API") + "/2020-01-01/extension"
	events := `{"events":["INVOKE","SHUTDOWN"]}`
	if os.Getenv("AWS_LAMBDA_INITIALIZATION_TYPE") == "lambda-managed-instances" {
		events = `{"events":["SHUTDOWN"]}`
	}
	response := request("POST", api+"/register", events, "Lambda-Extension-Name", filepath.Base(os.Args[0]))
	id := response.Header.Get("Lambda-Extension-Identifier")
	log.Info("prefetch done", "declared", 2, "fetched", 2, "calls", 1, "ms", 1.5)
	log.Debug("read", "ref", "ssm:///a/tree/*", "result", "wait")
	keys := containerKeys()
	for {
		response := request("GET", api+"/event/next", "", "Lambda-Extension-Identifier", id)
		var event struct{ EventType string }
		if err := json.NewDecoder(response.Body).Decode(&event); err != nil {
			return 99
		}
		if event.EventType == "SHUTDOWN" {
			code := 0
			fmt.Sscan(os.Getenv("EXIT"), &code)
			return code
		}
		log.Debug("read", "ref", "ssm:///a/tree/*", "result", "hit")
		if id := os.Getenv("VERSION"); id != "" {
			log.Warn("secret", "version", version(id))
		}
		if now := containerKeys(); now != keys {
			log.Warn("other keys")
			keys = now
		}
	}
}

// containerKeys returns the role's keys of the moment, where a token gets them.
func containerKeys() string {
	uri := os.Getenv("AWS_CONTAINER_CREDENTIALS_FULL_URI")
	if uri == "" {
		return ""
	}
	response := request("GET", uri, "", "Authorization", os.Getenv("AWS_CONTAINER_AUTHORIZATION_TOKEN"))
	keys, _ := io.ReadAll(response.Body)
	return response.Status + string(keys[:bytes.Index(keys, []byte(`"Expiration"`))])
}

// version returns the id of a secret's current version, or why it has none.
func version(id string) string {
	client := secretsmanager.New(secretsmanager.Options{
		BaseEndpoint: aws.String(os.Getenv("AWS_ENDPOINT_URL")), Region: os.Getenv("AWS_REGION"), RetryMaxAttempts: 1,
		Credentials: aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
			return aws.Credentials{AccessKeyID: os.Getenv("AWS_ACCESS_KEY_ID"),
				SecretAccessKey: os.Getenv("AWS_SECRET_ACCESS_KEY"), SessionToken: os.Getenv("AWS_SESSION_TOKEN")}, nil
		}),
	})
	out, err := client.GetSecretValue(context.Background(), &secretsmanager.GetSecretValueInput{SecretId: &id})
	if err != nil {
		return "none"
	}
	return *out.VersionId
}

// function answers with its event, or with an error if that is null. Under
// SnapStart it waits for the restore.
func function(mode string) {
	api := "http://" + os.Getenv("AWS_LAMBDA_RUNTIME_API") + "/2018-06-01/runtime"
	fmt.Println("hello from", os.Getenv("_HANDLER"), os.Getenv("WHO"))
	if addr, ok := strings.CutPrefix(mode, "hang "); ok {
		conn, err := net.Dial("tcp", addr)
		if err == nil {
			conn.Read(make([]byte, 1)) // until the test has gone
		}
		os.Exit(97)
	}
	if mode == "broken" {
		request("POST", api+"/init/error", `{"errorMessage":"no module"}`, "Lambda-Runtime-Function-Error-Type", "Runtime.ImportModuleError")
		syscall.Exit(1)
	}
	if os.Getenv("AWS_LAMBDA_INITIALIZATION_TYPE") == "snap-start" {
		request("GET", api+"/restore/next", "")
	}
	for {
		response := request("GET", api+"/invocation/next", "")
		event, _ := io.ReadAll(response.Body)
		if mode == "exit" {
			syscall.Exit(5)
		}
		invocation := api + "/invocation/" + response.Header.Get("Lambda-Runtime-Aws-Request-Id")
		if string(event) == "null" {
			request("POST", invocation+"/error", `{"errorMessage":"event is null"}`, "Lambda-Runtime-Function-Error-Type", "Function.NullEvent")
		} else {
			request("POST", invocation+"/response", fmt.Sprintf(`{"CANARY":%s}`, event))
		}
	}
}

func request(method, url, body string, header ...string) *http.Response {
	r, err := http.NewRequest(method, url, strings.NewReader(body))
	if err != nil {
		panic(err)
	}
	if len(header) > 0 {
		r.Header.Set(header[0], header[1])
	}
	response, err := http.DefaultClient.Do(r)
	if err != nil {
		os.Exit(98) // the local Lambda has gone
	}
	return response
}

func write(t *testing.T, name, content string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
		t.Fatal(err)
	}
	return path
}

// layer returns a folder with the extension of this file.
func layer(t *testing.T) (dir, self string) {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	dir = t.TempDir()
	if err := os.Mkdir(filepath.Join(dir, "extensions"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(self, filepath.Join(dir, "extensions", "larder")); err != nil {
		t.Fatal(err)
	}
	return dir, self
}

// larderLocal runs the program with the layer and function of this file.
func larderLocal(t *testing.T, mode string, flags ...string) (code int, stdout, stderr string) {
	t.Helper()
	dir, self := layer(t)
	if !slices.Contains(flags, "--layer") {
		flags = slices.Concat(flags, []string{"--layer", dir})
	}
	args := slices.Concat([]string{"run", "--env", roleVariable + "=1", "--timeout", "20s"}, flags, []string{"--", self, mode})
	var out, err bytes.Buffer
	code = run(t.Context(), args, &out, &err)
	return code, out.String(), err.String()
}

func TestRun(t *testing.T) {
	t.Parallel()
	parameters := "parameters:\n  /a/trees: {value: x}\n"
	for i := range 11 { // one more than a page has
		parameters += fmt.Sprintf("  /a/tree/%d: {value: x}\n", i)
	}
	secrets := write(t, "secrets.yaml", parameters)
	responses := filepath.Join(t.TempDir(), "responses")
	code, stdout, stderr := larderLocal(t, "echo",
		"--secrets", secrets, "--port", "4711", "--handler", "a.b", "--responses", responses,
		"--events", write(t, "events", "{\"n\":1}\n\n{\"n\":2}\n"),
		"--env-file", write(t, "env", "# comment\nWHO=file\n"), "--env", "WHO=flag")
	if code != 0 || stderr != "" {
		t.Fatalf("exit code %d, stderr %q, stdout:\n%s", code, stderr, stdout)
	}
	for _, want := range []string{
		"larder   spawn", "larder   listen on 127.0.0.1:4711", "larder   register", "runtime  start ",
		"larder   prefetch done: 2 of 2 fetched with 1 AWS call, 1.5 ms", "runtime  | hello from a.b flag",
		"lambda   init done after", "waited for: ssm:///a/tree/*", "runtime  invoke 3 answered after", "hit: ssm:///a/tree/*",
		"lambda   shutdown, spindown", "larder   exit 0",
		"4 reads: 3 hits, 1 waited for, 0 misses", "0 AWS calls; these reads one by one: 8",
	} {
		if !strings.Contains(stdout, want) {
			t.Errorf("stdout lacks %q:\n%s", want, stdout)
		}
	}
	if strings.Contains(stdout, "CANARY") {
		t.Errorf("a response is in the output:\n%s", stdout)
	}
	got, err := os.ReadFile(responses)
	if want := "{\"CANARY\":{\"n\":1}}\n{\"CANARY\":{\"n\":2}}\n{\"CANARY\":{\"n\":1}}\n"; err != nil || string(got) != want {
		t.Errorf("responses = %q (%v), want %q", got, err, want)
	}
	if info, err := os.Stat(responses); err != nil || info.Mode() != 0o600 {
		t.Errorf("responses have mode %v (%v), want 0600", info.Mode(), err)
	}
}

// inOrder checks that the lines of a timeline have these texts, in this order.
func inOrder(t *testing.T, stdout string, texts ...string) {
	t.Helper()
	rest := stdout
	for _, text := range texts {
		_, after, found := strings.Cut(rest, text)
		if !found {
			t.Fatalf("%q is not there, or not after those before it in %q:\n%s", text, texts, stdout)
		}
		rest = after
	}
}

func TestRunFrozen(t *testing.T) {
	t.Parallel()
	code, stdout, stderr := larderLocal(t, "echo", "--freeze", "50ms", "--invoke", "2")
	if code != 0 || stderr != "" {
		t.Fatalf("exit code %d, stderr %q, stdout:\n%s", code, stderr, stdout)
	}
	inOrder(t, stdout, "init done", "invoke 1\n", "frozen", "thawed after", "invoke 2\n", "frozen", "thawed after", "shutdown")
}

// A wrapper in /opt is the layer's, and so is the one that it hands over to.
// Neither is used for a custom runtime.
func TestRunWrapped(t *testing.T) {
	t.Parallel()
	dir, self := layer(t)
	for name, script := range map[string]string{
		"first":  `WHO=first exec "$LARDER_NEXT_WRAPPER" "$@"`,
		"second": `WHO="$WHO and second" exec "$@"`,
	} {
		syscall.ForkLock.RLock() // a child made meanwhile would hold it open for writing
		err := os.WriteFile(filepath.Join(dir, name), []byte("#!/bin/sh\n"+script), 0o755)
		syscall.ForkLock.RUnlock()
		if err != nil {
			t.Fatal(err)
		}
	}
	for _, test := range []struct{ flag, want string }{
		{"--provided=false", "hello from app.handler first and second"},
		{"--provided", "hello from app.handler me"},
	} {
		var stdout, stderr bytes.Buffer
		code := run(t.Context(), []string{"run", "--layer", dir, "--log", "--invoke", "0", test.flag,
			"--env", roleVariable + "=1", "--env", "WHO=me",
			"--env", "AWS_LAMBDA_EXEC_WRAPPER=/opt/first", "--env", "LARDER_NEXT_WRAPPER=/opt/second",
			"--", self, "echo"}, &stdout, &stderr)
		if code != 0 || !strings.Contains(stdout.String(), test.want) {
			t.Errorf("%s: exit code %d, stderr %q, want %q in stdout:\n%s", test.flag, code, &stderr, test.want, &stdout)
		}
	}
}

// The page is the last that is spoken of, and is made of a run that failed, too. It
// has no line of a process, and no response.
func TestRunReport(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name, mode, event string
		code              int
		want              []string
	}{
		{"good", "echo", `{"n":"CANARY"}`, 0, []string{"<h2>invoke 1</h2>", `data-kind="handler"`, `data-kind="prefetch"`, "ssm:///a/tree/*", "shutdown, spindown"}},
		{"failed init", "broken", "{}", 1, []string{"<li>init: Runtime.ImportModuleError</li>", `data-kind="spawn"`}},
		{"failed invoke", "exit", "{}", 1, []string{"<li>invoke 1: Runtime.ExitError</li>", "shutdown, failure"}},
	} {
		path := filepath.Join(t.TempDir(), "page.html")
		code, stdout, stderr := larderLocal(t, test.mode, "--report", path, "--event", test.event, "--invoke", "1", "--env", "WHO=CANARY")
		if code != test.code || !strings.HasSuffix(stdout, "\nreport: "+path+"\n") {
			t.Errorf("%s: exit code %d, stderr %q, want %d and the path at the end of stdout:\n%s", test.name, code, stderr, test.code, stdout)
		}
		page, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		for _, want := range append(test.want, "</html>") {
			if !strings.Contains(string(page), want) {
				t.Errorf("%s: the page lacks %q:\n%s", test.name, want, page)
			}
		}
		for _, not := range []string{"CANARY", "hello from", "no module"} {
			if strings.Contains(string(page), not) {
				t.Errorf("%s: the page has %q:\n%s", test.name, not, page)
			}
		}
	}
}

// The role's keys are others after the restore.
func TestRunSnapStart(t *testing.T) {
	t.Parallel()
	code, stdout, stderr := larderLocal(t, "echo", "--mode", "snap-start", "--secrets", write(t, "secrets.yaml", ""), "--invoke", "2")
	if code != 0 || stderr != "" {
		t.Fatalf("exit code %d, stderr %q, stdout:\n%s", code, stderr, stdout)
	}
	inOrder(t, stdout, "init done", "snapshot taken", "aws      credentials renewed", "restore of a snapshot", "restore done after",
		"invoke 1\n", "WARN: other keys", "invoke 2\n", "shutdown, spindown", "larder   exit 0")
	if strings.Count(stdout, "other keys") != 1 {
		t.Errorf("the keys changed more than once:\n%s", stdout)
	}
}

func TestRunManagedInstances(t *testing.T) {
	t.Parallel()
	code, stdout, stderr := larderLocal(t, "echo", "--mode", "lambda-managed-instances", "--invoke", "2")
	if code != 0 || stderr != "" {
		t.Fatalf("exit code %d, stderr %q, stdout:\n%s", code, stderr, stdout)
	}
	inOrder(t, stdout, "init done", "invoke 1\n", "invoke 1 answered", "invoke 2\n", "invoke 2 answered", "shutdown, spindown", "larder   exit 0")
}

// A value that differs is a rotation, one that does not stays, and one that is
// gone is deleted.
func TestRunWithChanges(t *testing.T) {
	t.Parallel()
	rotated := write(t, "rotated.yaml", "secrets:\n  a: {string: CANARY2}\n")
	code, stdout, stderr := larderLocal(t, "echo", "--invoke", "4", "--env", "VERSION=a",
		"--secrets", write(t, "secrets.yaml", "secrets:\n  a: {string: CANARY1}\n"),
		"--change", "2="+rotated, "--change", "3="+rotated, "--change", "4="+write(t, "gone.yaml", ""))
	if code != 0 || stderr != "" {
		t.Fatalf("exit code %d, stderr %q, stdout:\n%s", code, stderr, stdout)
	}
	inOrder(t, stdout, "invoke 1\n", "aws      now as in "+rotated, "invoke 2\n", "now as in "+rotated, "invoke 3\n", "now as in", "invoke 4\n")
	var versions []string
	for _, line := range regexp.MustCompile(`WARN: secret version="(.+)"`).FindAllStringSubmatch(stdout, -1) {
		versions = append(versions, line[1])
	}
	if len(versions) != 4 || versions[0] == versions[1] || versions[1] != versions[2] || versions[3] != "none" {
		t.Errorf("versions %q, want one, another, the same, and none", versions)
	}
	if strings.Contains(stdout, "CANARY") {
		t.Errorf("a value is in the output:\n%s", stdout)
	}
}

func TestRunFails(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name, mode string
		flags      []string
		want       []string
	}{
		{"init", "broken", nil, []string{"Runtime.ImportModuleError", "no module"}},
		{"invoke", "echo", []string{"--event", "null", "--invoke", "1"}, []string{"Function.NullEvent", "event is null"}},
		{"extension's exit code", "echo", []string{"--env", "EXIT=3"}, []string{"extension larder exited with 3"}},
		{"secrets", "echo", []string{"--secrets", "/no/such/file"}, []string{"--secrets", "/no/such/file"}},
		{"change", "echo", []string{"--secrets", write(t, "secrets.yaml", ""),
			"--change", "1=" + write(t, "change.yaml", "region: eu-west-1\n")}, []string{"--change", "change.yaml", "region"}},
		{"managed instance", "exit", []string{"--mode", "lambda-managed-instances"}, []string{"Runtime.ExitError"}},
		{"layer", "echo", []string{"--layer", "/no/such/file"}, []string{"--layer", "/no/such/file"}},
		{"report", "echo", []string{"--report", "/no/such/folder/page.html"}, []string{"--report", "/no/such/folder/page.html"}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			code, _, stderr := larderLocal(t, test.mode, test.flags...)
			if code != 1 {
				t.Errorf("exit code %d, want 1", code)
			}
			for _, want := range test.want {
				if !strings.Contains(stderr, want) {
					t.Errorf("stderr = %q, want %q in it", stderr, want)
				}
			}
		})
	}
}

// An interrupt ends everything, and what happened so far is told.
func TestInterrupt(t *testing.T) {
	t.Parallel()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	left := make(chan error, 1)
	go func() {
		conn, err := listener.Accept()
		cancel()
		if err == nil {
			_, err = conn.Read(make([]byte, 1)) // until the function has gone
		}
		left <- err
	}()
	dir, self := layer(t)
	var stdout, stderr bytes.Buffer
	code := run(ctx, []string{"run", "--layer", dir, "--env", roleVariable + "=1", "--", self, "hang " + listener.Addr().String()}, &stdout, &stderr)
	if code != 1 || stderr.String() != "larder-local: interrupted\n" {
		t.Errorf("exit code %d, stderr %q, want 1 and interrupted", code, stderr.String())
	}
	for _, want := range []string{"larder   register", "runtime  ended by signal: killed", "larder   ended by signal: killed"} {
		if !strings.Contains(stdout.String(), want) {
			t.Errorf("stdout lacks %q:\n%s", want, &stdout)
		}
	}
	if err := <-left; !errors.Is(err, io.EOF) && !errors.Is(err, syscall.ECONNRESET) {
		t.Errorf("the function's connection ended with %v", err)
	}
}

func TestMisuse(t *testing.T) {
	t.Parallel()
	bad := write(t, "bad", "A=1\nsecret-without-a-name\n")
	empty := write(t, "empty", "\n")
	tests := []struct {
		args []string
		want string
	}{
		{nil, "one command"},
		{[]string{"start"}, "one command"},
		{[]string{"run", "--layer", "a", "--layer", "b", "--", "x"}, "flag -layer: the flag is given twice"},
		{[]string{"run", "--secrets", "a", "--secrets", "a", "--", "x"}, "flag -secrets: the flag is given twice"},
		{[]string{"run", "--env-file", "a", "--env-file=b", "--", "x"}, "flag -env-file: the flag is given twice"},
		{[]string{"run", "--events", "a", "--events", "b", "--", "x"}, "flag -events: the flag is given twice"},
		{[]string{"run", "--report", "a", "--report", "b", "--", "x"}, "flag -report: the flag is given twice"},
		{[]string{"run", "--responses", "a", "--responses", "b", "--", "x"}, "flag -responses: the flag is given twice"},
		{[]string{"run"}, "no command"},
		{[]string{"run", "--nonsense", "--", "x"}, "-nonsense"},
		{[]string{"run", "--invoke", "-1", "--", "x"}, "--invoke"},
		{[]string{"run", "--timeout", "0s", "--", "x"}, "--timeout"},
		{[]string{"run", "--init-timeout", "0s", "--", "x"}, "--init-timeout"},
		{[]string{"run", "--memory", "0", "--", "x"}, "--memory"},
		{[]string{"run", "--mode", "snapstart", "--", "x"}, "--mode: there is no mode"},
		{[]string{"run", "--freeze", "-1s", "--", "x"}, "--freeze"},
		{[]string{"run", "--freeze", "1s", "--mode", "lambda-managed-instances", "--", "x"}, "never frozen"},
		{[]string{"run", "--secrets", "x", "--change", empty, "--", "x"}, "N=FILE"},
		{[]string{"run", "--secrets", "x", "--change", "0=" + empty, "--", "x"}, "N=FILE"},
		{[]string{"run", "--secrets", "x", "--change", "1=/no/such/file", "--", "x"}, "/no/such/file"},
		{[]string{"run", "--secrets", "x", "--change", "1=" + bad, "--", "x"}, bad},
		{[]string{"run", "--secrets", "x", "--change", "1=" + empty, "--change", "1=" + empty, "--", "x"}, "already"},
		{[]string{"run", "--secrets", "x", "--change", "4=" + empty, "--", "x"}, "only 3 invokes"},
		{[]string{"run", "--change", "1=" + empty, "--", "x"}, "--secrets"},
		{[]string{"run", "--port", "-1", "--", "x"}, "--port"},
		{[]string{"run", "--event", "{", "--", "x"}, "--event"},
		{[]string{"run", "--event", "{}", "--events", bad, "--", "x"}, "--events"},
		{[]string{"run", "--events", bad, "--", "x"}, "line 1: not JSON"},
		{[]string{"run", "--events", empty, "--", "x"}, "no events"},
		{[]string{"run", "--env", "secret-without-a-name", "--", "x"}, "NAME=value"},
		{[]string{"run", "--env-file", bad, "--", "x"}, "line 2: not of the form NAME=value"},
		{[]string{"run", "--env-file", "/no/such/file", "--", "x"}, "/no/such/file"},
	}
	for _, test := range tests {
		var stdout, stderr bytes.Buffer
		if code := run(t.Context(), test.args, &stdout, &stderr); code != 2 {
			t.Errorf("run(%q) = %d, want 2", test.args, code)
		}
		if !strings.Contains(stderr.String(), test.want) || stdout.Len() > 0 {
			t.Errorf("run(%q) wrote %q and %q, want %q on stderr", test.args, &stdout, &stderr, test.want)
		}
	}
}

func TestParse(t *testing.T) {
	t.Parallel()
	o, err := parse([]string{"run", "--events", write(t, "events", strings.Repeat("1\n", 5)), "cmd", "--flag"}, io.Discard)
	if err != nil {
		t.Fatal(err)
	}
	if o.invokes != 5 || o.port != -1 || !slices.Equal(o.command, []string{"cmd", "--flag"}) {
		t.Errorf("parse = %+v", o)
	}
	var help bytes.Buffer
	for _, args := range [][]string{{"-h"}, {"run", "--help"}} {
		help.Reset()
		if _, err := parse(args, &help); !errors.Is(err, flag.ErrHelp) || !strings.Contains(help.String(), "-init-timeout") {
			t.Errorf("parse(%q) = %v and printed %q", args, err, &help)
		}
	}
}

// --port 0 is a port of its own; without the flag the extension has its default.
func TestPort(t *testing.T) {
	t.Parallel()
	for port, want := range map[int]string{-1: "", 0: "PARAMETERS_SECRETS_EXTENSION_HTTP_PORT=", 4711: "PARAMETERS_SECRETS_EXTENSION_HTTP_PORT=4711"} {
		env, err := (&session{options: options{port: port}}).env()
		if err != nil {
			t.Fatal(err)
		}
		i := slices.IndexFunc(env, func(s string) bool { return strings.HasPrefix(s, "PARAMETERS_SECRETS_EXTENSION_HTTP_PORT") })
		switch {
		case want == "" && i >= 0, want != "" && (i < 0 || !strings.HasPrefix(env[i], want)):
			t.Errorf("port %d: env = %q, want %q", port, env, want)
		case port == 0 && slices.Contains([]string{want, want + "0"}, env[i]):
			t.Errorf("port 0 stayed %q", env[i])
		}
	}
}
