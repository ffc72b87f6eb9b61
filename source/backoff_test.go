package source_test

import (
	"net/http"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"larder/secret"
	"larder/source"
)

// waits returns how long a Source of its own waits between the four attempts at
// a call that AWS fails, for each of so many calls.
func waits(t *testing.T, calls int) [][]time.Duration {
	t.Helper()
	var attempts []time.Time
	s := source.New(source.Config{
		AccessKeyID: "AKIDEXAMPLE", SecretAccessKey: secret.NewValue([]byte("x")),
		Transport: roundTrip(func(r *http.Request) (*http.Response, error) {
			attempts = append(attempts, time.Now())
			return &http.Response{StatusCode: 503, Header: http.Header{}, Body: http.NoBody, Request: r}, nil
		}),
	})
	k := secretKey(t, "a")
	all := make([][]time.Duration, calls)
	for i := range all {
		attempts = nil
		fetch(t, t.Context(), s, k)
		if len(attempts) != 4 {
			t.Fatalf("%d attempts at a call that fails, want 4", len(attempts))
		}
		for n := range 3 {
			all[i] = append(all[i], attempts[n+1].Sub(attempts[n]))
		}
	}
	return all
}

// TestBackoff: a wait is anywhere between nothing and a bound that doubles, so
// that the instances of a function that start together do not come back
// together. Of 300 draws none falls into a given quarter once in 10^37 runs.
func TestBackoff(t *testing.T) {
	const calls = 300
	synctest.Test(t, func(t *testing.T) {
		one, other := waits(t, calls), waits(t, calls)
		if slices.EqualFunc(one, other, slices.Equal[[]time.Duration]) {
			t.Errorf("two instances wait alike, %d times", calls)
		}
		for n, bound := range []time.Duration{100 * time.Millisecond, 200 * time.Millisecond, 400 * time.Millisecond} {
			var quarters [4]int
			for _, call := range one {
				wait := call[n]
				if wait < 0 || wait >= bound {
					t.Fatalf("wait %d was %v, want less than %v", n+1, wait, bound)
				}
				quarters[4*wait/bound]++
			}
			if slices.Contains(quarters[:], 0) {
				t.Errorf("wait %d fell into the quarters of %v %v times, want all of them hit", n+1, bound, quarters)
			}
		}
	})
}
