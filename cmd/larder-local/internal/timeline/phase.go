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
	of.reads[read{r.kindOfRead(), r.known.Ref}]++
	b.summary.reads[r.kindOfRead()]++
	b.summary.oneByOne += b.pages(r.known.Ref)
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
