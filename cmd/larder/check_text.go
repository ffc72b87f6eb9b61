package main

import (
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"larder/policy"
	"larder/secret"
)

// writeText writes the report for people, and returns the exit code.
func (r *report) writeText(out io.Writer) int {
	var b strings.Builder
	if r.Identity != nil {
		fmt.Fprintf(&b, "as %s in account %s, Region %s\n\n", r.Identity.ARN, r.Identity.Account, r.Identity.Region)
	}
	r.writeReferences(&b)
	for _, list := range []struct {
		word  string
		texts []string
	}{{"mend", r.Mistakes}, {unanswered, r.Failures}, {"warning", r.Warnings}} {
		for _, text := range list.texts {
			fmt.Fprintf(&b, "%s: %s\n", list.word, text)
		}
		if len(list.texts) > 0 {
			b.WriteByte('\n')
		}
	}
	if len(r.References) > 0 {
		r.Calls.writeText(&b)
	}
	if r.Policy != nil {
		writePolicy(&b, "the function's role", *r.Policy)
		for _, role := range slices.Sorted(maps.Keys(r.RolePolicies)) {
			writePolicy(&b, role, r.RolePolicies[role])
		}
	}
	for _, text := range r.Notes {
		fmt.Fprintf(&b, "note: %s\n", text)
	}
	fmt.Fprintln(&b, r.summary())
	_, _ = io.WriteString(out, b.String()) // to a pipe that nobody reads there is nothing to say
	return r.ExitCode
}

func (r *report) writeReferences(b *strings.Builder) {
	if len(r.References) == 0 {
		b.WriteString("nothing is declared: no variable is a legal reference, and LARDER_PREFETCH has none\n\n")
		return
	}
	rows := [][]string{{"VARIABLE", "REFERENCE", "SOURCE", "REGION", "VERSION", "AGE", "BYTES"}}
	for _, e := range r.References {
		row := []string{e.Variable, e.Reference, e.Source, e.Region}
		switch e.State {
		case found:
			row = append(row, e.Version, e.age(), strconv.Itoa(*e.Size))
		case unasked:
			row = append(row, "not asked")
		case absent:
			row = append(row, "absent, and optional")
		default:
			row = append(row, e.State+": "+e.Problem)
		}
		rows = append(rows, row)
	}
	writeTable(b, rows)
	b.WriteByte('\n')
}

// age is how old the version is, in the largest unit that fits twice or more.
func (e entry) age() string {
	if e.AgeSeconds == nil {
		return "–"
	}
	d := time.Duration(*e.AgeSeconds) * time.Second
	for _, unit := range []struct {
		name string
		span time.Duration
	}{{"d", 24 * time.Hour}, {"h", time.Hour}, {"m", time.Minute}} {
		if d >= 2*unit.span {
			return strconv.Itoa(int(d/unit.span)) + unit.name
		}
	}
	return strconv.FormatInt(*e.AgeSeconds, 10) + "s"
}

// writeTable aligns all cells but the last of a row, which may be long.
func writeTable(b *strings.Builder, rows [][]string) {
	var widths []int
	for _, row := range rows {
		for i, cell := range row[:len(row)-1] {
			if i == len(widths) {
				widths = append(widths, 0)
			}
			widths[i] = max(widths[i], utf8.RuneCountInString(cell))
		}
	}
	for _, row := range rows {
		for i, cell := range row[:len(row)-1] {
			fmt.Fprintf(b, "%-*s  ", widths[i], cell)
		}
		b.WriteString(row[len(row)-1] + "\n")
	}
}

// writeText writes what one execution environment of the function costs.
func (c callCount) writeText(b *strings.Builder) {
	var actions []string
	for _, action := range slices.Sorted(maps.Keys(c.Actions)) {
		actions = append(actions, fmt.Sprintf("%d %s", c.Actions[action], action))
	}
	b.WriteString("AWS calls of one execution environment\n")
	rows := [][]string{{"  a cold start", fmt.Sprintf("%d (%s)", c.ColdStart, strings.Join(actions, ", "))}}
	for _, r := range c.Refreshes {
		when, calls := fmt.Sprintf("  within %g s", r.TTLSeconds), fmt.Sprintf("%d, if all is read", r.Calls)
		if r.TTLSeconds == 0 {
			when, calls = "  each read", "1: nothing is kept"
		}
		rows = append(rows, []string{when, calls})
	}
	if c.RolesPerHour > 0 {
		rows = append(rows, []string{"  each hour", fmt.Sprintf("%d %s", c.RolesPerHour, secret.AssumeRole)})
	}
	writeTable(b, rows)
	b.WriteByte('\n')
}

func writePolicy(b *strings.Builder, whose string, d policy.Document) {
	text, err := json.MarshalIndent(d, "", "  ")
	if err != nil {
		text = []byte(err.Error()) // strings only: cannot happen
	}
	fmt.Fprintf(b, "IAM policy of %s\n%s\n\n", whose, text)
}

// summary counts what was found.
func (r *report) summary() string {
	mend, failed := len(r.Mistakes), len(r.Failures)
	for _, e := range r.References {
		switch e.State {
		case wrong:
			mend++
		case unanswered:
			failed++
		}
	}
	if mend+failed+len(r.Warnings) == 0 {
		return "all right"
	}
	return fmt.Sprintf("%d to mend, %d unanswered, warnings: %d", mend, failed, len(r.Warnings))
}
