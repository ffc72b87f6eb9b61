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
	for _, e := range t.entries {
		width = max(width, utf8.RuneCountInString(e.source))
	}
	fmt.Fprintf(out, "%9s  %-*s  %s\n", "ms", width, "source", "event")
	for _, e := range t.entries {
		fmt.Fprintf(out, "%9.1f  %-*s  %s\n", float64(e.at.Microseconds())/1000, width, e.source, printable(e.text))
		for _, detail := range e.details {
			fmt.Fprintf(out, "%9s  %-*s    %s\n", "", width, "", printable(detail))
		}
	}
	fmt.Fprintf(out, "\n%s", t.summary.text())
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

func (s summary) text() string {
	text := unknownReads + "\n"
	if s.reads != nil {
		text = count(total(s.reads), "read") + ": " + s.results("waited for") + "\n"
	}
	if !s.standIn {
		return text
	}
	var actions []string
	for _, action := range slices.Sorted(maps.Keys(s.calls)) {
		actions = append(actions, fmt.Sprintf("%s %d", action, s.calls[action]))
	}
	text += count(total(s.calls), "AWS call")
	if len(actions) > 0 {
		text += " (" + strings.Join(actions, ", ") + ")"
	}
	if s.oneByOne >= 0 {
		text += fmt.Sprintf("; these reads one by one: %d", s.oneByOne)
	}
	return text + "\n"
}

// unknownReads is what there is to tell of reads that nobody has told of.
const unknownReads = "reads: not known, an extension's log tells of them in JSON and at level DEBUG"

// results tells how reads were answered; waited is the word for those that waited.
func (s summary) results(waited string) string {
	text := fmt.Sprintf("%s, %d %s, %s",
		count(s.reads[kindReadHit], "hit"), s.reads[kindReadWait], waited, misses(s.reads[kindReadMiss]))
	if n := s.reads[kindReadStale]; n > 0 {
		text += fmt.Sprintf(", %d stale", n)
	}
	if n := s.reads[kindReadError]; n > 0 {
		text += fmt.Sprintf(", %d failed", n)
	}
	return text
}

func total[K comparable](counts map[K]int) (all int) {
	for _, n := range counts {
		all += n
	}
	return all
}

func misses(n int) string {
	if n == 1 {
		return "1 miss"
	}
	return fmt.Sprintf("%d misses", n)
}
