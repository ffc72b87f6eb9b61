package source_test

import (
	"context"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"larder/internal/awstest"
	"larder/secret"
	"larder/source"
)

func TestCancel(t *testing.T) {
	aws := full()
	aws.Faults = []awstest.Fault{{Hang: true}}
	for action, keys := range questions(t) {
		t.Run(action, func(t *testing.T) {
			play(t, aws, nil, func(t *testing.T, st *stand) {
				ctx, cancel := context.WithCancel(t.Context())
				start := time.Now()
				go func() {
					synctest.Wait() // until the call hangs
					cancel()
				}()
				got := fetch(t, ctx, st.source, keys...)
				for _, k := range keys {
					if e := got[k].Err; e == nil || e.Class != secret.Canceled {
						t.Errorf("Fetch of %v: %v, want class Canceled", k, e)
					}
				}
				if took := time.Since(start); took != 0 {
					t.Errorf("Fetch went on for %v after it was cancelled", took)
				}
				if a := st.attempts; len(a) != 1 || a[0].Failure != secret.Canceled {
					t.Errorf("observed %+v, want one attempt that was cancelled", a)
				}
				// From now on there is not even a call.
				fetch(t, ctx, st.source, keys...)
				if n := len(st.Calls()); n != 1 {
					t.Errorf("%d calls after a Fetch with a dead context, want none", n-1)
				}
				if n := len(st.attempts); n != 1 {
					t.Errorf("%d attempts observed after a Fetch with a dead context, want none", n-1)
				}
			})
		})
	}
}

// TestDeadline: the end of the caller's time is his, not AWS's failure.
func TestDeadline(t *testing.T) {
	aws := full()
	aws.Faults = []awstest.Fault{{Hang: true}}
	play(t, aws, nil, func(t *testing.T, st *stand) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		k := secretKey(t, "a")
		if e := fetch(t, ctx, st.source, k)[k].Err; e == nil || e.Class != secret.Canceled {
			t.Errorf("Fetch past the caller's deadline: %v, want class Canceled", e)
		}
	})
}

func TestTimeouts(t *testing.T) {
	tests := []struct {
		name       string
		secrets    time.Duration
		parameters time.Duration
		key        secret.Key
		want       time.Duration
	}{
		{"none", 0, 0, secretKey(t, "a"), 5 * time.Second},
		{"none but for the other service", 0, time.Second, secretKey(t, "a"), 5 * time.Second},
		{"secrets", 300 * time.Millisecond, 0, secretKey(t, "a"), 300 * time.Millisecond},
		{"parameters", 0, time.Second, parameterKey(t, "/a"), time.Second},
		{"more than there is", time.Minute, 0, secretKey(t, "a"), 5 * time.Second},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			aws := full()
			aws.Faults = []awstest.Fault{{Hang: true}}
			play(t, aws, func(c *source.Config) {
				c.SecretsManagerTimeout, c.ParameterStoreTimeout = tt.secrets, tt.parameters
			}, func(t *testing.T, st *stand) {
				start := time.Now()
				e := fetch(t, t.Context(), st.source, tt.key)[tt.key].Err
				if took := time.Since(start); e == nil || e.Class != secret.Timeout || took != tt.want {
					t.Errorf("Fetch took %v and ended with %v, want a timeout after %v", took, e, tt.want)
				}
			})
		})
	}
}

// stages returns keys of one secret that go in a call of their own each.
func stages(t *testing.T, names string) []secret.Key {
	var keys []secret.Key
	for _, stage := range strings.Fields(names) {
		keys = append(keys, secretVersion(t, "a", "", stage))
	}
	return keys
}

// TestMaxConnections: calls that wait for their turn do not use up their time.
func TestMaxConnections(t *testing.T) {
	aws := full()
	aws.Faults = []awstest.Fault{{Delay: 1500 * time.Millisecond}}
	play(t, aws, func(c *source.Config) { c.MaxConnections = 2 }, func(t *testing.T, st *stand) {
		keys := stages(t, "A B C D E F G H")
		start := time.Now()
		got := fetch(t, t.Context(), st.source, keys...)
		if took := time.Since(start); took != 6*time.Second {
			t.Errorf("8 calls of 1.5 s, two at a time, took %v, want 6s", took)
		}
		for _, k := range keys {
			if e := got[k].Err; e.Class != secret.NotFound {
				t.Errorf("Fetch of %v: %v, want class NotFound", k, e)
			}
		}
	})
}

// TestNoTurn: while AWS hangs, a wait for a turn ends, too.
func TestNoTurn(t *testing.T) {
	const limit, turns = 2 * time.Second, 3
	tests := []struct {
		name    string
		patient time.Duration // the caller
		class   secret.Class
		longest time.Duration
		turned  int // away, at least
	}{
		{"AWS hangs", time.Hour, secret.Timeout, 2 * limit, 12 - 2*turns},
		{"the caller leaves", limit / 2, secret.Canceled, limit / 2, 0},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			aws := full()
			aws.Faults = []awstest.Fault{{Hang: true}}
			play(t, aws, func(c *source.Config) {
				c.MaxConnections, c.SecretsManagerTimeout = turns, limit
			}, func(t *testing.T, st *stand) {
				keys := stages(t, "A B C D E F G H I J K L")
				ctx, cancel := context.WithTimeout(t.Context(), tt.patient)
				defer cancel()
				start := time.Now()
				got := fetch(t, ctx, st.source, keys...)
				if took := time.Since(start); took > tt.longest {
					t.Errorf("Fetch took %v, want at most %v", took, tt.longest)
				}
				turned := 0
				for _, k := range keys {
					e := got[k].Err
					if e == nil || e.Class != tt.class {
						t.Errorf("Fetch of %v: %v, want class %v", k, e, tt.class)
					} else if strings.Contains(e.Message, "PARAMETERS_SECRETS_EXTENSION_MAX_CONNECTIONS") {
						turned++
					}
				}
				if turned < tt.turned || tt.turned == 0 && turned != 0 {
					t.Errorf("%d of %d were told that there was no turn, want at least %d", turned, len(keys), tt.turned)
				}
			})
		})
	}
}
