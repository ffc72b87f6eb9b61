package lambdatest

import (
	"slices"
	"sync"
	"time"
)

// A Kind names what an Event reports.
type Kind string

// The kinds of events, in the order of an environment's life.
const (
	Spawn         Kind = "spawn"          // an extension's process was started
	Register      Kind = "register"       // an extension registered
	RuntimeStart  Kind = "runtime start"  // the runtime's process was started
	Next          Kind = "next"           // an extension or the runtime asked for its next event
	InitDone      Kind = "init done"      // Duration is that of init
	InitFailed    Kind = "init failed"    // Fault says why
	InitReport    Kind = "init error"     // an extension reported an error of init; Fault says which
	ExitReport    Kind = "exit error"     // an extension reported why it is about to exit; Fault says why
	Snapshot      Kind = "snapshot"       // init is done, and all processes were stopped for SnapStart
	RestoreStart  Kind = "restore start"  // they go on after Duration
	RestoreDone   Kind = "restore done"   // Duration is that of the restore
	RestoreFailed Kind = "restore failed" // Fault says why
	InvokeStart   Kind = "invoke start"
	Responded     Kind = "response"   // the runtime posted its response or error; Duration since the start
	InvokeEnd     Kind = "invoke end" // Duration of all, PostRuntime of the extensions alone; Fault if it failed
	Frozen        Kind = "frozen"     // all processes were stopped
	Thawed        Kind = "thawed"     // they go on after Duration
	Stop          Kind = "shutdown"   // a shutdown or reset began, for Reason
	Left          Kind = "exit"       // a process ended with Code or by Signal
)

// An Event is something that happened in the environment. Fields that do not
// belong to its Kind are zero.
type Event struct {
	// Time is when it happened.
	Time time.Time
	// Kind says what happened.
	Kind Kind
	// Source is the extension's name, or "runtime"; empty for the platform.
	Source string
	// RequestID is that of the invoke under way.
	RequestID string
	// Duration is how long it took.
	Duration time.Duration
	// PostRuntime is how long extensions held the invoke after the runtime was
	// done with it: the platform's PostRuntimeExtensionsDuration.
	PostRuntime time.Duration
	// Reason is that of a shutdown.
	Reason string
	// Code is the exit code, -1 if a signal ended the process.
	Code int
	// Signal is the signal that ended the process; empty if it exited.
	Signal string
	// Fault is why an init, restore or invoke failed, or what an extension
	// reported; nil if neither.
	Fault *Fault
}

// A Request is one request that a process made to the APIs.
type Request struct {
	// Time is when it arrived. For event/next and invocation/next that is long
	// before it was answered.
	Time time.Time
	// Method and Path are as sent, without a query.
	Method, Path string
	// Extension is the name of the extension that asked, also an internal one;
	// empty for the runtime and where it could not be told.
	Extension string
	// Status is that of the answer.
	Status int
	// ErrorType is the header with which an error was reported.
	ErrorType string
	// Body is what was sent to init/error or exit/error, and a subscription to
	// telemetry that was accepted; nil elsewhere.
	Body []byte
}

// A recorder keeps what happened.
type recorder struct {
	observe func(Event) // called with mu held, so that the order is that of events
	output  sync.Mutex  // held while Config.Output runs

	mu       sync.Mutex
	events   []Event
	requests []Request
}

// event records e as of now, or of e.Time where it is set.
func (r *recorder) event(e Event) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if e.Time.IsZero() {
		e.Time = time.Now()
	}
	r.events = append(r.events, e)
	if r.observe != nil {
		r.observe(e)
	}
}

func (r *recorder) request(q Request) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.requests = append(r.requests, q)
}

func (r *recorder) allEvents() []Event {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.events)
}

func (r *recorder) allRequests() []Request {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.requests)
}
