package jitter_test

import (
	"testing"
	"time"

	"larder/internal/jitter"
)

func TestBelow(t *testing.T) {
	t.Parallel()
	for _, limit := range []time.Duration{-time.Second, 0, 1, 2, time.Second, 1<<63 - 1} {
		upper := time.Duration(0)
		for range 1000 {
			d := jitter.Below(limit)
			if d < 0 || d >= max(limit, 1) {
				t.Fatalf("Below(%v) = %v, want 0 ≤ d < limit", limit, d)
			}
			upper = max(upper, d)
		}
		// A thousand draws that all lie in the lower half are as likely as 2^-1000.
		if limit > 1 && upper < limit/2 {
			t.Errorf("Below(%v) was at most %v in 1000 draws, want the whole range", limit, upper)
		}
	}
}

func TestBetween(t *testing.T) {
	t.Parallel()
	const low, high = 0.70, 0.85
	least, most := high, low
	for range 1000 {
		x := jitter.Between(low, high)
		if x < low || x > high {
			t.Fatalf("Between(%v, %v) = %v, want it in the range", low, high, x)
		}
		least, most = min(least, x), max(most, x)
	}
	if middle := (low + high) / 2; least > middle || most < middle {
		t.Errorf("Between(%v, %v) drew from %v to %v only", low, high, least, most)
	}
	if x := jitter.Between(1, 1); x != 1 {
		t.Errorf("Between(1, 1) = %v, want 1", x)
	}
}
