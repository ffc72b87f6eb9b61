package extension_test

import (
	"encoding/json"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"larder/extension"
)

// TestOddEvents checks that only the type of an event must be what it should.
func TestOddEvents(t *testing.T) {
	t.Parallel()
	for deadline, want := range map[string]int64{
		"1795453276034": 1795453276034, "1795453276034.75": 1795453276034, "1.795453276034e12": 1795453276034, `"1795453276034"`: 1795453276034,
		"0": 0, "-1": 0, "-1e300": 0, "253402300799999": 253402300799999, "1e300": 0, "9223372036854775808": 0, "253402300800000": 0, "1e999": 0,
		`"soon"`: 0, `""`: 0, "null": 0, "true": 0, "[1]": 0, `{"a":1}`: 0, `"NaN"`: 0, `"Inf"`: 0, "0.5": 0,
	} {
		api, client := start(t)
		if err := client.Register(t.Context()); err != nil {
			t.Fatal(err)
		}
		api.Send(`{"eventType":"INVOKE","deadlineMs":` + deadline + `,"requestId":7,"shutdownReason":[]}`)
		got, err := client.Next(t.Context())
		if wantEvent := (extension.Event{Type: "INVOKE", DeadlineMs: want}); err != nil || got != wantEvent {
			t.Errorf("deadlineMs %s: Next = %+v, %v, want %+v", deadline, got, err, wantEvent)
		}
	}
}

// TestNoEvent: what is no JSON is told as that.
func TestNoEvent(t *testing.T) {
	t.Parallel()
	api, client := start(t)
	if err := client.Register(t.Context()); err != nil {
		t.Fatal(err)
	}
	api.Send("no JSON")
	if _, err := client.Next(t.Context()); err == nil || !strings.Contains(err.Error(), "invalid character") {
		t.Errorf("Next = %v, want what is wrong with the JSON", err)
	}
}

func TestDeadline(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		if got, want := (extension.Event{}).Deadline(), time.Now().Add(time.Second); !got.Equal(want) {
			t.Errorf("the deadline of an event that tells none is %v, want %v", got, want)
		}
		if got, want := (extension.Event{DeadlineMs: 1}).Deadline(), time.UnixMilli(1); !got.Equal(want) {
			t.Errorf("the deadline is %v, want %v", got, want)
		}
	})
}

// FuzzEvent looks for an event whose deadline is none.
func FuzzEvent(f *testing.F) {
	f.Add([]byte(invoke))
	f.Add([]byte(shutdown))
	f.Add([]byte(`{"eventType":"INVOKE","deadlineMs":"1.5e12","requestId":1}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		var e extension.Event
		if json.Unmarshal(body, &e) != nil {
			return
		}
		if end := e.Deadline(); e.DeadlineMs < 0 || end.Year() > 9999 || end.Before(time.UnixMilli(0)) {
			t.Errorf("%q is %+v, which ends at %v", body, e, end)
		}
	})
}
