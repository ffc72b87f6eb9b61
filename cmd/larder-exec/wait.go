package main

import (
	"errors"
	"strconv"
	"strings"
	"syscall"
)

// initVariable is how long init may wait for AWS, which is how long an answer may take:
// the extension answers when init's fetch has ended.
const (
	initVariable = "LARDER_INIT_TIMEOUT"
	defaultInit  = 5
	maxInit      = 900 // what the extension allows at most
)

// Further bounds, in seconds. Where a runtime starts anew in a sandbox whose init is
// over, the extension may have to ask AWS again, with a role before that.
const (
	late   = 1  // after init's time: then something is said
	margin = 30 // after init's time: then nobody will answer
)

// tick is the unit of ticks in nanoseconds, the kernel's USER_HZ, and ticksPerSecond
// how many a second has.
const (
	tick           = 10_000_000
	ticksPerSecond = 100
)

// ticks is a clock that nobody sets. Package time would load more than all else
// here together.
func ticks() uintptr {
	n, _ := syscall.Times(new(syscall.Tms))
	return n
}

// wait is the time that an answer may take, be it that nothing comes or that it comes
// drop by drop. nil is without a limit, for what is no connection.
type wait struct {
	where      string // the extension
	said       func(line string)
	began      uintptr
	init, more int // seconds
	late       bool
}

func newWait(env environment, where string) *wait {
	return &wait{where: where, said: say, began: ticks(), init: initTimeout(env.get(initVariable)), more: margin}
}

// check says once that an answer is late, and returns an error when there is no hope for
// it. It is called once a second at least.
func (w *wait) check(received int) error {
	if w == nil {
		return nil
	}
	passed := int((ticks() - w.began) / ticksPerSecond)
	if passed >= w.init+late && !w.late {
		w.late = true
		w.said(w.where + " has not answered for " + strconv.Itoa(passed) + " s, and " + initVariable + " is " + strconv.Itoa(w.init) + " s: waiting")
	}
	if passed < w.init+w.more {
		return nil
	}
	what := " no answer came"
	if received > 0 {
		what = " its answer is not whole"
	}
	return errors.New("within " + strconv.Itoa(passed) + " s, which is " + initVariable + " and " + strconv.Itoa(w.more) + " s more," + what +
		": does something else listen at this port? Then give Larder another one by " + portVariable)
}

// initTimeout reads the setting, written as the extension reads it, in seconds that are
// rounded up. What it cannot read is as long as can be: the extension refuses it, and
// will say so.
func initTimeout(text string) int {
	text = strings.TrimSpace(text)
	if text == "" {
		return defaultInit
	}
	total := 0
	for text != "" && total <= maxInit {
		rest := strings.TrimLeft(text, "0123456789.")
		number, fraction, _ := strings.Cut(text[:len(text)-len(rest)], ".")
		text = strings.TrimLeft(rest, "hmsnuµμ")
		n, err := strconv.Atoi("0" + number)
		if err != nil || number+fraction == "" {
			return maxInit
		}
		n = min(n, 1000*maxInit)
		if fraction != "" {
			n++
		}
		switch rest[:len(rest)-len(text)] {
		case "", "s":
		case "m":
			n *= 60
		case "h":
			n *= 3600
		default: // parts of a second
			n = n/1000 + 1
		}
		total += n
	}
	return min(total, maxInit)
}
