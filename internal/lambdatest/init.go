package lambdatest

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// init starts everything in the platform's order: the extensions in the order
// of their names and without waiting for each other; the runtime only when all
// of them have registered; and then it waits until each has called next. It
// fails with an *InitError, or with why the caller gave up. ctx ends with
// errLimit when the time, which is limit in all, is up.
func (s *sandbox) init(ctx context.Context, limit time.Duration) error {
	start := time.Now()
	s.tellInitStart(start)
	err := s.initSteps(ctx, start)
	if errors.Is(err, errLimit) {
		err = s.overdue(limit)
	}
	took := time.Since(start)
	if fault := (*Fault)(nil); errors.As(err, &fault) {
		s.tellInitEnd(took, fault)
		s.rec.event(Event{Kind: InitFailed, Duration: took, Fault: fault})
		return &InitError{*fault}
	}
	if err == nil {
		s.tellInitEnd(took, nil)
		s.rec.event(Event{Kind: InitDone, Duration: took})
	}
	return err
}

func (s *sandbox) initSteps(ctx context.Context, start time.Time) error {
	if err := s.startExtensions(); err != nil {
		return err
	}
	if err := s.until(ctx, func() bool { return s.lateLocked(started) == "" }); err != nil {
		return err
	}
	if err := s.startRuntime(); err != nil {
		return err
	}
	s.starter.end() // nothing else is started
	if err := s.until(ctx, s.runtime.parked); err != nil {
		return err
	}
	s.tellRuntimeInit(time.Since(start), nil)
	s.mu.Lock()
	s.registrationOver = true
	s.mu.Unlock()
	// Who has reported an error has not called next, and fails init when it exits.
	return s.until(ctx, func() bool { return s.lateLocked(registered) == "" && s.lateLocked(initError) == "" })
}

// startExtensions starts every file of the extensions folder that is not a
// folder itself; neither its mode nor its content is looked at before.
func (s *sandbox) startExtensions() error {
	if s.cfg.Opt == "" {
		return nil
	}
	folder := filepath.Join(s.cfg.Opt, "extensions")
	files, err := os.ReadDir(folder) // in the order of the names
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("listing the layer's extensions: %w", err)
	}
	for _, file := range files {
		if file.IsDir() {
			continue
		}
		if err := s.startExtension(folder, file.Name()); err != nil {
			return err
		}
	}
	return nil
}

func (s *sandbox) startExtension(folder, name string) error {
	e := &extension{name: name, id: newUUID(), external: true, state: started}
	s.mu.Lock()
	full := len(s.extensions) >= maxExtensions
	if !full {
		s.extensions = append(s.extensions, e)
	}
	s.mu.Unlock()
	if full {
		return &Fault{
			Type:    "Extension.TooManyExtensions",
			Message: fmt.Sprintf("Extension limit (%d) reached", maxExtensions),
			Source:  name,
		}
	}
	s.rec.event(Event{Kind: Spawn, Source: name})
	err := s.launch(e, name, "", []string{filepath.Join(folder, name)}, s.extensionEnv())
	if err != nil && err != ErrClosed {
		s.mu.Lock()
		e.state = launchError
		s.mu.Unlock()
		return &Fault{Type: "Extension.LaunchError", Message: launchMessage(err), Source: name}
	}
	return err
}

func (s *sandbox) startRuntime() error {
	s.rec.event(Event{Kind: RuntimeStart, Source: runtimeSource})
	argv := s.runtimeArgv()
	err := s.launch(nil, runtimeSource, s.cfg.Dir, argv, s.runtimeEnv())
	if err != nil && err != ErrClosed {
		return &Fault{
			Type:    "Runtime.InvalidEntrypoint",
			Message: argv[0] + ": " + launchMessage(err),
			Source:  runtimeSource,
		}
	}
	return err
}

// lateLocked names the extensions that still stand in the given state.
func (s *sandbox) lateLocked(standing state) string {
	var names []string
	for _, e := range s.extensions {
		if e.state == standing {
			names = append(names, e.name)
		}
	}
	return strings.Join(names, ", ")
}

// overdue says who kept init from ending within its limit. A name that was
// registered by mistake is easily found this way: it is internal, and the file
// of the true name has not registered.
func (s *sandbox) overdue(limit time.Duration) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	fault := &Fault{Type: "Sandbox.Timeout"}
	if s.reported != nil {
		*fault = *s.reported
		fault.Type = "Sandbox.Timeout"
	}
	reason := "the runtime did not call invocation/next"
	if names := s.lateLocked(started); names != "" {
		reason = "not registered under its file's name: " + names
	} else if s.runtime.parked() {
		reason = "did not call event/next: " + s.lateLocked(registered)
	}
	fault.Message = fmt.Sprintf("init took longer than %v: %s", limit, reason)
	return fault
}
