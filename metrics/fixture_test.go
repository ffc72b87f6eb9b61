package metrics_test

import (
	"strings"
	"testing"
	"time"

	"larder/cache"
	"larder/extension"
	"larder/metrics"
	"larder/secret"
)

// held is what the cache of these tests holds.
var held = cache.Stats{Entries: 3, Bytes: 120, Oldest: 90 * time.Second}

func start(managed bool) *metrics.Counters {
	return metrics.New(metrics.Config{Cache: func() cache.Stats { return held }, Managed: managed})
}

// busy counts some of everything.
func busy(c *metrics.Counters) {
	for _, r := range []metrics.Read{
		{How: cache.Hit, Age: time.Second}, {How: cache.Hit, Age: 3 * time.Second}, {How: cache.Wait}, {How: cache.Miss},
		{How: cache.Stale, Age: 400 * time.Second}, {Refused: true},
		{How: cache.Miss, Failure: secret.NotFound}, {How: cache.Hit, Failure: secret.NotFound}, {Failure: secret.BadReference},
		{How: cache.Wait, Failure: secret.LastClass},
		{}, // of nothing: counts as none
	} {
		c.Read(r)
	}
	c.Call(secret.GetSecretValue, 0)
	c.Call(secret.GetSecretValue, 0)
	c.Call(secret.GetSecretValue, secret.Throttled)
	c.Call(secret.BatchGetSecretValue, secret.Denied)
	c.Prefetched(125 * time.Millisecond)
	c.Refreshed(30 * time.Millisecond)
	c.Refreshed(20 * time.Millisecond)
	c.Invoked()
}

// at is a moment by the platform's clock, in milliseconds after the start.
func at(ms int) time.Time { return time.UnixMilli(1_795_000_000_000 + int64(ms)) }

// event is one of the platform's, with spans as name and milliseconds by turns.
func event(ms int, kind, id string, duration float64, spans ...any) extension.PlatformEvent {
	e := extension.PlatformEvent{Time: at(ms), Type: kind, RequestID: id, Duration: milliseconds(duration), Spans: map[string]time.Duration{}}
	for i := 0; i < len(spans); i += 2 {
		e.Spans[spans[i].(string)] = milliseconds(spans[i+1].(float64))
	}
	return e
}

func milliseconds(ms float64) time.Duration { return time.Duration(ms * float64(time.Millisecond)) }

// initialized tells of an init of the platform's, and when the extension was ready.
func initialized(c *metrics.Counters) {
	c.Platform(event(0, "platform.initStart", "", 0))
	c.Platform(event(300, "platform.initRuntimeDone", "", 0))
	c.Platform(event(301, "platform.initReport", "", 350))
	c.Ready(at(5), at(320))
}

// invoke tells of one invoke of the platform's.
func invoke(c *metrics.Counters, id string) {
	c.Platform(event(1000, "platform.start", id, 0))
	c.Platform(event(1013, "platform.runtimeDone", id, 12, "responseLatency", 8.0, "responseDuration", 2.0, "runtimeOverhead", 1.0))
	c.Platform(event(1020, "platform.report", id, 15.5, "extensionOverhead", 3.5))
}

// sample returns the line of a sample in Prometheus's text, or "" without one.
func sample(text, name string) string {
	for line := range strings.Lines(text) {
		if rest, ok := strings.CutPrefix(line, name+" "); ok {
			return strings.TrimSpace(rest)
		}
	}
	return ""
}

func is[T comparable](t *testing.T, what string, got, want T) {
	t.Helper()
	if got != want {
		t.Errorf("%s = %v, want %v", what, got, want)
	}
}
