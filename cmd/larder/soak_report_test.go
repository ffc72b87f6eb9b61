//go:build soak

package main

import (
	"cmp"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"sync"
	"text/tabwriter"
	"time"

	"larder/internal/awstest"
)

// tally counts what is reported at the end.
type tally struct {
	mu      sync.Mutex
	reads   map[string]int // by result
	forced  int
	calls   map[string]int // to AWS, by action and outcome
	called  int
	classes map[string]*age
	longest time.Duration // hold of next
	holds   int           // that took more than a moment
}

// age is about the values of one class of reads.
type age struct {
	values, stale int
	oldest        time.Duration // by the header
	outdated      time.Duration // since AWS had another one
}

func newTally() *tally {
	return &tally{reads: make(map[string]int), calls: make(map[string]int), classes: make(map[string]*age)}
}

// answered counts an answer.
func (t *tally) answered(x read, stale bool) {
	result := "fresh"
	switch {
	case x.status != http.StatusOK:
		result = x.header.Get("Larder-Error")
	case stale:
		result = "stale"
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.reads[result]++
	if x.forced || x.seen != "" {
		t.forced++
	}
	class := t.classLocked(x)
	if stale {
		class.stale++
	}
}

// left counts a reader who did not wait for the answer.
func (t *tally) left(read) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.reads["the reader left"]++
}

// outdated notes how old a value was.
func (t *tally) outdated(x read, outdated, old time.Duration) {
	t.mu.Lock()
	defer t.mu.Unlock()
	class := t.classLocked(x)
	class.values++
	class.oldest, class.outdated = max(class.oldest, old), max(class.outdated, outdated)
}

func (t *tally) classLocked(x read) *age {
	class := t.classes[x.target.class]
	if class == nil {
		class = new(age)
		t.classes[x.target.class] = class
	}
	return class
}

// call counts a call that AWS has seen.
func (t *tally) call(c awstest.Call) {
	outcome := cmp.Or(c.Code, c.Fault, "OK")
	if c.Fault == "delay" && c.Code == "" {
		outcome = "OK, slow"
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.called++
	t.calls[c.Action+"\t"+outcome]++
}

// held notes for how long next was held.
func (t *tally) held(d time.Duration) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.longest = max(t.longest, d)
	if d > 100*time.Millisecond {
		t.holds++
	}
}

// report is the table that the test prints.
func (s *soak) report(invokes int, took time.Duration, at []figures) string {
	t := s.tally
	t.mu.Lock()
	defer t.mu.Unlock()
	var text strings.Builder
	table := tabwriter.NewWriter(&text, 0, 8, 2, ' ', 0)
	section := func(title string) { fmt.Fprintf(table, "\n%s\n", title) }
	counts := func(of map[string]int) {
		for _, name := range slices.Sorted(maps.Keys(of)) {
			fmt.Fprintf(table, "  %s\t%d\n", name, of[name])
		}
	}
	fmt.Fprintf(table, "\n\ninvokes\t%d\tin %v\n", invokes, took.Round(time.Second))
	fmt.Fprintf(table, "next held\t%d\ttimes for more than 100 ms, at most %v\n", t.holds, t.longest.Round(time.Millisecond))
	fmt.Fprintf(table, "calls to AWS\t%d\t%.2f per invoke, over %d connections\n", t.called, float64(t.called)/float64(invokes), s.relay.Connections())
	fmt.Fprintf(table, "stale answers\t%d\t\n", t.reads["stale"])
	fmt.Fprintf(table, "forced reads\t%d\trefreshNow or seen\n", t.forced)
	times, longest := s.pulse.worst()
	fmt.Fprintf(table, "standstills\t%d\tof this machine, at most %v\n", times, longest.Round(time.Millisecond))
	section("reads by result")
	counts(t.reads)
	section("calls that AWS saw, by action and outcome")
	counts(t.calls)
	section("what the extension logged")
	counts(s.process.log.messages)
	section(fmt.Sprintf("worst ages (allowed: TTL + %v)\tvalues\tstale\tAge header\tAWS had another one before", maxStaleness))
	for _, name := range slices.Sorted(maps.Keys(t.classes)) {
		c := t.classes[name]
		fmt.Fprintf(table, "  %s\t%d\t%d\t%v\t%v\n", name, c.values, c.stale, c.oldest, c.outdated.Round(time.Millisecond))
	}
	section("extension\tgoroutines\theap MB\tresident MB, with the race detector's")
	for i, name := range []string{"before init", "start", "middle", "end", "after SHUTDOWN"} {
		fmt.Fprintf(table, "  %s\t%d\t%.1f\t%.1f\n", name, at[i].Goroutines, float64(at[i].Heap)/1e6, float64(at[i].Resident)/1e6)
	}
	table.Flush()
	return text.String()
}
