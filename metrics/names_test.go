package metrics_test

import (
	"maps"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// everything returns counters in which nothing is 0, and the line of them.
func everything(t *testing.T) (text string, line document) {
	c := start(true)
	e := c.Embedded("f", "1", at(0))
	busy(c)
	initialized(c)
	invoke(c, "a")
	return string(c.Prometheus()), read(t, e.Line(at(10)))
}

// TestReadme holds the names in the README against what is written, in both forms.
func TestReadme(t *testing.T) {
	t.Parallel()
	readme, err := os.ReadFile("../README.md")
	if err != nil {
		t.Fatal(err)
	}
	text, line := everything(t)
	documented := unitsTable(t, string(readme))
	if !maps.Equal(documented, line.units) {
		t.Errorf("the README has %v, want %v", documented, line.units)
	}
	for _, name := range regexp.MustCompile(`larder_\w+`).FindAllString(string(readme), -1) {
		if !strings.Contains(text, "# TYPE "+name+" ") {
			t.Errorf("the README has %s, which is not in\n%s", name, text)
		}
	}
	named := 0
	for _, file := range []string{"emf.go", "platform.go"} {
		source, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		named += len(regexp.MustCompile(`l\.(count|time|add)\("|metric: "`).FindAll(source, -1))
	}
	is(t, "metrics of a line in which nothing is 0", len(line.units), named)
}

// unitsTable returns units by metric from the rows "| `A`, `B` | Unit | meaning |",
// where the cell in the middle has one unit for all, or one for each.
func unitsTable(t *testing.T, readme string) map[string]string {
	t.Helper()
	_, table, _ := strings.Cut(readme, "\n| metric | unit | |\n")
	table, _, _ = strings.Cut(table, "\n\n")
	units := map[string]string{}
	for row := range strings.Lines(table) {
		cells := strings.Split(row, "|")
		names := strings.Split(strings.Trim(cells[1], " `"), "`, `")
		if strings.HasPrefix(cells[1], "---") {
			continue
		}
		of := strings.Split(strings.TrimSpace(cells[2]), ", ")
		if len(of) == 1 {
			of = slices.Repeat(of, len(names))
		}
		if len(of) != len(names) {
			t.Fatalf("the units do not fit the names: %s", row)
		}
		for i, name := range names {
			units[name] = of[i]
		}
	}
	return units
}

// TestPrometheusNames holds the names against Prometheus's conventions: base units in
// the plural and at the end, but for _total, which a counter has and nothing else;
// and no word for the type.
//
// Source: prometheus.io/docs/practices/naming
func TestPrometheusNames(t *testing.T) {
	t.Parallel()
	text, _ := everything(t)
	families := regexp.MustCompile(`(?m)^# TYPE (\S+) (\S+)$`).FindAllStringSubmatch(text, -1)
	if len(families) < 15 {
		t.Fatalf("%d families in\n%s", len(families), text)
	}
	for _, f := range families {
		name, kind := f[1], f[2]
		rest, total := strings.CutSuffix(name, "_total")
		if !strings.HasPrefix(name, "larder_") || total != (kind == "counter") {
			t.Errorf("%s is a %s", name, kind)
		}
		words := strings.Split(rest, "_")
		for i, word := range words {
			switch word {
			case "counter", "gauge", "summary", "count", "sum", "ms", "milliseconds", "second", "byte":
				t.Errorf("%s: a name has no %q", name, word)
			case "seconds", "bytes":
				if i != len(words)-1 {
					t.Errorf("%s: the unit is not at the end", name)
				}
			case "age", "latency", "overhead":
				if !strings.HasSuffix(rest, "_seconds") {
					t.Errorf("%s: a time without its unit", name)
				}
			}
		}
	}
}
