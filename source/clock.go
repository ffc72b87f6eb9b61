package source

import "time"

// clock reads the wall clock, which a test may set. The monotonic one is package
// time's.
type clock func() time.Time

func systemClock() time.Time { return time.Now().Round(0) } // without the monotonic reading

// instant is a moment by both clocks: while a sandbox is frozen either may stand
// still, and the wall's may be set.
type instant struct{ wall, monotonic time.Time }

func (c clock) now() instant { return instant{wall: c(), monotonic: time.Now()} }

// since returns how long ago a moment was, by the clock that says more.
func (c clock) since(then instant) time.Duration {
	now := c.now()
	return max(now.wall.Sub(then.wall), now.monotonic.Sub(then.monotonic))
}
