package lambdatest_test

import (
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"larder/internal/lambdatest"
)

func kinds(events []lambdatest.Event) []string {
	var list []string
	for _, e := range events {
		list = append(list, strings.TrimSpace(string(e.Kind)+" "+e.Source))
	}
	return list
}

// The order of init is the order of the platform's: nothing else may start the
// runtime than the last registration, and nothing else end init than the last next.
func TestInitOrder(t *testing.T) {
	t.Parallel()
	s := newStage(t, "b", "a")
	if err := os.MkdirAll(filepath.Join(s.cfg.Opt, "extensions", "folder", "c"), 0o755); err != nil {
		t.Fatal(err)
	}
	result := s.start()
	a, b := s.actor("a"), s.actor("b")
	b.register("INVOKE")
	b.park()
	s.await(lambdatest.Next, "b")
	a.register("INVOKE")
	runtime := s.actor("runtime")
	a.park()
	s.await(lambdatest.Next, "a")
	runtime.park()
	got := receive(t, "Start", result)
	if got.err != nil {
		t.Fatalf("Start: %v", got.err)
	}
	want := []string{"spawn a", "spawn b", "register b", "next b", "register a",
		"runtime start runtime", "next a", "next runtime", "init done"}
	if list := kinds(got.lambda.Events()); !slices.Equal(list, want) {
		t.Errorf("events = %q, want %q", list, want)
	}
	if len(a.Args) != 1 || a.Args[0] != filepath.Join(s.cfg.Opt, "extensions", "a") {
		t.Errorf("an extension was started as %q, want its path and no arguments", a.Args)
	}
}

// Init waits for internal extensions, too.
func TestInitWaitsForInternal(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	result := s.start()
	runtime := s.actor("runtime")
	internal := *runtime
	internal.name = "internal"
	internal.register("INVOKE")
	runtime.park()
	s.await(lambdatest.Next, "runtime")
	select {
	case got := <-result:
		t.Fatalf("Start returned %v before the internal extension called next", got.err)
	default:
	}
	internal.park()
	if got := receive(t, "Start", result); got.err != nil {
		t.Errorf("Start: %v", got.err)
	}
}

func TestEnvironment(t *testing.T) {
	t.Setenv("LAMBDATEST_LEAK", "1") // must not reach a process
	s := newStage(t, "ext")
	s.cfg.Function, s.cfg.Version, s.cfg.Handler, s.cfg.Memory = "f", "7", "app.handler", 256
	s.cfg.Dir = t.TempDir()
	s.cfg.Env = append(s.cfg.Env, "OWN=a=b", "_OWN=x", "AWS_LAMBDA_FUNCTION_NAME=wrong", "AWS_REGION=eu-west-1",
		"AWS_LAMBDA_INITIALIZATION_TYPE=wrong",
		"AWS_ACCESS_KEY_ID=key", "AWS_EXECUTION_ENV=AWS_Lambda_python3.13")
	_, cast := s.ready()
	ext, runtime := cast["ext"], cast["runtime"]

	common := []string{"AWS_ACCESS_KEY_ID", "AWS_DEFAULT_REGION", "AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "AWS_LAMBDA_FUNCTION_NAME",
		"AWS_LAMBDA_FUNCTION_VERSION", "AWS_LAMBDA_INITIALIZATION_TYPE", "AWS_LAMBDA_RUNTIME_API", "AWS_REGION",
		stageVariable, "OWN", "TZ"}
	more := []string{"AWS_EXECUTION_ENV", "AWS_LAMBDA_LOG_GROUP_NAME", "AWS_LAMBDA_LOG_STREAM_NAME", "LAMBDA_RUNTIME_DIR",
		"LAMBDA_TASK_ROOT", "LANG", "PATH", "_HANDLER", "_OWN"}
	for _, test := range []struct {
		a    *actor
		want []string
	}{{ext, common}, {runtime, slices.Concat(common, more)}} {
		slices.Sort(test.want)
		if got := names(test.a.Env); !slices.Equal(got, test.want) {
			t.Errorf("%s has %q, want %q", test.a.name, got, test.want)
		}
		for name, want := range map[string]string{
			"OWN": "a=b", "AWS_LAMBDA_FUNCTION_NAME": "f", "AWS_LAMBDA_FUNCTION_VERSION": "7", "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "256",
			"AWS_REGION": "eu-west-1", "AWS_DEFAULT_REGION": "eu-west-1", "AWS_LAMBDA_INITIALIZATION_TYPE": "on-demand", "TZ": ":UTC",
		} {
			if got := test.a.variable(name); got != want {
				t.Errorf("%s: %s = %q, want %q", test.a.name, name, got, want)
			}
		}
	}
	for name, want := range map[string]string{"_HANDLER": "app.handler", "LAMBDA_TASK_ROOT": s.cfg.Dir,
		"PATH": "/usr/local/bin:/usr/bin/:/bin:" + filepath.Join(s.cfg.Opt, "bin")} {
		if got := runtime.variable(name); got != want {
			t.Errorf("runtime: %s = %q, want %q", name, got, want)
		}
	}
	if want, err := filepath.EvalSymlinks(s.cfg.Dir); err != nil || runtime.Dir != want {
		t.Errorf("runtime works in %q, want %q", runtime.Dir, want)
	}
}

func TestInitFailures(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name  string
		setup func(t *testing.T, s *stage)
		play  func(s *stage)
		want  lambdatest.Fault
	}{
		{
			name: "extension without x bit",
			setup: func(t *testing.T, s *stage) {
				writeFile(t, filepath.Join(s.cfg.Opt, "extensions", "readme"), "text", 0o644)
			},
			want: lambdatest.Fault{Type: "Extension.LaunchError", Message: "permission denied", Source: "readme"},
		},
		{
			name: "extension of no known format",
			setup: func(t *testing.T, s *stage) {
				writeFile(t, filepath.Join(s.cfg.Opt, "extensions", "text"), "text", 0o755)
			},
			want: lambdatest.Fault{Type: "Extension.LaunchError", Message: "exec format error", Source: "text"},
		},
		{
			name: "eleven extensions",
			setup: func(t *testing.T, s *stage) {
				for _, name := range "bcdefghijk" {
					if err := os.Symlink(s.cfg.Runtime[0], filepath.Join(s.cfg.Opt, "extensions", string(name))); err != nil {
						t.Fatal(err)
					}
				}
			},
			want: lambdatest.Fault{Type: "Extension.TooManyExtensions", Message: "Extension limit (10) reached", Source: "k"},
		},
		{
			name: "extension exits before it registers",
			play: func(s *stage) { s.actor("a").exit(0) },
			want: lambdatest.Fault{Type: "Extension.Crash", Message: "exit status 0", Source: "a"},
		},
		{
			name: "extension exits after it registered",
			play: func(s *stage) {
				a := s.actor("a")
				a.register()
				a.exit(9)
			},
			want: lambdatest.Fault{Type: "Extension.Crash", Message: "exit status 9", Source: "a"},
		},
		{
			name: "extension reports and exits",
			play: func(s *stage) {
				a := s.actor("a")
				a.register()
				a.fail("init", "Extension.ConfigInvalid", "LARDER_X is bad")
				a.exit(1)
			},
			want: lambdatest.Fault{Type: "Extension.InitError", Message: "exit status 1", Source: "a",
				ReportedType: "Extension.ConfigInvalid", ReportedMessage: "LARDER_X is bad"},
		},
		{
			name: "extension reports an exit error",
			play: func(s *stage) {
				a := s.actor("a")
				a.register()
				a.fail("exit", "Extension.Gone", "first")
				a.fail("exit", "Extension.Gone", "second")
				a.exit(0)
			},
			want: lambdatest.Fault{Type: "Extension.ExitError", Message: "exit status 0", Source: "a",
				ReportedType: "Extension.Gone", ReportedMessage: "first"},
		},
		{
			name: "runtime exits",
			play: func(s *stage) {
				s.actor("a").register()
				s.actor("runtime").exit(13)
			},
			want: lambdatest.Fault{Type: "Runtime.ExitError", Message: "Runtime exited with error: exit status 13", Source: "runtime"},
		},
		{
			name: "runtime exits with 0",
			play: func(s *stage) {
				s.actor("a").register()
				s.actor("runtime").exit(0)
			},
			want: lambdatest.Fault{Type: "Runtime.ExitError", Message: "Runtime exited without providing a reason", Source: "runtime"},
		},
		{
			name: "runtime reports and exits",
			play: func(s *stage) {
				s.actor("a").register()
				runtime := s.actor("runtime")
				runtime.do("POST", "/2018-06-01/runtime/init/error", `{"errorMessage":"no module app"}`,
					"Lambda-Runtime-Function-Error-Type", "Runtime.ImportModuleError")
				runtime.exit(1)
			},
			want: lambdatest.Fault{Type: "Runtime.ImportModuleError", Message: "Runtime exited with error: exit status 1", Source: "runtime",
				ReportedType: "Runtime.ImportModuleError", ReportedMessage: "no module app"},
		},
		{
			name:  "no such runtime",
			setup: func(t *testing.T, s *stage) { s.cfg.Runtime = []string{"/no/such/runtime"} },
			play: func(s *stage) { // the answer may be cut off by the failure
				s.actor("a").do("POST", "/2020-01-01/extension/register", "{}", "Lambda-Extension-Name", "a")
			},
			want: lambdatest.Fault{Type: "Runtime.InvalidEntrypoint", Message: "/no/such/runtime: no such file or directory",
				Source: "runtime"},
		},
		{
			name:  "no such wrapper",
			setup: func(t *testing.T, s *stage) { s.wrap("/no/such/wrapper") },
			play: func(s *stage) {
				s.actor("a").do("POST", "/2020-01-01/extension/register", "{}", "Lambda-Extension-Name", "a")
			},
			want: lambdatest.Fault{Type: "Runtime.InvalidEntrypoint", Message: "/no/such/wrapper: no such file or directory",
				Source: "runtime"},
		},
		{
			name:  "wrapper exits",
			setup: func(t *testing.T, s *stage) { s.wrap("/bin/false") },
			play: func(s *stage) {
				s.actor("a").do("POST", "/2020-01-01/extension/register", "{}", "Lambda-Extension-Name", "a")
			},
			want: lambdatest.Fault{Type: "Runtime.ExitError", Message: "Runtime exited with error: exit status 1", Source: "runtime"},
		},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			s := newStage(t, "a")
			if test.setup != nil {
				test.setup(t, s)
			}
			result := s.start()
			if test.play != nil {
				test.play(s)
			}
			got := receive(t, "Start", result)
			failed, ok := got.err.(*lambdatest.InitError)
			if !ok {
				t.Fatalf("Start = %v, want an *InitError", got.err)
			}
			if failed.Fault != test.want {
				t.Errorf("Start failed with %+v, want %+v", failed.Fault, test.want)
			}
			if got.lambda == nil {
				t.Error("Start returned no Lambda beside its *InitError")
			}
		})
	}
}

// TestInitErrorHoldsInit: an extension that has reported an error fails init
// when it exits, also if everybody else is ready long before.
func TestInitErrorHoldsInit(t *testing.T) {
	t.Parallel()
	s := newStage(t, "a", "b")
	result := s.start()
	a, b := s.actor("a"), s.actor("b")
	a.register("INVOKE")
	b.register("INVOKE")
	runtime := s.actor("runtime")
	if got := a.fail("init", "Extension.Broken", "no secret"); got.status != 202 {
		t.Fatalf("init/error: status %d, want 202", got.status)
	}
	b.park()
	s.await(lambdatest.Next, "b")
	runtime.park()
	s.await(lambdatest.Next, "runtime")
	a.exit(1)
	got := receive(t, "Start", result)
	failed, ok := got.err.(*lambdatest.InitError)
	if !ok || failed.Type != "Extension.InitError" || failed.ReportedType != "Extension.Broken" {
		t.Errorf("Start: %v, want Extension.InitError with Extension.Broken reported", got.err)
	}
}

// Who keeps init from ending is named.
func TestInitLimit(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name string
		play func(s *stage)
		want string
	}{
		{"wrong name", func(s *stage) {
			a := *s.actor("a")
			a.name = "alias"
			a.register()
			a.park()
		}, "not registered under its file's name: a"},
		{"runtime hangs", func(s *stage) { s.actor("a").register() }, "the runtime did not call invocation/next"},
		{"extension never ready", func(s *stage) {
			s.actor("a").register()
			s.actor("runtime").park()
		}, "did not call event/next: a"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			s := newStage(t, "a")
			s.cfg.InitTimeout = 5 * time.Second
			result := s.start()
			test.play(s)
			got := receive(t, "Start", result)
			failed, ok := got.err.(*lambdatest.InitError)
			if want := "init took longer than 5s: " + test.want; !ok || failed.Type != "Sandbox.Timeout" || failed.Message != want {
				t.Errorf("Start = %v, want Sandbox.Timeout, %s", got.err, want)
			}
			stop := s.await(lambdatest.Stop, "")
			if stop.Reason != "timeout" {
				t.Errorf("the reset's reason = %q, want timeout", stop.Reason)
			}
		})
	}
}

// A failed init is made up for in the first invoke.
func TestSuppressedInit(t *testing.T) {
	t.Parallel()
	s := newStage(t, "a")
	result := s.start()
	first := s.actor("a")
	first.exit(1)
	got := receive(t, "Start", result)
	if got.err == nil {
		t.Fatal("Start succeeded though an extension exited")
	}
	first.gone()

	done := invoke(t.Context(), got.lambda, "payload")
	a := s.actor("a")
	a.register()
	a.park()
	runtime := s.actor("runtime")
	request := runtime.next()
	if request.body != "payload" {
		t.Errorf("invocation = %q, want payload", request.body)
	}
	runtime.respond(request.header.Get("Lambda-Runtime-Aws-Request-Id"), "fine")
	if answer := receive(t, "Invoke", done); answer.err != nil || string(answer.response.Payload) != "fine" {
		t.Errorf("Invoke = %v, %v, want fine", answer.response, answer.err)
	}
}

// The init of an invoke runs under the function's timeout, and fails the invoke.
func TestSuppressedInitFails(t *testing.T) {
	t.Parallel()
	s := newStage(t, "a")
	s.cfg.Timeout = 100 * time.Millisecond
	result := s.start()
	s.actor("a").exit(1)
	lambda := receive(t, "Start", result).lambda
	answer := receive(t, "Invoke", invoke(t.Context(), lambda, ""))
	failed, ok := answer.err.(*lambdatest.InitError)
	if !ok || failed.Type != "Sandbox.Timeout" {
		t.Errorf("Invoke = %v, want an *InitError for Sandbox.Timeout", answer.err)
	}
}

// Extensions that subscribed hold the invoke, but not the answer; others are
// neither waited for nor woken.
func TestPostRuntime(t *testing.T) {
	t.Parallel()
	s := newStage(t, "holds", "sleeps")
	result := s.start()
	holds, sleeps := s.actor("holds"), s.actor("sleeps")
	holds.register("INVOKE")
	sleeps.register("SHUTDOWN")
	runtime := s.actor("runtime")
	event, asleep, invocation := holds.park(), sleeps.park(), runtime.park()
	lambda := (<-result).lambda
	done := invoke(t.Context(), lambda, "")
	receive(t, "event", event)
	id := receive(t, "invocation", invocation).header.Get("Lambda-Runtime-Aws-Request-Id")
	runtime.respond(id, "")
	if answer := receive(t, "Invoke", done); answer.err != nil {
		t.Fatalf("Invoke: %v", answer.err)
	}
	runtime.park()
	s.await(lambdatest.Responded, "runtime")
	s.await(lambdatest.Next, "runtime")
	if last := kinds(lambda.Events()); slices.Contains(last, "invoke end") {
		t.Errorf("the invoke ended while an extension held it: %q", last)
	}
	holds.park()
	report, err := lambda.Wait(t.Context())
	if err != nil || report.Err != nil || report.PostRuntime <= 0 || report.Duration < report.Responded+report.PostRuntime {
		t.Errorf("Wait = %+v, %v", report, err)
	}
	if end := s.await(lambdatest.InvokeEnd, ""); end.PostRuntime != report.PostRuntime || end.RequestID != id || end.Fault != nil {
		t.Errorf("event %+v does not match report %+v", end, report)
	}
	select {
	case got := <-asleep:
		t.Errorf("an extension that did not subscribe to INVOKE got %d %s", got.status, got.body)
	default:
	}
}

func TestInvokeFailures(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name   string
		play   func(ext, runtime *actor)
		limit  time.Duration
		want   lambdatest.Fault // Message without the request id
		reason string
	}{
		{"extension crashes", func(ext, _ *actor) { ext.exit(9) }, patience,
			lambdatest.Fault{Type: "Extension.Crash", Message: "exit status 9", Source: "ext"}, "failure"},
		{"extension reports and exits", func(ext, _ *actor) {
			ext.fail("exit", "Extension.Tired", "enough")
			ext.exit(0)
		}, patience, lambdatest.Fault{Type: "Extension.ExitError", Message: "exit status 0", Source: "ext",
			ReportedType: "Extension.Tired", ReportedMessage: "enough"}, "failure"},
		{"runtime crashes", func(_, runtime *actor) { runtime.exit(13) }, patience,
			lambdatest.Fault{Type: "Runtime.ExitError", Message: "Runtime exited with error: exit status 13", Source: "runtime"}, "failure"},
		{"timeout", func(_, _ *actor) {}, 100 * time.Millisecond,
			lambdatest.Fault{Type: "Sandbox.Timeout", Message: "Task timed out after 0.10 seconds"}, "timeout"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			s := newStage(t, "ext")
			s.cfg.Timeout = test.limit
			lambda, cast := s.ready("INVOKE")
			done := invoke(t.Context(), lambda, "")
			s.await(lambdatest.InvokeStart, "")
			test.play(cast["ext"], cast["runtime"])
			stop := s.await(lambdatest.Stop, "")
			if stop.Reason != test.reason {
				t.Errorf("the reset's reason = %q, want %q", stop.Reason, test.reason)
			}
			answer := receive(t, "Invoke", done)
			failed, ok := answer.err.(*lambdatest.InvokeError)
			if !ok {
				t.Fatalf("Invoke = %v, want an *InvokeError", answer.err)
			}
			test.want.Message = "RequestId: " + failed.RequestID + " Error: " + test.want.Message
			if failed.Fault != test.want {
				t.Errorf("Invoke failed with %+v, want %+v", failed.Fault, test.want)
			}
			cast["ext"].gone()
			cast["runtime"].gone()

			// The next invoke starts all anew.
			again := invoke(t.Context(), lambda, "")
			s.await(lambdatest.Spawn, "ext")
			lambda.Close()
			if answer := receive(t, "Invoke", again); answer.err == nil {
				t.Error("Invoke succeeded though the Lambda was closed")
			}
		})
	}
}

// A timeout may come when the client has long been answered.
func TestTimeoutAfterResponse(t *testing.T) {
	t.Parallel()
	s := newStage(t, "ext")
	s.cfg.Timeout = 5 * time.Second
	result := s.start()
	ext := s.actor("ext")
	ext.register("INVOKE")
	runtime := s.actor("runtime")
	ext.park()
	invocation := runtime.park()
	lambda := (<-result).lambda
	done := invoke(t.Context(), lambda, "")
	runtime.respond(receive(t, "invocation", invocation).header.Get("Lambda-Runtime-Aws-Request-Id"), "good")
	runtime.park()
	if answer := receive(t, "Invoke", done); answer.err != nil {
		t.Errorf("Invoke: %v", answer.err)
	}
	report, err := lambda.Wait(t.Context())
	var failed *lambdatest.InvokeError
	if err != nil || !errors.As(report.Err, &failed) || failed.Type != "Sandbox.Timeout" {
		t.Errorf("Wait = %+v, %v, want Sandbox.Timeout", report, err)
	}
}

func TestShutdown(t *testing.T) {
	t.Parallel()
	s := newStage(t, "bad", "good", "never")
	result := s.start()
	cast := map[string]*actor{}
	parked := map[string]<-chan answer{}
	for _, name := range []string{"bad", "good", "never"} {
		cast[name] = s.actor(name)
		cast[name].register("SHUTDOWN")
		parked[name] = cast[name].park()
	}
	runtime := s.actor("runtime")
	runtime.park()
	lambda := (<-result).lambda
	type left struct {
		exits []lambdatest.Exit
		err   error
	}
	done := make(chan left, 1)
	before := time.Now()
	go func() {
		exits, err := lambda.Shutdown(t.Context(), "spindown")
		done <- left{exits, err}
	}()

	// The runtime gets SIGTERM, and does not heed it. Then the extensions are told.
	if said := receive(t, "signal", runtime.said); said != "SIGTERM" {
		t.Errorf("the runtime got %q, want SIGTERM", said)
	}
	for name, event := range parked {
		got := receive(t, "SHUTDOWN of "+name, event)
		if since := time.Since(before); since < 600*time.Millisecond {
			t.Errorf("%s was told %v after the start, want after the runtime's 600 ms", name, since)
		}
		if ct := got.header.Get("Content-Type"); ct != "text/plain; charset=utf-8" || got.header.Get("Lambda-Extension-Event-Identifier") != "" {
			t.Errorf("SHUTDOWN came with %v", got.header)
		}
		if !strings.HasPrefix(got.body, `{"eventType":"SHUTDOWN","deadlineMs":`) || !strings.HasSuffix(got.body, `,"shutdownReason":"spindown"}`) {
			t.Errorf("SHUTDOWN = %q", got.body)
		}
	}
	cast["good"].exit(0)
	cast["bad"].exit(3)
	got := receive(t, "Shutdown", done)
	if got.err != nil {
		t.Errorf("Shutdown: %v", got.err)
	}
	for i, e := range got.exits {
		wantAfter := 600 * time.Millisecond
		if e.Source == "never" {
			wantAfter = 2 * time.Second
		}
		if e.After < wantAfter {
			t.Errorf("%s left after %v, want at least %v", e.Source, e.After, wantAfter)
		}
		got.exits[i].After = 0
	}
	want := []lambdatest.Exit{{Source: "bad", Code: 3}, {Source: "good"}, {Source: "never", Code: -1, Signal: "killed"},
		{Source: "runtime", Code: -1, Signal: "killed"}}
	if !reflect.DeepEqual(got.exits, want) {
		t.Errorf("Shutdown = %+v, want %+v", got.exits, want)
	}
	for _, a := range cast {
		a.gone()
		for said := range a.said {
			t.Errorf("extension %s got %s", a.name, said)
		}
	}
	runtime.gone()
	if _, err := lambda.Invoke(t.Context(), nil); !errors.Is(err, lambdatest.ErrClosed) {
		t.Errorf("Invoke after Shutdown = %v, want ErrClosed", err)
	}
	if _, err := lambda.Shutdown(t.Context(), "spindown"); !errors.Is(err, lambdatest.ErrClosed) {
		t.Errorf("second Shutdown = %v, want ErrClosed", err)
	}
}

// Without SHUTDOWN an extension is killed as soon as the runtime has gone.
func TestShutdownUnsubscribed(t *testing.T) {
	t.Parallel()
	s := newStage(t, "ext")
	s.cfg.UpperCaseReasons = true
	lambda, cast := s.ready("INVOKE")
	go func() {
		<-cast["runtime"].said
		cast["runtime"].exit(0)
	}()
	exits, err := lambda.Shutdown(t.Context(), "spindown")
	if err != nil || len(exits) != 2 || exits[0].Signal != "killed" || exits[1] != (lambdatest.Exit{Source: "runtime", After: exits[1].After}) {
		t.Errorf("Shutdown = %+v, %v", exits, err)
	}
	if stop := s.await(lambdatest.Stop, ""); stop.Reason != "SPINDOWN" {
		t.Errorf("reason = %q, want SPINDOWN", stop.Reason)
	}
}

// A function without extensions gets no SIGTERM.
func TestShutdownWithoutExtensions(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	lambda, cast := s.ready()
	exits, err := lambda.Shutdown(t.Context(), "spindown")
	if err != nil || len(exits) != 1 || exits[0].Signal != "killed" {
		t.Errorf("Shutdown = %+v, %v", exits, err)
	}
	cast["runtime"].gone()
	for said := range cast["runtime"].said {
		t.Errorf("the runtime got %s", said)
	}
}

func TestContextEndKillsAll(t *testing.T) {
	t.Parallel()
	s := newStage(t, "ext")
	result := s.start()
	cast := s.playInit("INVOKE", "SHUTDOWN")
	lambda := (<-result).lambda
	done := invoke(t.Context(), lambda, "")
	s.await(lambdatest.InvokeStart, "")
	s.cancel()
	if answer := receive(t, "Invoke", done); !errors.Is(answer.err, lambdatest.ErrClosed) {
		t.Errorf("Invoke = %v, want ErrClosed", answer.err)
	}
	lambda.Close()
	for _, a := range cast {
		a.gone()
		for said := range a.said {
			t.Errorf("%s got %s, want no grace", a.name, said)
		}
	}
	if got := cast["ext"].do("GET", "/2018-06-01/ping", ""); got.err == nil {
		t.Errorf("the API still answers: %d", got.status)
	}
}

func TestOutput(t *testing.T) {
	t.Parallel()
	s := newStage(t, "ext")
	lambda, cast := s.ready()
	cast["ext"].print("one\n\ntwo")
	for _, want := range []string{"ext: one", "ext: "} {
		if got := receive(t, "line", s.lines); got != want {
			t.Errorf("line %q, want %q", got, want)
		}
	}
	cast["ext"].print(" more")
	cast["ext"].exit(0)
	if got, want := receive(t, "line", s.lines), "ext: two more"; got != want {
		t.Errorf("line %q, want %q", got, want)
	}
	lambda.Close()
}

func TestBadConfig(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "file")
	writeFile(t, file, "", 0o644)
	for _, cfg := range []lambdatest.Config{
		{},
		{Runtime: []string{""}},
		{Runtime: []string{"x"}, Env: []string{"=x"}},
		{Runtime: []string{"x"}, Mode: "snapstart"},
		{Runtime: []string{"x"}, Mode: lambdatest.ManagedInstances, Freeze: time.Second},
		{Runtime: []string{"x"}, Host: "no address"},
		{Runtime: []string{"x"}, Opt: file},
		{Runtime: []string{"x"}, Opt: file + "-missing"},
	} {
		if l, err := lambdatest.Start(t.Context(), cfg); err == nil || l != nil {
			t.Errorf("Start(%+v) = %v, %v, want an error alone", cfg, l, err)
		}
	}
}

// writeFile writes a file that may be started: no child is made meanwhile, which
// would hold it open for writing until it is another program.
func writeFile(t *testing.T, path, content string, mode os.FileMode) {
	t.Helper()
	syscall.ForkLock.RLock()
	defer syscall.ForkLock.RUnlock()
	if err := os.WriteFile(path, []byte(content), mode); err != nil {
		t.Fatal(err)
	}
}
