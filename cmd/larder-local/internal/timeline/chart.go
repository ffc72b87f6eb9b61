package timeline

import (
	"slices"
	"time"
)

// A Kind says what a bar stands for.
type Kind string

// The kinds of bars, in the order of a legend.
const (
	Spawn     Kind = "spawn"      // from the start of an extension's process until it listens, or registers
	Register  Kind = "register"   // from there until it is registered
	Prefetch  Kind = "prefetch"   // what the function declares is fetched
	Call      Kind = "call"       // one call to AWS
	Runtime   Kind = "runtime"    // from the start of the runtime's process, or a restore, until it asks for an event
	Handler   Kind = "handler"    // from the start of an invoke to the response
	ReadHit   Kind = "read-hit"   // a read from memory
	ReadWait  Kind = "read-wait"  // a read that waited for a fetch under way
	ReadMiss  Kind = "read-miss"  // a read that had AWS asked
	ReadStale Kind = "read-stale" // a read of an old value, as AWS fails
	ReadError Kind = "read-error" // a read that failed
	Refresh   Kind = "refresh"    // what is due is fetched
	Next      Kind = "next"       // nothing to do: the next event was asked for
	Frozen    Kind = "frozen"     // all processes were stopped
	Shutdown  Kind = "shutdown"   // until a process has left
)

// about is what is known of a kind.
type about struct {
	kind Kind
	word string // what a person calls it
	says string // what that means
	// weight is the less the more the kind matters where not all can be drawn. 0
	// is what a phase is made of, the others are parts of that.
	weight int
}

func kinds() []about {
	return []about{
		{Spawn, "spawn", "an extension's process starts", 0},
		{Register, "register", "it registers with Lambda", 0},
		{Prefetch, "prefetch", "what is declared is fetched", 0},
		{Call, "AWS call", "one request to AWS", 4},
		{Runtime, "runtime start", "until it asks for an event", 0},
		{Handler, "handler", "from the event to the response", 0},
		{ReadHit, "read: hit", "served from memory", 5},
		{ReadWait, "read: wait", "waited for a fetch under way", 3},
		{ReadMiss, "read: miss", "had AWS asked", 2},
		{ReadStale, "read: stale", "got the old value, as AWS failed", 1},
		{ReadError, "read: error", "got none", 1},
		{Refresh, "refresh", "what is due is fetched anew", 0},
		{Next, "next", "nothing to do until the next event", 0},
		{Frozen, "frozen", "all processes are stopped", 0},
		{Shutdown, "shutdown", "until a process has left", 0},
	}
}

func (k Kind) about() about {
	all := kinds()
	return all[max(0, k.index())]
}

func (k Kind) index() int {
	return slices.IndexFunc(kinds(), func(a about) bool { return a.kind == k })
}

// A Chart is one phase of a run on a time axis of its own.
type Chart struct {
	// Name is like "init", "invoke 2" or "frozen".
	Name string
	// At is when it begins, since the start of the run.
	At time.Duration
	// Length is more than 0.
	Length time.Duration
	// Failed is the type of the error that it failed with; empty if it did not.
	Failed string
	// Still says that nothing ran: there is one bar, which is the whole chart.
	Still bool
	// Rows are in the order of what they tell. There may be none.
	Rows []Row
	// Words are what else is to be told.
	Words []string
}

// A Row has the bars of one kind and name.
type Row struct {
	// Kind is that of all bars.
	Kind Kind
	// Name is what it is about: a source, a reference, an action. It may be empty.
	Name string
	// Within says that it is part of the row above it that is in none.
	Within bool
	// Bars are those that are drawn, one at least, by their start.
	Bars []Bar
	// Count is how many there are in all, Took their length together.
	Count int
	Took  time.Duration
}

// A Bar is one thing that took time, or none.
type Bar struct {
	// At is when it begins, since the start of the run.
	At time.Duration
	// Length is what is in the chart. It may be 0.
	Length time.Duration
	// Took is the whole length; that is more where another phase has begun.
	Took time.Duration
}

// charts tells the run phase by phase.
func (b *builder) charts() []Chart {
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
	var charts []Chart
	for i, s := range c.stages {
		s.close(c.limit(i))
		if len(s.pieces)+len(s.words) > 0 || s.failed != "" {
			charts = append(charts, s.chart(b.in.Start))
		}
	}
	return charts
}
