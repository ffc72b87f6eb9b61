package timeline

import (
	"cmp"
	"maps"
	"slices"
	"time"
)

// logs is what the extensions' logs tell of the run as a whole. The page shows what
// is exported of it.
type logs struct {
	Declared         []declared // by variable; none if no extension told
	Counters         *counters  // summed up over the environments of the run; nil if no extension told
	Warnings, Errors int        // how many such lines there are
}

// A declared reference, as the extension had it at its end.
type declared struct {
	Variable string // that has it as its value, or LARDER_PREFETCH
	Ref      string
	State    string        // fresh, due, stale, absent or missing
	Version  string        // of the value; empty where there is none
	Age      time.Duration // since AWS was asked for the value; negative where there is none
}

// counters are what the extension counted.
type counters struct {
	Environments int // how many extensions told theirs: one, unless the environment was reset

	Reads, Hits, Waits, Misses, Stale, Refused int // all reads, then those with a result

	Errors             map[string]int // the other reads, by the class of the failure
	Refreshes          int            // how often values were refreshed between reads
	Calls, FailedCalls int            // to AWS, and those of them that failed
	WorstAge           time.Duration  // of the oldest value that was served
}

// readLogs takes records in the order of their time. Of one reference that is told
// of twice, in an environment after a reset, the later one counts.
func readLogs(records []record) logs {
	var l logs
	type name struct{ variable, ref, source string }
	last := map[name]declared{}
	for _, r := range records {
		switch {
		case r.level == "WARN":
			l.Warnings++
		case r.level == "ERROR":
			l.Errors++
		case r.msg == "shutdown" && r.has("reads"):
			if l.Counters == nil {
				l.Counters = &counters{Errors: map[string]int{}}
			}
			l.Counters.add(r.known)
		case r.msg == "declared" && r.has("state"):
			last[name{r.known.Variable, r.known.Ref, r.source}] = r.known.declared()
		}
	}
	for _, n := range slices.SortedFunc(maps.Keys(last), func(x, y name) int {
		return cmp.Or(cmp.Compare(x.variable, y.variable), cmp.Compare(x.ref, y.ref), cmp.Compare(x.source, y.source))
	}) {
		l.Declared = append(l.Declared, last[n])
	}
	return l
}

func (k known) declared() declared {
	d := declared{k.Variable, k.Ref, k.State, k.Version, -1}
	if k.Age != nil {
		d.Age = seconds(*k.Age)
	}
	return d
}

func (c *counters) add(k known) {
	c.Environments++
	c.Reads += k.Reads
	c.Hits += k.Hits
	c.Waits += k.Waits
	c.Misses += k.Misses
	c.Stale += k.Stale
	c.Refused += k.Refused
	for class, n := range k.Errors {
		c.Errors[class] += n
	}
	c.Refreshes += k.Refreshes
	c.Calls += k.Calls
	c.FailedCalls += k.FailedCalls
	c.WorstAge = max(c.WorstAge, seconds(k.WorstAge))
}

// has reports whether the record has an attribute.
func (r record) has(key string) bool {
	return slices.ContainsFunc(r.attrs, func(a attr) bool { return a.key == key })
}

func seconds(s float64) time.Duration { return time.Duration(s * float64(time.Second)) }
