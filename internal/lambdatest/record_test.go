package lambdatest_test

import (
	"fmt"
	"slices"
	"testing"

	"larder/internal/lambdatest"
)

func TestRequestsAreRecorded(t *testing.T) {
	t.Parallel()
	s := newStage(t, "ext")
	result := s.start()
	ext := s.actor("ext")
	ext.register()
	ext.fail("init", "Extension.ConfigInvalid", "bad")
	ext.next()
	ext.do("GET", "/nowhere", "")
	ext.exit(1)
	lambda := receive(t, "Start", result).lambda

	type row struct {
		method, path, extension string
		status                  int
		errorType, body         string
	}
	want := []row{
		{"POST", "/2020-01-01/extension/register", "ext", 200, "", ""},
		{"POST", "/2020-01-01/extension/init/error", "ext", 202, "Extension.ConfigInvalid",
			`{"errorMessage":"bad","errorType":"Extension.ConfigInvalid","stackTrace":[]}`},
		{"GET", "/2020-01-01/extension/event/next", "ext", 403, "", ""},
		{"GET", "/nowhere", "", 404, "", ""},
	}
	got := lambda.Requests()
	if len(got) != len(want) {
		t.Fatalf("got %d requests, want %d: %v", len(got), len(want), got)
	}
	for i, r := range got {
		if g := (row{r.Method, r.Path, r.Extension, r.Status, r.ErrorType, string(r.Body)}); g != want[i] {
			t.Errorf("request %d = %v, want %v", i, g, want[i])
		}
		if r.Time.IsZero() {
			t.Errorf("request %d has no time", i)
		}
	}
}

// Every error that is taken is an event, and none that is refused.
func TestReportsAreEvents(t *testing.T) {
	t.Parallel()
	s := newStage(t, "a", "b")
	result := s.start()
	a, b := s.actor("a"), s.actor("b")
	a.register()
	b.register()
	a.fail("init", "Extension.ConfigInvalid", "bad")
	a.fail("exit", "Extension.Gone", "refused after init/error")
	b.fail("exit", "Extension.Gone", "enough")
	a.exit(1)
	var got []string
	for _, e := range receive(t, "Start", result).lambda.Events() {
		if e.Kind == lambdatest.InitReport || e.Kind == lambdatest.ExitReport {
			got = append(got, fmt.Sprintf("%s %s %v", e.Source, e.Kind, e.Fault))
		}
	}
	want := []string{
		"a init error Extension.InitError of a (it reported Extension.ConfigInvalid: bad)",
		"b exit error Extension.ExitError of b (it reported Extension.Gone: enough)",
	}
	if !slices.Equal(got, want) {
		t.Errorf("events %q, want %q", got, want)
	}
}
