package extension_test

import (
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"testing"

	"larder/extension"
	"larder/extension/extensiontest"
	"larder/internal/pipetest"
)

// start returns an API and a client of it, over a real socket.
func start(t *testing.T) (*extensiontest.API, *extension.Client) {
	t.Helper()
	api := new(extensiontest.API)
	srv := httptest.NewServer(api)
	t.Cleanup(srv.Close)
	return api, extension.NewClient(srv.Listener.Addr().String(), "larder")
}

// startInBubble is start without a socket, for a synctest bubble.
func startInBubble(t *testing.T) (*extensiontest.API, *extension.Client) {
	t.Helper()
	api := new(extensiontest.API)
	client := extension.NewClient("runtime.test", "larder")
	client.DialWith(pipetest.Serve(t, &http.Server{Handler: api}))
	return api, client
}

// diary is a Lifecycle that notes what it is called for.
type diary struct {
	extension.Lifecycle
	invoked  []extension.Event
	shutdown []extension.Event
}

func newDiary(client *extension.Client) *diary {
	d := new(diary)
	d.Lifecycle = extension.Lifecycle{
		Client:   client,
		Events:   []string{extension.Invoke, extension.Shutdown},
		Init:     func(context.Context) error { return nil },
		Invoke:   func(_ context.Context, e extension.Event) { d.invoked = append(d.invoked, e) },
		Shutdown: func(_ context.Context, e extension.Event) { d.shutdown = append(d.shutdown, e) },
	}
	return d
}

const (
	shutdown = `{"eventType":"SHUTDOWN","deadlineMs":1795452978502,"shutdownReason":"spindown"}`
	invoke   = `{"eventType":"INVOKE","deadlineMs":1795453276034,"requestId":"3ffff89f-7d0c-4c8b-9f4e-1f2a3b4c5d6e",` +
		`"invokedFunctionArn":"arn:aws:lambda:eu-west-1:123456789012:function:f","tracing":{"type":"X-Amzn-Trace-Id","value":"Root=1"}}`
)

// answer returns a handler that says the same to everybody.
func answer(status int, body string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(status)
		w.Write([]byte(body))
	}
}

// silence is a handler that never answers.
func silence(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }

// checkReport holds a call of init/error or exit/error against the API's rules.
func checkReport(t *testing.T, r extensiontest.Request, wantType, wantMessage string) {
	t.Helper()
	if got := r.Header.Get("Lambda-Extension-Function-Error-Type"); got != wantType {
		t.Errorf("%s has error type %q in its header, want %q", r.Path, got, wantType)
	}
	if got := r.Header.Get("Lambda-Extension-Identifier"); got != extensiontest.Identifier {
		t.Errorf("%s has identifier %q, want %q", r.Path, got, extensiontest.Identifier)
	}
	var body struct {
		ErrorMessage, ErrorType *string
		StackTrace              *[]string
	}
	if err := json.Unmarshal([]byte(r.Body), &body); err != nil || body.ErrorMessage == nil || body.ErrorType == nil || body.StackTrace == nil {
		t.Fatalf("%s has body %q (%v), want errorMessage, errorType and stackTrace", r.Path, r.Body, err)
	}
	if *body.ErrorType != wantType || *body.ErrorMessage != wantMessage {
		t.Errorf("%s says %q: %q, want %q: %q", r.Path, *body.ErrorType, *body.ErrorMessage, wantType, wantMessage)
	}
}
