package lambdatest_test

import (
	"slices"
	"testing"

	"larder/internal/lambdatest"
)

// Managed instances tell of an invoke's start and end alone.
func TestTelemetryOfManagedInstances(t *testing.T) {
	t.Parallel()
	s := newStage(t, "ext")
	s.cfg.Mode = lambdatest.ManagedInstances
	sink := newSink(t)
	lambda, _, runtime, _, first := s.listening(sink, want{}, "SHUTDOWN")
	second := runtime.park()
	invokes := []<-chan invoked{invoke(t.Context(), lambda, ""), invoke(t.Context(), lambda, "")}
	ids := []string{requestID(t, first), requestID(t, second)}
	for i := range invokes {
		runtime.respond(ids[i], "done")
	}
	for _, done := range invokes {
		receive(t, "Invoke", done)
	}
	sink.await("platform.report")
	sink.await("platform.report")
	_, events := sink.all()
	counts := map[string]int{}
	for _, e := range events {
		counts[e.Type]++
		r := e.read(t)
		if e.Type == "platform.initStart" && r.InitializationType != "lambda-managed-instances" {
			t.Errorf("initStart = %s", e.Record)
		}
		if e.Type == "platform.report" {
			if spans := r.spans(); !slices.Contains(ids, r.RequestID) || len(r.Metrics) != 1 || r.Metrics["durationMs"] <= 0 ||
				len(spans) != 2 || spans["responseLatency"] <= 0 {
				t.Errorf("report = %s", e.Record)
			}
			if len(r.Spans) == 2 && r.Spans[1].Name != "responseDuration" {
				t.Errorf("report = %s", e.Record)
			}
		}
	}
	if counts["platform.start"] != 2 || counts["platform.report"] != 2 || counts["platform.runtimeDone"] != 0 {
		t.Errorf("events: %v", counts)
	}
}

// Lines are objects where the function logs JSON and the schema has that.
func TestTelemetryOfLines(t *testing.T) {
	t.Parallel()
	const object = `{"level":"INFO","message":"<one>"}`
	for _, test := range []struct {
		format, schema string
		objects        bool
	}{
		{"JSON", "2025-01-29", true},
		{"JSON", "2022-12-13", true},
		{"JSON", "2022-07-01", false},
		{"Text", "2025-01-29", false},
	} {
		t.Run(test.format+" "+test.schema, func(t *testing.T) {
			t.Parallel()
			s := newStage(t, "ext")
			s.cfg.Env = append(s.cfg.Env, "AWS_LAMBDA_LOG_FORMAT="+test.format)
			sink := newSink(t)
			_, ext, runtime, _, _ := s.listening(sink, want{schema: test.schema, types: `["function","extension"]`})
			ext.print(object + "\n")
			runtime.print("plain {\n" + object + "\n{no JSON\n")
			for _, want := range []struct{ kind, text string }{
				{"extension", object}, {"function", "plain {"}, {"function", object}, {"function", "{no JSON"},
			} {
				e := sink.await(want.kind)
				if test.objects && want.text == object {
					var o struct{ Level, Message string }
					e.into(t, &o)
					if o.Level != "INFO" || o.Message != "<one>" {
						t.Errorf("%s = %s, want an object", want.kind, e.Record)
					}
					continue
				}
				var text string
				e.into(t, &text)
				if text != want.text {
					t.Errorf("%s = %s, want %q", want.kind, e.Record, want.text)
				}
			}
			_, events := sink.all()
			if slices.ContainsFunc(events, func(e told) bool { return e.Type != "function" && e.Type != "extension" }) {
				t.Errorf("events that were not asked for: %q", typesOf(events))
			}
		})
	}
}
