package lambdatest

import (
	"errors"
	"fmt"
)

// errLimit is the cause with which the contexts of init and invoke end at the
// platform's own limits, and not because the caller gave up.
var errLimit = errors.New("limit reached")

// A Fault is a failure as the platform reports it.
type Fault struct {
	// Type is the errorType, such as Extension.Crash, Runtime.ExitError,
	// Sandbox.Timeout or Function.Unknown.
	Type string
	// Message is the errorMessage.
	Message string
	// Source is the extension at fault, or "runtime"; empty for the platform.
	Source string
	// ReportedType and ReportedMessage are what the process itself sent to
	// init/error or exit/error: the header and the body's errorMessage. The
	// platform's Type for an extension is then Extension.InitError or
	// Extension.ExitError. Both are empty where nothing was reported.
	ReportedType, ReportedMessage string
}

// Error joins the parts that are there into one line.
func (f *Fault) Error() string {
	text := f.Type
	if f.Source != "" {
		text += " of " + f.Source
	}
	if f.Message != "" {
		text += ": " + f.Message
	}
	if f.ReportedType != "" {
		text += fmt.Sprintf(" (it reported %s: %s)", f.ReportedType, f.ReportedMessage)
	}
	return text
}

// An InitError is why init failed. Invoke returns it, too, when the init that
// is made up for in an invoke fails.
type InitError struct {
	Fault
}

// Error says that it was init and why.
func (e *InitError) Error() string { return "init: " + e.Fault.Error() }

// An InvokeError is why an invoke failed: the function reported an error, the
// environment broke or could not be restored, or the time was up.
type InvokeError struct {
	Fault
	// RequestID is that of the invoke; empty where it failed with the restore
	// before it.
	RequestID string
	// Payload is the body that the function reported its error with; nil if
	// the failure was not the function's own.
	Payload []byte
}

// Error says that it was an invoke and why. The payload is left out: it is the
// function's.
func (e *InvokeError) Error() string { return "invoke: " + e.Fault.Error() }

// faultOf returns the fault in err, or nil if err is none of the platform's.
func faultOf(err error) *Fault {
	if e := (*InitError)(nil); errors.As(err, &e) {
		return &e.Fault
	}
	if e := (*InvokeError)(nil); errors.As(err, &e) {
		return &e.Fault
	}
	return nil
}
