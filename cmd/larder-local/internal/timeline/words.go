package timeline

import (
	"cmp"
	"fmt"
	"strings"
	"time"

	"larder/internal/awstest"
	"larder/internal/lambdatest"
)

// These are the words that the text and the page have for the same thing.

// fetched tells what a prefetch or a refresh brought.
func (r record) fetched() string {
	if r.msg == "refresh done" {
		return fmt.Sprintf("%d of %d due fetched", r.known.Fetched, r.known.Due)
	}
	return fmt.Sprintf("%d of %d fetched", r.known.Fetched, r.known.Declared)
}

// kindOfRead tells how a read was served.
func (r record) kindOfRead() kind {
	switch k := kind("read-" + r.known.Result); k {
	case kindReadHit, kindReadWait, kindReadMiss, kindReadStale:
		return k
	}
	return kindReadError
}

// nameOfRead tells what a read asked for.
func (r record) nameOfRead() string {
	switch {
	case r.known.Ref != "":
		return r.known.Ref
	case r.known.Path == "/env":
		return "all variables"
	}
	return "no reference"
}

// describeCall names the action, at most so many of what it is about, and the error.
func describeCall(c awstest.Call, most int) string {
	text := action(c)
	if len(c.IDs) > 0 {
		text += " " + strings.Join(c.IDs[:min(most, len(c.IDs))], ", ")
	}
	if more := len(c.IDs) - most; more > 0 {
		text += fmt.Sprintf(" and %d more", more)
	}
	if c.Code != "" {
		text += ": " + c.Code
	}
	return text
}

func action(c awstest.Call) string { return cmp.Or(c.Action, "unknown call") }

// describeExit tells how a process left; by stands in front of a signal's name.
func describeExit(e lambdatest.Event, by string) string {
	if e.Signal != "" {
		return by + e.Signal
	}
	return fmt.Sprintf("exit %d", e.Code)
}

func millis(d time.Duration) string {
	return fmt.Sprintf("%.1f ms", float64(d.Microseconds())/1000)
}

// count returns "1 call" or "2 calls".
func count(n int, what string) string {
	if n != 1 {
		what += "s"
	}
	return fmt.Sprintf("%d %s", n, what)
}
