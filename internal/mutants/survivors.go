package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
)

// explanation is a line of the list: why mutants of a kind in a function may live.
type explanation struct {
	function, mutation, reason string
}

// readList reads lines of FUNCTION MUTATION REASON. Blank ones and those that begin with
// '#' are for people.
func readList(r io.Reader) (all []explanation, err error) {
	lines := bufio.NewScanner(r)
	for number := 1; lines.Scan(); number++ {
		line := strings.TrimSpace(lines.Text())
		if line == "" || line[0] == '#' {
			continue
		}
		fields := strings.Fields(line)
		if len(fields) < 3 {
			return nil, fmt.Errorf("line %d: write FUNCTION MUTATION REASON", number)
		}
		e := explanation{fields[0], fields[1], strings.Join(fields[2:], " ")}
		if slices.ContainsFunc(all, func(o explanation) bool { return o.function == e.function && o.mutation == e.mutation }) {
			return nil, fmt.Errorf("line %d: %s %s stands twice", number, e.function, e.mutation)
		}
		all = append(all, e)
	}
	if err := lines.Err(); err != nil {
		return nil, err
	}
	if len(all) == 0 {
		return nil, errors.New("it is empty")
	}
	return all, nil
}

// compare returns what is wrong: mutants that live without an explanation, and, behind a
// hyphen, explanations of a package's mutants of which none lives.
func compare(folder string, living []mutant, explained []explanation) (problems []string) {
	needed := make(map[explanation]bool)
	for _, m := range living {
		i := slices.IndexFunc(explained, func(e explanation) bool { return e.function == m.function && e.mutation == m.mutation })
		if i < 0 {
			problems = append(problems, fmt.Sprintf("%s %s lives at %s", m.function, m.mutation, m.line))
			continue
		}
		needed[explained[i]] = true
	}
	for _, e := range explained {
		if strings.HasPrefix(e.function, folder+".") && !needed[e] {
			problems = append(problems, fmt.Sprintf("- %s %s lives no more: take it out of the list", e.function, e.mutation))
		}
	}
	return problems
}
