package timeline

import (
	"slices"
	"time"
)

// A kind says what a bar stands for.
type kind string

// The kinds of bars, in the order of a legend.
const (
	kindSpawn     kind = "spawn"      // from the start of an extension's process until it listens, or registers
	kindRegister  kind = "register"   // from there until it is registered
	kindPrefetch  kind = "prefetch"   // what the function declares is fetched
	kindCall      kind = "call"       // one call to AWS
	kindRuntime   kind = "runtime"    // from the start of the runtime's process, or a restore, until it asks for an event
	kindHandler   kind = "handler"    // from the start of an invoke to the response
	kindReadHit   kind = "read-hit"   // a read from memory
	kindReadWait  kind = "read-wait"  // a read that waited for a fetch under way
	kindReadMiss  kind = "read-miss"  // a read that had AWS asked
	kindReadStale kind = "read-stale" // a read of an old value, as AWS fails
	kindReadError kind = "read-error" // a read that failed
	kindRefresh   kind = "refresh"    // what is due is fetched
	kindNext      kind = "next"       // nothing to do: the next event was asked for
	kindFrozen    kind = "frozen"     // all processes were stopped
	kindShutdown  kind = "shutdown"   // until a process has left
)

// about is what is known of a kind.
type about struct {
	kind kind
	word string // what a person calls it
	says string // what that means
	// weight is the less the more the kind matters where not all can be drawn. 0
	// is what a phase is made of, the others are parts of that.
	weight int
}

func kinds() []about {
	return []about{
		{kindSpawn, "spawn", "an extension's process starts", 0},
		{kindRegister, "register", "it registers with Lambda", 0},
		{kindPrefetch, "prefetch", "what is declared is fetched", 0},
		{kindCall, "AWS call", "one request to AWS", 4},
		{kindRuntime, "runtime start", "until it asks for an event", 0},
		{kindHandler, "handler", "from the event to the response", 0},
		{kindReadHit, "read: hit", "served from memory", 5},
		{kindReadWait, "read: wait", "waited for a fetch under way", 3},
		{kindReadMiss, "read: miss", "had AWS asked", 2},
		{kindReadStale, "read: stale", "got the old value, as AWS failed", 1},
		{kindReadError, "read: error", "got none", 1},
		{kindRefresh, "refresh", "what is due is fetched anew", 0},
		{kindNext, "next", "nothing to do until the next event", 0},
		{kindFrozen, "frozen", "all processes are stopped", 0},
		{kindShutdown, "shutdown", "until a process has left", 0},
	}
}

func (k kind) about() about { return kinds()[k.index()] }

func (k kind) index() int {
	return slices.IndexFunc(kinds(), func(a about) bool { return a.kind == k })
}

// A chart is one phase of a run on a time axis of its own. The page shows what is
// exported of it.
type chart struct {
	Name   string        // like "init", "invoke 2" or "frozen"
	At     time.Duration // when it begins, since the start of the run
	Length time.Duration // more than 0, unless it only has words
	Failed string        // the type of the error that it failed with; empty if it did not
	Still  bool          // nothing ran: there is one bar, which is the whole chart
	Words  []string      // what else is to be told
	rows   []row         // in the order of what they tell; there may be none
}

// A row has the bars of one kind and name.
type row struct {
	kind   kind
	name   string        // what it is about: a source, a reference, an action; may be empty
	within bool          // it is part of the row above it that is in none
	bars   []bar         // those that are drawn, one at least, by their start
	count  int           // how many there are in all
	took   time.Duration // their length together
}

// A bar is one thing that took time, or none.
type bar struct {
	at     time.Duration // when it begins, since the start of the run
	length time.Duration // what is in the chart; may be 0
	took   time.Duration // the whole length: more where another phase has begun
}

// charts tells the run phase by phase.
func (b *builder) charts() []chart {
	c := newCutter(b)
	for _, e := range b.in.Events {
		c.event(e)
	}
	for _, r := range b.records {
		c.record(r)
	}
	for _, call := range b.in.Calls {
		c.call(call)
	}
	for _, n := range b.in.Notes {
		c.note(n)
	}
	var charts []chart
	for i, s := range c.stages {
		s.close(c.limit(i))
		if len(s.pieces)+len(s.words) > 0 || s.failed != "" {
			charts = append(charts, s.chart(b.in.Start))
		}
	}
	return charts
}
