//go:build soak

package main

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"

	"larder/internal/awstest"
)

// world is what AWS has, and when it had what: an answer is judged by the serial
// number in its value, whatever its headers say.
type world struct {
	aws    *awstest.Server
	things map[string]*thing
	order  []*thing // as they were made, so that a seed draws the same
}

// thing is a secret or a parameter with everything that it ever was.
type thing struct {
	name   string
	secret bool
	kind   string   // of a parameter: String, SecureString
	fields []string // of a secret that is a JSON object; nil for a plain one
	fickle bool     // it is deleted and made anew, time and again
	suffix string   // of the ARN; empty for one that AWS makes up

	mu     sync.Mutex
	states []state // the serial of a state is its index
}

// state is one value of a thing, or its absence. The change to it happened between
// the two times; set is zero while it happens.
type state struct {
	gone       bool
	began, set time.Time
	etag       string // that the extension gave it first
}

func newWorld(aws *awstest.Server) (*world, error) {
	w := &world{aws: aws, things: make(map[string]*thing)}
	for _, t := range []*thing{
		{name: "soak/db", secret: true, fields: []string{"password", "user"}, suffix: "AbCdEf"},
		{name: "soak/token", secret: true},
		{name: "soak/moving", secret: true, fickle: true},
		{name: "/soak/key", kind: "SecureString"},
		{name: "soak-plain", kind: "String"},
		{name: "/soak/option", kind: "SecureString", fickle: true},
	} {
		w.add(t)
	}
	for i := range undeclared {
		w.add(&thing{name: fmt.Sprint("soak/extra-", i), secret: true, fickle: i == 0, suffix: []string{"", "GhIjKl"}[i%2]})
		w.add(&thing{name: fmt.Sprint("/soak/extra/", i), kind: "String"})
	}
	for i := range members { // the last ones come and go; a page holds them all
		w.add(&thing{name: fmt.Sprint(treePath, i), kind: "SecureString", fickle: i >= members/2})
	}
	for _, t := range w.order {
		for range 2 { // so that there is an AWSPREVIOUS
			if err := w.replace(t, false); err != nil {
				return nil, err
			}
		}
	}
	return w, nil
}

const (
	quick      = 5 // things change faster
	undeclared = 6 // things of each service
	members    = 8 // of the tree
	treePath   = "/soak/tree/"
)

func (w *world) add(t *thing) {
	w.things[t.name] = t
	w.order = append(w.order, t)
}

// change does one thing to one of AWS's things, as people do. Some change faster
// than answers come; what is gone, is gone for a while.
func (w *world) change(r *rand.Rand) error {
	t := w.order[r.IntN(len(w.order))]
	if r.IntN(2) == 0 {
		t = w.order[r.IntN(quick)]
	}
	gone := t.isGone()
	if gone && r.IntN(4) > 0 {
		return nil
	}
	return w.replace(t, t.fickle && !gone && r.IntN(4) == 0)
}

// replace makes the next state of t: absence, or a value.
func (w *world) replace(t *thing, gone bool) error {
	serial := t.begin(gone)
	defer t.done(serial)
	switch {
	case gone && t.secret:
		w.aws.DeleteSecret(t.name)
	case gone:
		w.aws.DeleteParameter(t.name)
	case t.secret:
		return w.aws.SetSecret(t.name, awstest.Secret{String: t.text(serial), Suffix: t.suffix})
	default:
		return w.aws.SetParameter(t.name, awstest.Parameter{Type: t.kind, Value: t.text(serial)})
	}
	return nil
}

func (t *thing) begin(gone bool) (serial int) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.states = append(t.states, state{gone: gone, began: time.Now()})
	return len(t.states) - 1
}

func (t *thing) done(serial int) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.states[serial].set = time.Now()
}

func (t *thing) isGone() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.states[len(t.states)-1].gone
}

// marker is in every value, and must be in no log and no error.
const marker = "classified"

// text is the value of a serial number.
func (t *thing) text(serial int) string {
	if t.fields == nil {
		return fmt.Sprintf("%s %s %d", marker, t.name, serial)
	}
	object := make(map[string]string, len(t.fields))
	for _, field := range t.fields {
		object[field] = t.field(serial, field)
	}
	text, err := json.Marshal(object)
	if err != nil {
		panic(err) // strings always encode
	}
	return string(text)
}

// field is a field of the value of a serial number.
func (t *thing) field(serial int, field string) string {
	return fmt.Sprintf("%s %s %d %s", marker, t.name, serial, field)
}

// serialIn finds the serial number in a value, or in a field of one.
func serialIn(text string) (serial int, found bool) {
	_, rest, _ := strings.Cut(text, marker+" ")
	words := strings.Fields(rest) // the name and the number
	if len(words) < 2 {
		return 0, false
	}
	serial, err := strconv.Atoi(words[1])
	return serial, err == nil
}

// until returns when a state ended, at the latest: now, if it may still last.
func (t *thing) until(serial int) time.Time {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.untilLocked(serial)
}

func (t *thing) untilLocked(serial int) time.Time {
	if next := serial + 1; next < len(t.states) && !t.states[next].set.IsZero() {
		return t.states[next].set
	}
	return time.Now()
}

// since returns when a state began, at the earliest.
func (t *thing) since(serial int) time.Time {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.states[serial].began
}

// isValue reports whether there ever was a value of that serial number.
func (t *thing) isValue(serial int) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return serial >= 0 && serial < len(t.states) && !t.states[serial].gone
}

// newest is the present state.
func (t *thing) newest() int {
	t.mu.Lock()
	defer t.mu.Unlock()
	return len(t.states) - 1
}

// absent returns the first and the last state, of those that may have been at some
// time from one moment to another, in which t was not there.
func (t *thing) absent(from, to time.Time) (first, last int, found bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for i, s := range t.states {
		if s.gone && !s.began.After(to) && t.untilLocked(i).After(from) {
			if !found {
				first = i
			}
			last, found = i, true
		}
	}
	return first, last, found
}

// sameTag holds a serial number to one ETag, and returns false for another one.
func (t *thing) sameTag(serial int, etag string) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	s := &t.states[serial]
	if s.etag == "" {
		s.etag = etag
	}
	return s.etag == etag
}

// latest is how long an answer of AWS's is on its way at most, once it is decided.
const latest = 200 * time.Millisecond

// withLatency has AWS's answers take some time on their way, some of them much:
// what they say may be untrue when they come.
func withLatency(aws http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		longest := latest / 40
		if rand.IntN(10) == 0 {
			longest = latest
		}
		aws.ServeHTTP(lateWriter{w, r.Context(), rand.N(longest)}, r)
	})
}

// lateWriter sends what it is given later.
type lateWriter struct {
	http.ResponseWriter
	client  context.Context
	latency time.Duration
}

// WriteHeader waits, unless the client leaves.
func (w lateWriter) WriteHeader(status int) {
	timer := time.NewTimer(w.latency)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-w.client.Done():
	}
	w.ResponseWriter.WriteHeader(status)
}

// Unwrap lets a http.ResponseController find what it needs.
func (w lateWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }
