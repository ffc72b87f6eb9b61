package awstest

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"
)

// maxBody bounds a request; twenty ARNs are far below it.
const maxBody = 1 << 20

// ServeHTTP answers one call of any of the services.
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
	p := protocolOf(r, body)
	if err != nil {
		return refused(p, &apiError{code: "SerializationException", message: "the body cannot be read"})
	}
	op, err := s.route(r, p, call)
	sig, sigErr := parseSignature(r.Header.Get("Authorization"))
	call.Region = sig.region
	if err = errors.Join(err, sigErr); err != nil {
		return refused(p, err)
	}
	who, err := s.authenticate(r, body, sig, call.Service)
	if err != nil {
		return refused(p, err)
	}
	call.Caller = who.arn()
	todo, err := op(p.input())
	if err != nil {
		return refused(p, err)
	}
	call.IDs = todo.ids
	perform := func() answer { return s.perform(p, todo, who) }
	fault := s.faultFor(call.Action, call.IDs)
	if fault == nil {
		return perform()
	}
	call.Fault = fault.kind()
	return fault.perturb(ctx, p, perform)
}

// route finds the operation, and refuses what is not a call of an AWS service.
// The messages are not AWS's: they help the author of the client.
func (s *Server) route(r *http.Request, p protocol, call *Call) (operation, error) {
	call.Service, call.Action = p.target()
	op, ok := s.ops[call.Service+":"+call.Action]
	media := mediaType(r)
	message := ""
	switch {
	case r.Method != http.MethodPost:
		message = fmt.Sprintf("the method is %q: want POST", r.Method)
	case r.URL.Path != "/":
		message = fmt.Sprintf("the path is %q: want /", r.URL.Path)
	case media != jsonType && media != formType:
		message = fmt.Sprintf("the Content-Type is %q: want %s, or %s for STS", media, jsonType, formType)
	case !ok:
		message = fmt.Sprintf("the action %q of the service %q is not emulated", call.Action, call.Service)
	}
	if message != "" {
		return nil, &apiError{code: "UnknownOperationException", message: message}
	}
	return op, nil
}

// perform gives the true answer.
func (s *Server) perform(p protocol, todo prepared, who caller) answer {
	out, err := todo.answer(s, who)
	if err != nil {
		return refused(p, err)
	}
	return granted(p, out)
}
