package source_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"testing"
	"time"

	"larder/internal/awstest"
	"larder/secret"
	"larder/source"
)

// world returns a world of n secrets and n parameters, the keys of each, and one of each
// that is in trouble.
func world(t *testing.T, n int) (aws awstest.Config, keys map[string][]secret.Key) {
	aws = awstest.Config{Secrets: map[string]awstest.Secret{}, Parameters: map[string]awstest.Parameter{}}
	keys = make(map[string][]secret.Key)
	for i := range n {
		name := fmt.Sprintf("k%02d", i)
		if i == n/2 {
			name = "trouble"
		}
		aws.Secrets[name] = awstest.Secret{String: "v"}
		aws.Parameters["/"+name] = awstest.Parameter{Value: "v"}
		keys["secrets"] = append(keys["secrets"], secretKey(t, name))
		keys["parameters"] = append(keys["parameters"], parameterKey(t, "/"+name))
	}
	return aws, keys
}

// TestOneKeyInTrouble: whatever is wrong with one secret or parameter, the nine that
// share its batch have their values, also before a time-out of its own; from then on
// it goes alone, until it comes.
func TestOneKeyInTrouble(t *testing.T) {
	for _, tr := range troubles() {
		if tr.want == secret.Throttled {
			continue // nobody is throttled for one key
		}
		for _, kind := range []string{"secrets", "parameters"} {
			t.Run(tr.name+"/"+kind, func(t *testing.T) {
				t.Parallel()
				aws, all := world(t, 10)
				keys := all[kind]
				fault := tr.fault
				fault.ID = "*trouble"
				aws.Faults = []awstest.Fault{fault}
				play(t, aws, nil, func(t *testing.T, st *stand) {
					for round := range 2 {
						before, start := len(st.Calls()), time.Now()
						others := others(t, st, keys, tr.want)
						if took := others.Sub(start); took > 2*time.Second {
							t.Errorf("round %d: the others came after %v, want 2s at most", round, took)
						}
						want, more := []int{tr.batches() + 9, 1}[round]+tr.attempts, 0
						if tr.want == secret.Timeout {
							more = 1 // on a connection that has been idle for as long as the batch hung
						}
						if n := len(st.Calls()) - before; n < want || n > want+more {
							t.Errorf("round %d: %d calls, want %d and up to %d more", round, n, want, more)
						}
					}
					st.ClearFaults()
					fetch(t, t.Context(), st.source, keys...)
					before := len(st.Calls())
					fetch(t, t.Context(), st.source, keys...)
					if n := len(st.Calls()) - before; n != 1 {
						t.Errorf("%d calls when the trouble is over, want one batch", n)
					}
				})
			})
		}
	}
}

// others fetches keys, of which one is in trouble, and returns when the last of the
// others has come.
func others(t *testing.T, st *stand, keys []secret.Key, want secret.Class) (last time.Time) {
	t.Helper()
	came := make(chan time.Time, len(keys))
	results := make(chan secret.Result, len(keys))
	st.source.Fetch(t.Context(), keys, func(r secret.Result) {
		if r.Err == nil {
			came <- time.Now()
		}
		results <- r
	})
	close(came)
	for at := range came {
		last = at
	}
	for range keys {
		r := <-results
		troubled := r.Key.ID == "trouble" || r.Key.ID == "/trouble"
		switch {
		case troubled && (r.Err == nil || r.Err.Class != want):
			t.Errorf("Fetch of %v: %v, want class %v", r.Key, r.Err, want)
		case !troubled && outcome(r) != "v":
			t.Errorf("Fetch of %v = %q, want its value", r.Key, outcome(r))
		}
	}
	return last
}

// TestAWSFailsAsAWhole: two single calls show that it is not one key's fault, and the
// rest of the batch costs AWS nothing.
func TestAWSFailsAsAWhole(t *testing.T) {
	for _, tr := range troubles() {
		if tr.want == secret.Throttled {
			continue // see TestThrottledThroughout
		}
		t.Run(tr.name, func(t *testing.T) {
			t.Parallel()
			aws, all := world(t, 20)
			aws.Faults = []awstest.Fault{tr.fault}
			play(t, aws, nil, func(t *testing.T, st *stand) {
				for k, r := range fetch(t, t.Context(), st.source, all["secrets"]...) {
					if r.Err == nil || r.Err.Class != tr.want {
						t.Errorf("Fetch of %v: %v, want class %v", k, r.Err, tr.want)
					}
				}
				want := fmt.Sprintf("BatchGetSecretValue %d, GetSecretValue %d", tr.batches(), 2*tr.attempts)
				if st.counted() != want {
					t.Errorf("calls: %s, want %s", st.counted(), want)
				}
			})
		})
	}
}

// TestNoConnectionIsNobodysFault: where AWS cannot be reached, single calls would not
// reach it either.
func TestNoConnectionIsNobodysFault(t *testing.T) {
	aws, all := world(t, 20)
	play(t, aws, func(c *source.Config) {
		c.SetDial(func(context.Context, string, string) (net.Conn, error) {
			return nil, &net.OpError{Op: "dial", Net: "tcp", Err: errors.New("no way")}
		})
	}, func(t *testing.T, st *stand) {
		for k, r := range fetch(t, t.Context(), st.source, all["secrets"]...) {
			if r.Err == nil || r.Err.Class != secret.Unavailable {
				t.Errorf("Fetch of %v: %v, want class Unavailable", k, r.Err)
			}
		}
		for _, a := range st.attempts {
			if a.Action != secret.BatchGetSecretValue {
				t.Errorf("an attempt of %s, want none but of the batch", a.Action)
			}
		}
		if n := len(st.attempts); n != 4 {
			t.Errorf("%d attempts, want 4", n)
		}
	})
}

// TestBatchesHang: where something on the way swallows batches and lets single calls
// pass, two seconds are lost once, and again when there was time to mend it.
func TestBatchesHang(t *testing.T) {
	aws, all := world(t, 10)
	aws.Faults = []awstest.Fault{{Action: "BatchGetSecretValue", Hang: true}, {Action: "GetParameters", Hang: true}}
	play(t, aws, nil, func(t *testing.T, st *stand) {
		for _, step := range []struct {
			name string
			wait time.Duration
			took time.Duration
		}{
			{"the first time", 0, 2 * time.Second},
			{"now it is known", 0, 0},
			{"five minutes later", 5 * time.Minute, 2 * time.Second},
		} {
			time.Sleep(step.wait)
			for _, keys := range all {
				start := time.Now()
				for k, r := range fetch(t, t.Context(), st.source, keys...) {
					if outcome(r) != "v" {
						t.Errorf("%s: Fetch of %v = %q, want its value", step.name, k, outcome(r))
					}
				}
				if took := time.Since(start); took != step.took {
					t.Errorf("%s: it took %v, want %v", step.name, took, step.took)
				}
			}
		}
	})
}

// TestThrottledThroughout: who is throttled asks less and less. What is asked for
// together has the failure of the one call that asked.
func TestThrottledThroughout(t *testing.T) {
	for _, kind := range []string{"secrets", "parameters"} {
		for _, n := range []int{4, 20, 60} {
			t.Run(fmt.Sprint(n, " ", kind), func(t *testing.T) {
				t.Parallel()
				aws, all := world(t, n)
				aws.Faults = []awstest.Fault{{Code: "ThrottlingException"}}
				play(t, aws, nil, func(t *testing.T, st *stand) {
					for round, most := range []int{16, 3 + 4*(n+19)/20, 3 + 4*(n+19)/20} {
						before := len(st.Calls())
						for k, r := range fetch(t, t.Context(), st.source, all[kind]...) {
							if r.Err == nil || r.Err.Class != secret.Throttled || r.Err.Key != k {
								t.Errorf("Fetch of %v: %v, want class Throttled", k, r.Err)
							}
						}
						if calls := len(st.Calls()) - before; calls > most || calls < 1 {
							t.Errorf("round %d: %d calls, want 1 to %d", round, calls, most)
						}
					}
					st.ClearFaults()
					for k, r := range fetch(t, t.Context(), st.source, all[kind]...) {
						if outcome(r) != "v" {
							t.Errorf("Fetch of %v = %q when AWS answers again, want its value", k, outcome(r))
						}
					}
				})
			})
		}
	}
}

// TestThrottledWhileAlone: stages go singly, so that no batch bounds their calls.
func TestThrottledWhileAlone(t *testing.T) {
	aws := full()
	aws.Faults = []awstest.Fault{{Code: "ThrottlingException"}}
	play(t, aws, nil, func(t *testing.T, st *stand) {
		keys := stages(t, "A B C D E F G H I J K L M N O P Q R S T")
		for round, most := range []int{16, 10, 10} { // one, and those that came when it had its answer: no time passes here
			before := len(st.Calls())
			fetch(t, t.Context(), st.source, keys...)
			if calls := len(st.Calls()) - before; calls > most {
				t.Errorf("round %d: %d calls, want at most %d", round, calls, most)
			}
		}
		time.Sleep(5 * time.Second) // long enough ago to be as patient as ever
		before := len(st.Calls())
		fetch(t, t.Context(), st.source, keys[0])
		if calls := len(st.Calls()) - before; calls != 4 {
			t.Errorf("%d calls for a key later, want 4 attempts", calls)
		}
	})
}
