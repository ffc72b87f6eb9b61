package main

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"larder/manifest"
	"larder/secret"
)

// TestUnusableLength is about the first byte too many: of name, '=', value and
// NUL.
func TestUnusableLength(t *testing.T) {
	t.Parallel()
	const longest = 131072
	tests := []struct {
		variable string
		size     int
		warns    bool
	}{
		{"A", longest - len("A") - 2, false},
		{"A", longest - len("A") - 1, true},
		{"DB_PASSWORD", longest - len("DB_PASSWORD") - 2, false},
		{"DB_PASSWORD", longest - len("DB_PASSWORD") - 1, true},
		{manifest.PrefetchVariable, longest, false}, // sets no variable
	}
	for _, test := range tests {
		warning := unusable(manifest.Declaration{Variable: test.variable}, secret.NewValue(bytes.Repeat([]byte("x"), test.size)))
		if (warning != "") != test.warns {
			t.Errorf("%d bytes in %s: the warning is %q, want one: %v", test.size, test.variable, warning, test.warns)
		}
	}
}

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
	e, _ := newEntry(d, &answers{records: map[secret.Key]*secret.Record{d.Key: {Created: ahead}}})
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
