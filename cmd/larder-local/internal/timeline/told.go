package timeline

import (
	"cmp"
	"slices"
	"time"
)

// Declared is one reference that the function declares, as the extension found
// it at its end.
type Declared struct {
	// Variable is the one that has it as its value, or LARDER_PREFETCH.
	Variable string
	// Ref is the reference.
	Ref string
	// State is fresh, due, stale, absent or missing.
	State string
	// Version is that of the value; empty where there is none.
	Version string
	// Age is the time since AWS was asked for the value; negative where there is
	// none.
	Age time.Duration
}

// Counters are what the extension counted.
type Counters struct {
	// Environments is how many extensions told theirs: one, unless the
	// environment was reset.
	Environments int
	// Reads is all reads, and the others those by their result, but for Errors,
	// which are by the class of the failure.
	Reads, Hits, Waits, Misses, Stale, Refused int
	// Errors is nil where no read failed.
	Errors map[string]int
	// Refreshes is how often values were refreshed between reads.
	Refreshes int
	// Calls is the number of calls to AWS, FailedCalls of those that failed.
	Calls, FailedCalls int
	// WorstAge is that of the oldest value that was served.
	WorstAge time.Duration
}

// hear takes what the extensions' logs tell of the run as a whole. Of one
// reference that is told of twice, in an environment after a reset, the later
// one counts.
func (t *Timeline) hear(records []record) {
	type name struct{ source, variable, ref string }
	place := map[name]int{}
	for _, r := range records {
		switch {
		case r.level == "WARN":
			t.Warnings++
		case r.level == "ERROR":
			t.Errors++
		case r.msg == "shutdown" && r.has("reads"):
			t.count(r.known)
		case r.msg == "declared" && r.has("state"):
			d := Declared{r.known.Variable, r.known.Ref, r.known.State, r.known.Version, -1}
			if r.known.Age != nil {
				d.Age = seconds(*r.known.Age)
			}
			n := name{r.source, d.Variable, d.Ref}
			if i, ok := place[n]; ok {
				t.Declared[i] = d
				continue
			}
			place[n] = len(t.Declared)
			t.Declared = append(t.Declared, d)
		}
	}
	slices.SortStableFunc(t.Declared, func(x, y Declared) int {
		return cmp.Or(cmp.Compare(x.Variable, y.Variable), cmp.Compare(x.Ref, y.Ref))
	})
}

func (t *Timeline) count(k known) {
	if t.Counters == nil {
		t.Counters = &Counters{}
	}
	c := t.Counters
	c.Environments++
	c.Reads += k.Reads
	c.Hits += k.Hits
	c.Waits += k.Waits
	c.Misses += k.Misses
	c.Stale += k.Stale
	c.Refused += k.Refused
	for class, n := range k.Errors {
		if c.Errors == nil {
			c.Errors = map[string]int{}
		}
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
