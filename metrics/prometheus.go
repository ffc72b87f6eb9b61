package metrics

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"larder/cache"
)

// ContentType is that of Prometheus.
const ContentType = "text/plain; version=0.0.4; charset=utf-8"

// Prometheus returns all counts in Prometheus's text format. What the platform has
// not told is left out.
//
// Source: prometheus.io/docs/instrumenting/exposition_formats
func (c *Counters) Prometheus() []byte {
	var t text
	t.family("larder_reads_total", counter, "Reads over HTTP by result: where the value came from, refused, or the class of the failure.")
	for i := range c.reads {
		if n := c.reads[i].Load(); n > 0 || i <= int(cache.Stale) {
			t.b.WriteString(sample(t.name, float64(n), "result", resultName(i)))
		}
	}
	t.single("larder_served_age_max_seconds", gauge, "Greatest age of a value that was served.", seconds(c.worst.Load()))
	t.single("larder_prefetch_seconds_total", counter, "Time in which what is declared was fetched at the start.", seconds(c.prefetchTime.Load()))
	t.single("larder_refreshes_total", counter, "Refreshes between reads.", float64(c.refreshes.Load()))
	t.single("larder_refresh_seconds_total", counter, "Time that refreshes took.", seconds(c.refreshTime.Load()))
	t.single("larder_invokes_total", counter, "Invokes that the extension was told of.", float64(c.invokes.Load()))

	stats := c.config.Cache()
	t.single("larder_cache_entries", gauge, "Secrets and parameters in memory.", float64(stats.Entries))
	t.single("larder_cache_bytes", gauge, "Their size.", float64(stats.Bytes))
	t.single("larder_cache_oldest_age_seconds", gauge, "Age of the oldest.", stats.Oldest.Seconds())

	c.mu.Lock()
	defer c.mu.Unlock()
	t.family("larder_aws_calls_total", counter, "Requests to AWS by IAM action and outcome: ok, or the class of the failure.")
	var lines []string
	for call, n := range c.calls {
		lines = append(lines, sample(t.name, float64(n), "api", call.action, "outcome", call.outcomeName()))
	}
	slices.Sort(lines)
	t.b.WriteString(strings.Join(lines, ""))
	c.platform.writeText(&t)
	return []byte(t.b.String())
}

func (p *platform) writeText(t *text) {
	if duration, share, ok := p.init(); ok {
		t.single("larder_platform_init_seconds", gauge, "How long Lambda's init took.", duration.Seconds())
		t.single("larder_platform_init_share_seconds", gauge, "How much of it Lambda waited for this extension alone.", share.Seconds())
	}
	for _, s := range p.series() {
		if s.count > 0 {
			name := "larder_platform_" + s.name + "_seconds"
			t.family(name, summary, s.help)
			t.b.WriteString(sample(name+"_sum", s.sum.Seconds()) + sample(name+"_count", float64(s.count)))
		}
	}
	if p.told {
		t.single("larder_platform_running_invokes", gauge, "Invokes under way, by the platform's events.", float64(len(p.running)))
	}
}

func seconds(nanoseconds int64) float64 { return time.Duration(nanoseconds).Seconds() }

// The types of metrics.
const (
	counter = "counter"
	gauge   = "gauge"
	summary = "summary"
)

// text is metrics in Prometheus's format.
type text struct {
	b    strings.Builder
	name string // of the family that is being written
}

func (t *text) family(name, kind, help string) {
	t.name = name
	fmt.Fprintf(&t.b, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, kind)
}

func (t *text) single(name, kind, help string, value float64) {
	t.family(name, kind, help)
	t.b.WriteString(sample(name, value))
}

// sample is the line of one number with names and values of labels, which are words
// of ours and need no escaping.
func sample(name string, value float64, labels ...string) string {
	var pairs []string
	for i := 0; i < len(labels); i += 2 {
		pairs = append(pairs, labels[i]+`="`+labels[i+1]+`"`)
	}
	if len(pairs) > 0 {
		name += "{" + strings.Join(pairs, ",") + "}"
	}
	return name + " " + strconv.FormatFloat(value, 'g', -1, 64) + "\n"
}
