package metrics

import (
	"log/slog"
	"time"

	"larder/cache"
)

// Summary returns what has been counted, for one line of a log.
func (c *Counters) Summary() []slog.Attr {
	t := c.totals()
	attrs := []slog.Attr{
		slog.Int64("reads", t.reads),
		slog.Int64("hits", t.by[cache.Hit]), slog.Int64("waits", t.by[cache.Wait]),
		slog.Int64("misses", t.by[cache.Miss]), slog.Int64("stale", t.by[cache.Stale]),
		slog.Int64("refused", t.by[refused]),
		slog.Int64("refreshes", t.refreshes), slog.Int64("calls", t.calls), slog.Int64("failedCalls", t.failedCalls),
		slog.Float64("worstAge", time.Duration(c.worst.Load()).Round(time.Millisecond).Seconds()),
	}
	var failed []any
	for i := failures; i < results; i++ {
		if t.by[i] > 0 {
			failed = append(failed, slog.Int64(resultName(i), t.by[i]))
		}
	}
	if len(failed) > 0 {
		attrs = append(attrs, slog.Group("errors", failed...))
	}
	return attrs
}

// totals are the sums at some moment.
type totals struct {
	reads                 int64 // all but those that were refused
	by                    [results]int64
	failed                int64
	calls, failedCalls    int64
	refreshes, invokes    int64
	refreshed, prefetched time.Duration
}

func (c *Counters) totals() totals {
	t := totals{
		refreshes: c.refreshes.Load(), refreshed: time.Duration(c.refreshTime.Load()),
		prefetched: time.Duration(c.prefetchTime.Load()), invokes: c.invokes.Load(),
	}
	for i := range c.reads {
		n := c.reads[i].Load()
		t.by[i] = n
		if i != refused {
			t.reads += n
		}
		if i >= failures {
			t.failed += n
		}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	t.calls, t.failedCalls = c.sumCallsLocked()
	return t
}
