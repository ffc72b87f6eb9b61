package examples_test

import (
	"crypto/sha256"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"larder/internal/canary"
	"larder/internal/gotest"
)

// A version with signs that mean something in a URL, and how the rotation example must send it back.
const (
	refusedVersion = `"v&+1"`
	seen           = "%22v%26%2B1%22"

	readOnce = "larder: GET /env/DB_PASSWORD"
	readAnew = readOnce + "?seen=" + seen
)

// What the secret may hold in these tests.
const (
	oldPassword   = `CANARY-old "pässword"`
	newPassword   = `CANARY-new "pässword"`
	otherPassword = `CANARY-oth "pässword"`
)

func TestRotation(t *testing.T) {
	gotest.DependOn(t, ".")
	for _, lang := range languages() {
		t.Run(lang.name, func(t *testing.T) {
			t.Parallel()
			lang.need(t)
			command := lang.command(t, "rotation")
			for _, test := range rotations() {
				t.Run(test.name, func(t *testing.T) { test.run(t, command) })
			}
		})
	}
}

// rotation is an event for a function that has the old password from Larder's memory.
type rotation struct {
	name    string
	accepts string // what the database accepts
	anew    reply  // to a read with seen; zero where there must be none
	answer  string // the function's response, or else
	message string // is part of its error
}

func rotations() []rotation {
	return []rotation{
		{name: "current", accepts: oldPassword, answer: `{"attempts":1}`},
		{name: "rotated", accepts: newPassword, anew: reply{http.StatusOK, newPassword, `"v2"`}, answer: `{"attempts":2}`},
		{name: "unchanged", accepts: newPassword, anew: reply{http.StatusOK, oldPassword, refusedVersion}, message: "refuses the password"},
		{name: "refused twice", accepts: newPassword, anew: reply{http.StatusOK, otherPassword, `"v2"`}, message: "refuses the password"},
		{
			name: "not to be had", accepts: newPassword,
			anew:    reply{status: http.StatusServiceUnavailable, body: `{"code":"Throttled"}` + "\nsecond line"},
			message: `503 {"code":"Throttled"}`,
		},
	}
}

func (test rotation) run(t *testing.T, command []string) {
	p := newPlatform(t, "request-1")
	p.payload = fmt.Sprintf(`{"accepts":"%x"}`, sha256.Sum256([]byte(test.accepts)))
	p.answer("/env/DB_PASSWORD", reply{http.StatusOK, oldPassword, refusedVersion})
	want := []string{next, readOnce}
	if test.anew != (reply{}) {
		p.answer("/env/DB_PASSWORD?seen="+seen, test.anew)
		want = append(want, readAnew)
	}
	end := response
	if test.message != "" {
		end = failure
	}
	want = append(want, end)
	process := start(t, command, p)
	process.awaitPost(t)
	output, _ := process.stop()

	if got := p.requests(); !slices.Equal(got[:min(len(got), len(want))], want) {
		t.Errorf("requests:\n%s\nwant:\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	if output == "" {
		t.Error("nothing was printed, so the search for passwords in it proves nothing")
	}
	answer := p.body(end)
	if end == failure {
		checkMessage(t, errorMessage(t, answer), test.message)
	} else if answer != test.answer {
		t.Errorf("response = %s, want %s", answer, test.answer)
	}
	for _, password := range []string{oldPassword, newPassword, otherPassword} {
		plain, _, _ := strings.Cut(password, " ") // the rest is escaped in as many ways as there are languages
		if form, found := canary.Find([]byte(output+answer), []byte(plain)); found {
			t.Errorf("a password is in the function's output or answer: %s", form)
		}
	}
}
