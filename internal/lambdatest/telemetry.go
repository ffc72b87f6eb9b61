package lambdatest

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"time"
)

// A Telemetry is what there is of the Telemetry API.
type Telemetry string

const (
	// TelemetryFull is the service of today.
	TelemetryFull Telemetry = ""

	// TelemetryOld knows no schema newer than 2022-12-13, and answers those with
	// 400.
	TelemetryOld Telemetry = "old"

	// TelemetryAbsent answers 202 whatever is asked, which is no success, and
	// delivers nothing: the platform's local testing environments.
	TelemetryAbsent Telemetry = "absent"

	// TelemetryClosed refuses every subscription with 403, as all do once init is
	// over.
	TelemetryClosed Telemetry = "closed"
)

// check reports what there is not.
func (t Telemetry) check(mode Mode) error {
	switch t {
	case TelemetryFull, TelemetryAbsent, TelemetryClosed:
		return nil
	case TelemetryOld:
		if mode != ManagedInstances {
			return nil
		}
		return fmt.Errorf("managed instances know no schema but %s: leave Config.Telemetry empty", newestSchema)
	}
	return fmt.Errorf("there is no telemetry %q: want %q, %q, %q or nothing", t, TelemetryOld, TelemetryAbsent, TelemetryClosed)
}

// schemas returns the schema versions that can be subscribed to.
// https://docs.aws.amazon.com/lambda/latest/dg/telemetry-schema-reference.html
func (c *Config) schemas() []string {
	switch {
	case c.Mode == ManagedInstances:
		return []string{newestSchema}
	case c.Telemetry == TelemetryOld:
		return []string{oldestSchema, "2022-12-13"}
	}
	return []string{oldestSchema, "2022-12-13", newestSchema}
}

const oldestSchema, newestSchema = "2022-07-01", "2025-01-29"

// telemetry is the sandbox's part of the Telemetry API. It is guarded by the
// sandbox's mutex.
type telemetry struct {
	subscribers []*subscriber
	over        bool     // no more subscriptions
	past        [][]byte // the platform's events until then, for those who subscribe late

	runtimeTold       bool          // how the runtime's init went
	initTook, restore time.Duration // for the next report; zero if it has none
}

func (s *sandbox) telemetryRoutes() []route {
	return []route{{http.MethodPut, "/2022-07-01/telemetry", s.serveTelemetry}}
}

// serveTelemetry subscribes an extension, until init is over. A subscription
// takes the place of the one before, and gets what the platform has told of init
// so far. Lines that processes printed before it are not kept.
// https://docs.aws.amazon.com/lambda/latest/dg/telemetry-api-reference.html
func (s *sandbox) serveTelemetry(c call) *reply {
	if s.cfg.Telemetry == TelemetryAbsent {
		return refuse(http.StatusAccepted, "Telemetry.NotSupported", "Telemetry API is not supported")
	}
	e, answer := s.identify(c, func(id string) string { return "Unknown extension " + id })
	if answer != nil {
		return answer
	}
	sub, err := parseSubscription(c.body, s.cfg.schemas())
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.telemetry.over || s.cfg.Telemetry == TelemetryClosed:
		answer = refuse(http.StatusForbidden, "Telemetry.SubscriptionClosed", "Telemetry API subscription is closed")
	case err != nil:
		answer = refuse(http.StatusBadRequest, "ValidationError", err.Error())
	default:
		s.subscribeLocked(e, sub)
		answer = &reply{status: http.StatusOK, header: contentType("application/json"), body: []byte(`"OK"`), keepBody: true}
	}
	answer.extension = e.name
	return answer
}

func (s *sandbox) subscribeLocked(e *extension, sub subscription) {
	if s.closed || e.process != nil && !e.process.alive() {
		return
	}
	s.unsubscribeLocked(func(b *subscriber) bool { return b.extension == e })
	b, ctx := newSubscriber(e, sub)
	s.telemetry.subscribers = append(s.telemetry.subscribers, b)
	if b.takes(platformType) {
		for _, body := range s.telemetry.past {
			b.add(body)
		}
	}
	s.tasks.Go(func() { s.deliver(ctx, b) }) // the call is a task, so that close still waits
	s.tellLocked(time.Now(), "telemetrySubscription", subscriptionRecord{e.name, "Subscribed", sub.types})
}

// unsubscribeLocked has nothing more sent to some.
func (s *sandbox) unsubscribeLocked(which func(*subscriber) bool) {
	s.telemetry.subscribers = slices.DeleteFunc(s.telemetry.subscribers, func(b *subscriber) bool {
		if which(b) {
			b.cancel()
			return true
		}
		return false
	})
	s.changeLocked()
}

// livesIn tells whose process p is. An internal extension is the runtime's.
func (b *subscriber) livesIn(p *process) bool {
	if b.extension.external {
		return b.extension == p.extension
	}
	return p.extension == nil
}

// tellLocked tells those who want to know of a platform event; kind is its type
// without the prefix.
func (s *sandbox) tellLocked(at time.Time, kind string, record any) {
	t := &s.telemetry
	if t.over && len(t.subscribers) == 0 {
		return
	}
	body := telemetryEvent(at, "platform."+kind, record)
	if !t.over {
		t.past = append(t.past, body)
	}
	for _, b := range t.subscribers {
		if b.takes(platformType) {
			b.add(body)
		}
	}
	s.changeLocked()
}

// tellLine tells those who want to know of a line that a process has printed, nil
// being the runtime. It is an object if the function logs JSON, which all schemas
// but the first have.
func (s *sandbox) tellLine(e *extension, line []byte) {
	s.mu.Lock()
	defer s.mu.Unlock()
	kind := functionType
	if e != nil {
		kind = extensionType
	}
	isJSON := len(line) > 0 && line[0] == '{' && json.Valid(line)
	for _, b := range s.telemetry.subscribers {
		if !b.takes(kind) {
			continue
		}
		var record any = string(line)
		if isJSON && b.schema != oldestSchema && s.variables()["AWS_LAMBDA_LOG_FORMAT"] == "JSON" {
			record = json.RawMessage(line)
		}
		b.add(telemetryEvent(time.Now(), kind, record))
		s.changeLocked()
	}
}

// telemetryEvent renders an event as all schemas have it.
func telemetryEvent(at time.Time, kind string, record any) []byte {
	body, _ := json.Marshal(struct { // of strings, numbers, and what is JSON already
		Time   string `json:"time"`
		Type   string `json:"type"`
		Record any    `json:"record"`
	}{telemetryTime(at), kind, record})
	return body
}

func telemetryTime(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05.000Z") }
