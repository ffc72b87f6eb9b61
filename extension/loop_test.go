package extension_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"larder/extension"
	"larder/extension/extensiontest"
)

// TestRun plays events and looks at what comes of them.
func TestRun(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name    string
		events  []string
		invoked int
	}{
		{"nothing but a shutdown", []string{shutdown}, 0},
		{"invokes", []string{invoke, invoke, shutdown}, 2},
		{"an invoke in lower case", []string{`{"eventType":"invoke"}`, shutdown}, 1},
		{"an event that nobody knows", []string{invoke, `{"eventType":"THAW"}`, invoke, shutdown}, 2},
	}
	for _, test := range tests {
		api, client := start(t)
		for _, event := range test.events {
			api.Send(event)
		}
		d := newDiary(client)
		if err := d.Run(t.Context()); err != nil {
			t.Errorf("%s: Run = %v", test.name, err)
		}
		if len(d.invoked) != test.invoked || len(d.shutdown) != 1 {
			t.Errorf("%s: %d times Invoke and %d Shutdown, want %d and 1", test.name, len(d.invoked), len(d.shutdown), test.invoked)
		}
		want := append([]string{"/register"}, slices.Repeat([]string{"/event/next"}, len(test.events))...)
		if got := api.Paths(); !slices.Equal(got, want) {
			t.Errorf("%s: the calls were %v, want %v", test.name, got, want)
		}
	}
}

// TestShutdownWithoutDeadline has as long as Lambda gives at least.
func TestShutdownWithoutDeadline(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		api, client := startInBubble(t)
		api.Send(`{"eventType":"SHUTDOWN","deadlineMs":"soon","shutdownReason":"spindown"}`)
		d := newDiary(client)
		d.Shutdown = func(ctx context.Context, _ extension.Event) {
			if deadline, _ := ctx.Deadline(); time.Until(deadline) != time.Second {
				t.Errorf("Shutdown has %v, want a second", time.Until(deadline))
			}
		}
		if err := d.Run(t.Context()); err != nil {
			t.Errorf("Run = %v", err)
		}
	})
}

// TestOrder checks that nothing is asked for before the step before it is done:
// the first next means that init is over, each further one that the invoke is.
func TestOrder(t *testing.T) {
	t.Parallel()
	api, client := start(t)
	api.Send(invoke)
	api.Send(shutdown)
	d := newDiary(client)
	var steps []string
	note := func(step string) { steps = append(steps, step+" after "+strings.Join(api.Paths(), " ")) }
	d.Init = func(context.Context) error { note("Init"); return nil }
	d.Invoke = func(_ context.Context, e extension.Event) { note("Invoke " + e.RequestID[:8]) }
	d.Shutdown = func(context.Context, extension.Event) { note("Shutdown") }
	if err := d.Run(t.Context()); err != nil {
		t.Errorf("Run = %v", err)
	}
	want := []string{
		"Init after /register",
		"Invoke 3ffff89f after /register /event/next",
		"Shutdown after /register /event/next /event/next",
	}
	if !slices.Equal(steps, want) {
		t.Errorf("the steps were %q, want %q", steps, want)
	}
}

func TestShutdown(t *testing.T) {
	t.Parallel()
	for _, eventType := range []string{"SHUTDOWN", "shutdown", "Shutdown"} {
		for _, reason := range []string{"spindown", "SPINDOWN", "TIMEOUT", "failure", "SandboxTerminated", ""} {
			api, client := start(t)
			api.Send(fmt.Sprintf(`{"eventType":%q,"deadlineMs":4102444800000,"shutdownReason":%q}`, eventType, reason))
			d := newDiary(client)
			var got extension.Event
			d.Shutdown = func(ctx context.Context, e extension.Event) {
				got = e
				deadline, _ := ctx.Deadline()
				if want := time.UnixMilli(4102444800000); !deadline.Equal(want) {
					t.Errorf("Shutdown has until %v, want the event's deadline, %v", deadline, want)
				}
			}
			if err := d.Run(t.Context()); err != nil || got.Reason != reason {
				t.Errorf("%s with reason %q: Run = %v with %+v", eventType, reason, err, got)
			}
		}
	}
}

func TestInitFails(t *testing.T) {
	t.Parallel()
	tests := []struct {
		err           error
		kind, message string
	}{
		{&extension.Fault{Type: "Extension.SecretMissing", Message: `DB: "x" <gone>; A` + "\nB"}, "Extension.SecretMissing", `DB: "x" <gone>; A` + "\nB"},
		{fmt.Errorf("wrapped: %w", &extension.Fault{Type: "Extension.Some", Message: "m"}), "Extension.Some", "m"},
		{errors.New("broken"), "Extension.InitFailed", "broken"},
	}
	for _, test := range tests {
		api, client := start(t)
		d := newDiary(client)
		d.Init = func(context.Context) error { return test.err }
		if err := d.Run(t.Context()); !errors.Is(err, test.err) {
			t.Errorf("Run = %v, want %v", err, test.err)
		}
		if got, want := api.Paths(), []string{"/register", "/init/error"}; !slices.Equal(got, want) {
			t.Errorf("%v: the calls were %v, want %v", test.err, got, want)
		}
		checkReport(t, api.Await(extensiontest.InitError, 1), test.kind, test.message)
	}
}

// TestNextFails checks that whoever reads the error, or Lambda's report, sees
// what Lambda said.
func TestNextFails(t *testing.T) {
	t.Parallel()
	api, client := start(t)
	api.Instead(extensiontest.Next, func(w http.ResponseWriter, _ *http.Request) {
		extensiontest.Refuse(w, "Extension.UnknownExtensionIdentifier", "Unknown extension x")
	})
	d := newDiary(client)
	err := d.Run(t.Context())
	if err == nil || !strings.Contains(err.Error(), "Extension.UnknownExtensionIdentifier: Unknown extension x") {
		t.Fatalf("Run = %v, want Lambda's own words", err)
	}
	if got, want := api.Paths(), []string{"/register", "/event/next", "/exit/error"}; !slices.Equal(got, want) {
		t.Errorf("the calls were %v, want %v", got, want)
	}
	checkReport(t, api.Await(extensiontest.ExitError, 1), "Extension.ExitFailed", err.Error())
	if len(d.shutdown) != 0 {
		t.Error("Shutdown was called without SHUTDOWN")
	}
}

// TestCancelled ends Run while it is parked in next, and while it registers, where
// Lambda has no ear yet.
func TestCancelled(t *testing.T) {
	t.Parallel()
	tests := []struct {
		cause         error
		kind, message string
	}{
		{&extension.Fault{Type: "Extension.ServerFailed", Message: "m"}, "Extension.ServerFailed", "m"},
		{errors.New("broken"), "Extension.ExitFailed", "broken"},
		{nil, "Extension.ExitFailed", context.Canceled.Error()},
	}
	for _, test := range tests {
		api, client := start(t)
		ctx, cancel := context.WithCancelCause(t.Context())
		d := newDiary(client)
		ended := make(chan error)
		go func() { ended <- d.Run(ctx) }()
		api.Await(extensiontest.Next, 1)
		cancel(test.cause)
		if err := <-ended; !errors.Is(err, context.Cause(ctx)) {
			t.Errorf("cancelled with %v: Run = %v", test.cause, err)
		}
		checkReport(t, api.Await(extensiontest.ExitError, 1), test.kind, test.message)

		api, client = start(t)
		api.Instead(extensiontest.Register, silence)
		ctx, cancel = context.WithCancelCause(t.Context())
		go func() { ended <- newDiary(client).Run(ctx) }()
		api.Await(extensiontest.Register, 1)
		cancel(test.cause)
		if err := <-ended; err != context.Cause(ctx) {
			t.Errorf("cancelled with %v in register: Run = %v", test.cause, err)
		}
	}
}

func TestRegisterFails(t *testing.T) {
	t.Parallel()
	api, client := start(t)
	api.Instead(extensiontest.Register, func(w http.ResponseWriter, _ *http.Request) {
		extensiontest.Refuse(w, "Extension.RegistrationClosed", "Extension registration closed already")
	})
	d := newDiary(client)
	d.Init = func(context.Context) error { t.Error("Init runs without a registration"); return nil }
	if err := d.Run(t.Context()); err == nil || !strings.Contains(err.Error(), "Extension.RegistrationClosed") {
		t.Errorf("Run = %v, want Lambda's errorType", err)
	}
	if got, want := api.Paths(), []string{"/register"}; !slices.Equal(got, want) {
		t.Errorf("the calls were %v, want %v", got, want)
	}
}

func TestFail(t *testing.T) {
	t.Parallel()
	fault := &extension.Fault{Type: "Extension.ConfigInvalid", Message: "LARDER_CACHE_BYTES: write a number"}
	tests := []struct {
		refused string // a path
		calls   []string
	}{
		{"", []string{"/register", "/init/error"}},
		{extensiontest.Register, []string{"/register"}},
		{extensiontest.InitError, []string{"/register", "/init/error"}},
	}
	for _, test := range tests {
		api, client := start(t)
		if test.refused != "" {
			api.Instead(test.refused, answer(http.StatusInternalServerError, `{"errorType":"InternalServerError"}`))
		}
		err := extension.Fail(t.Context(), client, fault)
		if !errors.Is(err, fault) || !strings.Contains(err.Error(), fault.Error()) {
			t.Errorf("refused %q: Fail = %v, want the fault", test.refused, err)
		}
		if refused := strings.Contains(fmt.Sprint(err), "InternalServerError"); refused != (test.refused != "") {
			t.Errorf("refused %q: Fail = %v", test.refused, err)
		}
		if got := api.Paths(); !slices.Equal(got, test.calls) {
			t.Errorf("refused %q: the calls were %v, want %v", test.refused, got, test.calls)
		}
		if len(test.calls) == 2 {
			checkReport(t, api.Await(extensiontest.InitError, 1), fault.Type, fault.Message)
		}
	}
}

// TestReportWithoutAnswer checks that an extension that is about to leave does not
// wait for long to be heard.
func TestReportWithoutAnswer(t *testing.T) {
	t.Parallel()
	fault := &extension.Fault{Type: "Extension.Some", Message: "m"}
	tests := []struct {
		name, path string
		run        func(context.Context, *diary) error
	}{
		{"Fail", extensiontest.InitError, func(ctx context.Context, d *diary) error {
			return extension.Fail(ctx, d.Client, fault)
		}},
		{"Init", extensiontest.InitError, func(ctx context.Context, d *diary) error {
			d.Init = func(context.Context) error { return fault }
			return d.Run(ctx)
		}},
		{"next", extensiontest.ExitError, func(ctx context.Context, d *diary) error {
			ctx, cancel := context.WithCancelCause(ctx)
			d.Init = func(context.Context) error { cancel(fault); return nil }
			return d.Run(ctx)
		}},
	}
	for _, test := range tests {
		synctest.Test(t, func(t *testing.T) {
			api, client := startInBubble(t)
			api.Instead(test.path, silence)
			began := time.Now()
			err := test.run(t.Context(), newDiary(client))
			if took := time.Since(began); !errors.Is(err, fault) || took > 2*time.Second {
				t.Errorf("%s: %v after %v, want the fault within two seconds", test.name, err, took)
			}
		})
	}
}
