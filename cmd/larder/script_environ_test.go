package main_test

import (
	"fmt"
	"os"
	"slices"
	"strings"
)

// look returns the line of a request that asks for what the process was started
// with: the variable as set or unset, and same or different as in read.
func (r *request) look() string {
	if r.Args != nil {
		if slices.Equal(os.Args[1:], r.Args) {
			return "args" + same + "of this process\n"
		}
		return fmt.Sprintf("args%s%q\n", different, os.Args[1:])
	}
	// The system's list, as a C program sees it: os.LookupEnv would hide that a
	// name is in it twice.
	list, err := os.ReadFile("/proc/self/environ")
	if err != nil {
		return fmt.Sprintln("no environment:", err)
	}
	line := "unset " + r.Variable
	for item := range strings.SplitSeq(strings.TrimSuffix(string(list), "\x00"), "\x00") {
		value, found := strings.CutPrefix(item, r.Variable+"=")
		switch {
		case !found:
		case strings.HasPrefix(line, "unset"):
			line = "set" + r.judge(nil, []byte(value)) + r.Variable
		default:
			line += " twice"
		}
	}
	return line + "\n"
}
