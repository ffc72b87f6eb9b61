package timeline

import (
	"bufio"
	"crypto/sha256"
	_ "embed" // the page and its style
	"encoding/base64"
	"fmt"
	"html/template"
	"io"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"
)

//go:embed page.html
var pageHTML string

//go:embed page.css
var pageCSS string

// WriteHTML writes the timeline as one page that loads nothing and runs nothing.
// It tells names, references, times and counts. What the processes printed is
// only in it where the extension's log has one of those.
func (t *Timeline) WriteHTML(w io.Writer) error {
	parsed, err := template.New("page").Funcs(template.FuncMap{
		"short": short, "printable": printable, "age": age,
	}).Parse(pageHTML)
	if err != nil {
		return err
	}
	out := bufio.NewWriter(w)
	if err := parsed.Execute(out, t.page()); err != nil {
		return err
	}
	return out.Flush()
}

// A page is what the template shows.
type page struct {
	logs
	Style    template.CSS
	Hash     string // of Style, for the content security policy
	Failures []string
	Tiles    []tile
	Legend   []legend
	Figures  []figure
	Counted  []counted
}

// A tile is a number that a reader should see first.
type tile struct{ Name, Number, Says string }

type legend struct {
	Kind       kind
	Word, Says string
}

type counted struct{ Name, Number string }

func (t *Timeline) page() page {
	sum := sha256.Sum256([]byte(pageCSS))
	p := page{
		logs: t.logs, Style: template.CSS(pageCSS), Hash: base64.StdEncoding.EncodeToString(sum[:]),
		Tiles: t.tiles(), Counted: t.logs.Counters.list(),
	}
	drawn := map[kind]bool{}
	for _, c := range few(t.charts) {
		f := c.figure(len(p.Figures))
		p.Figures = append(p.Figures, f)
		for _, r := range c.rows {
			drawn[r.kind] = true
		}
	}
	for _, c := range t.charts {
		if c.Failed != "" && len(p.Failures) < maxFailures {
			p.Failures = append(p.Failures, fmt.Sprintf("%s: %s", c.Name, c.Failed))
		}
	}
	for _, k := range kinds() {
		if drawn[k.kind] {
			p.Legend = append(p.Legend, legend{k.kind, k.word, k.says})
		}
	}
	return p
}

const (
	maxFailures = 10
	firstCharts = 24 // that are drawn
	lastCharts  = 8  // that are drawn of what comes after those
)

// few returns the charts to be drawn, with one in words in the place of those
// that are not.
func few(charts []chart) []chart {
	over := len(charts) - firstCharts - lastCharts
	if over < 2 {
		return charts
	}
	gap := charts[firstCharts : firstCharts+over]
	words := chart{Name: fmt.Sprintf("%d more phases", over), At: gap[0].At,
		Words: []string{fmt.Sprintf("From %s to %s: not drawn.", gap[0].Name, gap[over-1].Name)}}
	return slices.Concat(charts[:firstCharts], []chart{words}, charts[firstCharts+over:])
}

func (t *Timeline) tiles() []tile {
	var tiles []tile
	var answers []time.Duration // of the handlers
	for _, c := range t.charts {
		if c.Name == "init" {
			tiles = append(tiles, tile{"init", short(c.Length), c.saysInit()})
		}
		for _, r := range c.rows {
			if r.kind == kindHandler {
				answers = append(answers, r.took)
			}
		}
	}
	if len(answers) > 0 {
		slices.Sort(answers)
		tiles = append(tiles, tile{"invokes", strconv.Itoa(len(answers)), "median " + short(answers[len(answers)/2]) + " to the response"})
	}
	s := t.summary
	if s.reads == nil {
		tiles = append(tiles, tile{"reads", "?", strings.TrimPrefix(unknownReads, "reads: ")})
	} else {
		tiles = append(tiles, tile{"reads", strconv.Itoa(total(s.reads)), s.results("waited")})
	}
	if s.standIn {
		says := ""
		if s.oneByOne >= 0 {
			says = fmt.Sprintf("these reads one by one: %d", s.oneByOne)
		}
		tiles = append(tiles, tile{"AWS calls", strconv.Itoa(total(s.calls)), says})
	}
	return tiles
}

// saysInit tells how much of init the extension was busy.
func (c chart) saysInit() string {
	if c.Failed != "" {
		return "failed"
	}
	for _, r := range c.rows {
		if r.kind == kindPrefetch {
			last := r.bars[len(r.bars)-1]
			return "prefetch done after " + short(last.at+last.length-c.At)
		}
	}
	return "no prefetch in it"
}

// list returns the counters in words, in their order.
func (c *counters) list() []counted {
	if c == nil {
		return nil
	}
	list := []counted{
		{"reads", strconv.Itoa(c.Reads)},
		{"hits, from memory", strconv.Itoa(c.Hits)},
		{"waits for a fetch under way", strconv.Itoa(c.Waits)},
		{"misses, for which AWS was asked", strconv.Itoa(c.Misses)},
		{"stale, an old value as AWS failed", strconv.Itoa(c.Stale)},
		{"refused", strconv.Itoa(c.Refused)},
	}
	for _, class := range slices.Sorted(maps.Keys(c.Errors)) {
		list = append(list, counted{"failed: " + class, strconv.Itoa(c.Errors[class])})
	}
	return append(list,
		counted{"refreshes", strconv.Itoa(c.Refreshes)},
		counted{"AWS calls", strconv.Itoa(c.Calls)},
		counted{"AWS calls that failed", strconv.Itoa(c.FailedCalls)},
		counted{"age of the oldest value served", age(c.WorstAge)})
}

// short writes a duration for people, with three digits or so.
func short(d time.Duration) string {
	ms := float64(d) / float64(time.Millisecond)
	switch {
	case d < 5*time.Microsecond:
		return "0 ms"
	case ms < 10:
		return fmt.Sprintf("%.2f ms", ms)
	case ms < 100:
		return fmt.Sprintf("%.1f ms", ms)
	case ms < 1000:
		return fmt.Sprintf("%.0f ms", ms)
	}
	return age(d)
}

// age writes a duration that is rather seconds than milliseconds.
func age(d time.Duration) string {
	whole := int(math.Round(d.Seconds()))
	switch {
	case d < 10*time.Second:
		return fmt.Sprintf("%.2f s", d.Seconds())
	case whole < 60:
		return fmt.Sprintf("%.1f s", d.Seconds())
	case whole < 3600:
		return fmt.Sprintf("%d min %d s", whole/60, whole%60)
	}
	return fmt.Sprintf("%d h %d min", whole/3600, whole%3600/60)
}
