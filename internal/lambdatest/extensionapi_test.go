package lambdatest_test

import (
	"encoding/json"
	"regexp"
	"strings"
	"testing"

	"larder/internal/lambdatest"
)

const unknownID = "01234567-89ab-4cde-8f01-23456789abcd"

func TestRegister(t *testing.T) {
	t.Parallel()
	s := newStage(t, "ext")
	s.cfg.Function, s.cfg.Version, s.cfg.Handler = "f", "7", "app.handler"
	s.start()
	ext := s.actor("ext")

	got := ext.register("INVOKE", "SHUTDOWN")
	if want := `{"functionName":"f","functionVersion":"7","handler":"app.handler"}` + "\n"; got.body != want {
		t.Errorf("register = %q, want %q", got.body, want)
	}
	uuid := regexp.MustCompile(`^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$`)
	if !uuid.MatchString(ext.id) {
		t.Errorf("identifier %q is no UUID", ext.id)
	}

	got = ext.do("POST", "/2020-01-01/extension/register", "{}",
		"Lambda-Extension-Name", "internal", "Lambda-Extension-Accept-Feature", "other, accountId")
	want := `{"accountId":"123456789012","functionName":"f","functionVersion":"7","handler":"app.handler"}` + "\n"
	if got.status != 200 || got.body != want {
		t.Errorf("register with accountId = %d %q, want %q", got.status, got.body, want)
	}
}

func TestRegisterChecks(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name   string
		before []string // names that registered before; "ext" is external
		closed bool     // after init
		as     string
		body   string

		errorType, message string
	}{
		{name: "empty name", body: `{}`,
			errorType: "Extension.InvalidExtensionName", message: "Empty extension name"},
		{name: "empty body", as: "ext", body: ``,
			errorType: "InvalidRequestFormat", message: "unexpected end of JSON input"},
		{name: "not JSON", as: "ext", body: `events`,
			errorType: "InvalidRequestFormat", message: "invalid character 'e' looking for beginning of value"},
		{name: "configuration keys", as: "ext", body: `{"configurationKeys":["a"],"events":["X"]}`,
			errorType: "InvalidRequestFormat", message: "configurationKeys are deprecated; use environment variables instead"},
		{name: "unknown event", as: "ext", body: `{"events":["INVOKE","invoke"]}`,
			errorType: "Extension.InvalidEventType", message: "invoke: ErrorInvalidEventType"},
		{name: "internal asks for SHUTDOWN", as: "other", body: `{"events":["SHUTDOWN"]}`,
			errorType: "Extension.InvalidEventType", message: "SHUTDOWN: ShutdownEventNotSupportedForInternalExtension"},
		{name: "external again", before: []string{"ext"}, as: "ext", body: `{}`,
			errorType: "Extension.InvalidExtensionState",
			message:   "State transition from Registered to Registered failed for extension ext. Error: State transition is not allowed"},
		{name: "after init", closed: true, as: "other", body: `{}`,
			errorType: "Extension.RegistrationClosed", message: "Extension registration closed already"},
		{name: "eleventh", before: strings.Split("abcdefghi", ""), as: "j", body: `{}`,
			errorType: "Extension.TooManyExtensions", message: "Extension limit (10) reached"},
		{name: "internal name taken", before: []string{"a"}, as: "a", body: `{}`,
			errorType: "Extension.InvalidExtensionState", message: "Extension with this name already registered"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			s := newStage(t, "ext")
			var ext *actor
			if test.closed {
				_, cast := s.ready()
				ext = cast["ext"]
			} else {
				s.start()
				ext = s.actor("ext")
			}
			register := func(as, body string) answer {
				return ext.do("POST", "/2020-01-01/extension/register", body, "Lambda-Extension-Name", as)
			}
			for _, name := range test.before {
				if got := register(name, `{}`); got.status != 200 {
					t.Fatalf("register of %s = %d %s", name, got.status, got.body)
				}
			}
			platformError(t, "register", register(test.as, test.body), 403, test.errorType, test.message)
		})
	}
}

func TestIdentifierChecks(t *testing.T) {
	t.Parallel()
	s := newStage(t, "ext")
	s.start()
	ext := s.actor("ext")
	ext.register()

	tests := []struct {
		method, path, id   string
		errorType, message string
	}{
		{"GET", "event/next", "", "Extension.MissingExtensionIdentifier", "Missing Lambda-Extension-Identifier header"},
		{"GET", "event/next", "ext", "Extension.InvalidExtensionIdentifier", "Invalid Lambda-Extension-Identifier"},
		{"GET", "event/next", strings.ReplaceAll(unknownID, "-", "0"), "Extension.InvalidExtensionIdentifier", "Invalid Lambda-Extension-Identifier"},
		{"GET", "event/next", unknownID, "Extension.UnknownExtensionIdentifier", "Unknown extension " + unknownID},
		{"POST", "init/error", "", "Extension.MissingExtensionIdentifier", "Missing Lambda-Extension-Identifier header"},
		{"POST", "init/error", "ext", "Extension.InvalidExtensionIdentifier", "Invalid Lambda-Extension-Identifier"},
		{"POST", "init/error", unknownID, "Extension.UnknownExtensionIdentifier", "Unknown Lambda-Extension-Identifier"},
		{"POST", "init/error", ext.id, "Extension.MissingHeader", "Lambda-Extension-Function-Error-Type not found"},
		{"POST", "exit/error", "", "Extension.MissingExtensionIdentifier", "Missing Lambda-Extension-Identifier header"},
		{"POST", "exit/error", unknownID, "Extension.UnknownExtensionIdentifier", "Unknown Lambda-Extension-Identifier"},
		{"POST", "exit/error", ext.id, "Extension.MissingHeader", "Lambda-Extension-Function-Error-Type not found"},
	}
	for _, test := range tests {
		got := ext.do(test.method, "/2020-01-01/extension/"+test.path, "", "Lambda-Extension-Identifier", test.id)
		platformError(t, test.method+" "+test.path+" as "+test.id, got, 403, test.errorType, test.message)
	}
}

func TestUnknownPath(t *testing.T) {
	t.Parallel()
	s := newStage(t, "ext")
	s.start()
	ext := s.actor("ext")
	for _, path := range []string{"/", "/2020-01-01/extension/other", "/2099-01-01/telemetry"} {
		got := ext.do("GET", path, "")
		if ct := got.header.Get("Content-Type"); got.status != 404 || !strings.HasPrefix(ct, "text/plain") {
			t.Errorf("GET %s = %d, %q, want 404 in plain text", path, got.status, ct)
		}
	}
	if got := ext.do("GET", "/2020-01-01/extension/register", ""); got.status != 405 {
		t.Errorf("GET of register = %d, want 405", got.status)
	}
}

// The state machine, by the calls an extension can make in each state.
func TestExtensionStates(t *testing.T) {
	t.Parallel()
	const notAllowed = "Error: State transition is not allowed"
	tests := []struct {
		name   string
		before []string // calls that succeed
		call   string
		from   string // the state named in the refusal; empty if accepted
		to     string
	}{
		{name: "init error", call: "init"},
		{name: "init error again", before: []string{"init"}, call: "init"},
		{name: "exit error", call: "exit"},
		{name: "exit error again", before: []string{"exit"}, call: "exit"},
		{name: "exit error while parked", before: []string{"next"}, call: "exit"},
		{name: "second next", before: []string{"next"}, call: "next", from: "Ready", to: "Ready"},
		{name: "init error while parked", before: []string{"next"}, call: "init", from: "Ready", to: "InitError"},
		{name: "next after init error", before: []string{"init"}, call: "next", from: "InitError", to: "Ready"},
		{name: "exit error after init error", before: []string{"init"}, call: "exit", from: "InitError", to: "ExitError"},
		{name: "next after exit error", before: []string{"exit"}, call: "next", from: "ExitError", to: "Ready"},
		{name: "init error after exit error", before: []string{"exit"}, call: "init", from: "ExitError", to: "InitError"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			s := newStage(t, "ext")
			s.start()
			ext := s.actor("ext")
			ext.register()
			call := func(name string) answer {
				if name == "next" {
					return ext.next()
				}
				return ext.fail(name, "A.B", "text")
			}
			for _, name := range test.before {
				if name == "next" {
					ext.park()
					s.await(lambdatest.Next, "ext")
				} else if got := call(name); got.status != 202 {
					t.Fatalf("%s = %d %s", name, got.status, got.body)
				}
			}
			got := call(test.call)
			if test.from != "" {
				platformError(t, test.call, got, 403, "Extension.InvalidExtensionState",
					"State transition from "+test.from+" to "+test.to+" failed for extension "+ext.id+". "+notAllowed)
			} else if want := `{"status":"OK"}` + "\n"; got.status != 202 || got.body != want {
				t.Errorf("%s = %d %q, want 202 %q", test.call, got.status, got.body, want)
			}
		})
	}
}

func TestInvokeEvent(t *testing.T) {
	t.Parallel()
	s := newStage(t, "ext")
	s.cfg.Env = append(s.cfg.Env, "AWS_REGION=eu-west-1")
	result := s.start()
	ext := s.actor("ext")
	ext.register("INVOKE")
	runtime := s.actor("runtime")
	parked, invocation := ext.park(), runtime.park()
	lambda := (<-result).lambda

	go lambda.Invoke(t.Context(), []byte(`{"secret":"payload"}`))
	got := receive(t, "event", parked)
	request := receive(t, "invocation", invocation)
	if got.status != 200 || got.header.Get("Content-Type") != "application/json" {
		t.Errorf("event = %d %v", got.status, got.header)
	}
	if id := got.header.Get("Lambda-Extension-Event-Identifier"); len(id) != 36 {
		t.Errorf("event identifier = %q, want a UUID", id)
	}
	want := `{"eventType":"INVOKE","deadlineMs":` + request.header.Get("Lambda-Runtime-Deadline-Ms") +
		`,"requestId":"` + request.header.Get("Lambda-Runtime-Aws-Request-Id") +
		`","invokedFunctionArn":"arn:aws:lambda:eu-west-1:123456789012:function:function"` +
		`,"tracing":{"type":"X-Amzn-Trace-Id","value":"` + request.header.Get("Lambda-Runtime-Trace-Id") + `"}}`
	if got.body != want {
		t.Errorf("event = %s, want %s", got.body, want)
	}
}

// An event that comes while an extension is busy waits for it, and what it is
// handed then is the event of that moment.
func TestStickyRelease(t *testing.T) {
	t.Parallel()
	s := newStage(t, "ext")
	result := s.start()
	ext := s.actor("ext")
	ext.register("INVOKE", "SHUTDOWN")
	runtime := s.actor("runtime")
	event, invocation := ext.park(), runtime.park()
	lambda := (<-result).lambda
	answered := make(chan error, 1)
	go func() {
		_, err := lambda.Invoke(t.Context(), nil)
		answered <- err
	}()
	receive(t, "INVOKE", event)

	// While the extension works on the INVOKE the runtime dies: a reset begins.
	receive(t, "invocation", invocation)
	runtime.exit(3)
	s.await(lambdatest.Stop, "")
	got := ext.next()
	var shutdown struct{ EventType, ShutdownReason string }
	if err := json.Unmarshal([]byte(got.body), &shutdown); err != nil || shutdown.EventType != "SHUTDOWN" || shutdown.ShutdownReason != "failure" {
		t.Errorf("next after the reset began = %d %s, want SHUTDOWN for failure", got.status, got.body)
	}
	ext.exit(0)
	if err := receive(t, "Invoke", answered); err == nil {
		t.Error("Invoke succeeded though the runtime died")
	}
}

// A client that gave up in next and asks again is refused, and its event goes
// into the dead connection.
func TestLostEvent(t *testing.T) {
	t.Parallel()
	s := newStage(t, "ext")
	lambda, cast := s.ready("INVOKE")
	platformError(t, "second next", cast["ext"].next(), 403, "Extension.InvalidExtensionState",
		"State transition from Ready to Ready failed for extension "+cast["ext"].id+". Error: State transition is not allowed")

	go lambda.Invoke(t.Context(), nil)
	s.await(lambdatest.InvokeStart, "")
	// The first next, which nobody reads, gets the INVOKE: as soon as it has, the
	// extension is busy, and one more next makes it ready again.
	go func() {
		for cast["ext"].next().status == 403 {
		}
	}()
	s.await(lambdatest.Next, "ext")
}
