package lambdatest

// A state is where an extension or the runtime stands. The names are those of
// the platform's error texts.
type state string

const (
	started        state = "Started"
	registered     state = "Registered" // extensions only
	ready          state = "Ready"      // parked in next
	running        state = "Running"    // was handed an event
	responded      state = "ResponseSent"
	initError      state = "InitError"
	exitError      state = "ExitError"
	exited         state = "Exited"
	shutdownFailed state = "ShutdownFailed"
	launchError    state = "LaunchError"
	restoreReady   state = "RestoreReady" // parked in restore/next
	restoring      state = "Restoring"    // was let go after a restore
	restoreError   state = "RestoreError"

	invocationResponse      state = "InvocationResponse"      // only ever a state that is refused
	invocationErrorResponse state = "InvocationErrorResponse" // likewise
)

// An extension is known to the sandbox by its file or by its registration. Its
// fields are guarded by the sandbox's mutex.
type extension struct {
	name     string
	id       string
	external bool     // its file was started; else it lives inside another process
	process  *process // nil for an internal extension, and until it was started
	state    state

	invoke, shutdown bool // what it subscribed to

	// released is set by an event and cleared by the next call that hands it
	// out. An event that comes while the extension is busy thus waits, and what
	// is handed out is the event of that later moment.
	released bool
}

// enter moves the extension to a state if the state machine allows it.
func (e *extension) enter(next state) bool {
	if !extensionMay(e.state, next) {
		return false
	}
	e.state = next
	return true
}

// extensionMay reports whether the state machine of an extension allows a
// change that the extension itself asks for.
func extensionMay(from, to state) bool {
	switch to {
	case registered:
		return from == started
	case ready:
		return from == registered || from == running
	case initError:
		return from == registered || from == initError
	case exitError:
		return from == registered || from == ready || from == running || from == exitError
	}
	return false
}

// holdsInvoke reports whether the invoke under way must wait for e.
func (e *extension) holdsInvoke() bool {
	return e.invoke && (e.released || e.state != ready)
}
