package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"strings"
)

// Exit codes.
const (
	success = iota
	failure // init or an invoke failed, or an extension did not leave with 0
	misuse
)

// run is the whole program but for the process around it. It returns the
// program's exit code.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	o, err := parse(args, stdout)
	if errors.Is(err, flag.ErrHelp) {
		return success
	}
	if err != nil {
		fmt.Fprintf(stderr, "larder-local: %v\nlarder-local run -h shows the flags.\n", err)
		return misuse
	}
	if err := tell(ctx, o, stdout); err != nil {
		for line := range strings.Lines(err.Error()) {
			fmt.Fprintln(stderr, "larder-local:", strings.TrimSuffix(line, "\n"))
		}
		return failure
	}
	return success
}

// tell runs the function, and prints the timeline and makes a page of it, also
// that of a run that failed.
func tell(ctx context.Context, o options, stdout io.Writer) error {
	s, err := newSession(o)
	if err != nil {
		return err
	}
	defer s.close()
	err = s.run(ctx)
	if ctx.Err() != nil {
		err = errors.New("interrupted")
	}
	t := s.timeline()
	err = errors.Join(err, t.WriteText(stdout))
	if s.report == nil {
		return err
	}
	if failed := errors.Join(t.WriteHTML(s.report), s.report.Close()); failed != nil {
		return errors.Join(err, fmt.Errorf("--report: %w", failed))
	}
	_, failed := fmt.Fprintln(stdout, "report:", o.report)
	return errors.Join(err, failed)
}
