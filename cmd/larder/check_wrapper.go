package main

import (
	"bytes"
	"fmt"
	"strings"

	"larder/manifest"
	"larder/secret"
)

const (
	// maxVariable is how long NAME=value may be, with the NUL that ends it: see
	// maxPages of cmd/larder-exec, which shares no package with this one. A page has
	// 4 KiB on Lambda, whatever it has on this machine.
	maxVariable = 32 * 4096

	// maxTogether is what Linux allows all variables and arguments: a quarter of the
	// limit of the stack, which has 8 MiB on Lambda. Each counts with its NUL and a
	// pointer: bprm_stack_limits of fs/exec.c.
	maxTogether = 8 << 20 / 4
	pointer     = 8

	// unseen is room for what is not known here, with some to spare: the command, and
	// the variables that Lambda adds, of which the session token is the longest.
	unseen = 8 << 10
)

// wrapping says why larder-exec cannot start the function, and what may keep it from
// that where it depends on what is not known here.
func wrapping(o checkOptions, declarations []manifest.Declaration, a *answers) (certain, possible []string) {
	together := 0
	for name, value := range o.environ {
		together += room(name, len(value))
	}
	var set []variableSize // by larder-exec
	for _, d := range declarations {
		if !d.IsVariable() {
			continue
		}
		together -= room(d.Variable, len(o.environ[d.Variable])) // the function does not get the reference
		value, ok := a.value(d)
		if !ok {
			continue
		}
		if problem := unusable(d.Variable, value); problem != "" {
			certain = append(certain, problem)
			continue
		}
		together += room(d.Variable, value.Len())
		set = append(set, variableSize{d.Variable, value.Len()})
	}
	const text = "larder-exec %s the function: all variables together take %d bytes, and Linux allows %d%s; " +
		"the largest declared ones are %s: read some over HTTP instead"
	switch {
	case len(set) == 0 || together+unseen <= maxTogether:
	case together > maxTogether:
		certain = append(certain, fmt.Sprintf(text, "cannot start", together, maxTogether, "", largest(set)))
	default:
		possible = append(possible, fmt.Sprintf(text, "may be unable to start", together, maxTogether,
			" with the command and what Lambda adds", largest(set)))
	}
	return certain, possible
}

// room is what a variable takes of maxTogether.
func room(name string, size int) int { return len(name) + len("=") + size + 1 + pointer }

// unusable says why larder-exec cannot set the variable, if so.
func unusable(variable string, value secret.Value) string {
	switch {
	case bytes.IndexByte(value.Reveal(), 0) >= 0:
		return variable + ": the value has a NUL in it, which no environment variable can hold: read it over HTTP"
	case len(variable)+value.Len()+2 > maxVariable:
		return fmt.Sprintf("%s: the value has %d bytes, more than an environment variable can hold: read it over HTTP", variable, value.Len())
	}
	return ""
}

// variableSize is a variable with the bytes of its value.
type variableSize struct {
	name string
	size int
}

// largest names those variables that take most of the room, with their sizes, which
// it spoils: a sort would be more code.
func largest(set []variableSize) string {
	const most = 3
	var named []string
	for range min(most, len(set)) {
		top := 0
		for i := range set {
			if set[i].size > set[top].size {
				top = i
			}
		}
		named = append(named, fmt.Sprintf("%s with %d bytes", set[top].name, set[top].size))
		set[top].size = -1
	}
	return strings.Join(named, ", ")
}
