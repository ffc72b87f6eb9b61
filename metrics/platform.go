package metrics

import (
	"math"
	"time"

	"larder/extension"
)

// platform is what Lambda's own events tell. They come late, one by one, in any
// order, and from anybody who finds the listener: nothing here grows with their
// number, and they decide two things only, both within bounds: for how long the end
// waits for the rest, and, on Managed Instances, after how many invokes a line of
// metrics is due.
type platform struct {
	told bool // there was an event

	initStart, runtimeDone time.Time // of init, by the platform's clock
	initTook               time.Duration
	registered, ready      time.Time // ours: register was answered; next was asked for

	running   map[string]bool          // invokes under way, by request id
	responded map[string]time.Duration // from an invoke's start to the end of its response
	over      map[string]time.Time     // when the platform reported on an invoke
	expected  string                   // the invoke whose report is still to come; empty for none

	latency, overhead, after series
}

func newPlatform() platform {
	return platform{
		running: make(map[string]bool), responded: make(map[string]time.Duration), over: make(map[string]time.Time),
		latency:  series{name: "response_latency", metric: "ResponseLatency", help: "From the start of an invoke to the beginning of its response."},
		overhead: series{name: "extension_overhead", metric: "ExtensionOverhead", help: "How long extensions held an invoke after the runtime was done with it."},
		after:    series{name: "after_response", metric: "BilledAfterResponse", help: "Billed time of an invoke after its response."},
	}
}

func (p *platform) series() []*series { return []*series{&p.latency, &p.overhead, &p.after} }

// series is one figure of each invoke.
type series struct {
	name, metric, help string
	count              int64
	sum                time.Duration
	recent             []float64 // milliseconds, since the last embedded line
}

// maxRecent is as many values as one metric of an embedded line may have. Those
// beyond it are only counted and summed up.
// Source: docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html
const maxRecent = 100

func (s *series) add(d time.Duration) {
	s.count++
	s.sum = min(s.sum, math.MaxInt64-d) + d // of what is told, centuries may come together
	if len(s.recent) < maxRecent {
		s.recent = append(s.recent, millis(d))
	}
}

func millis(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }

// Ready notes when Lambda had registered the extension and when that asks for its
// first event: by the wall clock, as the platform's own events do.
func (c *Counters) Ready(registered, next time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.platform.registered, c.platform.ready = registered, next
}

// Platform notes an event of the platform.
func (c *Counters) Platform(e extension.PlatformEvent) {
	c.mu.Lock()
	defer c.mu.Unlock()
	p := &c.platform
	p.told = true
	switch e.Type {
	case "platform.initStart":
		p.initStart = e.Time
	case "platform.initRuntimeDone":
		p.runtimeDone = e.Time
	case "platform.initReport":
		p.initTook = e.Duration
	case "platform.start", "platform.runtimeDone", "platform.report":
		c.invokeLocked(e)
	}
}

// invokeLocked notes an event of an invoke. It may be one that is known, as a delivery
// is repeated whose answer was lost in a freeze; and on Managed Instances the report
// may come before the start.
func (c *Counters) invokeLocked(e extension.PlatformEvent) {
	p := &c.platform
	// What is not later than its report is told once more. A retry has the same id, and
	// comes later.
	if reported, ok := p.over[e.RequestID]; ok && !e.Time.After(reported) {
		return
	}
	if c.config.Managed && e.Type != "platform.runtimeDone" && !p.running[e.RequestID] {
		c.invokes.Add(1)
	}
	switch e.Type {
	case "platform.start":
		keep(p.running, e.RequestID, true)
	case "platform.runtimeDone":
		p.respond(e)
	case "platform.report":
		p.respond(e) // on Managed Instances the spans are here
		p.report(e)
	}
}

// maxKept bounds the invokes about which something is remembered: more than a
// sandbox ever has at once. An event that never comes must not cost memory.
const maxKept = 1024

func keep[V any](m map[string]V, id string, value V) {
	if len(m) >= maxKept {
		for other := range m {
			delete(m, other)
			break
		}
	}
	m[id] = value
}

func (p *platform) respond(e extension.PlatformEvent) {
	latency, ok := e.Spans["responseLatency"]
	if _, known := p.responded[e.RequestID]; known || !ok {
		return
	}
	p.latency.add(latency)
	keep(p.responded, e.RequestID, latency+e.Spans["responseDuration"])
}

func (p *platform) report(e extension.PlatformEvent) {
	delete(p.running, e.RequestID)
	keep(p.over, e.RequestID, e.Time)
	if e.RequestID == p.expected {
		p.expected = ""
	}
	if overhead, ok := e.Spans["extensionOverhead"]; ok {
		p.overhead.add(overhead)
	}
	responded, ok := p.responded[e.RequestID]
	delete(p.responded, e.RequestID)
	// An invoke is billed by its duration; the billed one of a cold start has init in
	// it, too.
	if ok && e.Duration >= responded {
		p.after.add(e.Duration - responded)
	}
}

// init returns how long init took and how much of that the platform waited for this
// extension alone: until it had registered, since only then the runtime starts, and
// from when the runtime was ready. ok is false until all of that is known.
func (p *platform) init() (took, share time.Duration, ok bool) {
	if p.initTook == 0 || p.initStart.IsZero() || p.runtimeDone.IsZero() || p.ready.IsZero() {
		return 0, 0, false
	}
	until, after := p.registered.Sub(p.initStart), p.ready.Sub(p.runtimeDone) // each may be centuries
	share = min(max(0, until), p.initTook) + min(max(0, after), p.initTook)
	return p.initTook, min(share, p.initTook), true
}

// Expect notes the invoke of an INVOKE event. What the platform tells of a short one
// comes after its end, all of it.
func (c *Counters) Expect(requestID string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.platform.expected = requestID
}

// Awaited reports whether an invoke has begun of which the platform has not said
// that it is over.
func (c *Counters) Awaited() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.platform.running) > 0 || c.platform.expected != ""
}
