package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"larder/extension"
	"larder/extension/extensiontest"
	"larder/internal/awstest"
	"larder/internal/canary"
)

// TestExtend goes through a whole life: a read during init waits for its value.
func TestExtend(t *testing.T) {
	const password, key = "canary/pass word<1>", "canary+api-key"
	fault, reached, release := hold("*")
	st := newStage(t, awstest.Config{
		Secrets:    map[string]awstest.Secret{"prod/db": {String: `{"password":"` + password + `"}`}},
		Parameters: map[string]awstest.Parameter{"/prod/key": {Type: "SecureString", Value: key}},
		Faults:     []awstest.Fault{fault},
	}, "DB_PASSWORD=secretsmanager://prod/db#password", "LARDER_PREFETCH=ssm:///prod/key,")
	st.start(t)
	if r := st.lambda.Await(extensiontest.Register, 1); r.Header.Get("Lambda-Extension-Name") != "larder" || r.Body != `{"events":["INVOKE","SHUTDOWN"]}` {
		t.Errorf("registered as %q for %s", r.Header.Get("Lambda-Extension-Name"), r.Body)
	}
	early := make(chan string)
	go func() {
		status, body := st.read("secretsmanager://prod/db#password")
		early <- fmt.Sprint(status, " ", body == password)
	}()
	<-reached
	if got, want := st.lambda.Paths(), []string{"/register"}; !slices.Equal(got, want) {
		t.Errorf("while AWS has not answered the calls are %v, want %v", got, want)
	}
	release()
	if got, want := <-early, "200 true"; got != want {
		t.Errorf("a read during init: %s, want %s", got, want)
	}
	st.lambda.Await(extensiontest.Next, 1)
	calls := len(st.aws.Calls())
	st.lambda.Send(`{"eventType":"INVOKE","deadlineMs":4102444800000,"requestId":"r"}`)
	st.lambda.Await(extensiontest.Next, 2)
	if status, body := st.read("ssm:///prod/key"); status != 200 || body != key {
		t.Errorf("a read in an invoke: status %d, as expected: %t", status, body == key)
	}
	if n := len(st.aws.Calls()); n != calls || n != 2 {
		t.Errorf("%d calls to AWS in init, %d in all, want 2 and no more", calls, n)
	}
	st.shutdown()
	if err := st.end(t); err != nil {
		t.Errorf("extend = %v", err)
	}
	if got, want := st.lambda.Paths(), []string{"/register", "/event/next", "/event/next"}; !slices.Equal(got, want) {
		t.Errorf("the calls were %v, want %v", got, want)
	}
	for _, value := range []string{password, key, st.token} {
		if form, found := canary.Find([]byte(st.output.String()), []byte(value)); found {
			t.Errorf("a value is in the output: %s", form)
		}
	}
}

// TestExtendBadSettings checks that one start tells all that is wrong, to Lambda
// and in the log, and that nobody listens.
func TestExtendBadSettings(t *testing.T) {
	st := newStage(t, awstest.Config{},
		"LARDER_CACHE_BYTES=lots", "LARDER_INIT_TIMEOUT=soon", "AWS_USE_FIPS_ENDPOINT=maybe",
		"DB=secretsmanager://", "LARDER_PREFETCH=ssm://a/b", "AWS_SESSION_TOKEN=")
	st.start(t)
	st.checkInvalid(t, st.end(t),
		"LARDER_CACHE_BYTES", "LARDER_INIT_TIMEOUT", "AWS_USE_FIPS_ENDPOINT", "DB: ", "LARDER_PREFETCH, item 1", "AWS_SESSION_TOKEN")
}

func TestExtendPortInUse(t *testing.T) {
	for _, host := range families() {
		st := newStage(t, awstest.Config{}, "LARDER_CACHE_BYTES=lots")
		occupied := occupy(t, host, st.port)
		st.start(t)
		st.lambda.Await(extensiontest.InitError, 1)
		occupied.Close() // only ours is left for end to find
		st.checkInvalid(t, st.end(t), "PARAMETERS_SECRETS_EXTENSION_HTTP_PORT", "LARDER_CACHE_BYTES")
	}
}

// checkInvalid checks that the error of extend is an Extension.ConfigInvalid that
// names the culprits, as were told to Lambda and written to the log.
func (st *stage) checkInvalid(t *testing.T, err error, culprits ...string) {
	t.Helper()
	if got, want := st.lambda.Paths(), []string{"/register", "/init/error"}; !slices.Equal(got, want) {
		t.Errorf("the calls were %v, want %v", got, want)
	}
	report := st.lambda.Await(extensiontest.InitError, 1)
	if got := report.Header.Get("Lambda-Extension-Function-Error-Type"); got != "Extension.ConfigInvalid" {
		t.Errorf("the error type is %q, want Extension.ConfigInvalid", got)
	}
	fault, ok := errors.AsType[*extension.Fault](err)
	if !ok || fault.Type != "Extension.ConfigInvalid" {
		t.Fatalf("extend = %v, want an Extension.ConfigInvalid", err)
	}
	if said := message(t, report); said != fault.Message {
		t.Errorf("Lambda was told %q, and the error is %q", said, fault.Message)
	}
	for _, name := range culprits {
		if !strings.Contains(fault.Message, name) {
			t.Errorf("the message does not name %s: %s", name, fault.Message)
		}
		if !strings.Contains(st.output.String(), name) {
			t.Errorf("the log does not name %s:\n%s", name, st.output.String())
		}
	}
}

func message(t *testing.T, report extensiontest.Request) string {
	t.Helper()
	var body struct{ ErrorMessage string }
	if err := json.Unmarshal([]byte(report.Body), &body); err != nil {
		t.Fatal(err)
	}
	return body.ErrorMessage
}

// TestExtendShutdown ends with all kinds of readers connected.
func TestExtendShutdown(t *testing.T) {
	st := newStage(t, awstest.Config{
		Secrets: map[string]awstest.Secret{"there": {String: "value"}, "slow": {String: "value"}},
		Faults:  []awstest.Fault{{ID: "slow", Hang: true}},
	}, "A=secretsmanager://there")
	called := make(chan struct{}, 1)
	st.aws.Observe(func(c awstest.Call) {
		if slices.Contains(c.IDs, "slow") {
			called <- struct{}{}
		}
	})
	st.start(t)
	st.lambda.Await(extensiontest.Next, 1)

	if status, _ := st.read("secretsmanager://there"); status != 200 { // leaves an idle connection
		t.Errorf("a read: status %d, want 200", status)
	}
	var conns []net.Conn
	for _, host := range families() {
		for _, sent := range []string{"", "GET /value HTTP/1.1\r\nHost: localho"} {
			conn, err := net.Dial("tcp", st.addr(host))
			if err != nil {
				t.Fatal(err)
			}
			defer conn.Close()
			if _, err := io.WriteString(conn, sent); err != nil {
				t.Fatal(err)
			}
			conns = append(conns, conn)
		}
	}
	waiting := make(chan int)
	go func() {
		status, _ := st.read("secretsmanager://slow")
		waiting <- status
	}()
	<-called

	began := time.Now()
	st.shutdown()
	err := st.end(t)
	if took := time.Since(began); err != nil || took > time.Second {
		t.Errorf("extend = %v %v after SHUTDOWN, want nil within a second", err, took)
	}
	if status := <-waiting; status != 503 {
		t.Errorf("who waited for AWS got status %d, want 503", status)
	}
	for _, conn := range conns {
		conn.SetReadDeadline(time.Now().Add(5 * time.Second))
		if _, err := io.Copy(io.Discard, conn); errors.Is(err, os.ErrDeadlineExceeded) {
			t.Error("a connection was left open")
		}
	}
	if !strings.Contains(st.output.String(), "reason=spindown") {
		t.Errorf("the log does not say why it ended:\n%s", st.output.String())
	}
}

// TestRunServerFails checks that Lambda hears of a server that serves no more:
// without it the function would find nobody, for as long as the sandbox lives.
func TestRunServerFails(t *testing.T) {
	st := newStage(t, awstest.Config{})
	s, _, mistakes := readSettings(st.environ)
	if len(mistakes) > 0 {
		t.Fatal(text(mistakes))
	}
	l := assemble(s, io.Discard, slog.New(slog.DiscardHandler))
	broken := &brokenListener{Listener: occupy(t, "127.0.0.1", st.port), fail: make(chan struct{})}
	go func() {
		st.ended <- l.run(t.Context(), extension.NewClient(s.runtimeAPI, "larder"), []net.Listener{broken})
	}()
	st.lambda.Await(extensiontest.Next, 1)
	close(broken.fail)
	report := st.lambda.Await(extensiontest.ExitError, 1)
	err := st.end(t)
	if fault, ok := errors.AsType[*extension.Fault](err); !ok || fault.Type != "Extension.ServerFailed" {
		t.Errorf("run = %v, want an Extension.ServerFailed", err)
	}
	if got := report.Header.Get("Lambda-Extension-Function-Error-Type"); got != "Extension.ServerFailed" {
		t.Errorf("the error type is %q, want Extension.ServerFailed", got)
	}
	if said := message(t, report); !strings.Contains(said, "out of sockets") || !strings.Contains(said, st.addr("127.0.0.1")) {
		t.Errorf("Lambda was told %q, want the address and the reason", said)
	}
}

// brokenListener accepts nobody, and fails when it is told to.
type brokenListener struct {
	net.Listener
	fail chan struct{}
}

func (l *brokenListener) Accept() (net.Conn, error) {
	<-l.fail
	return nil, errors.New("out of sockets")
}

// TestExtendUnregistered checks the ends before there is anybody to tell.
func TestExtendUnregistered(t *testing.T) {
	st := newStage(t, awstest.Config{Secrets: map[string]awstest.Secret{"there": {String: "value"}}}, "A=secretsmanager://there")
	st.lambda.Instead(extensiontest.Register, func(w http.ResponseWriter, _ *http.Request) {
		extensiontest.Refuse(w, "Extension.RegistrationClosed", "Extension registration closed already")
	})
	st.start(t)
	if err := st.end(t); err == nil || !strings.Contains(err.Error(), "Extension.RegistrationClosed") {
		t.Errorf("extend = %v, want Lambda's words", err)
	}
	if n := len(st.aws.Calls()); n > 0 {
		t.Errorf("AWS was called %d times without a registration", n)
	}

	st.environ = slices.DeleteFunc(st.environ, func(item string) bool { return strings.HasPrefix(item, "AWS_LAMBDA_RUNTIME_API=") })
	st.start(t)
	if err := st.end(t); err == nil || !strings.Contains(err.Error(), "/opt/extensions") {
		t.Errorf("extend without Lambda = %v, want an error that says where it belongs", err)
	}
}
