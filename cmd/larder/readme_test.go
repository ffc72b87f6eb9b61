package main

import (
	"maps"
	"os"
	"slices"
	"strings"
	"testing"
)

// TestReadme holds the settings table of the README against the code.
func TestReadme(t *testing.T) {
	t.Parallel()
	readme, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	documented := settingsTable(string(readme))
	for _, v := range variables() {
		want := v.fallback
		if want == "" {
			want = "–"
		}
		switch got, ok := documented[v.name]; {
		case !ok:
			t.Errorf("%s has no row in the README", v.name)
		case got != want:
			t.Errorf("%s has the default %q in the README, want %q", v.name, got, want)
		}
		delete(documented, v.name)
	}
	for _, name := range slices.Sorted(maps.Keys(documented)) {
		t.Errorf("%s has a row in the README, and is no setting", name)
	}
}

// settingsTable returns the defaults by variable from the rows "| `NAME` |
// default | meaning |" of the section Settings.
func settingsTable(readme string) map[string]string {
	_, section, _ := strings.Cut(readme, "\n## Settings\n")
	section, _, _ = strings.Cut(section, "\n## ")
	table := make(map[string]string)
	for line := range strings.Lines(section) {
		cells := strings.Split(line, "|")
		if len(cells) < 5 || !strings.HasPrefix(strings.TrimSpace(cells[1]), "`") {
			continue
		}
		table[plain(cells[1])] = plain(cells[2])
	}
	return table
}

func plain(cell string) string { return strings.Trim(strings.TrimSpace(cell), "`") }

// TestReadmeActions holds the table of IAM actions in the README against the
// policies for one reference of each kind.
func TestReadmeActions(t *testing.T) {
	t.Parallel()
	readme, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	_, table, _ := strings.Cut(string(readme), "\n| | actions | resource |\n")
	table, _, _ = strings.Cut(table, "\n\n")
	var documented []string
	for line := range strings.Lines(table) {
		cells := strings.Split(line, "|")
		for i, word := range strings.Split(cells[2], "`") {
			if i%2 == 1 { // between two of them
				documented = append(documented, word)
			}
		}
	}
	c := &checked{environ: append(declared(), "LARDER_PREFETCH=ssm:///prod/more")}
	r := c.report(t)
	used := actionsOf(*r.Policy)
	for _, document := range r.RolePolicies {
		used = append(used, actionsOf(document)...)
	}
	slices.Sort(used)
	slices.Sort(documented)
	if used = slices.Compact(used); !slices.Equal(documented, used) {
		t.Errorf("the README has the actions %q, want those of the policies, %q", documented, used)
	}
}
