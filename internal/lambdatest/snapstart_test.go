package lambdatest_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"
	"testing"
	"time"

	"larder/internal/lambdatest"
)

const uriVariable, tokenVariable = "AWS_CONTAINER_CREDENTIALS_FULL_URI", "AWS_CONTAINER_AUTHORIZATION_TOKEN"

// restoreNext calls restore/next in the background.
func (a *actor) restoreNext() <-chan answer {
	parked := make(chan answer, 1)
	go func() { parked <- a.do("GET", "/2018-06-01/runtime/restore/next", "") }()
	return parked
}

// keys asks for the role's keys as an SDK does.
func (a *actor) keys(token string) answer {
	path, _ := strings.CutPrefix(a.variable(uriVariable), "http://"+a.api)
	return a.do("GET", path, "", "Authorization", token)
}

func TestSnapStartEnvironment(t *testing.T) {
	t.Parallel()
	s := newStage(t, "ext")
	s.cfg.Mode = lambdatest.SnapStart
	s.cfg.Env = append(s.cfg.Env, "AWS_ACCESS_KEY_ID=id", "AWS_SECRET_ACCESS_KEY=key", "AWS_SESSION_TOKEN=session")
	_, cast := s.ready()
	for _, a := range cast {
		for _, name := range names(a.Env) {
			if slices.Contains([]string{"AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"}, name) {
				t.Errorf("%s has %s", a.name, name)
			}
		}
		for name, want := range map[string]string{
			"AWS_LAMBDA_INITIALIZATION_TYPE": "snap-start",
			uriVariable:                      "http://" + a.api + "/2021-04-23/credentials",
			tokenVariable:                    cast["ext"].variable(tokenVariable),
		} {
			if got := a.variable(name); got != want || got == "" {
				t.Errorf("%s: %s = %q, want %q", a.name, name, got, want)
			}
		}
	}
}

func TestCredentials(t *testing.T) {
	t.Parallel()
	given := make(chan func() (lambdatest.Credentials, error), 1)
	s := newStage(t, "ext")
	s.cfg.Mode = lambdatest.SnapStart
	s.cfg.Credentials = func() (lambdatest.Credentials, error) { return (<-given)() }
	s.start()
	ext := s.actor("ext")
	token := ext.variable(tokenVariable)

	// The answer changes, and the token does not.
	for _, id := range []string{"first", "second"} {
		given <- func() (lambdatest.Credentials, error) {
			return lambdatest.Credentials{AccessKeyID: id, SecretAccessKey: "key", SessionToken: "session",
				Expiration: time.Date(2026, 3, 1, 12, 0, 0, 5, time.FixedZone("", 3600))}, nil
		}
		want := `{"AccessKeyId":"` + id + `","SecretAccessKey":"key","Token":"session","Expiration":"2026-03-01T11:00:00Z"}`
		if got := ext.keys(token); got.status != 200 || got.body != want {
			t.Errorf("credentials = %d %s (%v), want 200 %s", got.status, got.body, got.err, want)
		}
	}
	given <- func() (lambdatest.Credentials, error) { return lambdatest.Credentials{}, errors.New("no keys") }
	if got := ext.keys(token); got.status != 500 {
		t.Errorf("credentials that cannot be had = %d, want 500", got.status)
	}
	for _, wrong := range []string{"", "Bearer " + token, token + "x"} {
		got := ext.keys(wrong)
		if want := "cannot get credentials for the provided token\n"; got.status != 404 || got.body != want {
			t.Errorf("credentials with another token = %d %q, want 404 %q", got.status, got.body, want)
		}
	}
}

// Without a func the keys are those of Env, and are good for a while.
func TestCredentialsOfEnv(t *testing.T) {
	t.Parallel()
	s := newStage(t, "ext")
	s.cfg.Mode = lambdatest.SnapStart
	s.cfg.Env = append(s.cfg.Env, "AWS_ACCESS_KEY_ID=id", "AWS_SECRET_ACCESS_KEY=key", "AWS_SESSION_TOKEN=session")
	s.start()
	ext := s.actor("ext")
	var keys struct {
		AccessKeyId, SecretAccessKey, Token string
		Expiration                          time.Time
	}
	if err := json.Unmarshal([]byte(ext.keys(ext.variable(tokenVariable)).body), &keys); err != nil {
		t.Fatalf("credentials: %v", err)
	}
	if keys.AccessKeyId != "id" || keys.SecretAccessKey != "key" || keys.Token != "session" || time.Until(keys.Expiration) <= 0 {
		t.Errorf("credentials are not those of Env, or have expired at %v", keys.Expiration)
	}
}

func TestCredentialsDoNotPrint(t *testing.T) {
	t.Parallel()
	keys := lambdatest.Credentials{AccessKeyID: "id", SecretAccessKey: "CANARY", SessionToken: "CANARY"}
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x"} {
		if got, want := fmt.Sprintf(verb, keys), "{credentials id}"; got != want {
			t.Errorf("%s prints something else than %s", verb, want)
		}
	}
}

// The processes may reach the APIs on an address that is not a loopback one, as
// on the platform.
func TestHost(t *testing.T) {
	t.Parallel()
	host := ownAddress(t)
	s := newStage(t, "ext")
	s.cfg.Mode, s.cfg.Host = lambdatest.SnapStart, host
	_, cast := s.ready()
	if got, want := cast["ext"].variable(uriVariable), "http://"+net.JoinHostPort(host, ""); !strings.HasPrefix(got, want) {
		t.Errorf("%s = %q, want it to begin with %q", uriVariable, got, want)
	}
}

// ownAddress returns an address of this machine that is not a loopback one.
func ownAddress(t *testing.T) string {
	t.Helper()
	addresses, err := net.InterfaceAddrs()
	if err != nil {
		t.Fatal(err)
	}
	for _, a := range addresses {
		if ip, ok := a.(*net.IPNet); ok && ip.IP.IsGlobalUnicast() {
			return ip.IP.String()
		}
	}
	t.Skip("this machine has only loopback addresses")
	return ""
}

// The whole life: a runtime with something to do after a restore, and an
// extension that is told nothing of it.
func TestSnapStart(t *testing.T) {
	t.Parallel()
	const age = 50 * time.Millisecond
	s := newStage(t, "ext")
	s.cfg.Mode, s.cfg.Freeze = lambdatest.SnapStart, age
	result := s.start()
	ext := s.actor("ext")
	ext.register("INVOKE")
	event := ext.park()
	s.await(lambdatest.Next, "ext")
	runtime := s.actor("runtime")
	restored := runtime.restoreNext()
	lambda := (<-result).lambda
	ext.stopped()
	runtime.stopped()
	lambda.Thaw() // leaves a snapshot alone
	platformError(t, "next instead of a restore", runtime.next(), 403, "InvalidStateTransition",
		"State transition from RestoreReady to Ready failed for runtime. Error: State transition is not allowed")

	done := invoke(t.Context(), lambda, "payload")
	if got := receive(t, "restore/next", restored); got.status != 200 || got.body != "" {
		t.Errorf("restore/next = %d %q, want 200 and nothing", got.status, got.body)
	}
	s.goesOn(ext)
	s.goesOn(runtime)
	select {
	case got := <-event:
		t.Errorf("the extension was handed %s before the restore was over", got.body)
	default:
	}
	invocation := runtime.park()
	if got := receive(t, "event", event); !strings.HasPrefix(got.body, `{"eventType":"INVOKE"`) {
		t.Errorf("the extension's first event = %s, want INVOKE", got.body)
	}
	runtime.answers(invocation)
	if got := receive(t, "Invoke", done); got.err != nil || string(got.response.Payload) != "done" {
		t.Errorf("Invoke = %v, %v, want done", got.response, got.err)
	}
	want := []string{"spawn ext", "register ext", "runtime start runtime", "next ext", "next runtime", "init done", "snapshot",
		"restore start", "next runtime", "restore done", "invoke start"}
	events := lambda.Events()
	// What was asked in init comes in no certain order.
	got := kinds(events)[:len(want)]
	slices.Sort(got[2:5])
	slices.Sort(want[2:5])
	if !slices.Equal(got, want) {
		t.Errorf("events = %q, want %q", got, want)
	}
	if start := s.await(lambdatest.RestoreStart, ""); start.Duration < age {
		t.Errorf("the snapshot was %v old, want at least %v", start.Duration, age)
	}
}

// A runtime without restore/next is restored as soon as it goes on.
func TestSnapStartWithoutHooks(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	s.cfg.Mode = lambdatest.SnapStart
	result := s.start()
	runtime := s.actor("runtime")
	invocation := runtime.park()
	lambda := (<-result).lambda
	platformError(t, "restore/next after next", <-runtime.restoreNext(), 403, "InvalidStateTransition",
		"State transition from Ready to Ready failed for runtime. Error: State transition is not allowed")
	platformError(t, "restore/error before a restore", runtime.restoreError("Runtime.Late"), 403, "InvalidStateTransition",
		"State transition from Ready to RestoreError failed for runtime. Error: State transition is not allowed")
	done := invoke(t.Context(), lambda, "")
	runtime.answers(invocation)
	if got := receive(t, "Invoke", done); got.err != nil {
		t.Errorf("Invoke: %v", got.err)
	}
}

func (a *actor) restoreError(errorType string) answer {
	return a.do("POST", "/2018-06-01/runtime/restore/error", `{"errorMessage":"no luck"}`, "Lambda-Runtime-Function-Error-Type", errorType)
}

// A restore that fails fails the invoke, and the next one has a new snapshot.
func TestRestoreFails(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name  string
		limit time.Duration
		play  func(runtime *actor)
		want  lambdatest.Fault
	}{
		{"reported", patience, func(runtime *actor) { runtime.restoreError("Runtime.HookFailed") }, lambdatest.Fault{
			Type: "Runtime.HookFailed", Source: "runtime", ReportedType: "Runtime.HookFailed", ReportedMessage: "no luck"}},
		{"exits", patience, func(runtime *actor) { runtime.exit(3) }, lambdatest.Fault{
			Type: "Runtime.ExitError", Message: "Runtime exited with error: exit status 3", Source: "runtime"}},
		{"too slow", 100 * time.Millisecond, func(*actor) {}, lambdatest.Fault{
			Type: "SnapStartTimeoutException", Message: "restore took longer than 100ms: the runtime did not call invocation/next"}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			s := newStage(t)
			s.cfg.Mode, s.cfg.RestoreTimeout = lambdatest.SnapStart, test.limit
			result := s.start()
			runtime := s.actor("runtime")
			restored := runtime.restoreNext()
			lambda := (<-result).lambda
			done := invoke(t.Context(), lambda, "")
			receive(t, "restore/next", restored)
			test.play(runtime)
			failed, ok := receive(t, "Invoke", done).err.(*lambdatest.InvokeError)
			if !ok || failed.Fault != test.want || failed.RequestID != "" {
				t.Errorf("Invoke failed with %+v, want %+v and no request", failed, test.want)
			}
			if event := s.await(lambdatest.RestoreFailed, ""); event.Fault == nil || *event.Fault != test.want {
				t.Errorf("the event's fault = %+v, want %+v", event.Fault, test.want)
			}
			runtime.gone()
			if report, err := lambda.Wait(t.Context()); err != nil || report.Err != error(failed) {
				t.Errorf("Wait = %+v, %v, want the failure of the restore", report, err)
			}

			done = invoke(t.Context(), lambda, "")
			runtime = s.actor("runtime")
			invocation := runtime.park()
			s.await(lambdatest.Snapshot, "")
			runtime.answers(invocation)
			if got := receive(t, "second Invoke", done); got.err != nil {
				t.Errorf("second Invoke: %v", got.err)
			}
		})
	}
}

// A snapshot that is never restored is shut down like any environment.
func TestShutdownOfSnapshot(t *testing.T) {
	t.Parallel()
	s := newStage(t, "ext")
	s.cfg.Mode = lambdatest.SnapStart
	lambda, cast := s.ready("SHUTDOWN")
	want := []lambdatest.Exit{{Source: "ext"}, {Source: "runtime"}}
	if exits := s.shutdown(lambda, cast); !slices.Equal(exits, want) {
		t.Errorf("Shutdown = %+v, want %+v", exits, want)
	}
}

// No other mode has the routes.
func TestRoutesOfSnapStart(t *testing.T) {
	t.Parallel()
	for _, mode := range []lambdatest.Mode{"", lambdatest.ProvisionedConcurrency, lambdatest.ManagedInstances} {
		s := newStage(t)
		s.cfg.Mode = mode
		s.start()
		runtime := s.actor("runtime")
		for _, path := range []string{"/2018-06-01/runtime/restore/next", "/2021-04-23/credentials"} {
			if got := runtime.do("GET", path, ""); got.status != 404 {
				t.Errorf("mode %q: GET %s = %d, want 404", mode, path, got.status)
			}
		}
	}
}
