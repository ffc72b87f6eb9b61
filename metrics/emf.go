package metrics

import (
	"cmp"
	"encoding/json"
	"time"

	"larder/cache"
)

// Embedded writes the counts in CloudWatch's embedded metric format: a line of JSON
// that CloudWatch Logs makes metrics of. It is not safe for concurrent use.
type Embedded struct {
	counters *Counters
	function string
	version  string

	last   totals    // when the last line was made
	lastAt time.Time // by the wall clock: the other one may stand still in a freeze
	initIn bool      // the platform's figures of init have been in a line
}

// Embedded returns a writer of lines for a function, as of now. An empty name is
// written as "function", since a dimension must have a value.
func (c *Counters) Embedded(function, version string, now time.Time) *Embedded {
	return &Embedded{counters: c, function: cmp.Or(function, "function"), version: version, lastAt: now.Round(0)}
}

// A line is due after so many invokes, or after so much time: a busy sandbox writes
// one in a hundred invokes, and one that is invoked now and then one in five minutes.
const (
	everyInvokes = maxRecent
	everyTime    = 5 * time.Minute
)

// Due reports whether it is time for another line.
func (e *Embedded) Due(now time.Time) bool {
	return e.counters.invokes.Load()-e.last.invokes >= everyInvokes || now.Round(0).Sub(e.lastAt) >= everyTime
}

// Restored leaves out of the lines what was counted until now: every sandbox that is
// restored from the same snapshot has it, and CloudWatch would add it up.
func (e *Embedded) Restored(now time.Time) {
	e.last, e.lastAt, e.initIn = e.counters.totals(), now.Round(0), true
}

// namespace is where the metrics are found in CloudWatch.
const namespace = "Larder"

// Line returns what has happened since the line before, and what is in the cache
// now, with a newline at its end. What has not happened is left out: every metric
// costs.
func (e *Embedded) Line(now time.Time) []byte {
	before, t := e.last, e.counters.totals()
	e.last, e.lastAt = t, now.Round(0)
	l := line{values: map[string]any{"FunctionName": e.function, "FunctionVersion": e.version}}
	l.count("Reads", t.reads-before.reads)
	l.count("Hits", t.by[cache.Hit]-before.by[cache.Hit])
	l.count("Waits", t.by[cache.Wait]-before.by[cache.Wait])
	l.count("Misses", t.by[cache.Miss]-before.by[cache.Miss])
	l.count("StaleReads", t.by[cache.Stale]-before.by[cache.Stale])
	l.count("RefusedReads", t.by[refused]-before.by[refused])
	l.count("FailedReads", t.failed-before.failed)
	l.count("AWSCalls", t.calls-before.calls)
	l.count("FailedAWSCalls", t.failedCalls-before.failedCalls)
	l.count("Refreshes", t.refreshes-before.refreshes)
	l.count("Invokes", t.invokes-before.invokes)
	l.time("RefreshTime", t.refreshed-before.refreshed)
	l.time("PrefetchTime", t.prefetched-before.prefetched)

	stats := e.counters.config.Cache()
	l.add("CachedEntries", unitCount, stats.Entries)
	l.add("CachedBytes", "Bytes", stats.Bytes)
	l.add("OldestAge", "Seconds", stats.Oldest.Seconds())
	e.platform(&l)
	return l.encode(now)
}

// platform adds what the platform has told since the line before.
func (e *Embedded) platform(l *line) {
	c := e.counters
	c.mu.Lock()
	defer c.mu.Unlock()
	if took, share, ok := c.platform.init(); ok && !e.initIn {
		e.initIn = true
		l.time("InitDuration", took)
		l.add("InitShare", unitMillis, millis(share))
	}
	for _, s := range c.platform.series() {
		if len(s.recent) > 0 {
			l.add(s.metric, unitMillis, s.recent)
			s.recent = nil
		}
	}
	if c.config.Managed && c.platform.told {
		l.add("RunningInvokes", unitCount, len(c.platform.running))
	}
}

// Units of CloudWatch.
const (
	unitCount  = "Count"
	unitMillis = "Milliseconds"
)

// line is one document of the format.
type line struct {
	metrics []definition
	values  map[string]any
}

type definition struct {
	Name string
	Unit string
}

func (l *line) add(name, unit string, value any) {
	l.metrics = append(l.metrics, definition{name, unit})
	l.values[name] = value
}

func (l *line) count(name string, n int64) {
	if n != 0 {
		l.add(name, unitCount, n)
	}
}

func (l *line) time(name string, d time.Duration) {
	if d != 0 {
		l.add(name, unitMillis, millis(d))
	}
}

// encode writes the document. The function's version is a property that can be
// searched for, and no dimension: each version would have metrics of its own.
func (l *line) encode(now time.Time) []byte {
	type directive struct {
		Namespace  string
		Dimensions [][]string
		Metrics    []definition
	}
	l.values["_aws"] = struct {
		Timestamp         int64
		CloudWatchMetrics []directive
	}{now.UnixMilli(), []directive{{namespace, [][]string{{"FunctionName"}}, l.metrics}}}
	b, err := json.Marshal(l.values)
	if err != nil {
		panic(err) // numbers and texts of ours always encode
	}
	return append(b, '\n')
}
