package lambdatest_test

import (
	"errors"
	goruntime "runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"larder/internal/lambdatest"
)

// managed starts a managed instance with an extension, ext, and one worker.
func managed(t *testing.T) (*stage, *lambdatest.Lambda, *actor, *actor, <-chan answer) {
	t.Helper()
	s := newStage(t, "ext")
	s.cfg.Mode = lambdatest.ManagedInstances
	result := s.start()
	ext := s.actor("ext")
	ext.register("SHUTDOWN")
	runtime := s.actor("runtime")
	ext.park()
	worker := runtime.park()
	got := receive(t, "Start", result)
	if got.err != nil {
		t.Fatalf("Start: %v", got.err)
	}
	return s, got.lambda, ext, runtime, worker
}

func requestID(t *testing.T, worker <-chan answer) string {
	t.Helper()
	return receive(t, "invocation", worker).header.Get("Lambda-Runtime-Aws-Request-Id")
}

func TestManagedRegister(t *testing.T) {
	t.Parallel()
	s := newStage(t, "ext")
	s.cfg.Mode = lambdatest.ManagedInstances
	s.start()
	ext := s.actor("ext")
	tests := []struct{ as, body, message string }{
		{"ext", `{"events":["SHUTDOWN","INVOKE"]}`, "INVOKE: ErrorInvalidEventType"},
		{"internal", `{"events":["SHUTDOWN"]}`, "No events allowed for internal extensions"},
		{"internal", `{"events":["INVOKE"]}`, "No events allowed for internal extensions"},
	}
	for _, test := range tests {
		got := ext.do("POST", "/2020-01-01/extension/register", test.body, "Lambda-Extension-Name", test.as)
		platformError(t, test.as+" registers "+test.body, got, 403, "Extension.InvalidEventType", test.message)
	}
	ext.register("SHUTDOWN") // which is what the refused ones left possible
	internal := *ext
	internal.name = "internal"
	internal.register()
}

func TestManagedEnvironment(t *testing.T) {
	t.Parallel()
	s := newStage(t, "ext")
	s.cfg.Mode = lambdatest.ManagedInstances
	s.cfg.Env = append(s.cfg.Env, "AWS_LAMBDA_MAX_CONCURRENCY=8", "AWS_ACCESS_KEY_ID=id")
	_, cast := s.ready()
	ext, runtime := names(cast["ext"].Env), names(cast["runtime"].Env)
	for _, name := range []string{"AWS_ACCESS_KEY_ID", "LANG", "PATH"} {
		if !slices.Contains(ext, name) {
			t.Errorf("the extension has no %s", name)
		}
	}
	const workers = "AWS_LAMBDA_MAX_CONCURRENCY"
	if slices.Contains(ext, workers) || !slices.Contains(runtime, workers) {
		t.Errorf("%s is for the runtime alone; the extension has %q, the runtime %q", workers, ext, runtime)
	}
	if got := cast["ext"].variable("AWS_LAMBDA_INITIALIZATION_TYPE"); got != "lambda-managed-instances" {
		t.Errorf("AWS_LAMBDA_INITIALIZATION_TYPE = %q", got)
	}
}

// Each worker has an invoke of its own, and they end as they are answered.
func TestManagedInvokes(t *testing.T) {
	t.Parallel()
	s, lambda, _, runtime, first := managed(t)
	one := invoke(t.Context(), lambda, "one")
	two := invoke(t.Context(), lambda, "two")
	three := invoke(t.Context(), lambda, "three")
	second := runtime.park()
	ids := map[string]string{}
	for _, worker := range []<-chan answer{first, second} {
		got := receive(t, "invocation", worker)
		ids[got.body] = got.header.Get("Lambda-Runtime-Aws-Request-Id")
	}
	if len(ids) != 2 {
		t.Fatalf("two workers were handed %v, want an invoke each", ids)
	}
	platformError(t, "response to another", runtime.respond(unknownID, ""), 400, "InvalidRequestID", "Invalid request ID")
	all := map[string]<-chan invoked{"one": one, "two": two, "three": three}
	for payload, id := range ids {
		runtime.respond(id, payload+" is done")
		if got := receive(t, "Invoke", all[payload]); got.err != nil || string(got.response.Payload) != payload+" is done" {
			t.Errorf("Invoke(%s) = %v, %v", payload, got.response, got.err)
		}
		delete(all, payload)
	}
	// The one that is left had no worker.
	got := receive(t, "invocation", runtime.park())
	runtime.do("POST", "/2018-06-01/runtime/invocation/"+got.header.Get("Lambda-Runtime-Aws-Request-Id")+"/error",
		`{"errorMessage":"no luck"}`, "Lambda-Runtime-Function-Error-Type", "Function.Broken")
	failed, ok := receive(t, "Invoke", all[got.body]).err.(*lambdatest.InvokeError)
	if !ok || failed.Type != "Function.Broken" || failed.Message != "no luck" {
		t.Errorf("Invoke(%s) = %v, want Function.Broken", got.body, failed)
	}
	s.await(lambdatest.InvokeEnd, "")
	if report, err := lambda.Wait(t.Context()); err != nil || report.RequestID == "" || report.Responded == 0 {
		t.Errorf("Wait = %+v, %v, want the last invoke's", report, err)
	}
}

func TestManagedNextAfterInitError(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	s.cfg.Mode = lambdatest.ManagedInstances
	s.start()
	runtime := s.actor("runtime")
	runtime.do("POST", "/2018-06-01/runtime/init/error", `{"errorMessage":"no module app"}`)
	platformError(t, "next after an init error", runtime.next(), 403, "InvalidStateTransition",
		"State transition from InitError to Ready failed for runtime. Error: State transition is not allowed")
}

// A timeout ends the invoke and nothing else.
func TestManagedTimeout(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	s.cfg.Mode, s.cfg.Timeout = lambdatest.ManagedInstances, 3*time.Second // which the second invoke has, too
	result := s.start()
	runtime := s.actor("runtime")
	worker := runtime.park()
	lambda := (<-result).lambda
	done := invoke(t.Context(), lambda, "")
	id := requestID(t, worker)
	var failed *lambdatest.InvokeError
	if got := receive(t, "Invoke", done); !errors.As(got.err, &failed) || failed.Type != "Sandbox.Timeout" {
		t.Fatalf("Invoke = %v, want Sandbox.Timeout", got.err)
	}
	platformError(t, "late response", runtime.respond(id, ""), 400, "InvalidRequestID", "Invalid request ID")
	worker = runtime.park()
	s.await(lambdatest.InvokeEnd, "")
	s.await(lambdatest.Next, "runtime")
	done = invoke(t.Context(), lambda, "")
	runtime.respond(requestID(t, worker), "")
	if got := receive(t, "Invoke", done); got.err != nil {
		t.Errorf("Invoke after a timeout: %v", got.err)
	}
}

// A process that leaves ends it all, also when nobody looks.
func TestManagedCrash(t *testing.T) {
	t.Parallel()
	t.Run("under way", func(t *testing.T) {
		t.Parallel()
		s, lambda, ext, runtime, worker := managed(t)
		done := invoke(t.Context(), lambda, "")
		id := requestID(t, worker)
		ext.exit(9)
		got := receive(t, "Invoke", done)
		failed, ok := got.err.(*lambdatest.InvokeError)
		want := lambdatest.Fault{Type: "Extension.Crash", Message: "RequestId: " + id + " Error: exit status 9", Source: "ext"}
		if !ok || failed.Fault != want {
			t.Errorf("Invoke = %v, want %+v", got.err, want)
		}
		s.await(lambdatest.Left, "runtime")
		runtime.gone()
	})
	t.Run("idle", func(t *testing.T) {
		t.Parallel()
		s, lambda, ext, runtime, _ := managed(t)
		runtime.exit(0)
		if stop := s.await(lambdatest.Stop, ""); stop.Reason != "failure" {
			t.Errorf("reason = %q, want failure", stop.Reason)
		}
		s.await(lambdatest.Left, "ext") // it is killed, as it does not heed SHUTDOWN
		ext.gone()
		const want = "Runtime.ExitError"
		if _, err := lambda.Invoke(t.Context(), nil); !errors.Is(err, lambdatest.ErrClosed) || !strings.Contains(err.Error(), want) {
			t.Errorf("Invoke = %v, want ErrClosed with %s", err, want)
		}
		if _, err := lambda.Shutdown(t.Context(), "spindown"); !errors.Is(err, lambdatest.ErrClosed) {
			t.Errorf("Shutdown = %v, want ErrClosed", err)
		}
	})
	t.Run("init", func(t *testing.T) {
		t.Parallel()
		s := newStage(t, "ext")
		s.cfg.Mode, s.cfg.InitTimeout = lambdatest.ManagedInstances, time.Second
		got := receive(t, "Start", s.start())
		if failed, ok := got.err.(*lambdatest.InitError); !ok || failed.Type != "Sandbox.Timeout" {
			t.Fatalf("Start = %v, want Sandbox.Timeout", got.err)
		}
		if stop := s.await(lambdatest.Stop, ""); stop.Reason != "failure" {
			t.Errorf("reason = %q, want failure", stop.Reason)
		}
		if _, err := got.lambda.Invoke(t.Context(), nil); !errors.Is(err, lambdatest.ErrClosed) {
			t.Errorf("Invoke = %v, want ErrClosed", err)
		}
	})
}

// Shutdown waits for what is under way.
func TestManagedShutdown(t *testing.T) {
	t.Parallel()
	s, lambda, ext, runtime, worker := managed(t)
	done := invoke(t.Context(), lambda, "")
	id := requestID(t, worker)
	go func() {
		for !errors.Is(lambda.Freeze(), lambdatest.ErrClosed) { // until Shutdown has begun
			goruntime.Gosched()
		}
		runtime.respond(id, "done")
	}()
	want := []lambdatest.Exit{{Source: "ext"}, {Source: "runtime"}}
	if exits := s.shutdown(lambda, map[string]*actor{"ext": ext, "runtime": runtime}); !slices.Equal(exits, want) {
		t.Errorf("Shutdown = %+v, want %+v", exits, want)
	}
	list := kinds(lambda.Events())
	if slices.Index(list, "shutdown") < slices.Index(list, "invoke end") {
		t.Errorf("the shutdown began before the invoke had ended: %q", list)
	}
	if got := receive(t, "Invoke", done); got.err != nil || string(got.response.Payload) != "done" {
		t.Errorf("Invoke = %v, %v, want done", got.response, got.err)
	}
}

func TestManagedInstancesAreNotFrozen(t *testing.T) {
	t.Parallel()
	_, lambda, _, _, _ := managed(t)
	if err := lambda.Freeze(); err == nil {
		t.Error("Freeze of a managed instance succeeded")
	}
}
