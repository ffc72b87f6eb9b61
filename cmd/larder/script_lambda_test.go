package main_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"larder/internal/awstest"
	"larder/internal/canary"
)

// lambda runs the function of a story under the local Lambda, with all logs in
// full: the reader with larder's layer. Files of the script are used where they
// are there:
//
//	secrets.yaml   what AWS has
//	env            the function's variables
//	init           what it reads at module load, one request a line
//	reads          what it reads when it is invoked; after an empty line, again
//
// Flags of larder-local come after these and win; after -- stands what is started
// in place of the reader. What the function answered is in the file responses.
//
// No value of any secret may stand in what comes out, so every story is a test of
// that, too. With "!" init or an invoke must fail.
func (b *bench) lambda(ts *testscript.TestScript, neg bool, args []string) {
	b.run(ts, neg, args)
	if where, form := leak(ts); where != "" {
		ts.Fatalf("a secret's value is in %s, as: %s", where, form)
	}
}

// leaks is lambda for a function that leaks: it proves that the search can find.
func (b *bench) leaks(ts *testscript.TestScript, neg bool, args []string) {
	b.run(ts, neg, args)
	if where, _ := leak(ts); where == "" {
		ts.Fatalf("the function leaked a secret, and nothing was found")
	}
}

func (b *bench) run(ts *testscript.TestScript, neg bool, args []string) {
	port, err := b.freePort()
	ts.Check(err)
	flags := []string{
		"run", "--log", "--responses", "responses", "--port", port,
		"--env", noRaceSleep, "--invoke", "0", "--timeout", patience.String(), "--init-timeout", patience.String(),
	}
	otherwise := func(flag, value string) {
		if !slices.Contains(args, flag) {
			flags = append(flags, flag, value)
		}
	}
	otherwise("--layer", ts.Getenv("LAYER"))
	if exists(ts, "secrets.yaml") {
		otherwise("--secrets", "secrets.yaml")
	}
	if exists(ts, "env") {
		otherwise("--env-file", "env")
	}
	if exists(ts, "init") {
		flags = append(flags, "--env", "READER_INIT="+events(ts, "init")[0])
	}
	if exists(ts, "reads") {
		all := events(ts, "reads")
		ts.Check(os.WriteFile(ts.MkAbs("events"), []byte(strings.Join(all, "\n")), 0o644))
		flags = append(flags, "--invoke", strconv.Itoa(len(all)))
		otherwise("--events", "events")
	}
	if !slices.Contains(args, "--") {
		args = append(slices.Clone(args), "--", "reader")
	}
	err = ts.Exec(b.local, append(flags, args...)...)
	const failed = 1 // of larder-local, whose other codes say that it was misused
	exit := (*exec.ExitError)(nil)
	switch {
	case err == nil && neg:
		ts.Fatalf("the function ran without trouble")
	case err != nil && !neg:
		ts.Fatalf("the function failed: %v", err)
	case err != nil && !(errors.As(err, &exit) && exit.ExitCode() == failed):
		ts.Fatalf("larder-local: %v", err)
	}
}

// patience is as much time as no story needs, on the slowest machine.
const patience = time.Minute

// noRaceSleep lets programs with the race detector exit at once, as others do.
const noRaceSleep = "GORACE=atexit_sleep_ms=0"

func exists(ts *testscript.TestScript, name string) bool {
	_, err := os.Stat(ts.MkAbs(name))
	return err == nil
}

// events returns the events in a file of requests: each paragraph is one.
func events(ts *testscript.TestScript, name string) []string {
	var all []string
	for paragraph := range strings.SplitSeq(strings.TrimSpace(ts.ReadFile(name)), "\n\n") {
		all = append(all, "["+strings.ReplaceAll(strings.TrimSpace(paragraph), "\n", ",")+"]")
	}
	return all
}

// leak looks for the values of all secrets of the script in what has come out.
// It returns the place and the form of the first that it finds.
func leak(ts *testscript.TestScript) (where, form string) {
	values := secretValues(ts)
	for _, output := range []string{"stdout", "stderr", "responses", "record", "output"} {
		if !strings.HasPrefix(output, "std") && !exists(ts, output) {
			continue
		}
		text := []byte(ts.ReadFile(output))
		for _, value := range values {
			if form, found := canary.Find(text, value); found {
				return output, form
			}
		}
	}
	return "", ""
}

// enough is how much of a value is looked for: one that was cut short is a leak,
// too.
const enough = 24

// secretValues returns the beginnings of the values in all YAML files of the
// script, and of the fields of JSON secrets, if they are long enough to be looked
// for. There is at least one.
func secretValues(ts *testscript.TestScript) [][]byte {
	files, err := filepath.Glob(ts.MkAbs("*.yaml"))
	ts.Check(err)
	var values [][]byte
	add := func(value []byte) {
		if len(value) >= canary.MinLength {
			values = append(values, value[:min(len(value), enough)])
		}
	}
	for _, file := range files {
		config, err := awstest.ReadConfig(file)
		ts.Check(err)
		for _, s := range config.Secrets {
			for _, v := range append(s.Versions, awstest.SecretVersion{String: s.String, Binary: s.Binary}) {
				add([]byte(v.String))
				add(v.Binary)
				fields(v.String, add)
			}
		}
		for _, p := range config.Parameters {
			for _, v := range append(p.Versions, awstest.ParameterVersion{Value: p.Value}) {
				add([]byte(v.Value))
				fields(v.Value, add)
			}
		}
	}
	if len(files) > 0 && len(values) == 0 {
		ts.Fatalf("no secret has a value of %d bytes or more, so a leak could not be seen", canary.MinLength)
	}
	return values
}

// fields adds the texts and numbers anywhere in a JSON value.
func fields(text string, add func([]byte)) {
	var walk func(v any)
	walk = func(v any) {
		switch v := v.(type) {
		case string:
			add([]byte(v))
		case json.Number:
			add([]byte(v))
		case []any:
			for _, member := range v {
				walk(member)
			}
		case map[string]any:
			for _, member := range v {
				walk(member)
			}
		}
	}
	var v any
	decoder := json.NewDecoder(strings.NewReader(text))
	decoder.UseNumber()
	if decoder.Decode(&v) == nil {
		walk(v)
	}
}

// took looks into the timeline of the last run: from the first line that FROM
// matches to the first one after it that TO matches it takes at most LIMIT.
func took(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 3 {
		ts.Fatalf("usage: took LIMIT FROM TO")
	}
	limit, err := time.ParseDuration(args[0])
	ts.Check(err)
	from, to := regexp.MustCompile(args[1]), regexp.MustCompile(args[2])
	var begin time.Duration
	begun := false
	for line := range strings.Lines(ts.ReadFile("stdout")) {
		at, err := millis(line)
		switch {
		case err != nil: // no line of the timeline's
		case !begun && from.MatchString(line):
			begin, begun = at, true
		case begun && to.MatchString(line):
			if took := at - begin; took > limit {
				ts.Fatalf("it took %v, want %v at most", took, limit)
			}
			return
		}
	}
	ts.Fatalf("the timeline has no %q and then %q", args[1], args[2])
}

// millis reads the time in front of a line of the timeline.
func millis(line string) (time.Duration, error) {
	first, _, _ := strings.Cut(strings.TrimSpace(line), " ")
	ms, err := strconv.ParseFloat(first, 64)
	if err != nil {
		return 0, fmt.Errorf("no time in %q", line)
	}
	return time.Duration(ms * float64(time.Millisecond)), nil
}
