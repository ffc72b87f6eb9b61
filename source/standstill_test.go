package source_test

import (
	"testing"
	"time"

	"larder/internal/awstest"
	"larder/secret"
	"larder/source"
)

// TestFrozen: what comes after more than a call's or an attempt's limit and a quarter of a second, by either
// clock, is marked.
func TestFrozen(t *testing.T) {
	const short = 300 * time.Millisecond
	hang, slow := awstest.Fault{Hang: true}, awstest.Fault{Delay: 200 * time.Millisecond}
	tests := []struct {
		name   string
		fault  awstest.Fault
		limit  time.Duration // zero: 5 s
		jump   time.Duration // of the wall clock, while AWS is asked
		want   string
		frozen bool
	}{
		{"a value", slow, 0, 0, "v", false},
		{"a timeout", hang, 0, 0, "!Timeout", false},
		{"a value, set ahead by less", slow, 0, 2 * time.Second, "v", false},
		{"a value, set ahead by more", slow, 0, 2100 * time.Millisecond, "v", true},
		{"a timeout, set ahead by less", hang, 0, 200 * time.Millisecond, "!Timeout", false},
		{"a timeout, set ahead by more", hang, 0, 300 * time.Millisecond, "!Timeout", true},
		{"a limit of one's own, by less", slow, short, 300 * time.Millisecond, "v", false},
		{"a limit of one's own, by more", slow, short, 400 * time.Millisecond, "v", true},
		{"a clock that was set back", slow, 0, -time.Hour, "v", false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			aws := full()
			aws.Faults = []awstest.Fault{tt.fault}
			play(t, aws, func(c *source.Config) { c.SecretsManagerTimeout = tt.limit }, func(t *testing.T, st *stand) {
				k := secretKey(t, "a")
				timer := time.AfterFunc(100*time.Millisecond, func() { st.jump(tt.jump) })
				defer timer.Stop()
				r := fetch(t, t.Context(), st.source, k)[k]
				if got := outcome(r); got != tt.want || r.Frozen != tt.frozen {
					t.Errorf("Fetch = %q, frozen %t, want %q, frozen %t", got, r.Frozen, tt.want, tt.frozen)
				}
				st.ClearFaults()
				if r := fetch(t, t.Context(), st.source, k)[k]; r.Frozen {
					t.Error("the next Fetch is marked, too")
				}
			})
		})
	}
}

// TestFrozenInTurn: who was waiting for his turn has stood still, too, and what
// was delivered before has not.
func TestFrozenInTurn(t *testing.T) {
	aws := full()
	aws.Faults = []awstest.Fault{{Action: "GetSecretValue", Delay: time.Second}}
	play(t, aws, func(c *source.Config) { c.MaxConnections = 1 }, func(t *testing.T, st *stand) {
		keys := stages(t, "A B C")
		timer := time.AfterFunc(1500*time.Millisecond, func() { st.jump(time.Hour) })
		defer timer.Stop()
		frozen := 0
		for _, r := range fetch(t, t.Context(), st.source, keys...) {
			if r.Err.Class != secret.NotFound {
				t.Errorf("Fetch = %v, want class NotFound", r.Err)
			}
			if r.Frozen {
				frozen++
			}
		}
		if frozen != 2 {
			t.Errorf("%d of three results are marked, want the last two", frozen)
		}
	})
}
