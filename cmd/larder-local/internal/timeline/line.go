package timeline

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"time"
)

// A Line is one line that a process printed.
type Line struct {
	// Time is when it was seen; a line that tells its own time is placed there.
	Time time.Time
	// Source is the extension's name, or "runtime".
	Source string
	// Text is the line without its newline.
	Text []byte
}

// A record is a line of Larder's log, which log/slog has written as JSON.
type record struct {
	source string // whose log it is
	time   time.Time
	level  string
	msg    string
	attrs  []attr // in the order of the line
	known  known
}

type attr struct {
	key   string
	value json.RawMessage
}

// known are the attributes that the timeline makes use of.
type known struct {
	Address  string  `json:"addr"`
	Declared int     `json:"declared"`
	Due      int     `json:"due"`
	Fetched  int     `json:"fetched"`
	Calls    int     `json:"calls"`
	Millis   float64 `json:"ms"`
	Path     string  `json:"path"`
	Ref      string  `json:"ref"`
	Result   string  `json:"result"`

	Missing  []string `json:"missing"` // of a prefetch
	Variable string   `json:"variable"`
	State    string   `json:"state"`
	Version  string   `json:"version"`
	Age      *float64 `json:"age"` // in seconds; nil where there is no value

	Reads       int            `json:"reads"`
	Hits        int            `json:"hits"`
	Waits       int            `json:"waits"`
	Misses      int            `json:"misses"`
	Stale       int            `json:"stale"`
	Refused     int            `json:"refused"`
	Errors      map[string]int `json:"errors"`
	Refreshes   int            `json:"refreshes"`
	FailedCalls int            `json:"failedCalls"`
	WorstAge    float64        `json:"worstAge"` // in seconds
}

// parse reads a line; ok is false if it is not a record of log/slog.
func parse(line []byte) (r record, ok bool) {
	decoder := json.NewDecoder(bytes.NewReader(line))
	if token, err := decoder.Token(); err != nil || token != json.Delim('{') {
		return record{}, false
	}
	for decoder.More() {
		key, err := decoder.Token() // of an object, so a string
		if err != nil {
			return record{}, false
		}
		a := attr{key: key.(string)}
		if err := decoder.Decode(&a.value); err != nil {
			return record{}, false
		}
		switch a.key {
		case "time":
			err = json.Unmarshal(a.value, &r.time)
		case "level":
			err = json.Unmarshal(a.value, &r.level)
		case "msg":
			err = json.Unmarshal(a.value, &r.msg)
		case "extension": // as Source
		default:
			r.attrs = append(r.attrs, a)
		}
		if err != nil {
			return record{}, false
		}
	}
	if token, err := decoder.Token(); err != nil || token != json.Delim('}') {
		return record{}, false
	}
	// Another program's line may use the same names for something else.
	_ = json.Unmarshal(line, &r.known)
	return r, !r.time.IsZero() && r.level != ""
}

// start returns when what took the record's milliseconds began.
func (r record) start() time.Time {
	return r.time.Add(-time.Duration(r.known.Millis * float64(time.Millisecond)))
}

// loud reports whether a person must see the record.
func (r record) loud() bool { return r.level == "WARN" || r.level == "ERROR" }

// text renders the record with all its attributes.
func (r record) text() string {
	var b strings.Builder
	b.WriteString(r.level + ": " + r.msg)
	for _, a := range r.attrs {
		fmt.Fprintf(&b, " %s=%s", a.key, a.value)
	}
	return b.String()
}
