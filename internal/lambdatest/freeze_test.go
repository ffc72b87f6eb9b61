package lambdatest_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"larder/internal/lambdatest"
)

// stopped waits until a process is in the state that SIGSTOP brings it to.
func (a *actor) stopped() {
	a.t.Helper()
	for end := time.Now().Add(patience); ; runtime.Gosched() {
		stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", a.PID))
		if err != nil {
			a.t.Skipf("the state of a process cannot be seen here: %v", err)
		}
		// The state stands behind the name, which is in parentheses.
		if state := stat[strings.LastIndexByte(string(stat), ')')+2]; state == 'T' {
			return
		} else if time.Now().After(end) {
			a.t.Fatalf("%s is in state %c, want it to be stopped", a.name, state)
		}
	}
}

// goesOn waits until a process does what it is told.
func (s *stage) goesOn(a *actor) {
	s.t.Helper()
	a.print("awake\n")
	if got, want := receive(s.t, a.name, s.lines), a.name+": awake"; got != want {
		s.t.Errorf("line %q, want %q", got, want)
	}
}

// answers plays one invoke for a runtime that was parked.
func (a *actor) answers(invocation <-chan answer) <-chan answer {
	a.t.Helper()
	a.respond(receive(a.t, "invocation", invocation).header.Get("Lambda-Runtime-Aws-Request-Id"), "done")
	return a.park()
}

func TestFreeze(t *testing.T) {
	t.Parallel()
	s := newStage(t, "ext")
	lambda, cast := s.ready()
	for range 2 { // the second changes nothing
		if err := lambda.Freeze(); err != nil {
			t.Fatalf("Freeze: %v", err)
		}
	}
	for _, a := range cast {
		a.stopped()
	}
	for range 2 {
		lambda.Thaw()
	}
	for _, a := range cast {
		s.goesOn(a)
	}
	events := lambda.Events()
	if got, want := kinds(events[len(events)-2:]), []string{"frozen", "thawed"}; !slices.Equal(got, want) {
		t.Errorf("the last events are %q, want %q", got, want)
	}
	if thawed := events[len(events)-1]; thawed.Duration <= 0 {
		t.Errorf("thawed after %v, want more than nothing", thawed.Duration)
	}
}

// Freezing in the middle of an invoke takes nothing from it but time.
func TestFreezeInInvoke(t *testing.T) {
	t.Parallel()
	s := newStage(t, "ext")
	result := s.start()
	ext := s.actor("ext")
	ext.register()
	runtime := s.actor("runtime")
	ext.park()
	invocation := runtime.park()
	lambda := (<-result).lambda
	done := invoke(t.Context(), lambda, "")
	s.await(lambdatest.InvokeStart, "")
	if err := lambda.Freeze(); err != nil {
		t.Fatalf("Freeze: %v", err)
	}
	ext.stopped()
	runtime.stopped()
	lambda.Thaw()
	runtime.answers(invocation)
	if got := receive(t, "Invoke", done); got.err != nil {
		t.Errorf("Invoke: %v", got.err)
	}
}

func TestInvokeThaws(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	result := s.start()
	runtime := s.actor("runtime")
	invocation := runtime.park()
	lambda := (<-result).lambda
	if err := lambda.Freeze(); err != nil {
		t.Fatalf("Freeze: %v", err)
	}
	done := invoke(t.Context(), lambda, "")
	runtime.answers(invocation)
	if got := receive(t, "Invoke", done); got.err != nil {
		t.Fatalf("Invoke: %v", got.err)
	}
	want := []string{"runtime start runtime", "next runtime", "init done", "frozen", "thawed", "invoke start"}
	if got := kinds(lambda.Events())[:6]; !slices.Equal(got, want) {
		t.Errorf("events = %q, want %q", got, want)
	}
}

// Config.Freeze stops the processes from the end of an invoke until the next,
// and that is not before its time.
func TestFreezeBetweenInvokes(t *testing.T) {
	t.Parallel()
	const least = 50 * time.Millisecond
	s := newStage(t)
	s.cfg.Freeze = least
	result := s.start()
	runtime := s.actor("runtime")
	invocation := runtime.park()
	lambda := (<-result).lambda
	for range 2 {
		done := invoke(t.Context(), lambda, "")
		invocation = runtime.answers(invocation)
		if got := receive(t, "Invoke", done); got.err != nil {
			t.Fatalf("Invoke: %v", got.err)
		}
		if _, err := lambda.Wait(t.Context()); err != nil {
			t.Fatalf("Wait: %v", err)
		}
		runtime.stopped()
	}
	one := []string{"invoke start", "response runtime", "next runtime", "invoke end", "frozen"}
	want := slices.Concat([]string{"runtime start runtime", "next runtime", "init done"}, one, []string{"thawed"}, one)
	if got := kinds(lambda.Events()); !slices.Equal(got, want) {
		t.Errorf("events = %q, want %q", got, want)
	}
	if thawed := s.await(lambdatest.Thawed, ""); thawed.Duration < least {
		t.Errorf("thawed after %v, want at least %v", thawed.Duration, least)
	}
}

// Who does not wait for the end of a freeze has an environment as before.
func TestFreezeOutlastsCaller(t *testing.T) {
	t.Parallel()
	s := newStage(t, "ext")
	s.cfg.Freeze = time.Hour
	lambda, cast := s.ready("SHUTDOWN")
	if err := lambda.Freeze(); err != nil {
		t.Fatalf("Freeze: %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := invoke(ctx, lambda, "")
	cancel()
	if got := receive(t, "Invoke", done); !errors.Is(got.err, context.Canceled) {
		t.Errorf("Invoke = %v, want that its context was canceled", got.err)
	}
	cast["runtime"].stopped()
	want := []lambdatest.Exit{{Source: "ext"}, {Source: "runtime"}}
	if exits := s.shutdown(lambda, cast); !slices.Equal(exits, want) {
		t.Errorf("Shutdown = %+v, want %+v: they go on and exit", exits, want)
	}
}

// Shutdown waits for the invoke under way, which must be able to go on.
func TestShutdownInFrozenInvoke(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	result := s.start()
	runtime := s.actor("runtime")
	invocation := runtime.park()
	lambda := (<-result).lambda
	done := invoke(t.Context(), lambda, "")
	s.await(lambdatest.InvokeStart, "")
	if err := lambda.Freeze(); err != nil {
		t.Fatalf("Freeze: %v", err)
	}
	stopped := make(chan error, 1)
	go func() {
		_, err := lambda.Shutdown(t.Context(), "spindown")
		stopped <- err
	}()
	s.await(lambdatest.Thawed, "")
	runtime.answers(invocation)
	if err := receive(t, "Shutdown", stopped); err != nil {
		t.Errorf("Shutdown: %v", err)
	}
	if got := receive(t, "Invoke", done); got.err != nil {
		t.Errorf("Invoke: %v", got.err)
	}
}

func TestFrozenEnds(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name  string
		limit time.Duration
		end   func(s *stage, l *lambdatest.Lambda)
	}{
		{"close", patience, func(_ *stage, l *lambdatest.Lambda) { l.Close() }},
		{"timeout", 3 * time.Second, func(s *stage, _ *lambdatest.Lambda) {
			if stop := s.await(lambdatest.Stop, ""); stop.Reason != "timeout" {
				s.t.Errorf("the reset's reason = %q, want timeout", stop.Reason)
			}
		}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			s := newStage(t, "ext")
			s.cfg.Timeout = test.limit
			lambda, cast := s.ready()
			done := invoke(t.Context(), lambda, "")
			s.await(lambdatest.InvokeStart, "")
			if err := lambda.Freeze(); err != nil {
				t.Fatalf("Freeze: %v", err)
			}
			test.end(s, lambda)
			if got := receive(t, "Invoke", done); got.err == nil {
				t.Error("Invoke succeeded though nobody answered")
			}
			for _, a := range cast {
				a.gone()
			}
		})
	}
}

func TestFreezeFails(t *testing.T) {
	t.Parallel()
	s := newStage(t, "ext")
	result := s.start()
	s.actor("ext").exit(1)
	lambda := receive(t, "Start", result).lambda
	if err := lambda.Freeze(); err == nil || errors.Is(err, lambdatest.ErrClosed) {
		t.Errorf("Freeze after a failed init = %v, want that there is no environment", err)
	}
	lambda.Thaw()
	lambda.Close()
	if err := lambda.Freeze(); !errors.Is(err, lambdatest.ErrClosed) {
		t.Errorf("Freeze after Close = %v, want ErrClosed", err)
	}
}
