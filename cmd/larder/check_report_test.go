package main

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"larder/manifest"
	"larder/secret"
)

func TestAge(t *testing.T) {
	t.Parallel()
	if got := (entry{}).age(); got != "–" {
		t.Errorf("an age that is not known is %q, want –", got)
	}
	for seconds, want := range map[int64]string{
		0: "0s", 119: "119s", 120: "2m", 7199: "119m", 7200: "2h", 172800: "2d", 400 * 86400: "400d",
	} {
		if got := (entry{AgeSeconds: &seconds}).age(); got != want {
			t.Errorf("age after %d s = %q, want %q", seconds, got, want)
		}
	}
}

// TestNewlyMade checks that a version that is made this moment, by AWS's clock, has
// an age of 0, and not one that AWS does not say.
func TestNewlyMade(t *testing.T) {
	t.Parallel()
	d := manifest.Declaration{Variable: "A", Key: secret.Key{Service: secret.SecretsManager}}
	ahead := time.Now().Add(time.Minute)
	e := newEntry(d, &answers{records: map[secret.Key]*secret.Record{d.Key: {Created: ahead}}})
	if text, err := json.Marshal(e); err != nil || !strings.Contains(string(text), `"ageSeconds":0`) {
		t.Errorf("the JSON is %s (%v), want an ageSeconds of 0", text, err)
	}
}

// TestExitCode checks which of several findings counts.
func TestExitCode(t *testing.T) {
	t.Parallel()
	in := func(state string) []entry { return []entry{{State: found}, {State: state}} }
	tests := []struct {
		r    report
		want int
	}{
		{report{}, exitRight},
		{report{Warnings: []string{"x"}, Notes: []string{"x"}, References: in(absent)}, exitRight},
		{report{References: in(unasked)}, exitRight},
		{report{Mistakes: []string{"x"}}, exitWrong},
		{report{References: in(wrong)}, exitWrong},
		{report{Failures: []string{"x"}}, exitUnasked},
		{report{References: in(unanswered)}, exitUnasked},
		{report{Failures: []string{"x"}, References: in(wrong)}, exitWrong},
		{report{Mistakes: []string{"x"}, References: in(unanswered)}, exitWrong},
	}
	for _, test := range tests {
		if got := test.r.exitCode(); got != test.want {
			t.Errorf("the exit code of %+v is %d, want %d", test.r, got, test.want)
		}
	}
}
