// Package extensiontest is a stand-in for Lambda's Extensions API, for one
// extension inside a test's own process. It enforces the order of the calls and
// their headers as the platform does, and records them.
//
// A test says what the API does next, with errors and silence too, and sees it in
// a synctest bubble. Whole functions, with processes and a runtime, run under
// internal/lambdatest.
package extensiontest

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"
)

// The paths of the calls.
const (
	Register  = "/2020-01-01/extension/register"
	Next      = "/2020-01-01/extension/event/next"
	InitError = "/2020-01-01/extension/init/error"
	ExitError = "/2020-01-01/extension/exit/error"
	Telemetry = "/2022-07-01/telemetry"
)

// Identifier is what the API calls its extension.
const Identifier = "8f9d1f2a-6c1b-4d7e-9a3b-5e2f1c0d4b6a"

// Request is a call as it came.
type Request struct {
	// Method and Path are those of the request line.
	Method, Path string
	// Header is the whole header.
	Header http.Header
	// Body is the whole body; empty if there was none.
	Body string
}

// API is an http.Handler, ready to use. It is safe for use by many goroutines.
type API struct {
	mu       sync.Mutex
	state    state
	requests []Request
	events   []string
	instead  map[string]http.HandlerFunc
	changed  chan struct{} // closed at the next change; nil until somebody waits
}

// state is where the extension stands. The names are those of the platform's
// error texts.
type state string

const (
	started    state = "" // the platform says Started
	registered state = "Registered"
	ready      state = "Ready" // parked in next
	running    state = "Running"
	initError  state = "InitError"
	exitError  state = "ExitError"
)

// Send queues the body of an event for next to hand out. Like a SHUTDOWN of the
// platform's, it comes without a content type.
func (a *API) Send(event string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.events = append(a.events, event)
	a.changeLocked()
}

// Instead has h answer all further calls of a path. They are recorded, and
// nothing is enforced.
func (a *API) Instead(path string, h http.HandlerFunc) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.instead == nil {
		a.instead = make(map[string]http.HandlerFunc)
	}
	a.instead[path] = h
}

// Paths returns the paths of all calls so far, in the order in which they came,
// each without what they have in common.
func (a *API) Paths() []string {
	a.mu.Lock()
	defer a.mu.Unlock()
	paths := make([]string, len(a.requests))
	for i, r := range a.requests {
		paths[i] = strings.TrimPrefix(r.Path, "/2020-01-01/extension")
	}
	return paths
}

// Await waits for the nth call of a path, counted from one, and returns it. The
// call need not be answered yet. It panics after a minute, because a test
// cannot go on then.
func (a *API) Await(path string, n int) Request {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	var found []Request
	if !a.wait(ctx, func() bool {
		found = slices.DeleteFunc(slices.Clone(a.requests), func(r Request) bool { return r.Path != path })
		return len(found) >= n
	}) {
		panic(fmt.Sprintf("extensiontest: call %d of %s has not come; there were %v", n, path, a.Paths()))
	}
	return found[n-1]
}

// wait returns true when what holds is true, with the lock held while it looks.
func (a *API) wait(ctx context.Context, holds func() bool) bool {
	for {
		a.mu.Lock()
		ok := holds()
		if a.changed == nil {
			a.changed = make(chan struct{})
		}
		changed := a.changed
		a.mu.Unlock()
		if ok {
			return true
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return false
		}
	}
}

func (a *API) changeLocked() {
	if a.changed != nil {
		close(a.changed)
		a.changed = nil
	}
}

// ServeHTTP answers one call.
func (a *API) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		panic(http.ErrAbortHandler)
	}
	a.mu.Lock()
	a.requests = append(a.requests, Request{r.Method, r.URL.Path, r.Header.Clone(), string(body)})
	a.changeLocked()
	instead := a.instead[r.URL.Path]
	a.mu.Unlock()
	switch route := r.Method + " " + r.URL.Path; {
	case instead != nil:
		instead(w, r)
	case route == "POST "+Register:
		a.register(w, r, body)
	case route == "GET "+Next:
		a.next(w, r)
	case route == "PUT "+Telemetry:
		a.subscribe(w, r)
	case route == "POST "+InitError:
		a.report(w, r, initError, registered)
	case route == "POST "+ExitError:
		a.report(w, r, exitError, registered, ready, running)
	default:
		http.NotFound(w, r)
	}
}

func (a *API) register(w http.ResponseWriter, r *http.Request, body []byte) {
	var wants struct{ Events []string }
	switch err := json.Unmarshal(body, &wants); {
	case r.Header.Get("Lambda-Extension-Name") == "":
		Refuse(w, "Extension.InvalidExtensionName", "Empty extension name")
		return
	case err != nil:
		Refuse(w, "InvalidRequestFormat", err.Error())
		return
	}
	for _, event := range wants.Events {
		if event != "INVOKE" && event != "SHUTDOWN" {
			Refuse(w, "Extension.InvalidEventType", event+": ErrorInvalidEventType")
			return
		}
	}
	if !a.enter(w, registered, started) {
		return
	}
	w.Header().Set("Lambda-Extension-Identifier", Identifier)
	fmt.Fprintln(w, `{"functionName":"f","functionVersion":"$LATEST","handler":"app.handler"}`)
}

// next parks the call until there is an event or the client leaves. The state is
// then still that of an extension that waits.
func (a *API) next(w http.ResponseWriter, r *http.Request) {
	if !identified(w, r) || !a.enter(w, ready, registered, running) {
		return
	}
	var event string
	if !a.wait(r.Context(), func() bool {
		if len(a.events) == 0 || r.Context().Err() != nil {
			return false
		}
		event, a.events = a.events[0], a.events[1:]
		a.state = running
		return true
	}) {
		return
	}
	w.Header()["Content-Type"] = nil
	io.WriteString(w, event)
}

// subscribe accepts any subscription while there is init. Nothing is delivered: a test
// that wants events sends them itself.
func (a *API) subscribe(w http.ResponseWriter, r *http.Request) {
	if !identified(w, r) {
		return
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.state != registered {
		Refuse(w, "Telemetry.SubscriptionClosed", "Telemetry API subscription is closed")
		return
	}
	io.WriteString(w, `"OK"`)
}

func (a *API) report(w http.ResponseWriter, r *http.Request, to state, from ...state) {
	if !identified(w, r) {
		return
	}
	if r.Header.Get("Lambda-Extension-Function-Error-Type") == "" {
		Refuse(w, "Extension.MissingHeader", "Lambda-Extension-Function-Error-Type not found")
		return
	}
	if a.enter(w, to, from...) {
		w.WriteHeader(http.StatusAccepted)
		fmt.Fprintln(w, `{"status":"OK"}`)
	}
}

// enter changes the state, or refuses the call.
func (a *API) enter(w http.ResponseWriter, to state, from ...state) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	if !slices.Contains(from, a.state) {
		Refuse(w, "Extension.InvalidExtensionState", fmt.Sprintf(
			"State transition from %s to %s failed for extension %s. Error: State transition is not allowed", a.state, to, Identifier))
		return false
	}
	a.state = to
	return true
}

func identified(w http.ResponseWriter, r *http.Request) bool {
	switch r.Header.Get("Lambda-Extension-Identifier") {
	case Identifier:
		return true
	case "":
		Refuse(w, "Extension.MissingExtensionIdentifier", "Missing Lambda-Extension-Identifier header")
	default:
		Refuse(w, "Extension.UnknownExtensionIdentifier", "Unknown extension")
	}
	return false
}

// Refuse answers with status 403 and an error of the platform's form.
func Refuse(w http.ResponseWriter, errorType, message string) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(http.StatusForbidden)
	json.NewEncoder(w).Encode(map[string]string{"errorMessage": message, "errorType": errorType})
}
