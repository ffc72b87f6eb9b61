package lambdatest

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"
)

// Headers of the Extensions API.
// https://docs.aws.amazon.com/lambda/latest/dg/runtimes-extensions-api.html
const (
	nameHeader       = "Lambda-Extension-Name"
	featureHeader    = "Lambda-Extension-Accept-Feature"
	identifierHeader = "Lambda-Extension-Identifier"
	eventHeader      = "Lambda-Extension-Event-Identifier"
	errorTypeHeader  = "Lambda-Extension-Function-Error-Type"
)

// maxExtensions is the platform's limit, internal and external ones together.
const maxExtensions = 10

const invalidState = "Extension.InvalidExtensionState"

func (s *sandbox) extensionRoutes() []route {
	return []route{
		{http.MethodPost, "/2020-01-01/extension/register", s.serveRegister},
		{http.MethodGet, "/2020-01-01/extension/event/next", s.serveEvent},
		{http.MethodPost, "/2020-01-01/extension/init/error", func(c call) *reply {
			return s.serveExtensionError(c, initError, InitReport, "Extension.InitError")
		}},
		{http.MethodPost, "/2020-01-01/extension/exit/error", func(c call) *reply {
			return s.serveExtensionError(c, exitError, ExitReport, "Extension.ExitError")
		}},
	}
}

// serveRegister registers an external extension under its file's name; any
// other name is that of an internal one.
func (s *sandbox) serveRegister(c call) *reply {
	name := c.Header.Get(nameHeader)
	if name == "" {
		return refuse(http.StatusForbidden, "Extension.InvalidExtensionName", "Empty extension name")
	}
	events, answer := parseRegistration(c.body)
	if answer == nil {
		answer = s.register(name, events, slices.Contains(features(c), "accountId"))
	}
	answer.extension = name
	return answer
}

// parseRegistration returns the events in the body, or why that is refused.
func parseRegistration(body []byte) ([]string, *reply) {
	var request struct {
		Events            []string `json:"events"`
		ConfigurationKeys []string `json:"configurationKeys"`
	}
	if err := json.Unmarshal(body, &request); err != nil {
		return nil, refuse(http.StatusForbidden, "InvalidRequestFormat", err.Error())
	}
	if len(request.ConfigurationKeys) > 0 {
		return nil, refuse(http.StatusForbidden, "InvalidRequestFormat", "configurationKeys are deprecated; use environment variables instead")
	}
	return request.Events, nil
}

// refuseEvents returns why an extension cannot have these events; nil if it can.
func (m Mode) refuseEvents(events []string, external bool) *reply {
	message := ""
	if m == ManagedInstances && !external && len(events) > 0 {
		message = "No events allowed for internal extensions"
	} else if i := slices.IndexFunc(events, func(event string) bool {
		return event != "SHUTDOWN" && (event != "INVOKE" || m == ManagedInstances)
	}); i >= 0 {
		message = events[i] + ": ErrorInvalidEventType"
	} else if !external && slices.Contains(events, "SHUTDOWN") {
		message = "SHUTDOWN: ShutdownEventNotSupportedForInternalExtension"
	}
	if message == "" {
		return nil
	}
	return refuse(http.StatusForbidden, "Extension.InvalidEventType", message)
}

// features returns what the extension accepts besides the plain answer.
func features(c call) []string {
	list := strings.Split(c.Header.Get(featureHeader), ",")
	for i := range list {
		list[i] = strings.TrimSpace(list[i])
	}
	return list
}

// register does the checks that depend on who has registered so far.
func (s *sandbox) register(name string, events []string, withAccount bool) *reply {
	s.mu.Lock()
	defer s.mu.Unlock()
	i := slices.IndexFunc(s.extensions, func(e *extension) bool { return e.name == name })
	external := i >= 0 && s.extensions[i].external
	if refusal := s.cfg.Mode.refuseEvents(events, external); refusal != nil {
		return refusal
	}
	var e *extension
	switch {
	case external:
		e = s.extensions[i]
		if from := e.state; !e.enter(registered) {
			return refuse(http.StatusForbidden, invalidState, transition(from, registered, "extension "+name))
		}
	case s.registrationOver:
		return refuse(http.StatusForbidden, "Extension.RegistrationClosed", "Extension registration closed already")
	case len(s.extensions) >= maxExtensions:
		return refuse(http.StatusForbidden, "Extension.TooManyExtensions", fmt.Sprintf("Extension limit (%d) reached", maxExtensions))
	case i >= 0:
		return refuse(http.StatusForbidden, invalidState, "Extension with this name already registered")
	default:
		e = &extension{name: name, id: newUUID(), state: registered}
		s.extensions = append(s.extensions, e)
	}
	e.invoke, e.shutdown = slices.Contains(events, "INVOKE"), slices.Contains(events, "SHUTDOWN")
	s.changeLocked()
	s.rec.event(Event{Kind: Register, Source: name})

	answer := jsonReply(http.StatusOK, registration{
		AccountID: account(withAccount, s.cfg.Account),
		Function:  s.cfg.Function, Version: s.cfg.Version, Handler: s.cfg.Handler,
	})
	answer.header.Set(identifierHeader, e.id)
	return answer
}

// A registration is the answer to register, its keys in the platform's order.
type registration struct {
	AccountID string `json:"accountId,omitempty"`
	Function  string `json:"functionName"`
	Version   string `json:"functionVersion"`
	Handler   string `json:"handler"`
}

func account(asked bool, id string) string {
	if asked {
		return id
	}
	return ""
}

// identify returns the extension that sent the call, or why it is refused.
func (s *sandbox) identify(c call, unknown func(id string) string) (*extension, *reply) {
	id := c.Header.Get(identifierHeader)
	if id == "" {
		return nil, refuse(http.StatusForbidden, "Extension.MissingExtensionIdentifier", "Missing Lambda-Extension-Identifier header")
	}
	if !isUUID(id) {
		return nil, refuse(http.StatusForbidden, "Extension.InvalidExtensionIdentifier", "Invalid Lambda-Extension-Identifier")
	}
	id = strings.ToLower(id)
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, e := range s.extensions {
		if e.id == id {
			return e, nil
		}
	}
	return nil, refuse(http.StatusForbidden, "Extension.UnknownExtensionIdentifier", unknown(id))
}

// serveEvent parks the call until the extension is released. The caller's
// leaving does not end that: the event then goes into the dead connection and
// counts as delivered, which is why a client must not time out here.
func (s *sandbox) serveEvent(c call) *reply {
	e, refusal := s.identify(c, func(id string) string { return "Unknown extension " + id })
	if refusal != nil {
		return refusal
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	from := e.state
	if !e.enter(ready) {
		answer := refuse(http.StatusForbidden, invalidState, transition(from, ready, "extension "+e.id))
		answer.extension = e.name
		return answer
	}
	s.rec.event(Event{Kind: Next, Source: e.name})
	s.changeLocked()
	if !s.waitLocked(s.done, func() bool { return e.released && e.state == ready }) {
		return nil
	}
	e.released = false
	e.state = running
	s.changeLocked()
	answer := s.event.reply()
	answer.extension = e.name
	return answer
}

// serveExtensionError takes note of what an extension reports. The failure
// comes when its process exits.
func (s *sandbox) serveExtensionError(c call, to state, kind Kind, errorType string) *reply {
	e, refusal := s.identify(c, func(string) string { return "Unknown Lambda-Extension-Identifier" })
	if refusal != nil {
		return refusal
	}
	reported := c.Header.Get(errorTypeHeader)
	answer := accepted()
	s.mu.Lock()
	defer s.mu.Unlock()
	from := e.state
	switch {
	case reported == "":
		answer = refuse(http.StatusForbidden, "Extension.MissingHeader", errorTypeHeader+" not found")
	case !e.enter(to):
		answer = refuse(http.StatusForbidden, invalidState, transition(from, to, "extension "+e.id))
	default:
		fault := &Fault{
			Type: errorType, Source: e.name,
			ReportedType: reported, ReportedMessage: reportedMessage(c.body),
		}
		if s.reported == nil {
			s.reported = fault
		}
		s.rec.event(Event{Kind: kind, Source: e.name, Fault: fault})
	}
	answer.extension, answer.errorType, answer.keepBody = e.name, reported, true
	return answer
}

// transition is the text of a change of state that is refused.
func transition(from, to state, who string) string {
	return fmt.Sprintf("State transition from %s to %s failed for %s. Error: State transition is not allowed", from, to, who)
}

// isUUID reports whether s has the form of a UUID.
func isUUID(s string) bool {
	if len(s) != 36 {
		return false
	}
	for i, c := range s {
		if i == 8 || i == 13 || i == 18 || i == 23 {
			if c != '-' {
				return false
			}
		} else if !strings.ContainsRune("0123456789abcdefABCDEF", c) {
			return false
		}
	}
	return true
}

// An event is what event/next hands out: an INVOKE if it has a request id, else
// a SHUTDOWN.
type event struct {
	Type     string   `json:"eventType"`
	Deadline int64    `json:"deadlineMs"` // milliseconds since 1970
	Reason   string   `json:"shutdownReason,omitempty"`
	Request  string   `json:"requestId,omitempty"`
	ARN      string   `json:"invokedFunctionArn,omitempty"`
	Tracing  *tracing `json:"tracing,omitempty"`
}

type tracing struct {
	Type  string `json:"type"`
	Value string `json:"value"`
}

func invokeEvent(inv *invocation, arn string) event {
	return event{
		Type: "INVOKE", Deadline: inv.told.UnixMilli(), Request: inv.id, ARN: arn,
		Tracing: &tracing{"X-Amzn-Trace-Id", inv.trace},
	}
}

func shutdownEvent(deadline time.Time, reason string) event {
	return event{Type: "SHUTDOWN", Deadline: deadline.UnixMilli(), Reason: reason}
}

// reply renders the event without a newline. A SHUTDOWN has no event identifier
// and no content type of its own, so that Go sends the text/plain it sniffs.
func (e event) reply() *reply {
	body, _ := json.Marshal(e) // only strings and numbers
	answer := &reply{status: http.StatusOK, body: body, header: http.Header{}}
	if e.Type == "INVOKE" {
		answer.header = contentType("application/json")
		answer.header.Set(eventHeader, newUUID())
	}
	return answer
}
