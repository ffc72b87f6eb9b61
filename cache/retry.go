package cache

import (
	"context"
	"time"
)

// The bounds of the pause before a batch asks again for what has failed. It comes on
// top of the back-off within each call to AWS.
const (
	minPause = 500 * time.Millisecond
	maxPause = 4 * time.Second
)

// failed returns the flights of a call that are to be asked for again, and whose pause
// begins now.
func (c *Cache) failed(call *call) []*flight {
	c.mu.Lock()
	defer c.mu.Unlock()
	var fs []*flight
	for _, f := range call.flights {
		if f.call == call && !isDone(f.done) && f.failure != nil {
			fs = append(fs, f)
		}
	}
	call.pausing = len(fs) > 0
	return fs
}

// pause waits after a try, longer each time, and reports whether ctx has not ended
// then. It is drawn from the upper half of its bound, so that sandboxes that start
// together do not come back together.
func (c *Cache) pause(ctx context.Context, call *call, try int) bool {
	bound := min(maxPause, minPause<<min(try, 10))
	timer := time.NewTimer(time.Duration((1 + c.config.Random()) / 2 * float64(bound)))
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
		return false
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	call.pausing = false
	c.numberLocked(call)
	return ctx.Err() == nil
}
