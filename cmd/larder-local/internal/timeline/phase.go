package timeline

import (
	"fmt"
	"slices"
	"sort"
	"strings"
	"time"

	"larder/internal/lambdatest"
)

// A phase is init, a restore or an invoke, with the reads that were served in it.
type phase struct {
	start time.Time
	id    string       // the request id; empty but for an invoke
	name  string       // "init", "restore" or "invoke 2"
	reads map[read]int // how often
	end   *entry       // the entry that tells of the reads
}

// A read is what a reader asked for and how it was served.
type read struct {
	kind kind
	ref  string
}

// phases are init, then each restore and invoke, by their start.
type phases []*phase

// findPhases takes events in the order of their time.
func findPhases(events []lambdatest.Event) phases {
	all := phases{{name: "init"}}
	invokes := 0
	for _, e := range events {
		switch e.Kind {
		case lambdatest.InvokeStart:
			invokes++
			all = append(all, &phase{start: e.Time, id: e.RequestID, name: fmt.Sprintf("invoke %d", invokes)})
		case lambdatest.RestoreStart:
			all = append(all, &phase{start: e.Time, name: "restore"})
		}
	}
	return all
}

// of returns the phase of an event: that of its invoke, or of its time.
func (all phases) of(e lambdatest.Event) *phase {
	for _, p := range all {
		if p.id != "" && p.id == e.RequestID {
			return p
		}
	}
	return all.at(e.Time)
}

// at returns the phase that began last, at a time.
func (all phases) at(t time.Time) *phase {
	later := sort.Search(len(all), func(i int) bool { return all[i].start.After(t) })
	return all[max(0, later-1)]
}

// countRead counts a read in the phase of its time.
func (b *builder) countRead(r record) {
	of := b.phases.at(r.time)
	if of.reads == nil {
		of.reads = map[read]int{}
	}
	of.reads[read{r.kindOfRead(), r.nameOfRead()}]++
	b.summary.reads[r.kindOfRead()]++
	if r.known.Ref != "" {
		b.summary.oneByOne += b.pages(r.known.Ref)
	} else {
		b.summary.oneByOne += b.variables()
	}
}

// variables returns how many calls it takes to read all variables one by one.
func (b *builder) variables() (calls int) {
	for _, d := range b.logs.Declared {
		if d.Variable != "LARDER_PREFETCH" {
			calls += b.pages(d.Ref)
		}
	}
	if calls > 0 {
		return calls
	}
	for _, r := range b.records { // it has not come to its end
		if r.msg == "prefetch done" {
			calls = max(calls, r.known.Declared)
		}
	}
	return calls
}

// checkReads makes sure that no reads are told where they are not known. An extension
// logs each at level DEBUG only; without that there may be what it has counted.
func (b *builder) checkReads() {
	debug := func(r record) bool { return r.level == "DEBUG" }
	extension := func(e lambdatest.Event) bool { return e.Kind == lambdatest.Spawn }
	if slices.ContainsFunc(b.records, debug) || !slices.ContainsFunc(b.in.Events, extension) {
		return
	}
	b.summary.reads, b.summary.oneByOne = nil, -1
	if c := b.logs.Counters; c != nil {
		b.summary.reads = map[kind]int{
			kindReadHit: c.Hits, kindReadWait: c.Waits, kindReadMiss: c.Misses, kindReadStale: c.Stale, kindReadError: total(c.Errors),
		}
	}
}

func (b *builder) pages(ref string) int {
	name, _, _ := strings.Cut(ref, "?")
	name, _, _ = strings.Cut(name, "#")
	if b.in.Pages == nil || !strings.HasSuffix(name, "*") {
		return 1
	}
	return b.in.Pages(ref)
}

// listReads adds the reads of the phase to the entry that ends it.
func (p *phase) listReads() {
	if p.end == nil {
		return
	}
	for _, result := range []struct {
		kind kind
		word string
	}{
		{kindReadHit, "hit"}, {kindReadWait, "waited for"}, {kindReadMiss, "missed"}, {kindReadStale, "stale"}, {kindReadError, "failed"},
	} {
		var list []string
		for r, n := range p.reads {
			switch {
			case r.kind != result.kind:
			case n > 1:
				list = append(list, fmt.Sprintf("%s ×%d", r.ref, n))
			default:
				list = append(list, r.ref)
			}
		}
		if len(list) > 0 {
			slices.Sort(list)
			p.end.details = append(p.end.details, result.word+": "+strings.Join(list, ", "))
		}
	}
}
