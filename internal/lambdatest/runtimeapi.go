package lambdatest

import (
	"net/http"
	"strconv"
	"strings"
	"time"
)

// runtimeSource is the runtime's name where extensions have theirs.
const runtimeSource = "runtime"

// The runtime is the process that speaks the Runtime API. Its fields are
// guarded by the sandbox's mutex.
type runtime struct {
	process  *process // nil until it was started
	state    state
	released bool // as with an extension
}

// parked reports whether the runtime has ended its part of init.
func (r *runtime) parked() bool { return r.state == ready || r.state == restoreReady }

func (s *sandbox) runtimeRoutes() []route {
	next := s.serveInvocation
	if s.cfg.Mode == ManagedInstances {
		next = s.serveWorker
	}
	return []route{
		{http.MethodGet, "/2018-06-01/ping", func(call) *reply { return text(http.StatusOK, "pong") }},
		{http.MethodGet, "/2018-06-01/runtime/invocation/next", next},
		{http.MethodPost, "/2018-06-01/runtime/invocation/{id}/response", s.serveResponse},
		{http.MethodPost, "/2018-06-01/runtime/invocation/{id}/error", s.serveFunctionError},
		{http.MethodPost, "/2018-06-01/runtime/init/error", s.serveRuntimeInitError},
	}
}

// serveInvocation parks the runtime until there is an invoke. A runtime that
// asks again before it has responded gets the same invoke once more.
func (s *sandbox) serveInvocation(call) *reply {
	s.mu.Lock()
	defer s.mu.Unlock()
	r := s.runtime
	switch r.state {
	case initError, restoreReady, restoreError:
		return refuseRuntime(r.state, ready)
	}
	if r.state != running {
		if r.state == responded {
			s.invocation.runtimeDone = time.Now()
			s.tellRuntimeDoneLocked(s.invocation, s.invocation.runtimeDone, nil)
		}
		r.state = ready
		s.rec.event(Event{Kind: Next, Source: runtimeSource})
		s.changeLocked()
		if !s.waitLocked(s.done, func() bool { return r.released && r.state == ready }) {
			return nil
		}
		r.released = false
		r.state = running
		s.changeLocked()
	}
	return s.handOut(s.invocation)
}

// handOut is the answer that gives the runtime an invoke.
func (s *sandbox) handOut(inv *invocation) *reply {
	answer := &reply{status: http.StatusOK, body: inv.payload, header: contentType("application/json")}
	answer.header.Set("Lambda-Runtime-Aws-Request-Id", inv.id)
	answer.header.Set("Lambda-Runtime-Invocation-Id", inv.attempt)
	answer.header.Set("Lambda-Runtime-Trace-Id", inv.trace)
	answer.header.Set("Lambda-Runtime-Invoked-Function-Arn", s.functionARN())
	answer.header.Set("Lambda-Runtime-Deadline-Ms", strconv.FormatInt(inv.told.UnixMilli(), 10))
	return answer
}

// serveResponse takes the function's answer.
func (s *sandbox) serveResponse(c call) *reply {
	s.mu.Lock()
	defer s.mu.Unlock()
	inv, refusal := s.answeredLocked(c, invocationResponse)
	if refusal != nil {
		return refusal
	}
	if mode := c.Header.Get("Lambda-Runtime-Function-Response-Mode"); mode != "" && mode != "streaming" {
		return refuse(http.StatusBadRequest, "InvalidFunctionResponseMode", "Invalid function response mode")
	}
	if len(c.body) > maxBody {
		message := "Exceeded maximum allowed payload size (" + strconv.Itoa(maxBody) + " bytes)."
		s.respondLocked(inv, c, &InvokeError{
			Fault:     Fault{Type: "Function.ResponseSizeTooLarge", Message: message, Source: runtimeSource},
			RequestID: inv.id,
		})
		return refuse(http.StatusRequestEntityTooLarge, "RequestEntityTooLarge", message)
	}
	s.respondLocked(inv, c, nil)
	return accepted()
}

// serveFunctionError takes the error that the function ended with.
func (s *sandbox) serveFunctionError(c call) *reply {
	s.mu.Lock()
	defer s.mu.Unlock()
	inv, refusal := s.answeredLocked(c, invocationErrorResponse)
	if refusal != nil {
		return refusal
	}
	errorType := functionErrorType(c.Header.Get("Lambda-Runtime-Function-Error-Type"))
	s.respondLocked(inv, c, &InvokeError{
		Fault:     Fault{Type: errorType, Message: reportedMessage(c.body), Source: runtimeSource},
		RequestID: inv.id,
		Payload:   c.body,
	})
	answer := accepted()
	answer.errorType = errorType
	return answer
}

// answeredLocked returns the invoke that a response or an error is for, or why
// it is refused.
func (s *sandbox) answeredLocked(c call, to state) (*invocation, *reply) {
	id, attempt := c.PathValue("id"), c.Header.Get("Lambda-Runtime-Invocation-Id")
	inv := s.invocation
	if s.cfg.Mode == ManagedInstances {
		inv = s.workLocked(id)
	} else if s.runtime.state != running {
		return nil, refuseRuntime(s.runtime.state, to)
	}
	switch {
	case inv == nil || inv.id != id || inv.over:
		return nil, refuse(http.StatusBadRequest, "InvalidRequestID", "Invalid request ID")
	case attempt != "" && attempt != inv.attempt:
		return nil, refuse(http.StatusBadRequest, "InvalidInvocationId", "Invalid invocation ID")
	case c.readErr != nil:
		return nil, refuse(http.StatusBadRequest, "TruncatedHTTPRequest", "HTTP request detected as truncated")
	}
	return inv, nil
}

// respondLocked answers whoever waits in Invoke, at once: extensions hold the
// invoke, not the answer.
func (s *sandbox) respondLocked(inv *invocation, c call, err error) {
	if s.cfg.Mode != ManagedInstances {
		s.runtime.state = responded
	}
	now := time.Now()
	if err == nil {
		inv.response = Response{
			RequestID: inv.id, Payload: c.body, ContentType: c.Header.Get("Content-Type"),
			Duration: now.Sub(inv.start),
		}
	}
	inv.err = err
	inv.arrived, inv.responded = c.at, now
	s.rec.event(Event{Time: now, Kind: Responded, Source: runtimeSource, RequestID: inv.id, Duration: now.Sub(inv.start)})
	close(inv.answered)
	s.changeLocked()
}

// serveRuntimeInitError takes note of why the runtime cannot start. As with an
// extension, the failure comes when it exits.
func (s *sandbox) serveRuntimeInitError(c call) *reply {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.runtime.state != started {
		return refuseRuntime(s.runtime.state, initError)
	}
	s.runtime.state = initError
	errorType := functionErrorType(c.Header.Get("Lambda-Runtime-Function-Error-Type"))
	if s.reported == nil {
		s.reported = &Fault{
			Type: errorType, Source: runtimeSource,
			ReportedType: errorType, ReportedMessage: reportedMessage(c.body),
		}
	}
	answer := accepted()
	answer.errorType, answer.keepBody = errorType, true
	return answer
}

// functionErrorType returns the type that a runtime reported, or the general
// one of its kind if it has not the form (Runtime|Function).Reason.
func functionErrorType(reported string) string {
	category, reason, _ := strings.Cut(reported, ".")
	letters := strings.Trim(reason, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ") == ""
	if letters && len(reason) > 1 && reason[0] >= 'A' && reason[0] <= 'Z' && (category == "Runtime" || category == "Function") {
		return reported
	}
	if category == "Function" {
		return "Function.Unknown"
	}
	return "Runtime.Unknown"
}

func refuseRuntime(from, to state) *reply {
	return refuse(http.StatusForbidden, "InvalidStateTransition", transition(from, to, "runtime"))
}
