package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"larder/internal/envfile"
	"larder/internal/lambdatest"
)

const usage = `usage: larder-local run [flags] -- command [arguments]

Starts the extensions of a layer and then the command, which speaks the Lambda
Runtime API, invokes it, shuts all down, and prints what happened when. The
command gets the environment of a Lambda function, with this machine's PATH.

--report makes a page of it as well, which loads nothing. It holds names, references,
times and counts, and no line that a process printed.

The layer's folder stands for /opt in AWS_LAMBDA_EXEC_WRAPPER and LARDER_NEXT_WRAPPER,
so that a wrapper in /opt is the layer's. Nowhere else is a path replaced.

`

// options is what the user asked for.
type options struct {
	layer     string
	secrets   string
	changes   changes
	env       []string // NAME=value; the last of a name counts
	invokes   int
	events    [][]byte // JSON; used by turns
	timeout   time.Duration
	limit     time.Duration // zero means the mode's own
	mode      lambdatest.Mode
	freeze    time.Duration
	provided  bool
	handler   string
	memory    int
	port      int // -1 leaves the extension's own default
	responses string
	report    string
	log       bool
	command   []string
}

// parse reads the arguments of larder-local and the files they name. It prints
// nothing but the help that was asked for, with flag.ErrHelp.
func parse(args []string, stdout io.Writer) (options, error) {
	o := options{changes: changes{}}
	var env assignments
	var envFile, event, events string
	flags := flag.NewFlagSet("larder-local run", flag.ContinueOnError)
	flags.SetOutput(io.Discard)
	flags.Var(once{&o.layer}, "layer", "the layer's zip `file`, or a folder with its content; of several layers a folder into which all are unpacked in their order, as Lambda does")
	flags.Var(once{&o.secrets}, "secrets", "serve the secrets and parameters in this YAML `file` as AWS would")
	flags.Var(o.changes, "change", "before invoke N, have AWS be what the file says, as `N=FILE`: other values are rotations, missing ones deletions; may be repeated")
	flags.Var(&env, "env", "set a variable of the function, `NAME=value`; may be repeated")
	flags.Var(once{&envFile}, "env-file", "set the variables in this `file`, or - for standard input: one NAME=value a line, or JSON as the AWS CLI and SAM have it")
	flags.IntVar(&o.invokes, "invoke", 3, "how `often` to invoke; by default at least once for each line of --events")
	flags.StringVar(&event, "event", "{}", "the event of every invoke, as `JSON`")
	flags.Var(once{&events}, "events", "a `file` of events, one JSON a line, used by turns")
	flags.DurationVar(&o.timeout, "timeout", 3*time.Second, "the function's timeout")
	flags.DurationVar(&o.limit, "init-timeout", 0, "the time that init may take; by default what Lambda gives it in that mode, 10s on demand")
	flags.StringVar((*string)(&o.mode), "mode", string(lambdatest.OnDemand), "the `kind` of environment: on-demand, provisioned-concurrency, snap-start or lambda-managed-instances")
	flags.BoolVar(&o.provided, "provided", false, "the command is the bootstrap of a custom runtime, such as provided.al2023, for which Lambda ignores AWS_LAMBDA_EXEC_WRAPPER")
	flags.DurationVar(&o.freeze, "freeze", 0, "how long the processes are stopped between invokes, and from a snapshot to its restore")
	flags.StringVar(&o.handler, "handler", "app.handler", "the function's handler, for runtimes that look at it")
	flags.IntVar(&o.memory, "memory", 128, "the function's memory in `MB`, of which it is only told")
	flags.IntVar(&o.port, "port", -1, "the extension's `port`; 0 picks a free one")
	flags.Var(once{&o.responses}, "responses", "write the function's responses to this `file`; they may hold secrets")
	flags.Var(once{&o.report}, "report", "write the timeline as an HTML page to this `file`: bars on a time axis, the declared references, the counters")
	flags.BoolVar(&o.log, "log", false, "show all lines that the processes print")
	help := func() {
		io.WriteString(stdout, usage)
		flags.SetOutput(stdout)
		flags.PrintDefaults()
	}
	if len(args) > 0 && (args[0] == "help" || args[0] == "-h" || args[0] == "--help") {
		help()
		return o, flag.ErrHelp
	}
	if len(args) == 0 || args[0] != "run" {
		return o, errors.New("there is one command: larder-local run")
	}
	if err := flags.Parse(args[1:]); err != nil {
		if errors.Is(err, flag.ErrHelp) {
			help()
		}
		return o, err
	}
	o.command = flags.Args()
	given := map[string]bool{}
	flags.Visit(func(f *flag.Flag) { given[f.Name] = true })
	if err := o.check(given); err != nil {
		return o, err
	}
	if err := o.readEnv(envFile, env); err != nil {
		return o, err
	}
	if err := o.readEvents(event, events, given["invoke"]); err != nil {
		return o, err
	}
	return o, o.changes.check(o.invokes, o.secrets != "")
}

// check refuses what cannot be meant.
func (o *options) check(given map[string]bool) error {
	switch {
	case len(o.command) == 0:
		return errors.New("no command: end the flags with -- and the command that starts the function")
	case o.invokes < 0:
		return errors.New("--invoke: less than none is not possible")
	case o.timeout <= 0 || given["init-timeout"] && o.limit <= 0:
		return errors.New("--timeout and --init-timeout must be more than 0")
	case o.freeze < 0:
		return errors.New("--freeze: less than nothing is not possible")
	case o.mode.Check() != nil:
		return fmt.Errorf("--mode: %w", o.mode.Check())
	case o.freeze > 0 && o.mode == lambdatest.ManagedInstances:
		return errors.New("--freeze: managed instances are never frozen")
	case o.memory <= 0:
		return errors.New("--memory must be more than 0")
	case given["port"] && (o.port < 0 || o.port > 65535):
		return errors.New("--port: a port is between 0 and 65535")
	case given["event"] && given["events"]:
		return errors.New("--event and --events: give one of them")
	}
	return nil
}

// readEnv puts the file's variables first, so that those of flags win.
func (o *options) readEnv(path string, env assignments) error {
	if path != "" {
		file, err := envfile.Read(path, os.Stdin)
		if err != nil {
			return fmt.Errorf("--env-file: %w", err)
		}
		o.env = file
	}
	o.env = append(o.env, env...)
	return nil
}

// readEvents reads the payloads. Without --invoke each line is used once, if
// that is more than the default.
func (o *options) readEvents(event, path string, invokesGiven bool) error {
	if path == "" {
		if !json.Valid([]byte(event)) {
			return errors.New("--event: not JSON")
		}
		o.events = [][]byte{[]byte(event)}
		return nil
	}
	lines, err := readLines(path)
	if err != nil {
		return fmt.Errorf("--events: %w", err)
	}
	for _, l := range lines {
		if !json.Valid([]byte(l.text)) {
			return fmt.Errorf("--events %s, line %d: not JSON", path, l.number)
		}
		o.events = append(o.events, []byte(l.text))
	}
	if len(o.events) == 0 {
		return fmt.Errorf("--events %s: no events in it", path)
	}
	if !invokesGiven {
		o.invokes = max(o.invokes, len(o.events))
	}
	return nil
}

// once is the path of a file, as a flag that is given once: of two the first would be left
// out without a word.
type once struct{ path *string }

// String is the default that the help shows, which is none.
func (o once) String() string { return "" }

// Set takes the path.
func (o once) Set(path string) error {
	if *o.path != "" {
		return errors.New("the flag is given twice")
	}
	*o.path = path
	return nil
}

// assignments are NAME=value, as a flag that may be repeated.
type assignments []string

// String is the default that the help shows, which is none.
func (a *assignments) String() string { return "" }

// Set adds one. Its error does not repeat the value, which may be a secret.
func (a *assignments) Set(s string) error {
	if err := envfile.Check(s); err != nil {
		return err
	}
	*a = append(*a, s)
	return nil
}

type numbered struct {
	number int
	text   string
}

// readLines returns the lines of a file that are not blank.
func readLines(path string) ([]numbered, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	var lines []numbered
	scanner := bufio.NewScanner(file)
	scanner.Buffer(nil, 8<<20) // an event may have 6 MB
	for n := 1; scanner.Scan(); n++ {
		if text := scanner.Text(); strings.TrimSpace(text) != "" {
			lines = append(lines, numbered{n, text})
		}
	}
	return lines, scanner.Err()
}
