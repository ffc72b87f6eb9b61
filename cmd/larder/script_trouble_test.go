package main_test

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
	"go.yaml.in/yaml/v3"

	"larder/internal/awstest"
)

// change makes AWS have what a file says, as people do: another value is a
// rotation, another suffix a new secret. See awstest.Server.Change.
func change(ts *testscript.TestScript, neg bool, args []string) {
	config, err := awstest.ReadConfig(ts.MkAbs(one(ts, neg, args)))
	ts.Check(err)
	ts.Check(functionOf(ts).aws.Change(config))
}

// fault adds faults, each written as in secrets.yaml: see awstest.Fault.
func fault(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) == 0 {
		ts.Fatalf("usage: fault '{action: PATTERN, id: PATTERN, code: CODE, ...}'...")
	}
	for _, text := range args {
		var f awstest.Fault
		ts.Check(yaml.Unmarshal([]byte(text), &f))
		ts.Check(functionOf(ts).aws.AddFault(f))
	}
}

// renew gives the function's role new keys; those that it has, have expired.
func renew(ts *testscript.TestScript, neg bool, args []string) {
	none(ts, neg, args)
	functionOf(ts).aws.RenewCredentials()
}

// network does something to the connections between the function and AWS: see
// awstest.Relay.
func network(ts *testscript.TestScript, neg bool, args []string) {
	relay := functionOf(ts).relay
	switch what := one(ts, neg, args); what {
	case "cut":
		relay.Cut()
	case "swallow":
		relay.Swallow()
	case "hole":
		relay.BlackHole()
	default:
		ts.Fatalf("network cut, swallow or hole, not %q", what)
	}
}

// heal ends all faults, and makes the network as it was.
func heal(ts *testscript.TestScript, neg bool, args []string) {
	none(ts, neg, args)
	f := functionOf(ts)
	f.aws.ClearFaults()
	f.relay.Heal()
}

// age waits until the last value that AWS gave, or the last call that matches, is
// so old. Time must really pass: the processes of a function have no clock but the
// machine's.
func age(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 1 || len(args) > 2 {
		ts.Fatalf("usage: age D [REGEXP]")
	}
	want, pattern := parseDuration(ts, args[0]), regexp.MustCompile(": 200")
	if len(args) > 1 {
		pattern = regexp.MustCompile(args[1])
	}
	for _, call := range slices.Backward(functionOf(ts).aws.Calls()) {
		if pattern.MatchString(line(call)) {
			<-time.After(time.Until(call.Time.Add(want)))
			return
		}
	}
	ts.Fatalf("no call matches %s", pattern)
}

// asked waits until there is a call since the last invoke that matches: see calls.
func asked(ts *testscript.TestScript, neg bool, args []string) {
	pattern := regexp.MustCompile(one(ts, neg, args))
	f := functionOf(ts)
	f.await(ts, func() bool { return f.count(pattern) > 0 }, "a call that matches "+pattern.String())
}

// calls checks how many calls to AWS there are since the last invoke began, which
// must have ended: exactly N, or from N to M. With a pattern those count that match.
// A call is "GetSecretValue prod/db: 200"; the status is 0 if AWS did not answer.
func calls(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 1 || len(args) > 2 {
		ts.Fatalf("usage: calls N[-M] [PATTERN]")
	}
	least, most, _ := strings.Cut(args[0], "-")
	low, err := strconv.Atoi(least)
	ts.Check(err)
	high := low
	if most != "" {
		high, err = strconv.Atoi(most)
		ts.Check(err)
	}
	f := functionOf(ts)
	_, err = f.ended()
	ts.Check(err)
	pattern := regexp.MustCompile(strings.Join(args[1:], ""))
	if n := f.count(pattern); n < low || n > high {
		ts.Fatalf("%d calls, want %s:\n%s", n, strings.Join(args, " of "), strings.Join(f.calls(), "\n"))
	}
}

// rate checks that since the last invoke began, which must have ended, there was at
// most one call to AWS that matches in every D, however long that invoke took.
func rate(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: rate D PATTERN")
	}
	f := functionOf(ts)
	_, err := f.ended()
	ts.Check(err)
	passed := time.Since(f.began)
	most := 1 + int(passed/parseDuration(ts, args[0]))
	if n := f.count(regexp.MustCompile(args[1])); n > most {
		ts.Fatalf("%d calls in %v, want %d at most:\n%s", n, passed, most, strings.Join(f.calls(), "\n"))
	}
}

// calls returns the calls to AWS since the last invoke began, a line each.
func (f *function) calls() []string {
	var lines []string
	for _, call := range f.aws.Calls()[f.asked:] {
		lines = append(lines, line(call))
	}
	return lines
}

// line is a call as patterns see it: "GetSecretValue prod/db: 400 ThrottlingException".
func line(c awstest.Call) string {
	return fmt.Sprintf("%s %s: %d %s", c.Action, strings.Join(c.IDs, " "), c.Status, c.Code)
}

func (f *function) count(pattern *regexp.Regexp) int {
	n := 0
	for _, line := range f.calls() {
		if pattern.MatchString(line) {
			n++
		}
	}
	return n
}

// held checks for how long larder held the last invoke after the runtime was done
// with it: the limit at most, or more than that with "!".
func held(ts *testscript.TestScript, neg bool, args []string) {
	limit := parseDuration(ts, one(ts, false, args))
	report, err := functionOf(ts).ended()
	ts.Check(err)
	if (report.PostRuntime > limit) != neg {
		ts.Fatalf("larder held the invoke for %v", report.PostRuntime)
	}
}

// responded checks that the function answered to the last invoke within a limit.
func responded(ts *testscript.TestScript, neg bool, args []string) {
	limit := parseDuration(ts, one(ts, neg, args))
	report, err := functionOf(ts).ended()
	ts.Check(err)
	if report.Responded > limit {
		ts.Fatalf("the function answered after %v", report.Responded)
	}
}

// logged looks for lines that the processes have printed since start, as
// "larder | time=... level=WARN ...". It waits for one that matches, or for as
// many as -count says and then there must not be more; with "!" there is none.
func logged(ts *testscript.TestScript, neg bool, args []string) {
	want := -1
	if len(args) > 0 {
		if text, ok := strings.CutPrefix(args[0], "-count="); ok {
			n, err := strconv.Atoi(text)
			ts.Check(err)
			want, args = n, args[1:]
		}
	}
	pattern := regexp.MustCompile(one(ts, false, args))
	f := functionOf(ts)
	count := func() int {
		n := 0
		for _, line := range f.lines {
			if pattern.MatchString(line) {
				n++
			}
		}
		return n
	}
	if !neg {
		f.await(ts, func() bool { return count() >= max(want, 1) }, "lines that match "+pattern.String())
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if n := count(); neg && n > 0 || want >= 0 && n != want {
		ts.Fatalf("%d lines match %s", n, pattern)
	}
}
