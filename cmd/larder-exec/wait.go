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

// initTimeout reads the setting in seconds, rounded up: whole numbers, as in 7, 7s, 7500ms
// and 1m30s. Anything else is as long as can be: it is written oddly, or the extension
// refuses it, and will say so.
func initTimeout(text string) int {
	if text = strings.TrimSpace(text); text == "" {
		return defaultInit
	}
	total, n := 0, 0
	for i := 0; i < len(text); i++ {
		switch c := text[i]; {
		case '0' <= c && c <= '9':
			n = min(10*n+int(c-'0'), 1000*maxInit)
			continue
		case c == 'm' && i+1 < len(text) && text[i+1] == 's':
			total += n/1000 + 1
			i++
		case c == 'm':
			total += 60 * n
		case c == 's':
			total += n
		default:
			return maxInit
		}
		n = 0
	}
	return min(total+n, maxInit)
}
