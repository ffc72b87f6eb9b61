package main_test

import (
	"context"
	"errors"
	"net/http/httptest"
	"os"
	"os/exec"
	"strings"
	"sync"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"larder/internal/awstest"
	"larder/internal/lambdatest"
)

// function is one that a story keeps running and steers in the middle: it runs in
// a local Lambda of the test's own, and asks AWS by way of a relay.
type function struct {
	lambda *lambdatest.Lambda
	aws    *awstest.Server
	relay  *awstest.Relay
	asked  int         // calls to AWS before the last invoke, or the start
	began  time.Time   // of the last invoke
	answer chan answer // of an invoke in the background; nil without one

	mu      sync.Mutex
	changed chan struct{} // closed and replaced when a line or a call has come
	lines   []string      // that the processes have printed
	answers string        // of all invokes
}

// answer is what became of some invokes.
type answer struct {
	text string
	err  error
}

// functionKey finds the function of a script in its values.
type functionKey struct{}

// functionOf returns the function that was started.
func functionOf(ts *testscript.TestScript) *function {
	f, ok := ts.Value(functionKey{}).(**function)
	if !ok || *f == nil {
		ts.Fatalf("no function is running: start one")
	}
	return *f
}

// start runs init of the function of a story, as lambda does, with what is in the
// files secrets.yaml, env and init and with further variables, and keeps it until
// shutdown. The processes are told that an invoke's deadline is so far away as -deadline
// says, which does not end an invoke that a busy machine makes late; -mode is how
// Lambda starts the function and what it does with it, see lambdatest.Mode, and
// -telemetry what it knows of the Telemetry API, see lambdatest.Telemetry. Under
// SnapStart the function makes the reads in the file restore when the snapshot has
// been restored, before the first invoke.
func (b *bench) start(ts *testscript.TestScript, neg bool, args []string) {
	config := lambdatest.Config{Timeout: patience, InitTimeout: patience}
	for len(args) > 1 && strings.HasPrefix(args[0], "-") {
		switch args[0] {
		case "-deadline":
			config.Deadline = parseDuration(ts, args[1])
		case "-mode":
			config.Mode = lambdatest.Mode(args[1])
		case "-telemetry":
			config.Telemetry = lambdatest.Telemetry(args[1])
		default:
			ts.Fatalf("unknown flag %s", args[0])
		}
		args = args[2:]
	}
	if neg {
		ts.Fatalf("usage: start [-deadline D] [-mode MODE] [-telemetry KIND] [NAME=VALUE...]")
	}
	f := &function{changed: make(chan struct{})}
	f.serveAWS(ts)
	b.configure(ts, f, &config)
	config.Env = append(config.Env, args...)
	var err error
	f.lambda, err = lambdatest.Start(context.Background(), config)
	if f.lambda != nil {
		ts.Defer(f.lambda.Close)
	}
	f.save(ts)
	if err != nil {
		ts.Fatalf("starting: %v\n%s", err, ts.ReadFile("output"))
	}
	*ts.Value(functionKey{}).(**function) = f
}

// serveAWS serves what is in secrets.yaml.
func (f *function) serveAWS(ts *testscript.TestScript) {
	f.aws = standIn(ts)
	server := httptest.NewServer(f.aws)
	relay, err := awstest.NewRelay(server.Listener.Addr().String())
	ts.Check(err)
	f.relay = relay
	f.aws.Observe(func(awstest.Call) { f.change(func() {}) })
	ts.Defer(func() {
		f.aws.Close() // first: it ends what hangs
		relay.Close()
		server.Close()
	})
}

// configure fills in what all functions have in common.
func (b *bench) configure(ts *testscript.TestScript, f *function, config *lambdatest.Config) {
	port, err := b.freePort()
	ts.Check(err)
	command, err := exec.LookPath("reader")
	ts.Check(err)
	config.Opt, config.Runtime = ts.Getenv("LAYER"), []string{command}
	config.Env = append(variablesFor(f.aws, "http://"+f.relay.Addr()), noRaceSleep,
		"PARAMETERS_SECRETS_EXTENSION_HTTP_PORT="+port, "PARAMETERS_SECRETS_EXTENSION_LOG_LEVEL=DEBUG")
	for file, variable := range map[string]string{"init": "READER_INIT", "restore": "READER_RESTORE"} {
		if exists(ts, file) {
			config.Env = append(config.Env, variable+"="+events(ts, file)[0])
		}
	}
	if exists(ts, "env") {
		for line := range strings.Lines(ts.ReadFile("env")) {
			config.Env = append(config.Env, strings.TrimSuffix(line, "\n"))
		}
	}
	config.Credentials = func() (lambdatest.Credentials, error) {
		id, key, token := f.aws.Credentials()
		return lambdatest.Credentials{AccessKeyID: id, SecretAccessKey: key, SessionToken: token}, nil
	}
	config.Output = func(source string, line []byte) {
		f.change(func() { f.lines = append(f.lines, source+" | "+string(line)) })
	}
}

// change changes what is guarded, and wakes who waits for it.
func (f *function) change(what func()) {
	f.mu.Lock()
	defer f.mu.Unlock()
	what()
	close(f.changed)
	f.changed = make(chan struct{})
}

// await waits until cond, which is called with mu held, and fails the script if
// that does not come.
func (f *function) await(ts *testscript.TestScript, cond func() bool, what string) {
	end := time.After(patience)
	f.mu.Lock()
	defer f.mu.Unlock()
	for !cond() {
		changed := f.changed
		f.mu.Unlock()
		select {
		case <-changed:
			f.mu.Lock()
		case <-end:
			f.mu.Lock()
			if !cond() {
				ts.Fatalf("waited in vain for %s", what)
			}
		}
	}
}

// save writes the files responses, with what was answered so far, and output, with
// what was printed, and looks for secrets in them.
func (f *function) save(ts *testscript.TestScript) {
	f.mu.Lock()
	responses, output := f.answers, strings.Join(append(f.lines, ""), "\n")
	f.mu.Unlock()
	ts.Check(os.WriteFile(ts.MkAbs("responses"), []byte(responses), 0o644))
	ts.Check(os.WriteFile(ts.MkAbs("output"), []byte(output), 0o644))
	if where, form := leak(ts); where != "" {
		ts.Fatalf("a secret's value is in %s, as: %s", where, form)
	}
}

// invoke has the function make the reads in a file, each paragraph in an invoke of
// its own, and prints what it answers. It returns when the function has answered,
// which is before the invoke has ended; with & at once, see answered.
func invoke(ts *testscript.TestScript, neg bool, args []string) {
	f := functionOf(ts)
	background := len(args) > 0 && args[len(args)-1] == "&"
	if background {
		args = args[:len(args)-1]
	}
	if neg || len(args) > 1 || f.answer != nil {
		ts.Fatalf("usage: invoke [FILE] [&], and then answered before the next one")
	}
	file := "reads"
	if len(args) > 0 {
		file = args[0]
	}
	payloads := events(ts, file)
	_, err := f.ended() // the invoke before
	ts.Check(err)
	f.asked, f.began = len(f.aws.Calls()), time.Now()
	f.answer = make(chan answer, 1)
	go func() { f.answer <- f.invoke(payloads) }()
	if !background {
		answered(ts, false, nil)
	}
}

func (f *function) invoke(payloads []string) answer {
	var all strings.Builder
	for _, payload := range payloads {
		response, err := f.lambda.Invoke(context.Background(), []byte(payload))
		if err != nil {
			return answer{all.String(), err}
		}
		all.Write(response.Payload)
	}
	return answer{all.String(), nil}
}

// answered waits until the function has answered to an invoke in the background,
// and prints that.
func answered(ts *testscript.TestScript, neg bool, args []string) {
	f := functionOf(ts)
	if neg || len(args) != 0 || f.answer == nil {
		ts.Fatalf("usage: invoke &, and then answered")
	}
	a := <-f.answer
	f.answer = nil
	f.change(func() { f.answers += a.text })
	f.save(ts)
	ts.Check(a.err)
	_, err := ts.Stdout().Write([]byte(a.text))
	ts.Check(err)
}

// ended waits until the last invoke has ended, which is when Lambda would freeze
// the environment.
func (f *function) ended() (lambdatest.Report, error) {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	report, err := f.lambda.Wait(ctx)
	return report, errors.Join(err, report.Err)
}

// freeze stops all processes of the function when its invoke has ended, as Lambda
// does, or with -now wherever they are.
func freeze(ts *testscript.TestScript, neg bool, args []string) {
	f := functionOf(ts)
	switch {
	case neg || len(args) > 1 || len(args) == 1 && args[0] != "-now":
		ts.Fatalf("usage: freeze [-now]")
	case len(args) == 0:
		_, err := f.ended()
		ts.Check(err)
	}
	ts.Check(f.lambda.Freeze())
}

// thaw lets them go on.
func thaw(ts *testscript.TestScript, neg bool, args []string) {
	none(ts, neg, args)
	functionOf(ts).lambda.Thaw()
}

// shutdown ends the function, and checks that larder leaves as it should.
func shutdown(ts *testscript.TestScript, neg bool, args []string) {
	none(ts, neg, args)
	f := functionOf(ts)
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	exits, err := f.lambda.Shutdown(ctx, "spindown")
	*ts.Value(functionKey{}).(**function) = nil
	f.save(ts)
	ts.Check(err)
	for _, exit := range exits {
		if exit.Source == "larder" && exit.Code != 0 {
			ts.Fatalf("larder left with %d %s\n%s", exit.Code, exit.Signal, ts.ReadFile("output"))
		}
	}
}

// none refuses what a command does not take.
func none(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 0 {
		ts.Fatalf("the command takes no arguments and no !")
	}
}

func parseDuration(ts *testscript.TestScript, text string) time.Duration {
	d, err := time.ParseDuration(text)
	ts.Check(err)
	return d
}
