package cache

import "time"

// Clock tells the time by two clocks that may disagree. A Lambda sandbox is
// frozen between invokes; whether the monotonic clock stands still meanwhile is
// reported both ways, and the wall clock may be set back. The cache believes
// whichever says that more time has passed.
type Clock interface {
	// Now reads both clocks.
	Now() Instant
}

// Instant is one reading of both clocks.
type Instant struct {
	// Wall is the time of day, without Go's monotonic reading.
	Wall time.Time
	// Mono is the time since some fixed moment on the monotonic clock.
	Mono time.Duration
}

// before returns the instant that was d earlier.
func (i Instant) before(d time.Duration) Instant {
	return Instant{Wall: i.Wall.Add(-d), Mono: i.Mono - d}
}

// SystemClock returns the machine's clocks.
func SystemClock() Clock { return systemClock{start: time.Now()} }

type systemClock struct{ start time.Time }

func (c systemClock) Now() Instant {
	now := time.Now()
	return Instant{Wall: now.Round(0), Mono: now.Sub(c.start)}
}

// setBack is how far the wall clock may go back before an entry's age is
// unknown. Time services correct by less all the time.
const setBack = time.Second

// age returns how old something is that was asked for at sent, and false when
// that is a guess because the wall clock was set back behind it.
func age(sent, now Instant) (time.Duration, bool) {
	wall := now.Wall.Sub(sent.Wall)
	return max(wall, now.Mono-sent.Mono), wall >= -setBack
}

// passed reports whether at least d has passed, or nobody knows because the wall
// clock was set back.
func passed(since, now Instant, d time.Duration) bool {
	age, known := age(since, now)
	return age >= d || !known
}
