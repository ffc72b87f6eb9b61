package lambdatest_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"larder/internal/lambdatest"
)

// invoked is what Invoke returned.
type invoked struct {
	response lambdatest.Response
	err      error
}

func invoke(ctx context.Context, l *lambdatest.Lambda, payload string) <-chan invoked {
	result := make(chan invoked, 1)
	go func() {
		response, err := l.Invoke(ctx, []byte(payload))
		result <- invoked{response, err}
	}()
	return result
}

func TestPing(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	s.start()
	if got := s.actor("runtime").do("GET", "/2018-06-01/ping", ""); got.status != 200 || got.body != "pong" {
		t.Errorf("ping = %d %q, want 200 pong", got.status, got.body)
	}
}

func TestInvocation(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	result := s.start()
	runtime := s.actor("runtime")
	parked := runtime.park()
	lambda := (<-result).lambda
	done := invoke(t.Context(), lambda, `{"a":1}`)
	got := receive(t, "invocation", parked)
	if got.status != 200 || got.body != `{"a":1}` || got.header.Get("Content-Type") != "application/json" {
		t.Errorf("next = %d %q, %v", got.status, got.body, got.header)
	}
	for _, name := range []string{"Aws-Request-Id", "Invocation-Id", "Trace-Id", "Deadline-Ms", "Invoked-Function-Arn"} {
		if got.header.Get("Lambda-Runtime-"+name) == "" {
			t.Errorf("next without Lambda-Runtime-%s", name)
		}
	}
	if again := runtime.next(); again.body != got.body || again.header.Get("Lambda-Runtime-Aws-Request-Id") != got.header.Get("Lambda-Runtime-Aws-Request-Id") {
		t.Errorf("next before the response = %d %q, want the same invocation", again.status, again.body)
	}
	id := got.header.Get("Lambda-Runtime-Aws-Request-Id")
	posted := runtime.respond(id, "answer", "Content-Type", "text/x-answer",
		"Lambda-Runtime-Invocation-Id", got.header.Get("Lambda-Runtime-Invocation-Id"))
	if posted.status != 202 || posted.body != `{"status":"OK"}`+"\n" {
		t.Errorf("response = %d %q", posted.status, posted.body)
	}
	// There is no next yet: the client has its answer all the same.
	answer := receive(t, "Invoke", done)
	if answer.err != nil || answer.response.RequestID != id || answer.response.ContentType != "text/x-answer" || string(answer.response.Payload) != "answer" {
		t.Errorf("Invoke = %v, %v", answer.response, answer.err)
	}
	runtime.park()
	report, err := lambda.Wait(t.Context())
	if err != nil || report.RequestID != id || report.Err != nil || report.Responded == 0 || report.Duration < report.Responded {
		t.Errorf("Wait = %+v, %v", report, err)
	}
}

// What the processes are told of the deadline need not be how long they have.
func TestDeadline(t *testing.T) {
	t.Parallel()
	s := newStage(t, "ext")
	s.cfg.Deadline = -time.Hour
	result := s.start()
	ext := s.actor("ext")
	ext.register("INVOKE")
	runtime := s.actor("runtime")
	event, invocation := ext.park(), runtime.park()
	lambda := (<-result).lambda
	done := invoke(t.Context(), lambda, "{}")
	request := receive(t, "invocation", invocation)
	told := request.header.Get("Lambda-Runtime-Deadline-Ms")
	if ms, err := strconv.ParseInt(told, 10, 64); err != nil || time.Until(time.UnixMilli(ms)) > -time.Hour {
		t.Errorf("the runtime was told the deadline %s, want one an hour ago", told)
	}
	if got := receive(t, "event", event); !strings.Contains(got.body, `"deadlineMs":`+told+",") {
		t.Errorf("event = %s, want the deadline %s", got.body, told)
	}
	runtime.respond(request.header.Get("Lambda-Runtime-Aws-Request-Id"), "answer")
	if answer := receive(t, "Invoke", done); answer.err != nil {
		t.Errorf("Invoke = %v, want an answer after what was told to be the deadline", answer.err)
	}
}

func TestResponseChecks(t *testing.T) {
	t.Parallel()
	const notAllowed = " failed for runtime. Error: State transition is not allowed"
	s := newStage(t)
	result := s.start()
	runtime := s.actor("runtime")
	platformError(t, "response before next", runtime.respond("x", ""), 403, "InvalidStateTransition",
		"State transition from Started to InvocationResponse"+notAllowed)
	parked := runtime.park()
	lambda := (<-result).lambda
	platformError(t, "init error after next", runtime.do("POST", "/2018-06-01/runtime/init/error", "{}"), 403, "InvalidStateTransition",
		"State transition from Ready to InitError"+notAllowed)
	platformError(t, "error while parked", runtime.do("POST", "/2018-06-01/runtime/invocation/x/error", "{}"), 403, "InvalidStateTransition",
		"State transition from Ready to InvocationErrorResponse"+notAllowed)

	done := invoke(t.Context(), lambda, "")
	id := receive(t, "invocation", parked).header.Get("Lambda-Runtime-Aws-Request-Id")
	platformError(t, "response to another", runtime.respond("other", ""), 400, "InvalidRequestID", "Invalid request ID")
	platformError(t, "response of another attempt", runtime.respond(id, "", "Lambda-Runtime-Invocation-Id", unknownID), 400,
		"InvalidInvocationId", "Invalid invocation ID")
	platformError(t, "unknown mode", runtime.respond(id, "", "Lambda-Runtime-Function-Response-Mode", "buffered"), 400,
		"InvalidFunctionResponseMode", "Invalid function response mode")
	if status := truncated(t, runtime.api, id); status != 400 {
		t.Errorf("truncated response: status %d, want 400", status)
	}
	if got := runtime.respond(id, "ok", "Lambda-Runtime-Function-Response-Mode", "streaming"); got.status != 202 {
		t.Errorf("response = %d %s, want 202", got.status, got.body)
	}
	platformError(t, "second response", runtime.respond(id, ""), 403, "InvalidStateTransition",
		"State transition from ResponseSent to InvocationResponse"+notAllowed)
	if got := receive(t, "Invoke", done); got.err != nil || string(got.response.Payload) != "ok" {
		t.Errorf("Invoke = %v, %v, want ok", got.response, got.err)
	}
}

// truncated posts a response that ends before its content length.
func truncated(t *testing.T, addr, id string) int {
	t.Helper()
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	fmt.Fprintf(conn, "POST /2018-06-01/runtime/invocation/%s/response HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\nshort", id)
	conn.(*net.TCPConn).CloseWrite()
	var proto string
	var status int
	if _, err := fmt.Fscan(conn, &proto, &status); err != nil {
		t.Fatal(err)
	}
	return status
}

func TestResponseTooLarge(t *testing.T) {
	t.Parallel()
	const limit = 6<<20 + 100
	s := newStage(t)
	result := s.start()
	runtime := s.actor("runtime")
	parked := runtime.park()
	lambda := (<-result).lambda

	done := invoke(t.Context(), lambda, "")
	id := receive(t, "invocation", parked).header.Get("Lambda-Runtime-Aws-Request-Id")
	platformError(t, "large response", runtime.respond(id, strings.Repeat("x", limit+1)), 413,
		"RequestEntityTooLarge", "Exceeded maximum allowed payload size (6291556 bytes).")
	got := receive(t, "Invoke", done)
	if e := (*lambdatest.InvokeError)(nil); !errors.As(got.err, &e) || e.Type != "Function.ResponseSizeTooLarge" || e.RequestID != id {
		t.Errorf("Invoke = %v, want Function.ResponseSizeTooLarge", got.err)
	}

	// The environment goes on, and a response of just that size is good.
	parked = runtime.park()
	done = invoke(t.Context(), lambda, "")
	id = receive(t, "invocation", parked).header.Get("Lambda-Runtime-Aws-Request-Id")
	runtime.respond(id, strings.Repeat("x", limit))
	if got := receive(t, "Invoke", done); got.err != nil || len(got.response.Payload) != limit {
		t.Errorf("Invoke = %d bytes, %v, want %d bytes", len(got.response.Payload), got.err, limit)
	}
}

func TestFunctionError(t *testing.T) {
	t.Parallel()
	tests := []struct{ header, want string }{
		{"Function.Broken", "Function.Broken"},
		{"Runtime.ImportModuleError", "Runtime.ImportModuleError"},
		{"Function.lower", "Function.Unknown"},
		{"Function.X1", "Function.Unknown"},
		{"Function.X", "Function.Unknown"},
		{"Runtime.", "Runtime.Unknown"},
		{"ValueError", "Runtime.Unknown"},
		{"", "Runtime.Unknown"},
	}
	s := newStage(t)
	result := s.start()
	runtime := s.actor("runtime")
	parked := runtime.park()
	lambda := (<-result).lambda
	for _, test := range tests {
		done := invoke(t.Context(), lambda, "")
		id := receive(t, "invocation", parked).header.Get("Lambda-Runtime-Aws-Request-Id")
		got := runtime.do("POST", "/2018-06-01/runtime/invocation/"+id+"/error", `{"errorMessage":"no luck"}`,
			"Lambda-Runtime-Function-Error-Type", test.header)
		if got.status != http.StatusAccepted {
			t.Errorf("error = %d %s, want 202", got.status, got.body)
		}
		parked = runtime.park()
		err := receive(t, "Invoke", done).err
		var failed *lambdatest.InvokeError
		if !errors.As(err, &failed) {
			t.Fatalf("Invoke = %v, want an *InvokeError", err)
		}
		if failed.Type != test.want || failed.Message != "no luck" || string(failed.Payload) != `{"errorMessage":"no luck"}` {
			t.Errorf("error of type %q came as %+v, want type %q", test.header, failed, test.want)
		}
	}
	if report, err := lambda.Wait(t.Context()); err != nil || report.Err != nil {
		t.Errorf("Wait = %+v, %v: a function's error must not reset the environment", report, err)
	}
}
