package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"time"

	"larder/cmd/larder-local/internal/timeline"
	"larder/cmd/larder-local/internal/unpack"
	"larder/internal/lambdatest"
)

// A session is one run of a function, with all that must be put away after it.
type session struct {
	options   options
	opt       string   // the folder that stands in for /opt; empty without a layer
	temporary string   // a folder to be removed; empty if there is none
	standIn   *standIn // nil if AWS is not stood in for
	responses *os.File // nil if they are not wanted
	report    *os.File // nil if it is not wanted
	start     time.Time

	mu     sync.Mutex
	events []lambdatest.Event
	lines  []timeline.Line
	notes  []timeline.Note
}

// newSession prepares what the function needs. The session must be closed.
func newSession(o options) (*session, error) {
	s := &session{options: o}
	err := s.openLayer()
	if err == nil && o.secrets != "" {
		s.standIn, err = serveSecrets(o.secrets)
	}
	if err == nil && o.responses != "" {
		s.responses, err = os.OpenFile(o.responses, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	}
	if err == nil && o.report != "" {
		if s.report, err = os.Create(o.report); err != nil { // now, as a run may be long
			err = fmt.Errorf("--report: %w", err)
		}
	}
	if err != nil {
		s.close()
		return nil, err
	}
	return s, nil
}

// openLayer unpacks the layer, unless it is a folder.
func (s *session) openLayer() error {
	path := s.options.layer
	if path == "" {
		return nil
	}
	info, err := os.Stat(path)
	if err != nil {
		return fmt.Errorf("--layer: %w", err)
	}
	if info.IsDir() {
		s.opt, err = filepath.Abs(path)
		return err
	}
	if s.temporary, err = os.MkdirTemp("", "larder-local-"); err != nil {
		return err
	}
	s.opt = filepath.Join(s.temporary, "opt")
	if err := os.Mkdir(s.opt, 0o755); err != nil {
		return err
	}
	return unpack.Zip(path, s.opt)
}

func (s *session) close() {
	if s.standIn != nil {
		s.standIn.close()
	}
	if s.responses != nil {
		s.responses.Close()
	}
	if s.report != nil {
		s.report.Close()
	}
	if s.temporary != "" {
		os.RemoveAll(s.temporary)
	}
}

// run starts the function, invokes it, and shuts it down. It returns when all
// processes have gone.
func (s *session) run(ctx context.Context) error {
	s.start = time.Now()
	env, err := s.env()
	if err != nil {
		return err
	}
	l, err := lambdatest.Start(ctx, s.config(env))
	if l != nil {
		defer l.Close()
	}
	if err != nil {
		return err
	}
	if s.standIn != nil && s.options.mode == lambdatest.SnapStart {
		s.standIn.server.RenewCredentials() // a snapshot is older than any key
		s.note("credentials renewed")
	}
	failed := s.invokeAll(ctx, l)
	exits, err := l.Shutdown(ctx, "spindown")
	if errors.Is(failed, lambdatest.ErrClosed) {
		err = nil // the same once more
	}
	return errors.Join(failed, err, unwell(exits))
}

func (s *session) config(env []string) lambdatest.Config {
	cfg := lambdatest.Config{
		Opt: s.opt, Runtime: s.options.command, Provided: s.options.provided, Env: env,
		Mode: s.options.mode, Freeze: s.options.freeze,
		Handler: s.options.handler, Memory: s.options.memory,
		Timeout: s.options.timeout, InitTimeout: s.options.limit,
		Output: s.output, Observe: s.observe,
	}
	if s.standIn != nil {
		cfg.Credentials = s.standIn.credentials
	}
	return cfg
}

// invokeAll invokes the function as often as the user wants, until there is
// nothing left to be invoked.
func (s *session) invokeAll(ctx context.Context, l *lambdatest.Lambda) error {
	var failed []error
	for i := range s.options.invokes {
		if c, ok := s.options.changes[i+1]; ok {
			if err := s.standIn.change(c); err != nil {
				return errors.Join(append(failed, err)...)
			}
			s.note("now as in " + c.path)
		}
		err := s.invoke(ctx, l, i)
		failed = append(failed, err)
		if ctx.Err() != nil || errors.Is(err, lambdatest.ErrClosed) {
			break
		}
	}
	return errors.Join(failed...)
}

// unwell tells which extensions did not leave as they should.
func unwell(exits []lambdatest.Exit) error {
	var failed []error
	for _, e := range exits {
		switch {
		case e.Source == "runtime": // it may leave as it likes
		case e.Signal != "":
			failed = append(failed, fmt.Errorf("shutdown: extension %s did not exit by itself: %s", e.Source, e.Signal))
		case e.Code != 0:
			failed = append(failed, fmt.Errorf("shutdown: extension %s exited with %d", e.Source, e.Code))
		}
	}
	return errors.Join(failed...)
}

// invoke invokes the function once and waits until the environment is idle.
func (s *session) invoke(ctx context.Context, l *lambdatest.Lambda, i int) error {
	events := s.options.events
	response, err := l.Invoke(ctx, events[i%len(events)])
	payload := response.Payload
	if failed := (*lambdatest.InvokeError)(nil); errors.As(err, &failed) {
		payload = failed.Payload
	}
	if s.responses != nil {
		_, writeErr := s.responses.Write(append(payload, '\n'))
		err = errors.Join(err, writeErr)
	}
	report, waitErr := l.Wait(ctx)
	if err == nil { // else the report repeats it
		err = report.Err
	}
	return errors.Join(err, waitErr)
}

func (s *session) output(source string, line []byte) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.lines = append(s.lines, timeline.Line{Time: time.Now(), Source: source, Text: line})
}

// note has the timeline tell what was done to AWS.
func (s *session) note(text string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.notes = append(s.notes, timeline.Note{Time: time.Now(), Source: "aws", Text: text})
}

func (s *session) observe(e lambdatest.Event) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.events = append(s.events, e)
}

// env returns the function's variables; those of the user come last and win.
func (s *session) env() ([]string, error) {
	env := []string{
		// Lambda has its runtimes where its own PATH finds them; this machine
		// may have its interpreters elsewhere.
		"PATH=" + os.Getenv("PATH"),
		// The timeline learns of reads from the extension's log.
		"AWS_LAMBDA_LOG_FORMAT=JSON",
		"PARAMETERS_SECRETS_EXTENSION_LOG_LEVEL=DEBUG",
	}
	if s.standIn != nil {
		env = append(env, s.standIn.env()...)
	}
	port := s.options.port
	if port == 0 {
		var err error
		if port, err = freePort(); err != nil {
			return nil, err
		}
	}
	if port > 0 {
		env = append(env, "PARAMETERS_SECRETS_EXTENSION_HTTP_PORT="+strconv.Itoa(port))
	}
	for _, nameValue := range s.options.env {
		env = append(env, s.inLayer(nameValue))
	}
	return env, nil
}

// inLayer has larder-exec find the wrapper that it hands over to, where that is in
// the layer. Lambda's own variable for a wrapper is the local Lambda's business.
func (s *session) inLayer(nameValue string) string {
	const variable = "LARDER_NEXT_WRAPPER="
	if rest, ok := strings.CutPrefix(nameValue, variable+"/opt/"); ok && s.opt != "" {
		return variable + filepath.Join(s.opt, rest)
	}
	return nameValue
}

// freePort returns a port that was free a moment ago.
func freePort() (int, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return 0, fmt.Errorf("--port 0: %w", err)
	}
	defer listener.Close()
	return listener.Addr().(*net.TCPAddr).Port, nil
}

// timeline puts what has happened in order.
func (s *session) timeline() *timeline.Timeline {
	s.mu.Lock()
	defer s.mu.Unlock()
	in := timeline.Input{
		Start: s.start, Events: s.events, Lines: s.lines, Notes: s.notes,
		Raw: s.options.log, Command: strings.Join(s.options.command, " "),
	}
	if s.standIn != nil {
		in.StandIn, in.Calls, in.Pages = true, s.standIn.server.Calls(), s.standIn.pages
	}
	return timeline.Build(in)
}
