package main

import (
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"larder/extension"
	"larder/extension/extensiontest"
	"larder/internal/awstest"
)

// metrics returns the samples of /metrics by name and labels.
func (st *stage) metrics(t *testing.T) map[string]string {
	t.Helper()
	req, err := http.NewRequest("GET", "http://"+st.addr("127.0.0.1")+"/metrics", nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("X-Aws-Parameters-Secrets-Token", st.token)
	resp, err := (&http.Client{Transport: st.clients}).Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != http.StatusOK {
		t.Fatalf("/metrics: status %d, %v", resp.StatusCode, err)
	}
	samples := make(map[string]string)
	for line := range strings.Lines(string(body)) {
		if name, value, ok := strings.Cut(strings.TrimSpace(line), " "); ok && name != "#" {
			samples[name] = value
		}
	}
	return samples
}

// TestMetricsAgreeWithAWS counts the calls on both sides, with failures and a missing
// permission among them.
func TestMetricsAgreeWithAWS(t *testing.T) {
	st := newStage(t, awstest.Config{
		Secrets:    map[string]awstest.Secret{"a": {String: "x"}, "b": {String: "x"}},
		Parameters: map[string]awstest.Parameter{"/p/q": {Value: "x"}, "r": {Value: "x"}},
		Faults: []awstest.Fault{
			{Action: "BatchGetSecretValue", Code: "AccessDeniedException"},
			{Action: "GetParameters", Code: "InternalServerError", Times: 1},
		},
	}, "A=secretsmanager://a", "B=secretsmanager://b", "TREE=ssm:///p/**", "R=ssm://r", "S=ssm://s?optional")
	st.start(t)
	st.lambda.Await(extensiontest.Next, 1)
	for _, ref := range []string{"secretsmanager://a", "secretsmanager://a", "secretsmanager://gone", "ssm:///p/q", "ssm:///gone"} {
		st.read(ref)
	}
	got := st.metrics(t)
	want := make(map[string]int)
	for _, c := range st.aws.Calls() {
		outcome := map[string]string{
			"": "ok", "AccessDeniedException": "AccessDenied", "InternalServerError": "Unavailable",
			"ResourceNotFoundException": "NotFound", "ParameterNotFound": "NotFound",
		}[c.Code]
		want[fmt.Sprintf("larder_aws_calls_total{api=%q,outcome=%q}", c.Service+":"+c.Action, outcome)]++
	}
	if len(want) < 5 {
		t.Errorf("AWS counts %v: too few kinds to compare", want)
	}
	for name, n := range want {
		if got[name] != strconv.Itoa(n) {
			t.Errorf("%s is %s, and AWS counts %d", name, cmp.Or(got[name], "not there"), n)
		}
	}
	for name := range got {
		if _, ok := want[name]; strings.HasPrefix(name, "larder_aws_calls_total") && !ok {
			t.Errorf("%s is %s, and AWS counts none", name, got[name])
		}
	}
	for name, n := range map[string]string{
		`larder_reads_total{result="hit"}`: "3", `larder_reads_total{result="NotFound"}`: "2", `larder_cache_entries`: "5",
	} {
		if got[name] != n {
			t.Errorf("%s is %s, want %s", name, got[name], n)
		}
	}
	st.shutdown()
	if err := st.end(t); err != nil {
		t.Errorf("extend = %v", err)
	}
	checkSummary(t, st, map[string]any{"reads": 5., "hits": 3., "calls": float64(len(st.aws.Calls())), "errors": map[string]any{"NotFound": 2.}, "reason": "spindown"})
}

// checkSummary compares some keys of the last line of the log.
func checkSummary(t *testing.T, st *stage, want map[string]any) {
	t.Helper()
	i := strings.LastIndex(st.output.String(), "larder level=INFO msg=shutdown ")
	if i < 0 {
		t.Fatalf("no summary in the log:\n%s", st.output.String())
	}
	line, _, _ := strings.Cut(st.output.String()[i:], "\n")
	for key, value := range want {
		if class, ok := value.(map[string]any); ok {
			for name, n := range class {
				want[key+"."+name] = n
			}
			delete(want, key)
		}
	}
	for key, value := range want {
		if !strings.Contains(line+" ", fmt.Sprintf(" %s=%v ", key, value)) {
			t.Errorf("%s is not %v in %s", key, value, line)
		}
	}
}

// embedded returns the embedded-metric lines in an output.
func embedded(t *testing.T, output string) (lines []map[string]any) {
	t.Helper()
	for line := range strings.Lines(output) {
		var values map[string]any
		if json.Unmarshal([]byte(line), &values) == nil && values["_aws"] != nil {
			lines = append(lines, values)
		}
	}
	return lines
}

// TestEmbeddedLines goes through a life with metrics: one line after init, one at
// shutdown, and none for a read. Where Lambda delivers to is unknown outside of a
// sandbox, which is one warning and no trouble.
func TestEmbeddedLines(t *testing.T) {
	for _, on := range []bool{true, false} {
		environ := []string{"A=secretsmanager://a", "AWS_LAMBDA_FUNCTION_NAME=orders", "AWS_LAMBDA_FUNCTION_VERSION=7"}
		if on {
			environ = append(environ, "LARDER_METRICS=emf")
		}
		st := newStage(t, awstest.Config{Secrets: map[string]awstest.Secret{"a": {String: "x"}}}, environ...)
		st.start(t)
		st.lambda.Await(extensiontest.Next, 1)
		atInit := embedded(t, st.output.String())
		for range 50 {
			st.read("secretsmanager://a")
		}
		st.shutdown()
		if err := st.end(t); err != nil {
			t.Errorf("extend = %v", err)
		}
		all := embedded(t, st.output.String())
		if !on {
			if len(all) > 0 || slices.Contains(st.lambda.Paths(), extensiontest.Telemetry) {
				t.Errorf("without metrics there are %d lines, and the calls %v", len(all), st.lambda.Paths())
			}
			continue
		}
		if len(atInit) != 1 || len(all) != 2 {
			t.Fatalf("%d lines after init, %d at the end, want 1 and 2", len(atInit), len(all))
		}
		if all[0]["AWSCalls"] != 1. || all[0]["Reads"] != nil || all[1]["AWSCalls"] != nil || all[1]["Reads"] != 50. || all[1]["Hits"] != 50. {
			t.Errorf("the lines are %v", all)
		}
		if all[1]["FunctionName"] != "orders" || all[1]["FunctionVersion"] != "7" {
			t.Errorf("the function is %v, version %v", all[1]["FunctionName"], all[1]["FunctionVersion"])
		}
	}
}

// TestEmbeddedPace invokes often, and then rarely.
func TestEmbeddedPace(t *testing.T) {
	inBubble(t, func(t *testing.T, b *bubble) {
		b.start()
		lines := func() int { return len(embedded(t, b.output.String())) }
		before := lines()
		for range 250 {
			b.invoke(t.Context(), event(time.Minute))
		}
		if got := lines() - before; got != 2 {
			t.Errorf("%d lines in 250 invokes, want 2", got)
		}
		for range 10 {
			time.Sleep(5 * time.Minute)
			b.invoke(t.Context(), event(time.Minute))
		}
		if got := lines() - before; got != 12 {
			t.Errorf("%d lines after 10 more, each 5 minutes later, want 12", got)
		}
	}, "LARDER_METRICS=emf")
}

// TestLastEvents checks how long the end waits for what the platform has to tell.
func TestLastEvents(t *testing.T) {
	report := extension.PlatformEvent{Type: "platform.report", RequestID: "r"}
	tests := []struct {
		name       string
		subscribed bool // and there is an INVOKE
		started    bool
		after      time.Duration // when the report comes; 0 for never
		want       time.Duration
	}{
		{"nothing under way", false, false, 0, 0},
		{"a report that comes", false, true, 30 * time.Millisecond, 30 * time.Millisecond},
		{"one that does not", false, true, 0, 100 * time.Millisecond},
		{"a short invoke, of which it has told nothing", true, false, 30 * time.Millisecond, 30 * time.Millisecond},
		{"one of which it tells nothing", true, false, 0, 100 * time.Millisecond},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			inBubble(t, func(t *testing.T, b *bubble) {
				if tt.subscribed {
					b.reports.receiver = new(extension.TelemetryReceiver)
					defer func() { b.reports.receiver = nil }() // there is nothing to close
				}
				b.invoke(t.Context(), event(time.Minute))
				if tt.started {
					b.reports.event(extension.PlatformEvent{Type: "platform.start", RequestID: "r"})
				}
				if tt.after > 0 {
					time.AfterFunc(tt.after, func() { b.reports.event(report) })
				}
				began := time.Now()
				b.reports.last(t.Context())
				if got := time.Since(began); got != tt.want {
					t.Errorf("the end waits for %v, want %v", got, tt.want)
				}
				if n := len(embedded(t, b.output.String())); n != 1 {
					t.Errorf("%d lines, want 1", n)
				}
			}, "LARDER_METRICS=emf")
		})
	}
}
