package timeline

import (
	"sort"
	"strings"
	"time"

	"larder/internal/awstest"
	"larder/internal/lambdatest"
)

// A stage is a part of the run that gets a chart.
type stage struct {
	name   string
	start  time.Time
	end    time.Time // of the last that is known of it
	still  bool
	failed string
	pieces []*piece
	words  []string
}

// continued stands behind the name of a stage that goes on after a freeze.
const continued = ", continued"

// A piece becomes a bar.
type piece struct {
	kind  kind
	name  string
	start time.Time
	end   time.Time // zero means until the stage ends
	took  time.Duration
}

// A cutter finds out which stages a run has, and what belongs to which.
type cutter struct {
	phases    phases // whose names stages take
	stages    []*stage
	listening map[string][]time.Time
	starting  map[string]*piece // the process's start, by source
	handlers  map[string]*piece // by request id
}

func newCutter(b *builder) *cutter {
	c := &cutter{
		phases:    b.phases,
		stages:    []*stage{{name: b.phases[0].name, start: b.in.Start, end: b.in.Start}},
		listening: map[string][]time.Time{},
		starting:  map[string]*piece{},
		handlers:  map[string]*piece{},
	}
	for _, r := range b.records {
		if r.msg == "listening" {
			c.listening[r.source] = append(c.listening[r.source], r.time)
		}
	}
	return c
}

func (c *cutter) last() *stage { return c.stages[len(c.stages)-1] }

func (c *cutter) open(name string, at time.Time) *stage {
	if last := c.last(); last.still {
		last.end = at
	}
	s := &stage{name: name, start: at, end: at}
	c.stages = append(c.stages, s)
	return s
}

// advance opens a stage where the event begins one.
func (c *cutter) advance(e lambdatest.Event) {
	last := c.last()
	switch e.Kind {
	case lambdatest.InvokeStart, lambdatest.RestoreStart:
		c.open(c.phases.of(e).name, e.Time)
	case lambdatest.Snapshot:
		c.open("snapshot", e.Time).still = true
	case lambdatest.Frozen:
		c.open("frozen", e.Time).still = true
	case lambdatest.Stop:
		c.open("shutdown, "+e.Reason, e.Time)
	case lambdatest.Spawn, lambdatest.RuntimeStart:
		if last.shutdown() {
			c.open("init once more", e.Time)
		}
	case lambdatest.Thawed:
	case lambdatest.Left:
		if last.still { // killed without being woken
			c.open("shutdown", e.Time)
		}
	default:
		if last.still { // it stood still in the middle
			before := c.stages[len(c.stages)-2]
			c.open(strings.TrimSuffix(before.name, continued)+continued, last.end)
		}
	}
}

func (c *cutter) event(e lambdatest.Event) {
	c.advance(e)
	s := c.last()
	s.end = e.Time
	switch e.Kind {
	case lambdatest.Snapshot, lambdatest.Frozen:
		s.add(kindFrozen, "not to scale", e.Time, time.Time{})
	case lambdatest.RestoreStart:
		s.add(kindRuntime, "after a restore", e.Time, time.Time{})
	case lambdatest.Spawn:
		c.starting[e.Source] = s.add(kindSpawn, e.Source, e.Time, time.Time{})
	case lambdatest.Register:
		c.register(s, e)
	case lambdatest.RuntimeStart:
		c.starting[e.Source] = s.add(kindRuntime, "", e.Time, time.Time{})
	case lambdatest.Next:
		c.started(e.Source, e.Time)
		s.add(kindNext, e.Source, e.Time, time.Time{})
	case lambdatest.InvokeStart:
		c.handlers[e.RequestID] = s.add(kindHandler, "", e.Time, time.Time{})
	case lambdatest.Responded, lambdatest.InvokeEnd:
		if p := c.handlers[e.RequestID]; p != nil {
			p.end = e.Time
			delete(c.handlers, e.RequestID)
		}
	case lambdatest.Left:
		c.started(e.Source, e.Time)
		s.leave(e)
	}
	if e.Fault != nil && (e.Kind == lambdatest.InitFailed || e.Kind == lambdatest.RestoreFailed || e.Kind == lambdatest.InvokeEnd) {
		s.failed = e.Fault.Type // the rest is the process's own words
	}
}

// register splits an extension's start where it listens.
func (c *cutter) register(s *stage, e lambdatest.Event) {
	from := e.Time
	if p := c.starting[e.Source]; p != nil {
		for _, at := range c.listening[e.Source] {
			if at.After(p.start) && at.Before(e.Time) {
				from = at
			}
		}
		c.started(e.Source, from)
	}
	s.add(kindRegister, e.Source, from, e.Time)
}

// started ends a process's start, if that is still open.
func (c *cutter) started(source string, at time.Time) {
	if p := c.starting[source]; p != nil {
		p.end = at
		delete(c.starting, source)
	}
}

func (s *stage) shutdown() bool { return strings.HasPrefix(s.name, "shutdown") }

// leave tells of a process's end, which begins with the shutdown if there is one.
func (s *stage) leave(e lambdatest.Event) {
	from := e.Time
	if s.shutdown() {
		from = s.start
	}
	s.add(kindShutdown, e.Source+": "+describeExit(e, ""), from, e.Time)
}

// add adds a piece; one without an end lasts as long as the stage.
func (s *stage) add(k kind, name string, start, end time.Time) *piece {
	p := &piece{kind: k, name: name, start: start, end: end}
	s.pieces = append(s.pieces, p)
	return p
}

// at returns the stage in which something began. Nothing begins while all stands
// still: clocks that differ a little are no reason to lose it.
func (c *cutter) at(t time.Time) *stage {
	later := sort.Search(len(c.stages), func(i int) bool { return c.stages[i].start.After(t) })
	s := c.stages[max(0, later-1)]
	if s.still && later < len(c.stages) {
		s = c.stages[later]
	}
	return s
}

func (c *cutter) record(r record) {
	var k kind
	var name string
	switch r.msg {
	case "prefetch done":
		k, name = kindPrefetch, r.fetched()
		if len(r.known.Missing) > 0 {
			name += ", missing: " + strings.Join(r.known.Missing, ", ")
		}
	case "refresh done":
		k, name = kindRefresh, r.fetched()
	case "read":
		k, name = r.kindOfRead(), r.nameOfRead()
	default:
		return
	}
	c.at(r.start()).add(k, name, r.start(), r.time)
}

// maxIDs is how many names are told of a call, which may have twenty.
const maxIDs = 4

func (c *cutter) call(call awstest.Call) {
	c.at(call.Time).add(kindCall, describeCall(call, maxIDs), call.Time, call.Time.Add(call.Duration))
}

// note puts what was done from outside before the stage that saw it first.
func (c *cutter) note(n Note) {
	s := c.last()
	for _, later := range c.stages {
		if !later.still && !later.start.Before(n.Time) {
			s = later
			break
		}
	}
	s.words = append(s.words, "Before it: "+n.Source+", "+n.Text+".")
}

// limit returns when the stage after this begins.
func (c *cutter) limit(i int) time.Time {
	if i+1 < len(c.stages) {
		return c.stages[i+1].start
	}
	return time.Time{}
}

// close ends all pieces, at the latest where the next stage begins.
func (s *stage) close(limit time.Time) {
	for _, p := range s.pieces {
		if p.start.Before(s.start) {
			p.start = s.start
		}
		if p.end.After(s.end) {
			s.end = p.end
		}
	}
	if !limit.IsZero() && s.end.After(limit) {
		s.end = limit
	}
	for _, p := range s.pieces {
		if p.end.IsZero() {
			p.end = s.end
		}
		p.took = max(0, p.end.Sub(p.start))
		if p.end.After(s.end) {
			p.end = s.end
		}
		if p.start.After(p.end) {
			p.start = p.end
		}
	}
}
