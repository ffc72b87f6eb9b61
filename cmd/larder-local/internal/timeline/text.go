package timeline

import (
	"bufio"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// WriteText writes the timeline as aligned lines, and the summary below.
func (t *Timeline) WriteText(w io.Writer) error {
	out := bufio.NewWriter(w)
	width := len("source")
	for _, e := range t.Entries {
		width = max(width, utf8.RuneCountInString(e.Source))
	}
	fmt.Fprintf(out, "%9s  %-*s  %s\n", "ms", width, "source", "event")
	for _, e := range t.Entries {
		fmt.Fprintf(out, "%9.1f  %-*s  %s\n", float64(e.At.Microseconds())/1000, width, e.Source, printable(e.Text))
		for _, detail := range e.Details {
			fmt.Fprintf(out, "%9s  %-*s    %s\n", "", width, "", printable(detail))
		}
	}
	fmt.Fprintf(out, "\n%s", t.Summary.text())
	return out.Flush()
}

// printable replaces what could steer a terminal: the texts come from programs
// and from whoever sends requests to them.
func printable(s string) string {
	return strings.Map(func(r rune) rune {
		if r != '\t' && !unicode.IsPrint(r) {
			return '\uFFFD'
		}
		return r
	}, s)
}

func (s Summary) text() string {
	text := count(s.reads(), "read") + ": " + s.results("waited for") + "\n"
	if !s.StandIn {
		return text
	}
	var actions []string
	for _, action := range slices.Sorted(maps.Keys(s.Calls)) {
		actions = append(actions, fmt.Sprintf("%s %d", action, s.Calls[action]))
	}
	text += count(s.calls(), "AWS call")
	if len(actions) > 0 {
		text += " (" + strings.Join(actions, ", ") + ")"
	}
	return text + fmt.Sprintf("; these reads one by one: %d\n", s.OneByOne)
}

func (s Summary) reads() int { return s.Hits + s.Waits + s.Misses + s.Stale + s.Errors }

func (s Summary) calls() (all int) {
	for _, n := range s.Calls {
		all += n
	}
	return all
}

// results tells how reads were answered; waited is the word for those that waited.
func (s Summary) results(waited string) string {
	text := fmt.Sprintf("%s, %d %s, %s", count(s.Hits, "hit"), s.Waits, waited, misses(s.Misses))
	if s.Stale > 0 {
		text += fmt.Sprintf(", %d stale", s.Stale)
	}
	if s.Errors > 0 {
		text += fmt.Sprintf(", %d failed", s.Errors)
	}
	return text
}

func misses(n int) string {
	if n == 1 {
		return "1 miss"
	}
	return fmt.Sprintf("%d misses", n)
}
