// Package metrics counts what the extension does and what it costs: the reads, the
// calls to AWS, the refreshes, and what Lambda's platform events tell of it. The
// counts come out in three forms, each in a file of its name: Prometheus text,
// CloudWatch's embedded metric format, and the summary in the log. Nothing in here
// knows a name or a value of a secret.
package metrics

import (
	"sync"
	"sync/atomic"
	"time"

	"larder/cache"
	"larder/secret"
)

// Config is what counters need.
type Config struct {
	// Cache says what the cache holds. Required.
	Cache func() cache.Stats
	// Managed says that invokes are counted by the events of the platform, since
	// there are no others: see Platform.
	Managed bool
}

// Counters count. They are safe for use by many goroutines. A read costs two atomic
// operations: no lock and no allocation.
type Counters struct {
	config Config
	reads  [results]atomic.Int64
	worst  atomic.Int64 // age that was served, in nanoseconds

	refreshes, refreshTime atomic.Int64 // batches, and nanoseconds
	prefetchTime           atomic.Int64 // nanoseconds
	invokes                atomic.Int64

	mu       sync.Mutex
	calls    map[call]int64
	platform platform
}

// New returns counters that stand at 0.
func New(config Config) *Counters {
	return &Counters{config: config, calls: make(map[call]int64), platform: newPlatform()}
}

// Read is how one read over HTTP was answered.
type Read struct {
	// How tells where the answer came from; 0 where there was nothing to read.
	How cache.How
	// Age is that of what was served; 0 with a failure.
	Age time.Duration
	// Failure is why there was no value; 0 with one.
	Failure secret.Class
	// Refused says that the request was not let in.
	Refused bool
}

// The results of reads are counted in one array: refused, the ways to a value, and
// the classes of failures.
const (
	refused  = 0
	failures = int(cache.Stale) + 1
	results  = failures + int(secret.LastClass)
)

func (r Read) result() (i int, ok bool) {
	switch {
	case r.Refused:
		return refused, true
	case r.Failure > secret.LastClass: // one without a word
		return 0, false
	case r.Failure != 0:
		return failures + int(r.Failure) - 1, true
	}
	return int(r.How), r.How >= cache.Hit && r.How <= cache.Stale
}

func resultName(i int) string {
	switch {
	case i == refused:
		return "refused"
	case i < failures:
		return cache.How(i).String()
	}
	return secret.Class(i - failures + 1).String()
}

// Read counts a read.
func (c *Counters) Read(r Read) {
	i, ok := r.result()
	if !ok {
		return
	}
	c.reads[i].Add(1)
	for worst := c.worst.Load(); int64(r.Age) > worst; worst = c.worst.Load() {
		if c.worst.CompareAndSwap(worst, int64(r.Age)) {
			return
		}
	}
}

// call is a kind of call to AWS with its outcome.
type call struct {
	action  string       // like secretsmanager:GetSecretValue
	outcome secret.Class // 0 is success
}

func (c call) outcomeName() string {
	if c.outcome == 0 {
		return "ok"
	}
	return c.outcome.String()
}

// Call counts a request to AWS: its IAM action, and the class of its failure or 0.
func (c *Counters) Call(action string, outcome secret.Class) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.calls[call{action, outcome}]++
}

// Calls returns how many requests to AWS have been counted.
func (c *Counters) Calls() int64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	all, _ := c.sumCallsLocked()
	return all
}

func (c *Counters) sumCallsLocked() (all, failed int64) {
	for call, n := range c.calls {
		all += n
		if call.outcome != 0 {
			failed += n
		}
	}
	return all, failed
}

// Prefetched adds the time in which what is declared was fetched at the start.
func (c *Counters) Prefetched(took time.Duration) { c.prefetchTime.Add(int64(took)) }

// Refreshed counts a refresh between reads and the time that it took.
func (c *Counters) Refreshed(took time.Duration) {
	c.refreshes.Add(1)
	c.refreshTime.Add(int64(took))
}

// Invoked counts an INVOKE event.
func (c *Counters) Invoked() { c.invokes.Add(1) }
