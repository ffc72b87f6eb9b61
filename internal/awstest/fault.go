package awstest

import (
	"cmp"
	"context"
	"errors"
	"net/http"
	"time"
)

// Fault is trouble that signed and readable calls run into. Exactly one of
// Code, Body, Hang, Stall, Reset and Cut says which, or none where Delay or Before is
// all of it. Faults stand in line: a call gets the first one that is due, and
// only a fault that the call has reached counts it.
type Fault struct {
	// Action is a pattern of action names, like Get*. Zero: every action.
	Action string `yaml:"action"`
	// ID is a pattern that one of the call's IDs, see [Call], must match as the
	// client wrote it. Zero: every call.
	ID string `yaml:"id"`
	// After lets that many matching calls pass first. Zero: none.
	After int `yaml:"after"`
	// Times is how many calls are hit. Zero: all from then on.
	Times int `yaml:"times"`

	// Delay is waited before anything else happens. Zero: no wait.
	Delay time.Duration `yaml:"delay"`
	// Before is called before anything else happens and may block, which lets
	// a test hold a call in flight. The context ends when the client leaves or
	// the server is closed. Zero: nothing is called.
	Before func(ctx context.Context) `yaml:"-"`

	// Code is the error code to answer with, as the service writes it: what is a
	// ThrottlingException elsewhere is Throttling from STS. Zero: no such fault.
	Code string `yaml:"code"`
	// Message goes with Code. Zero: the answer has none.
	Message string `yaml:"message"`
	// Status goes with Code, where zero is 400, or with Body, where it is 200.
	Status int `yaml:"status"`
	// Body is what to answer as it stands, be it garbage or nothing at all.
	// Zero: no such fault.
	Body *string `yaml:"body"`
	// Hang keeps the connection open and never answers.
	Hang bool `yaml:"hang"`
	// Stall sends the true answer's headers and this many bytes of its body, and
	// keeps the connection open. Zero: no such fault.
	Stall *int `yaml:"stall"`
	// Reset ends the connection with a TCP RST.
	Reset bool `yaml:"reset"`
	// Cut sends the true answer's headers and this many bytes of its body, and
	// ends the connection. Zero: no such fault.
	Cut *int `yaml:"cut"`
}

// kind is the word for the fault in Call.Fault, and empty for the zero Fault.
func (f *Fault) kind() string {
	switch {
	case f.Code != "":
		return "code"
	case f.Body != nil:
		return "body"
	case f.Hang:
		return "hang"
	case f.Stall != nil:
		return "stall"
	case f.Reset:
		return "reset"
	case f.Cut != nil:
		return "cut"
	case f.Delay != 0 || f.Before != nil:
		return "delay"
	}
	return ""
}

func (f *Fault) validate() error {
	effects := 0
	for _, is := range []bool{f.Code != "", f.Body != nil, f.Hang, f.Stall != nil, f.Reset, f.Cut != nil} {
		if is {
			effects++
		}
	}
	switch {
	case effects > 1:
		return errors.New("a fault is only one of code, body, hang, stall, reset and cut: write several faults")
	case f.kind() == "":
		return errors.New("a fault must say what happens: code, body, hang, stall, reset, cut or delay")
	case f.Code == "" && f.Message != "":
		return errors.New("a fault's message goes with a code")
	case f.Code == "" && f.Body == nil && f.Status != 0:
		return errors.New("a fault's status goes with a code or a body")
	case f.Status != 0 && (f.Status < 200 || f.Status > 599):
		return errors.New("a fault's status is from 200 to 599")
	case f.After < 0 || f.Times < 0 || f.Delay < 0 || f.Cut != nil && *f.Cut < 0 || f.Stall != nil && *f.Stall < 0:
		return errors.New("a fault's numbers are not negative")
	}
	return nil
}

// queuedFault is a fault and the number of calls that reached it.
type queuedFault struct {
	Fault
	seen int
}

// due counts the call if it matches, and reports whether it is hit.
func (q *queuedFault) due(action string, ids []string) bool {
	if q.Action != "" && !matches(q.Action, action) || q.ID != "" && !matchesAny(q.ID, ids) {
		return false
	}
	q.seen++
	return q.seen > q.After && (q.Times == 0 || q.seen <= q.After+q.Times)
}

func matchesAny(pattern string, ids []string) bool {
	for _, id := range ids {
		if matches(pattern, id) {
			return true
		}
	}
	return false
}

// AddFault puts a fault at the end of the line.
func (s *Server) AddFault(f Fault) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.addFaultLocked(f)
}

func (s *Server) addFaultLocked(f Fault) error {
	if err := f.validate(); err != nil {
		return err
	}
	s.faults = append(s.faults, &queuedFault{Fault: f})
	return nil
}

// ClearFaults removes every fault. Calls that hang already go on hanging.
func (s *Server) ClearFaults() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.faults = nil
}

// faultFor returns the fault that this call gets, or nil.
func (s *Server) faultFor(action string, ids []string) *Fault {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, q := range s.faults {
		if q.due(action, ids) {
			return &q.Fault
		}
	}
	return nil
}

// perturb gives the answer that the fault makes of the true one.
func (f *Fault) perturb(ctx context.Context, p protocol, perform func() answer) answer {
	if !f.hold(ctx) {
		return answer{}
	}
	switch {
	case f.Code != "":
		service, _ := p.target()
		return failed(p, apiError{f.Code, f.Message, f.Status, service == "secretsmanager"})
	case f.Body != nil:
		return answer{status: cmp.Or(f.Status, http.StatusOK), contentType: p.contentType(),
			requestID: requestID(), body: []byte(*f.Body)}
	case f.Hang:
		return answer{hang: true}
	case f.Reset:
		return answer{reset: true}
	}
	a := perform()
	for _, at := range []*int{f.Cut, f.Stall} {
		if at != nil {
			a.cut, a.cutAt, a.hang = true, min(*at, len(a.body)), at == f.Stall
		}
	}
	return a
}

// hold does the waiting of a fault. It reports false where the context ended.
func (f *Fault) hold(ctx context.Context) bool {
	if f.Before != nil {
		f.Before(ctx)
	}
	timer := time.NewTimer(f.Delay)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
	return ctx.Err() == nil
}
