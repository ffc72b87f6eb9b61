package awstest

import (
	"context"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"strings"
	"time"
)

// maxBody bounds a request; twenty ARNs are far below it.
const maxBody = 1 << 20

// ServeHTTP answers one call of either service.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	ctx, cancel := context.WithCancel(r.Context())
	defer cancel()
	defer context.AfterFunc(s.lifetime, cancel)()

	call := Call{Time: time.Now()}
	a := s.decide(ctx, r, &call)
	call.Status, call.Code, call.Duration = a.status, a.code, time.Since(call.Time)
	s.record(call)
	a.send(ctx, w)
}

// decide checks a request and finds its answer, and fills in the call.
func (s *Server) decide(ctx context.Context, r *http.Request, call *Call) answer {
	body, err := io.ReadAll(http.MaxBytesReader(nil, r.Body, maxBody))
	if err != nil {
		return refused(&apiError{code: "SerializationException", message: "the body cannot be read"})
	}
	op, err := s.route(r, call)
	sig, sigErr := parseSignature(r.Header.Get("Authorization"))
	call.Region = sig.region
	if err = errors.Join(err, sigErr); err != nil {
		return refused(err)
	}
	who, err := s.authenticate(r, body, sig, call.Service)
	if err != nil {
		return refused(err)
	}
	todo, err := op(body)
	if err != nil {
		return refused(err)
	}
	call.IDs = todo.ids
	fault := s.faultFor(call.Action, call.IDs)
	if fault == nil {
		return s.perform(todo, who)
	}
	call.Fault = fault.kind()
	return s.perturb(ctx, fault, call.Service, func() answer { return s.perform(todo, who) })
}

// route finds the operation, and refuses what is not a call of AWS JSON 1.1.
// The messages are not AWS's: they help the author of the client.
func (s *Server) route(r *http.Request, call *Call) (operation, error) {
	target := r.Header.Get("X-Amz-Target")
	prefix, action, _ := strings.Cut(target, ".")
	call.Service, call.Action = s.targets[prefix], action
	op, ok := s.ops[call.Service+":"+action]
	media, _, _ := mime.ParseMediaType(r.Header.Get("Content-Type"))
	message := ""
	switch {
	case r.Method != http.MethodPost:
		message = fmt.Sprintf("the method is %q: want POST", r.Method)
	case r.URL.Path != "/":
		message = fmt.Sprintf("the path is %q: want /", r.URL.Path)
	case media != contentType:
		message = fmt.Sprintf("the Content-Type is %q: want %s", media, contentType)
	case !ok:
		message = fmt.Sprintf("the X-Amz-Target is %q, which is not emulated", target)
	}
	if message != "" {
		return nil, &apiError{code: "UnknownOperationException", message: message}
	}
	return op, nil
}

// perform gives the true answer.
func (s *Server) perform(todo prepared, who caller) answer {
	out, err := todo.answer(s, who)
	if err != nil {
		return refused(err)
	}
	return answer{status: http.StatusOK, body: encode(out)}
}

// perturb gives the answer that a fault makes of the true one.
func (s *Server) perturb(ctx context.Context, f *Fault, service string, perform func() answer) answer {
	if !f.hold(ctx) {
		return answer{}
	}
	switch {
	case f.Code != "":
		return refused(&apiError{f.Code, f.Message, f.Status, service == "secretsmanager"})
	case f.Body != nil:
		status := f.Status
		if status == 0 {
			status = http.StatusOK
		}
		return answer{status: status, body: []byte(*f.Body)}
	case f.Hang:
		return answer{hang: true}
	case f.Reset:
		return answer{reset: true}
	}
	a := perform()
	if f.Cut != nil {
		a.cut, a.cutAt = true, min(*f.Cut, len(a.body))
	}
	return a
}
