package extension

import (
	"encoding/json"
	"strconv"
	"strings"
	"time"
)

// The kinds of events that an extension can ask for.
const (
	Invoke   = "INVOKE"
	Shutdown = "SHUTDOWN"
)

// Event is what next returns.
type Event struct {
	// Type is Invoke or Shutdown, in any case, or something that nobody has asked for.
	Type string
	// DeadlineMs is when the invoke or the shutdown must be over, in
	// milliseconds since the epoch; 0 where that is not told, see Deadline.
	DeadlineMs int64
	// RequestID is the invoke's; empty for Shutdown.
	RequestID string
	// Reason says why the sandbox shuts down: spindown, timeout, failure, in any
	// case, or a word that is not documented.
	Reason string
}

// leastTime is the shortest time that Lambda gives: a function's timeout is one second
// at least, and a shutdown has two.
const leastTime = time.Second

// Deadline returns when the invoke or the shutdown must be over. Where that is not told
// it is the shortest time that Lambda gives, from now on.
func (e Event) Deadline() time.Time {
	if e.DeadlineMs == 0 {
		return time.Now().Add(leastTime)
	}
	return time.UnixMilli(e.DeadlineMs)
}

// UnmarshalJSON takes from an event what can be read of it. But for the type, without
// which it is none, nothing in it is worth the function's life.
func (e *Event) UnmarshalJSON(data []byte) error {
	var said struct {
		EventType                 string
		DeadlineMs                json.RawMessage
		RequestID, ShutdownReason any
	}
	if err := json.Unmarshal(data, &said); err != nil {
		return err
	}
	*e = Event{Type: said.EventType, DeadlineMs: epochMillis(said.DeadlineMs)}
	e.RequestID, _ = said.RequestID.(string)
	e.Reason, _ = said.ShutdownReason.(string)
	return nil
}

// maxMillis is the end of the year 9999.
const maxMillis = 253_402_300_799_999

// epochMillis reads a time in whatever form of a number, also in quotes; 0 for none.
func epochMillis(raw json.RawMessage) int64 {
	ms, err := strconv.ParseFloat(strings.Trim(string(raw), `"`), 64)
	if err != nil || !(ms >= 0 && ms <= maxMillis) { // nor is it NaN
		return 0
	}
	return int64(ms)
}
