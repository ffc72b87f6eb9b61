package lambdatest_test

import (
	"math"
	"regexp"
	"slices"
	"testing"
	"time"

	"larder/internal/lambdatest"
)

// record has the fields of all records of the platform.
type record struct {
	FunctionName, FunctionVersion, InitializationType, Phase string

	RequestID, Version, Status, ErrorType string
	Tracing                               *struct{ Type, Value string }
	Metrics                               map[string]float64
	Spans                                 []struct {
		Name, Start string
		DurationMs  float64
	}

	Name, State   string
	Events, Types []string

	DroppedBytes, DroppedRecords int
	Reason                       string
}

// read returns the record of an event, whose time must have the platform's form.
func (e told) read(t *testing.T) record {
	t.Helper()
	if !regexp.MustCompile(`^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$`).MatchString(e.Time) {
		t.Errorf("time of %s = %q, want UTC with milliseconds", e.Type, e.Time)
	}
	var r record
	e.into(t, &r)
	return r
}

// spans returns the durations by name.
func (r record) spans() map[string]float64 {
	spans := map[string]float64{}
	for _, s := range r.Spans {
		spans[s.Name] = s.DurationMs
	}
	return spans
}

// near compares milliseconds with a duration, but for rounding to microseconds.
func near(t *testing.T, what string, ms float64, want time.Duration) {
	t.Helper()
	if math.Abs(ms-float64(want)/1e6) > 0.0021 {
		t.Errorf("%s = %v ms, want %v", what, ms, want)
	}
}

// One init and two invokes, told in order, with the recorder's own durations.
func TestTelemetryOfInvokes(t *testing.T) {
	t.Parallel()
	s := newStage(t, "ext")
	s.cfg.Function, s.cfg.Version, s.cfg.Memory = "f", "7", 512
	sink := newSink(t)
	lambda, ext, runtime, event, invocation := s.listening(sink, want{}, "INVOKE", "SHUTDOWN")
	for range 2 {
		done := invoke(t.Context(), lambda, "")
		receive(t, "event", event)
		invocation = runtime.answers(invocation)
		receive(t, "Invoke", done)
		s.await(lambdatest.Next, "runtime")
		event = ext.park()
		s.await(lambdatest.InvokeEnd, "")
		sink.await("platform.report")
	}
	_, events := sink.all()
	wantTypes := []string{"initStart", "telemetrySubscription", "initRuntimeDone", "initReport", "extension",
		"start", "runtimeDone", "report", "start", "runtimeDone", "report"}
	if got := typesOf(events); !slices.Equal(got, wantTypes) {
		t.Fatalf("events %q, want %q", got, wantTypes)
	}
	var init time.Duration
	var responses, ends []lambdatest.Event
	for _, e := range lambda.Events() {
		switch e.Kind {
		case lambdatest.InitDone:
			init = e.Duration
		case lambdatest.Responded:
			responses = append(responses, e)
		case lambdatest.InvokeEnd:
			ends = append(ends, e)
		}
	}
	if r := events[0].read(t); r.FunctionName != "f" || r.FunctionVersion != "7" || r.InitializationType != "on-demand" || r.Phase != "init" {
		t.Errorf("initStart = %s", events[0].Record)
	}
	if r := events[1].read(t); r.Name != "ext" || r.State != "Subscribed" || !slices.Equal(r.Types, []string{"platform"}) {
		t.Errorf("telemetrySubscription = %s", events[1].Record)
	}
	for _, e := range events[2:4] {
		if r := e.read(t); r.InitializationType != "on-demand" || r.Phase != "init" || r.Status != "success" {
			t.Errorf("%s = %s", e.Type, e.Record)
		}
	}
	if d := events[3].read(t).Metrics["durationMs"]; d <= 0 || d > float64(init)/1e6 {
		t.Errorf("initReport's duration = %v ms, want some of init's %v", d, init)
	}
	if r := events[4].read(t); r.Name != "ext" || r.State != "Ready" || !slices.Equal(r.Events, []string{"INVOKE", "SHUTDOWN"}) {
		t.Errorf("extension = %s", events[4].Record)
	}
	for i := range 2 {
		start, done, report := events[5+3*i], events[6+3*i], events[7+3*i]
		checkInvoke(t, responses[i], ends[i], start.read(t), done.read(t), report.read(t))
		metrics := report.read(t).Metrics
		initMs, first := metrics["initDurationMs"]
		if first != (i == 0) {
			t.Errorf("invoke %d has initDurationMs: %v, want it in the first alone", i+1, first)
		} else if first {
			near(t, "initDurationMs", initMs, init)
		}
		if want := math.Ceil(metrics["durationMs"] + initMs - 0.0021); metrics["billedDurationMs"] < want || metrics["billedDurationMs"] > want+1 {
			t.Errorf("billed %v ms of %v and %v for init", metrics["billedDurationMs"], metrics["durationMs"], initMs)
		}
		if metrics["memorySizeMB"] != 512 || metrics["maxMemoryUsedMB"] <= 0 {
			t.Errorf("memory in report = %s", report.Record)
		}
	}
}

// checkInvoke holds an invoke's three events against what the recorder has of it.
func checkInvoke(t *testing.T, responded, end lambdatest.Event, start, done, report record) {
	t.Helper()
	for _, r := range []record{start, done, report} {
		if r.RequestID != end.RequestID || r.Tracing == nil || r.Tracing.Type != "X-Amzn-Trace-Id" || r.Tracing.Value == "" {
			t.Errorf("record %+v is not of request %s with its trace", r, end.RequestID)
		}
	}
	if start.Version != "7" || done.Status != "success" || report.Status != "success" {
		t.Errorf("version %q, status %q and %q", start.Version, done.Status, report.Status)
	}
	spans := done.spans()
	if len(spans) != 3 || spans["responseLatency"] <= 0 || spans["runtimeOverhead"] <= 0 {
		t.Errorf("spans of runtimeDone: %v", spans)
	}
	near(t, "latency and duration of the response", spans["responseLatency"]+spans["responseDuration"], responded.Duration)
	near(t, "the runtime's part", done.Metrics["durationMs"], end.Duration-end.PostRuntime)
	if done.Metrics["producedBytes"] != float64(len("done")) {
		t.Errorf("producedBytes = %v, want 4", done.Metrics["producedBytes"])
	}
	near(t, "the invoke", report.Metrics["durationMs"], end.Duration)
	near(t, "extensionOverhead", report.spans()["extensionOverhead"], end.PostRuntime)
}

// What went wrong is told before the environment is reset, whoever is to blame.
func TestTelemetryOfFailures(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name  string
		limit time.Duration
		play  func(runtime *actor, id string)
		want  string
	}{
		{"function", patience, func(runtime *actor, id string) {
			runtime.do("POST", "/2018-06-01/runtime/invocation/"+id+"/error", "{}", "Lambda-Runtime-Function-Error-Type", "Function.Broken")
			runtime.park()
		}, "error Function.Broken"},
		{"runtime", patience, func(runtime *actor, _ string) { runtime.exit(13) }, "failure Runtime.ExitError"},
		{"time", 100 * time.Millisecond, func(*actor, string) {}, "timeout Sandbox.Timeout"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			s := newStage(t, "ext")
			s.cfg.Timeout = test.limit
			sink := newSink(t)
			lambda, _, runtime, _, invocation := s.listening(sink, want{})
			go lambda.Invoke(t.Context(), nil)
			test.play(runtime, receive(t, "invocation", invocation).header.Get("Lambda-Runtime-Aws-Request-Id"))
			for _, kind := range []string{"platform.runtimeDone", "platform.report"} {
				r := sink.await(kind).read(t)
				if got := r.Status + " " + r.ErrorType; got != test.want {
					t.Errorf("%s: %s, want %s", kind, got, test.want)
				}
			}
		})
	}
}

// An init that fails is told to who has subscribed, and so is the one that is made
// up for in an invoke.
func TestTelemetryOfFailedInit(t *testing.T) {
	t.Parallel()
	s := newStage(t, "ext")
	sink := newSink(t)
	result := s.start()
	ext := s.actor("ext")
	ext.register()
	ext.listens(sink, want{timeout: 30000})
	s.actor("runtime").exit(3)
	lambda := receive(t, "Start", result).lambda
	_, events := sink.all()
	wantTypes := []string{"initStart", "telemetrySubscription", "initRuntimeDone", "initReport", "extension"}
	if got := typesOf(events); !slices.Equal(got, wantTypes) {
		t.Fatalf("events %q, want %q", got, wantTypes)
	}
	for _, e := range events[2:4] {
		if r := e.read(t); r.Status != "failure" || r.ErrorType != "Runtime.ExitError" || r.Phase != "init" {
			t.Errorf("%s = %s", e.Type, e.Record)
		}
	}

	sink = newSink(t)
	invoke(t.Context(), lambda, "")
	ext = s.actor("ext")
	ext.register()
	ext.listens(sink, want{})
	runtime := s.actor("runtime")
	ext.park()
	runtime.answers(runtime.park())
	for _, kind := range []string{"platform.initStart", "platform.initReport"} {
		if r := sink.await(kind).read(t); r.Phase != "invoke" {
			t.Errorf("phase of %s = %q, want invoke", kind, r.Phase)
		}
	}
	if r := sink.await("platform.report").read(t); r.Metrics["initDurationMs"] != 0 {
		t.Errorf("the init within the invoke was reported: %v", r.Metrics)
	}
}

func TestTelemetryOfSnapStart(t *testing.T) {
	t.Parallel()
	s := newStage(t, "ext")
	s.cfg.Mode = lambdatest.SnapStart
	sink := newSink(t)
	result := s.start()
	ext := s.actor("ext")
	ext.register()
	ext.listens(sink, want{timeout: 30000})
	runtime := s.actor("runtime")
	restored := runtime.restoreNext()
	s.await(lambdatest.Next, "runtime")
	ext.park()
	lambda := receive(t, "Start", result).lambda
	done := invoke(t.Context(), lambda, "")
	receive(t, "restore/next", restored)
	invocation := runtime.answers(runtime.park())
	receive(t, "Invoke", done)
	done = invoke(t.Context(), lambda, "")
	runtime.answers(invocation)
	receive(t, "Invoke", done)
	s.shutdown(lambda, map[string]*actor{"runtime": runtime})

	_, events := sink.all()
	wantTypes := []string{"initStart", "telemetrySubscription", "initRuntimeDone", "initReport", "extension",
		"restoreStart", "restoreRuntimeDone", "restoreReport", "start", "runtimeDone", "report", "start", "runtimeDone", "report"}
	if got := typesOf(events); !slices.Equal(got, wantTypes) {
		t.Fatalf("events %q, want %q", got, wantTypes)
	}
	if r := events[0].read(t); r.Phase != "snap-start" || r.InitializationType != "snap-start" {
		t.Errorf("initStart = %s", events[0].Record)
	}
	if r := events[5].read(t); r.FunctionName != "function" || r.Phase != "" || r.InitializationType != "" {
		t.Errorf("restoreStart = %s", events[5].Record)
	}
	if r := events[6].read(t); r.Status != "success" || r.Metrics != nil {
		t.Errorf("restoreRuntimeDone = %s", events[6].Record)
	}
	all := lambda.Events()
	i := slices.IndexFunc(all, func(e lambdatest.Event) bool { return e.Kind == lambdatest.RestoreDone })
	restore := all[i].Duration
	near(t, "restoreReport", events[7].read(t).Metrics["durationMs"], restore)
	near(t, "first report's restoreDurationMs", events[10].read(t).Metrics["restoreDurationMs"], restore)
	if r := events[13].read(t); r.Metrics["restoreDurationMs"] != 0 {
		t.Errorf("second report has a restore: %s", events[13].Record)
	}
}
