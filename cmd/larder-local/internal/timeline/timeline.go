// Package timeline tells the story of a run of the local Lambda: what happened
// when, and what it saved.
//
// Build puts what was observed in order, twice. For the text a builder makes an
// entry of each event, call, note and line, and lists reads under the end of their
// phase. For the page a cutter cuts the run into stages, and finds what took time
// in each; that becomes a chart with rows of bars, and a figure for the template.
package timeline

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"larder/internal/awstest"
	"larder/internal/lambdatest"
)

// Input is what was observed in a run, in any order. What has the same time is told
// in the order that it has here.
type Input struct {
	// Start is the zero of the timeline.
	Start time.Time
	// Events are the local Lambda's.
	Events []lambdatest.Event
	// Lines are those that the processes printed.
	Lines []Line
	// Notes are what was done from outside, such as to a secret.
	Notes []Note
	// Raw shows all lines as they are, also those that the timeline understands.
	Raw bool
	// Command is the runtime's, as the user gave it.
	Command string
	// StandIn says whether Calls are all the calls that were made to AWS.
	StandIn bool
	// Calls are those made to the AWS stand-in.
	Calls []awstest.Call
	// Pages returns how many calls one read of a tree takes. Nil means one.
	Pages func(ref string) int
}

// A Note is something that was done from outside.
type Note struct {
	// Time is when it was done.
	Time time.Time
	// Source is what it was done to, such as "aws".
	Source string
	// Text says what, in one line.
	Text string
}

// A Timeline is a run put in order.
type Timeline struct {
	entries []*entry // by their time
	summary summary  // of the whole run
	charts  []chart  // its phases, in their order
	logs    logs     // what the extensions tell of the whole run
}

// An entry is one thing that happened.
type entry struct {
	at      time.Duration // since the start
	source  string        // an extension's name, "runtime", "lambda" or "aws"
	text    string        // what happened, in one line
	details []string      // lines that belong to it, such as the reads of an invoke
}

// A summary counts what was read and what that took.
type summary struct {
	reads    map[kind]int   // but for those that named nothing, such as those without a token; nil if not known
	standIn  bool           // calls is known
	calls    map[string]int // to AWS, by action
	oneByOne int            // calls of the same reads without Larder: one a read, and for a tree one a page; -1 if not known
}

const platform = "lambda"

// builder collects what a timeline has.
type builder struct {
	in      Input
	entries []*entry
	phases  phases
	records []record // of the extensions' logs, by their time
	logs    logs     // what they tell
	summary summary
}

// Build puts a run in order.
func Build(in Input) *Timeline {
	in = in.sorted()
	b := &builder{in: in, phases: findPhases(in.Events), summary: summary{
		reads: map[kind]int{}, standIn: in.StandIn, calls: map[string]int{},
	}}
	for _, e := range in.Events {
		b.event(e)
	}
	for _, l := range in.Lines {
		b.line(l)
	}
	b.records = byTime(b.records, func(r record) time.Time { return r.time })
	b.logs = readLogs(b.records)
	for _, r := range b.records {
		b.record(r)
	}
	for _, c := range in.Calls {
		b.call(c)
	}
	for _, n := range in.Notes {
		b.add(n.Time, n.Source, n.Text)
	}
	for _, p := range b.phases {
		p.listReads()
	}
	b.checkReads()
	slices.SortStableFunc(b.entries, func(x, y *entry) int { return cmp.Compare(x.at, y.at) })
	return &Timeline{entries: b.entries, summary: b.summary, charts: b.charts(), logs: b.logs}
}

// sorted returns the same in the order of time.
func (in Input) sorted() Input {
	in.Events = byTime(in.Events, func(e lambdatest.Event) time.Time { return e.Time })
	in.Lines = byTime(in.Lines, func(l Line) time.Time { return l.Time })
	in.Notes = byTime(in.Notes, func(n Note) time.Time { return n.Time })
	in.Calls = byTime(in.Calls, func(c awstest.Call) time.Time { return c.Time })
	return in
}

func byTime[T any](all []T, at func(T) time.Time) []T {
	return slices.SortedStableFunc(slices.Values(all), func(x, y T) int { return at(x).Compare(at(y)) })
}

func (b *builder) add(at time.Time, source, text string) *entry {
	e := &entry{at: at.Sub(b.in.Start), source: source, text: text}
	b.entries = append(b.entries, e)
	return e
}

func (b *builder) event(e lambdatest.Event) {
	phase := b.phases.of(e)
	switch e.Kind {
	case lambdatest.RuntimeStart:
		b.add(e.Time, e.Source, "start "+b.in.Command)
	case lambdatest.InitDone:
		b.phases[0].end = b.add(e.Time, platform, "init done after "+millis(e.Duration))
	case lambdatest.InitFailed:
		b.phases[0].end = b.add(e.Time, platform, "init failed after "+millis(e.Duration)+": "+e.Fault.Error())
	case lambdatest.Snapshot:
		b.add(e.Time, platform, "snapshot taken, all processes stopped")
	case lambdatest.RestoreStart:
		b.add(e.Time, platform, "restore of a snapshot that is "+millis(e.Duration)+" old")
	case lambdatest.RestoreDone:
		phase.end = b.add(e.Time, platform, "restore done after "+millis(e.Duration))
	case lambdatest.RestoreFailed:
		phase.end = b.add(e.Time, platform, "restore failed after "+millis(e.Duration)+": "+e.Fault.Error())
	case lambdatest.Frozen:
		b.add(e.Time, platform, "frozen, all processes stopped")
	case lambdatest.Thawed:
		b.add(e.Time, platform, "thawed after "+millis(e.Duration))
	case lambdatest.InitReport, lambdatest.ExitReport:
		b.add(e.Time, e.Source, fmt.Sprintf("%s %s: %s", e.Kind, e.Fault.ReportedType, e.Fault.ReportedMessage))
	case lambdatest.InvokeStart:
		b.add(e.Time, platform, phase.name)
	case lambdatest.Responded:
		phase.end = b.add(e.Time, e.Source, phase.name+" answered after "+millis(e.Duration))
	case lambdatest.InvokeEnd:
		b.invokeEnd(e, phase)
	case lambdatest.Stop:
		b.add(e.Time, platform, "shutdown, "+e.Reason)
	case lambdatest.Left:
		b.add(e.Time, e.Source, describeExit(e, "ended by signal: "))
	default: // spawn, register, next
		b.add(e.Time, e.Source, string(e.Kind))
	}
}

// invokeEnd tells of the end of an invoke only where that is news: where the
// invoke failed, or extensions held it for longer than the runtime.
func (b *builder) invokeEnd(e lambdatest.Event, phase *phase) {
	switch {
	case e.Fault != nil:
		failed := b.add(e.Time, platform, phase.name+" failed after "+millis(e.Duration)+": "+e.Fault.Error())
		if phase.end == nil {
			phase.end = failed
		}
	case e.PostRuntime >= time.Millisecond:
		b.add(e.Time, platform, phase.name+" held by extensions for "+millis(e.PostRuntime))
	}
}

// line keeps the records of the extensions' logs, and adds any other line as it is.
func (b *builder) line(l Line) {
	r, ok := parse(l.Text)
	ok = ok && l.Source != "runtime" // which logs what the function likes
	if !ok || b.in.Raw {
		b.add(l.Time, l.Source, "| "+string(l.Text))
	}
	if ok {
		r.source = l.Source
		b.records = append(b.records, r)
	}
}

// record adds what a record tells.
func (b *builder) record(r record) {
	switch {
	case r.loud():
		b.add(r.time, r.source, r.text())
	case r.msg == "listening":
		b.add(r.time, r.source, "listen on "+r.known.Address)
	case r.msg == "prefetch done", r.msg == "refresh done":
		b.add(r.time, r.source, fmt.Sprintf("%s: %s with %s, %.1f ms",
			r.msg, r.fetched(), count(r.known.Calls, "AWS call"), r.known.Millis))
	case r.msg == "read" && r.known.Path == "/env": // larder-exec, as a rule
		b.add(r.time, r.source, fmt.Sprintf("all variables given out after %.1f ms", r.known.Millis))
	}
	if r.msg == "read" && (r.known.Ref != "" || r.known.Path == "/env" && r.known.Result != "refused") {
		b.countRead(r)
	}
}

func (b *builder) call(c awstest.Call) {
	b.summary.calls[action(c)]++
	b.add(c.Time, "aws", describeCall(c, len(c.IDs)))
}
