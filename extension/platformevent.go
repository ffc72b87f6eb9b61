package extension

import (
	"encoding/json"
	"time"
)

// PlatformEvent is what Lambda tells of init or of an invoke. It comes from whoever
// found the listener: its numbers are within bounds, and nothing else is certain.
// Source: docs.aws.amazon.com/lambda/latest/dg/telemetry-schema-reference.html
type PlatformEvent struct {
	// Time is when it happened, by the platform's clock.
	Time time.Time
	// Type is like platform.report.
	Type string
	// RequestID is that of the invoke; empty for init.
	RequestID string
	// Duration is that of init or of the invoke; 0 where the event has none.
	Duration time.Duration
	// Spans are parts of it by name, such as responseLatency and extensionOverhead.
	Spans map[string]time.Duration
}

// Bounds of an event. A request id is a UUID, and no invoke takes longer than
// fifteen minutes but on Managed Instances, where it is some hours.
const (
	maxRequestID = 64
	maxSpans     = 16
	maxDuration  = 24 * time.Hour
)

// parsePlatformEvents reads a delivery. Events that make no sense are left out: the
// next delivery may have the others again otherwise.
func parsePlatformEvents(body []byte) ([]PlatformEvent, error) {
	var items []json.RawMessage
	if err := json.Unmarshal(body, &items); err != nil {
		return nil, err
	}
	var events []PlatformEvent
	for _, item := range items {
		if e, ok := parsePlatformEvent(item); ok {
			events = append(events, e)
		}
	}
	return events, nil
}

func parsePlatformEvent(item []byte) (PlatformEvent, bool) {
	var said struct {
		Time   time.Time `json:"time"`
		Type   string    `json:"type"`
		Record struct {
			RequestID string `json:"requestId"`
			Metrics   struct {
				DurationMs float64 `json:"durationMs"`
			} `json:"metrics"`
			Spans []struct {
				Name       string  `json:"name"`
				DurationMs float64 `json:"durationMs"`
			} `json:"spans"`
		} `json:"record"`
	}
	if json.Unmarshal(item, &said) != nil || said.Time.IsZero() || len(said.Record.RequestID) > maxRequestID {
		return PlatformEvent{}, false
	}
	duration, ok := milliseconds(said.Record.Metrics.DurationMs)
	e := PlatformEvent{Time: said.Time, Type: said.Type, RequestID: said.Record.RequestID, Duration: duration}
	if !ok || len(said.Record.Spans) > maxSpans {
		return PlatformEvent{}, false
	}
	for _, span := range said.Record.Spans {
		d, ok := milliseconds(span.DurationMs)
		if !ok {
			return PlatformEvent{}, false
		}
		if e.Spans == nil {
			e.Spans = make(map[string]time.Duration, len(said.Record.Spans))
		}
		e.Spans[span.Name] = d
	}
	return e, true
}

// milliseconds returns a duration that was told, if it can be one.
func milliseconds(ms float64) (time.Duration, bool) {
	if ms < 0 || ms > float64(maxDuration.Milliseconds()) {
		return 0, false
	}
	return time.Duration(ms * float64(time.Millisecond)), true
}
