package metrics_test

import (
	"fmt"
	"os"
	"strconv"
	"testing"

	"larder/cache"
	"larder/metrics"
)

// TestPrometheus compares the whole text with a file.
func TestPrometheus(t *testing.T) {
	t.Parallel()
	c := start(false)
	busy(c)
	initialized(c)
	invoke(c, "a")
	want, err := os.ReadFile("testdata/all.prom")
	if err != nil {
		t.Fatal(err)
	}
	is(t, "the text", string(c.Prometheus()), string(want))
}

// Before anything happens the ways to an answer stand at 0, so that a rate can be
// computed from the first one on; what may never happen is left out.
func TestPrometheusAtFirst(t *testing.T) {
	t.Parallel()
	text := string(start(false).Prometheus())
	for _, result := range []string{"refused", "hit", "wait", "miss", "stale"} {
		is(t, result, sample(text, `larder_reads_total{result="`+result+`"}`), "0")
	}
	for _, name := range []string{`larder_reads_total{result="NotFound"}`, "larder_platform_running_invokes", "larder_platform_init_seconds"} {
		is(t, name, sample(text, name), "")
	}
}

// A hit costs no allocation; that it takes no lock can be read in the code.
func TestReadAllocatesNothing(t *testing.T) {
	c := start(false)
	if n := testing.AllocsPerRun(100, func() { c.Read(metrics.Read{How: cache.Hit, Age: 1}) }); n != 0 {
		t.Errorf("counting a read allocates %v times", n)
	}
}

// TestShare checks how much of init is called ours.
func TestShare(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name                             string
		registered, runtimeDone, next    int // milliseconds after initStart
		report                           float64
		wantInit, wantShare              string
		withoutStart, withoutRuntimeDone bool
	}{
		{"ready before the runtime", 5, 300, 100, 310, "0.31", "0.005", false, false},
		{"the runtime waits", 5, 300, 450, 460, "0.46", "0.155", false, false},
		{"no more than all of init", 5, 10, 5000, 20, "0.02", "0.02", false, false},
		{"clocks that disagree", -50, 300, 100, 310, "0.31", "0", false, false},
		{"clocks that are ages apart", 1 << 60, 300, 1 << 60, 310, "0.31", "0.31", false, false},
		{"no initStart", 5, 300, 100, 310, "", "", true, false},
		{"no initRuntimeDone", 5, 300, 100, 310, "", "", false, true},
		{"no initReport", 5, 300, 100, 0, "", "", false, false},
	}
	for _, tt := range tests {
		c := start(false)
		c.Ready(at(tt.registered), at(tt.next))
		if !tt.withoutStart {
			c.Platform(event(0, "platform.initStart", "", 0))
		}
		if !tt.withoutRuntimeDone {
			c.Platform(event(tt.runtimeDone, "platform.initRuntimeDone", "", 0))
		}
		c.Platform(event(tt.runtimeDone+1, "platform.initReport", "", tt.report))
		text := string(c.Prometheus())
		is(t, tt.name+": init", sample(text, "larder_platform_init_seconds"), tt.wantInit)
		is(t, tt.name+": share", sample(text, "larder_platform_init_share_seconds"), tt.wantShare)
	}
}

// Events may come in any order, twice, and about invokes that nobody knows.
func TestPlatform(t *testing.T) {
	t.Parallel()
	const after, running = "larder_platform_after_response_seconds", "larder_platform_running_invokes"
	tests := []struct {
		name                      string
		managed                   bool
		tell                      func(*metrics.Counters)
		after, running, isAwaited string
		invokes                   string
	}{
		{"one invoke", false, func(c *metrics.Counters) { invoke(c, "a") }, "0.0055", "0", "false", "0"},
		{"one that has not ended", false, func(c *metrics.Counters) { c.Platform(event(0, "platform.start", "a", 0)) }, "", "1", "true", "0"},
		{"a report without the rest", false, func(c *metrics.Counters) {
			c.Platform(event(0, "platform.report", "a", 9, "extensionOverhead", 1.0))
		}, "", "0", "false", "0"},
		{"the report twice", false, func(c *metrics.Counters) {
			invoke(c, "a")
			c.Platform(event(0, "platform.report", "a", 15.5))
		}, "0.0055", "0", "false", "0"},
		{"a report that is too short", false, func(c *metrics.Counters) {
			c.Platform(event(0, "platform.runtimeDone", "a", 0, "responseLatency", 8.0))
			c.Platform(event(0, "platform.report", "a", 7))
		}, "", "0", "false", "0"},
		{"managed instances", true, func(c *metrics.Counters) {
			for _, id := range []string{"a", "b", "c"} {
				c.Platform(event(0, "platform.start", id, 0))
			}
			c.Platform(event(0, "platform.report", "b", 10, "responseLatency", 6.0, "responseDuration", 1.0))
		}, "0.003", "2", "true", "3"},
		{"managed instances, the report before the start", true, func(c *metrics.Counters) {
			c.Platform(event(10, "platform.report", "a", 10, "responseLatency", 6.0, "responseDuration", 1.0))
			c.Platform(event(0, "platform.start", "a", 0))
		}, "0.003", "0", "false", "1"},
		{"managed instances, a delivery that is repeated", true, func(c *metrics.Counters) {
			for range 2 {
				c.Platform(event(0, "platform.start", "a", 0))
				c.Platform(event(0, "platform.start", "b", 0))
				c.Platform(event(10, "platform.report", "a", 10, "responseLatency", 6.0, "responseDuration", 1.0))
			}
		}, "0.003", "1", "true", "2"},
		{"what was expected", false, func(c *metrics.Counters) {
			c.Expect("a")
			c.Expect("b")
			invoke(c, "b")
		}, "0.0055", "0", "false", "0"},
		{"what is expected", false, func(c *metrics.Counters) {
			c.Expect("a")
			invoke(c, "a")
			c.Expect("b")
		}, "0.0055", "0", "true", "0"},
	}
	for _, tt := range tests {
		c := start(tt.managed)
		tt.tell(c)
		text := string(c.Prometheus())
		is(t, tt.name+": after the response", sample(text, after+"_sum"), tt.after)
		is(t, tt.name+": running", sample(text, running), tt.running)
		is(t, tt.name+": awaited", fmt.Sprint(c.Awaited()), tt.isAwaited)
		is(t, tt.name+": invokes", sample(text, "larder_invokes_total"), tt.invokes)
	}
}

// A delivery whose answer was lost comes again, and counts once. An invoke that is tried
// again has the same id, and counts.
func TestPlatformRepeats(t *testing.T) {
	t.Parallel()
	c := start(false)
	invoke(c, "a")
	c.Platform(event(2000, "platform.start", "b", 0))
	c.Platform(event(2010, "platform.runtimeDone", "b", 9, "responseLatency", 5.0))
	invoke(c, "a")
	c.Platform(event(2000, "platform.start", "b", 0))
	c.Platform(event(2010, "platform.runtimeDone", "b", 9, "responseLatency", 5.0))
	for name, want := range map[string]string{"response_latency_seconds_count": "2", "extension_overhead_seconds_count": "1", "after_response_seconds_count": "1", "running_invokes": "1"} {
		is(t, "repeated: "+name, sample(string(c.Prometheus()), "larder_platform_"+name), want)
	}
	c.Platform(event(60_000, "platform.start", "a", 0))
	c.Platform(event(60_010, "platform.runtimeDone", "a", 9, "responseLatency", 5.0))
	is(t, "tried again: running", sample(string(c.Prometheus()), "larder_platform_running_invokes"), "2")
	c.Platform(event(60_020, "platform.report", "a", 9, "extensionOverhead", 1.0))
	for name, want := range map[string]string{"response_latency_seconds_count": "3", "extension_overhead_seconds_count": "2", "after_response_seconds_count": "2", "running_invokes": "1"} {
		is(t, "tried again: "+name, sample(string(c.Prometheus()), "larder_platform_"+name), want)
	}
}

// However much is told, a sum never falls.
func TestPlatformSum(t *testing.T) {
	t.Parallel()
	c := start(false)
	const day, days = 24 * 60 * 60 * 1000.0, 200_000
	for i := range days {
		c.Platform(event(0, "platform.runtimeDone", strconv.Itoa(i), 0, "responseLatency", day))
	}
	sum, err := strconv.ParseFloat(sample(string(c.Prometheus()), "larder_platform_response_latency_seconds_sum"), 64)
	if err != nil || sum < 9e9 {
		t.Errorf("the sum of %d days is %g seconds, %v", days, sum, err)
	}
}

// Ten thousand events, of as many invokes that never end, cost no more memory than
// a thousand.
func TestPlatformIsBounded(t *testing.T) {
	t.Parallel()
	c := start(true)
	for i := range 10_000 {
		id := fmt.Sprint(i)
		c.Platform(event(0, "platform.start", id, 0))
		c.Platform(event(0, "platform.runtimeDone", id, 0, "responseLatency", 1.0))
	}
	text := string(c.Prometheus())
	is(t, "running", sample(text, "larder_platform_running_invokes"), "1024")
	is(t, "latencies", sample(text, "larder_platform_response_latency_seconds_count"), "10000")
	is(t, "invokes", sample(text, "larder_invokes_total"), "10000")
}
