package timeline

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
)

// A figure is a chart with its places worked out, in percent of the track.
type figure struct {
	chart
	ID    string
	Ticks []tick
	Lanes []lane
}

// A tick is a mark on the axis. Its text may be empty.
type tick struct {
	X, Text string
	Late    bool // the text must end there: there is no room behind
}

// A lane is a row with its bars in their places.
type lane struct {
	Kind   kind
	Word   string
	Name   string
	Within bool
	At     string
	Took   string
	Rects  []rect
}

type rect struct{ X, Width, Title string }

// thinnest is the least width of a bar: two or three pixels.
const thinnest = 0.4

func (c chart) figure(i int) figure {
	f := figure{chart: c, ID: "g" + strconv.Itoa(i)}
	if len(c.rows) == 0 {
		return f
	}
	if !c.Still {
		f.Ticks = ticks(c.Length)
	}
	for _, r := range c.rows {
		f.Lanes = append(f.Lanes, c.lane(r))
	}
	return f
}

func (c chart) lane(r row) lane {
	l := lane{Kind: r.kind, Word: r.kind.about().word, Name: r.name, Within: r.within,
		At: short(r.bars[0].at - c.At), Took: short(r.took)}
	if c.Still {
		l.At = "" // it is the whole
	}
	if r.count > 1 {
		l.Word += fmt.Sprintf(" ×%d", r.count)
	}
	for _, b := range r.bars {
		title := strings.TrimSpace(fmt.Sprintf("%s %s", r.kind.about().word, r.name)) +
			fmt.Sprintf(": %s, from %s on", short(b.took), short(b.at-c.At))
		if b.took > b.length {
			title += fmt.Sprintf(", %s of it here", short(b.length))
		}
		x := 100 * float64(b.at-c.At) / float64(c.Length)
		width := min(100, max(thinnest, 100*float64(b.length)/float64(c.Length)))
		l.Rects = append(l.Rects, rect{percent(min(x, 100-width)), percent(width), title})
	}
	return l
}

// ticks returns marks at round times, nine at most with that at 0.
func ticks(length time.Duration) []tick {
	step := math.Pow(10, math.Floor(math.Log10(float64(length))))
	for _, part := range []float64{0.1, 0.2, 0.25, 0.5, 1, 2} {
		if float64(length)/(step*part) <= 8 {
			step *= part
			break
		}
	}
	var all []tick
	for at := 0.0; at <= float64(length); at += step {
		x := 100 * at / float64(length)
		t := tick{percent(x), mark(at, length), x > 90}
		if t.Late && 100*step/float64(length) < 18 {
			t.Text = "" // it would touch the one before
		}
		all = append(all, t)
	}
	return all
}

// mark writes a round time in the unit that suits the whole.
func mark(at float64, length time.Duration) string {
	unit, size := "ms", time.Millisecond
	switch {
	case length >= time.Hour:
		unit, size = "h", time.Hour
	case length >= time.Minute:
		unit, size = "min", time.Minute
	case length >= time.Second:
		unit, size = "s", time.Second
	}
	return strconv.FormatFloat(at/float64(size), 'g', 4, 64) + " " + unit
}

// percent writes what may stand in an attribute of SVG.
func percent(x float64) string { return strconv.FormatFloat(x, 'f', 3, 64) + "%" }
