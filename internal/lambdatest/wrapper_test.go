package lambdatest_test

import (
	"path/filepath"
	"slices"
	"testing"
)

// wrap names a wrapper.
func (s *stage) wrap(path string) {
	s.cfg.Env = append(s.cfg.Env, "AWS_LAMBDA_EXEC_WRAPPER="+path)
}

// wrapIn writes a shell script as the wrapper into the layer and names it.
func (s *stage) wrapIn(script string) {
	s.t.Helper()
	writeFile(s.t, filepath.Join(s.cfg.Opt, "wrap"), "#!/bin/sh\n"+script, 0o755)
	s.wrap("/opt/wrap")
}

// The wrapper gets the runtime's command as its arguments, and has the runtime's
// environment. What it adds to both is there, and so is what it leaves alone.
func TestExecWrapper(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	s.cfg.Runtime = append(s.cfg.Runtime, "", "two words", "a\nb")
	s.cfg.Handler = "app.handler"
	s.wrapIn(`WRAPPER=$0 HANDLER=$_HANDLER exec "$@" added`)
	_, cast := s.ready()
	runtime := cast["runtime"]
	if want := append(slices.Clone(s.cfg.Runtime), "added"); !slices.Equal(runtime.Args, want) {
		t.Errorf("the runtime was started as %q, want %q", runtime.Args, want)
	}
	for name, want := range map[string]string{"WRAPPER": filepath.Join(s.cfg.Opt, "wrap"), "HANDLER": "app.handler"} {
		if got := runtime.variable(name); got != want {
			t.Errorf("%s = %q, want %q", name, got, want)
		}
	}
}

// A custom runtime is started as if no wrapper was named.
func TestExecWrapperProvided(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	s.cfg.Provided = true
	s.wrap("/no/such/wrapper")
	_, cast := s.ready()
	if got := cast["runtime"].Args; !slices.Equal(got, s.cfg.Runtime) {
		t.Errorf("the runtime was started as %q, want %q", got, s.cfg.Runtime)
	}
	if got := cast["runtime"].variable("AWS_LAMBDA_EXEC_WRAPPER"); got != "/no/such/wrapper" {
		t.Errorf("AWS_LAMBDA_EXEC_WRAPPER = %q, want it as it was given", got)
	}
}

// The child of a wrapper that stays is frozen, thawed, told and killed with it.
func TestExecWrapperThatStays(t *testing.T) {
	t.Parallel()
	s := newStage(t, "ext")
	s.wrapIn("trap : TERM\n\"$@\" & while ! wait; do :; done")
	lambda, cast := s.ready()
	if err := lambda.Freeze(); err != nil {
		t.Fatalf("Freeze: %v", err)
	}
	runtime := cast["runtime"]
	runtime.stopped()
	lambda.Thaw()
	s.goesOn(runtime)
	go lambda.Shutdown(t.Context(), "spindown")
	for _, want := range []string{"SIGTERM", ""} { // and then its end
		if said := receive(t, "signal", runtime.said); said != want {
			t.Errorf("the runtime got %q, want %q", said, want)
		}
	}
}
