// Package jitter draws the random parts of waits and ages, which keep sandboxes
// that start together from calling AWS together.
//
// It draws from the system's source. The generators of math/rand are seeded when
// a process starts: sandboxes that SnapStart restores from one snapshot would
// share their state and draw the same numbers.
package jitter

import (
	"crypto/rand"
	"encoding/binary"
	"math/bits"
	"time"
)

// Below returns a time d with 0 ≤ d < limit, and 0 where limit is not positive.
func Below(limit time.Duration) time.Duration {
	if limit <= 0 {
		return 0
	}
	high, _ := bits.Mul64(draw(), uint64(limit))
	return time.Duration(high)
}

// Between returns a number from low, included, to high.
func Between(low, high float64) float64 {
	const fraction = 53 // bits that a float64 between 0 and 1 can tell apart
	return low + (high-low)*float64(draw()>>(64-fraction))/(1<<fraction)
}

func draw() uint64 {
	var b [8]byte
	rand.Read(b[:]) // never fails: it ends the process instead
	return binary.NativeEndian.Uint64(b[:])
}
