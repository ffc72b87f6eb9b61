package metrics_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

// document is a line as CloudWatch reads it.
type document struct {
	t      *testing.T
	values map[string]any
	units  map[string]string
}

// read checks a line against the published format, and that every reference in it
// names a member of the right kind.
func read(t *testing.T, line []byte) document {
	t.Helper()
	if n := bytes.Count(line, []byte("\n")); n != 1 || !bytes.HasSuffix(line, []byte("\n")) {
		t.Fatalf("not one line: %q", line)
	}
	schema, err := jsonschema.NewCompiler().Compile("testdata/emf.schema.json")
	if err != nil {
		t.Fatal(err)
	}
	value, err := jsonschema.UnmarshalJSON(bytes.NewReader(line))
	if err != nil {
		t.Fatal(err)
	}
	if err := schema.Validate(value); err != nil {
		t.Errorf("%s\n%v", line, err)
	}
	var root struct {
		AWS struct {
			CloudWatchMetrics []struct {
				Dimensions [][]string
				Metrics    []struct{ Name, Unit string }
			}
		} `json:"_aws"`
	}
	d := document{t: t, units: map[string]string{}}
	if err := json.Unmarshal(line, &root); err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(line, &d.values); err != nil {
		t.Fatal(err)
	}
	directive := root.AWS.CloudWatchMetrics[0]
	for _, name := range slices.Concat(directive.Dimensions...) {
		if value, ok := d.values[name].(string); !ok || value == "" || len(value) > 1024 {
			t.Errorf("the dimension %s is %v", name, d.values[name])
		}
	}
	for _, m := range directive.Metrics {
		d.units[m.Name] = m.Unit
		numbers, isList := d.values[m.Name].([]any)
		if !isList {
			numbers = []any{d.values[m.Name]}
		}
		if len(numbers) == 0 || len(numbers) > 100 {
			t.Errorf("%s has %d values", m.Name, len(numbers))
		}
		for _, n := range numbers {
			if _, ok := n.(float64); !ok {
				t.Errorf("%s is %v", m.Name, n)
			}
		}
	}
	return d
}

// has checks values, and that there are no other metrics.
func (d document) has(what string, want map[string]any) {
	d.t.Helper()
	got := map[string]any{}
	for name := range d.units {
		got[name] = d.values[name]
	}
	if fmt.Sprint(got) != fmt.Sprint(want) {
		d.t.Errorf("%s: the metrics are %v, want %v", what, got, want)
	}
}

func TestEmbedded(t *testing.T) {
	t.Parallel()
	c := start(false)
	e := c.Embedded("orders", "7", at(0))
	busy(c)
	first := read(t, e.Line(at(10)))
	first.has("first", map[string]any{
		"Reads": 9., "Hits": 2., "Waits": 1., "Misses": 1., "StaleReads": 1., "RefusedReads": 1., "FailedReads": 4.,
		"AWSCalls": 4., "FailedAWSCalls": 2., "Refreshes": 2., "RefreshTime": 50., "PrefetchTime": 125., "Invokes": 1.,
		"CachedEntries": 3., "CachedBytes": 120., "OldestAge": 90.,
	})
	is(t, "unit", first.units["RefreshTime"], "Milliseconds")
	is(t, "dimension", fmt.Sprint(first.values["FunctionName"]), "orders")
	is(t, "property", fmt.Sprint(first.values["FunctionVersion"]), "7")
	is(t, "time", fmt.Sprint(first.values["_aws"].(map[string]any)["Timestamp"]), fmt.Sprint(float64(at(10).UnixMilli())))

	quiet := map[string]any{"CachedEntries": 3., "CachedBytes": 120., "OldestAge": 90.}
	read(t, e.Line(at(20))).has("nothing has happened since", quiet)

	initialized(c)
	invoke(c, "a")
	invoke(c, "b")
	third := read(t, e.Line(at(30)))
	third.has("with the platform's", map[string]any{
		"CachedEntries": 3., "CachedBytes": 120., "OldestAge": 90., "InitDuration": 350., "InitShare": 25.,
		"ResponseLatency": []any{8., 8.}, "ExtensionOverhead": []any{3.5, 3.5}, "BilledAfterResponse": []any{5.5, 5.5},
	})
	read(t, e.Line(at(40))).has("that, too, once", quiet)
}

// What every sandbox of a snapshot has in common is in no line of theirs.
func TestEmbeddedRestored(t *testing.T) {
	t.Parallel()
	c := start(false)
	e := c.Embedded("f", "1", at(0))
	busy(c)
	initialized(c)
	e.Restored(at(1000))
	is(t, "Due after the restore", e.Due(at(1001)), false)
	invoke(c, "a")
	c.Invoked()
	read(t, e.Line(at(1010))).has("after the restore", map[string]any{
		"CachedEntries": 3., "CachedBytes": 120., "OldestAge": 90., "Invokes": 1.,
		"ResponseLatency": []any{8.}, "ExtensionOverhead": []any{3.5}, "BilledAfterResponse": []any{5.5},
	})
}

// A line never has more than a hundred values, whatever happens in between.
func TestEmbeddedBounds(t *testing.T) {
	t.Parallel()
	c := start(true)
	e := c.Embedded("", "", at(0))
	for i := range 250 {
		invoke(c, fmt.Sprint(i))
	}
	d := read(t, e.Line(at(10)))
	is(t, "values", len(d.values["ResponseLatency"].([]any)), 100)
	is(t, "invokes", d.values["Invokes"].(float64), 250)
	is(t, "running", d.values["RunningInvokes"].(float64), 0)
	is(t, "a function without a name", fmt.Sprint(d.values["FunctionName"]), "function")
}

// The longest name that Lambda allows, and what a name may not have but a file of
// settings may.
func TestEmbeddedNames(t *testing.T) {
	t.Parallel()
	for _, name := range []string{strings.Repeat("f", 140), "a\"b\\c\n{}", "é"} {
		d := read(t, start(false).Embedded(name, name, at(0)).Line(at(1)))
		is(t, "FunctionName", fmt.Sprint(d.values["FunctionName"]), name)
	}
}

func TestEmbeddedDue(t *testing.T) {
	t.Parallel()
	tests := []struct {
		invokes int
		after   time.Duration
		want    bool
	}{
		{0, 0, false}, {99, 0, false}, {100, 0, true}, {0, 5*time.Minute - 1, false}, {0, 5 * time.Minute, true},
	}
	for _, tt := range tests {
		c := start(false)
		e := c.Embedded("f", "1", at(0))
		for range tt.invokes {
			c.Invoked()
		}
		is(t, fmt.Sprintf("Due after %d invokes and %v", tt.invokes, tt.after), e.Due(at(0).Add(tt.after)), tt.want)
		e.Line(at(0).Add(tt.after))
		is(t, "Due after a line", e.Due(at(0).Add(tt.after)), false)
	}
}

// TestReadCanFail proves that the checks of these tests find something.
func TestReadCanFail(t *testing.T) {
	t.Parallel()
	schema, err := jsonschema.NewCompiler().Compile("testdata/emf.schema.json")
	if err != nil {
		t.Fatal(err)
	}
	good := start(false).Embedded("f", "1", at(0)).Line(at(1))
	for _, change := range [][2]string{
		{`"Unit":"Count"`, `"Unit":"Counts"`}, {`"Timestamp":`, `"Time":`}, {`[["FunctionName"]]`, `["FunctionName"]`}, {`"Namespace":"Larder"`, `"Namespace":""`},
	} {
		bad := strings.Replace(string(good), change[0], change[1], 1)
		if bad == string(good) {
			t.Fatalf("no %s in %s", change[0], good)
		}
		value, err := jsonschema.UnmarshalJSON(strings.NewReader(bad))
		if err != nil {
			t.Fatal(err)
		}
		if schema.Validate(value) == nil {
			t.Errorf("a line with %s passes", change[1])
		}
	}
}

// TestSummary checks the attributes of the log's last line.
func TestSummary(t *testing.T) {
	t.Parallel()
	c := start(false)
	busy(c)
	got := map[string]any{}
	for _, a := range c.Summary() {
		if a.Key == "errors" {
			for _, class := range a.Value.Group() {
				got["errors."+class.Key] = class.Value.Any()
			}
			continue
		}
		got[a.Key] = a.Value.Any()
	}
	want := map[string]any{
		"reads": int64(9), "hits": int64(2), "waits": int64(1), "misses": int64(1), "stale": int64(1), "refused": int64(1),
		"errors.NotFound": int64(2), "errors.BadReference": int64(1), "errors.Canceled": int64(1),
		"refreshes": int64(2), "calls": int64(4), "failedCalls": int64(2), "worstAge": 400.,
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("Summary = %v, want %v", got, want)
	}
}
