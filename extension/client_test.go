package extension_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"
	"unicode"

	"larder/extension"
	"larder/extension/extensiontest"
)

func TestRegister(t *testing.T) {
	t.Parallel()
	tests := []struct {
		events []string
		body   string
	}{
		{[]string{extension.Invoke, extension.Shutdown}, `{"events":["INVOKE","SHUTDOWN"]}`},
		{[]string{extension.Shutdown}, `{"events":["SHUTDOWN"]}`},
		{nil, `{"events":[]}`}, // not null, and not an empty body
	}
	for _, test := range tests {
		api, client := start(t)
		if err := client.Register(t.Context(), test.events...); err != nil {
			t.Errorf("Register(%q) = %v", test.events, err)
		}
		r := api.Await(extensiontest.Register, 1)
		if r.Body != test.body {
			t.Errorf("Register(%q) sent %q, want %q", test.events, r.Body, test.body)
		}
		if got := r.Header.Get("Lambda-Extension-Name"); got != "larder" {
			t.Errorf("Register(%q) sent the name %q, want larder", test.events, got)
		}
		if got := r.Header.Get("Content-Type"); got != "application/json" {
			t.Errorf("Register(%q) sent the content type %q", test.events, got)
		}
	}
}

// TestRefused checks that what Lambda says about a refusal reaches the reader of
// the error.
func TestRefused(t *testing.T) {
	t.Parallel()
	calls := map[string]func(*extension.Client) error{
		extensiontest.Register: func(c *extension.Client) error { return c.Register(t.Context()) },
		extensiontest.Next: func(c *extension.Client) error {
			event, err := c.Next(t.Context())
			if event != (extension.Event{}) {
				t.Errorf("Next = %+v with an error", event)
			}
			return err
		},
		extensiontest.InitError: func(c *extension.Client) error {
			return c.InitError(t.Context(), &extension.Fault{Type: "Extension.Some", Message: "m"})
		},
		extensiontest.ExitError: func(c *extension.Client) error {
			return c.ExitError(t.Context(), &extension.Fault{Type: "Extension.Some", Message: "m"})
		},
	}
	answers := []struct {
		status int
		body   string
		want   []string
	}{
		{403, `{"errorMessage":"Unknown extension","errorType":"Extension.UnknownExtensionIdentifier"}`,
			[]string{"Extension.UnknownExtensionIdentifier", "Unknown extension", "403"}},
		{500, `{"errorMessage":"Internal Server Error","errorType":"InternalServerError"}`,
			[]string{"InternalServerError", "500"}},
		{404, "404 page not found\n", []string{": status 404"}}, // extensions are disabled
		{500, "", []string{": status 500"}},
		{500, `[1]`, []string{"500"}},
		{302, "", []string{"302"}},
	}
	for path, call := range calls {
		for _, test := range answers {
			api, client := start(t)
			api.Instead(path, answer(test.status, test.body))
			err := call(client)
			if err == nil {
				t.Errorf("%s answered with %d %q gives no error", path, test.status, test.body)
				continue
			}
			for _, want := range test.want {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("%s answered with %d %q gives %q, want %q in it", path, test.status, test.body, err, want)
				}
			}
		}
	}
}

// TestHostileAnswers checks that whatever answers in place of Lambda does not fill the
// memory or the log, nor writes lines of its own.
func TestHostileAnswers(t *testing.T) {
	t.Parallel()
	const mb = 1 << 20
	long := strings.Repeat("x", 100<<10)
	raw := func(text string) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			conn, _, err := w.(http.Hijacker).Hijack()
			if err != nil {
				panic(err)
			}
			defer conn.Close()
			conn.Write([]byte(text))
		}
	}
	tests := []struct {
		name   string
		answer http.HandlerFunc
		want   string
	}{
		{"a long refusal", answer(403, `{"errorType":"`+long+`","errorMessage":"`+long+`"}`), strings.Repeat("x", 1024) + "…"},
		{"a refusal of two lines", answer(403, `{"errorType":"A\nlarder level=ERROR","errorMessage":"b\r\u001b[31m\u0085c"}`), "A larder level=ERROR: b  [31m c (status 403)"},
		{"a refusal without end", func(w http.ResponseWriter, r *http.Request) {
			w.WriteHeader(http.StatusForbidden)
			for _, err := w.Write([]byte(`{"errorType":"`)); err == nil; _, err = io.WriteString(w, long) {
			}
		}, "status 403"},
		{"an event without end", func(w http.ResponseWriter, r *http.Request) {
			for _, err := io.WriteString(w, `{"eventType":"`); err == nil; _, err = io.WriteString(w, long) {
			}
		}, "the answer has more than 1048576 bytes"},
		{"a large event", answer(200, `{"eventType":"INVOKE","more":"`+strings.Repeat("x", mb)+`"}`), "more than 1048576 bytes"},
		{"a cut event", raw("HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n" + invoke), "EOF"},
		{"a long text", answer(403, "{\"errorType\":\"A\",\"errorMessage\":\""+strings.Repeat("ä", 1<<10)+"\"}"), "A: " + strings.Repeat("ä", 512) + "… (status 403)"},
		{"half a character", answer(403, "{\"errorType\":\"A\",\"errorMessage\":\"x"+strings.Repeat("ä", 1<<10)+"\"}"), "ä\uFFFD… (status 403)"},
		{"no HTTP", raw("\x1b" + long[:10<<10] + "\r\n\r\n"), "malformed HTTP"},
		{"no header", raw("HTTP/1.1 200 OK\r\nlarder \x1b[31m" + long[:10<<10] + "\r\n\r\n"), "malformed"},
		{"a long header", raw("HTTP/1.1 200 OK\r\nA: " + strings.Repeat("a", mb) + "\r\n\r\n"), "header"},
	}
	for _, test := range tests {
		api, client := start(t)
		api.Instead(extensiontest.Next, test.answer)
		_, err := client.Next(t.Context())
		if err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: Next gives %.2000q, want %q in it", test.name, fmt.Sprint(err), test.want)
			continue
		}
		if text := err.Error(); len(text) > 3<<10 || strings.ContainsFunc(text, unicode.IsControl) {
			t.Errorf("%s: the error has %d bytes or control characters: %.300q", test.name, len(text), text)
		}
	}
}

// TestNoRedirect checks that the identifier goes to Lambda and nowhere else.
func TestNoRedirect(t *testing.T) {
	t.Parallel()
	for _, status := range []int{301, 302, 303, 307, 308} {
		elsewhere := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
			t.Errorf("status %d: %s %s was asked for with %v", status, r.Method, r.URL, r.Header)
		}))
		api, client := start(t)
		if err := client.Register(t.Context()); err != nil {
			t.Fatal(err)
		}
		api.Instead(extensiontest.Next, func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, elsewhere.URL, status)
		})
		if _, err := client.Next(t.Context()); err == nil || !strings.Contains(err.Error(), strconv.Itoa(status)) {
			t.Errorf("status %d: Next = %v, want an error that names it", status, err)
		}
		elsewhere.Close()
	}
}

func TestRegisterWithoutIdentifier(t *testing.T) {
	t.Parallel()
	api, client := start(t)
	api.Instead(extensiontest.Register, answer(http.StatusOK, `{"functionName":"f"}`))
	if err := client.Register(t.Context()); err == nil || !strings.Contains(err.Error(), "Lambda-Extension-Identifier") {
		t.Errorf("Register = %v, want an error that names the missing header", err)
	}
}

// TestUnreadableEvent checks that an event that cannot be read is no event.
func TestUnreadableEvent(t *testing.T) {
	t.Parallel()
	for _, body := range []string{"", "null", "{}", "{", "[]", `"INVOKE"`, "<html>", `{"eventType":1}`, `{"eventType":"INVOKE"`} {
		api, client := start(t)
		api.Instead(extensiontest.Next, answer(http.StatusOK, body))
		if event, err := client.Next(t.Context()); err == nil {
			t.Errorf("Next with the answer %q = %+v, want an error", body, event)
		}
	}
}

func TestNext(t *testing.T) {
	t.Parallel()
	tests := []struct {
		body string
		want extension.Event
	}{
		{invoke, extension.Event{Type: "INVOKE", DeadlineMs: 1795453276034, RequestID: "3ffff89f-7d0c-4c8b-9f4e-1f2a3b4c5d6e"}},
		{shutdown, extension.Event{Type: "SHUTDOWN", DeadlineMs: 1795452978502, Reason: "spindown"}},
		{`{"eventType":"TEA","new":{"a":[1]}}` + "\n", extension.Event{Type: "TEA"}},
	}
	for _, test := range tests {
		api, client := start(t)
		if err := client.Register(t.Context()); err != nil {
			t.Fatal(err)
		}
		api.Send(test.body)
		got, err := client.Next(t.Context())
		if err != nil || got != test.want {
			t.Errorf("Next with the answer %q = %+v, %v, want %+v", test.body, got, err, test.want)
		}
		if r := api.Await(extensiontest.Next, 1); r.Body != "" || r.Header.Get("Content-Type") != "" || r.Header.Get("Lambda-Extension-Identifier") != extensiontest.Identifier {
			t.Errorf("next was asked for with body %q and header %v, want no body and the identifier", r.Body, r.Header)
		}
	}
}

// TestNextHasNoTimeout parks next for longer than any environment lives: a client
// that gives up loses the event that comes afterwards.
func TestNextHasNoTimeout(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		api, client := startInBubble(t)
		if err := client.Register(t.Context()); err != nil {
			t.Fatal(err)
		}
		time.AfterFunc(24*time.Hour, func() { api.Send(invoke) })
		began := time.Now()
		event, err := client.Next(t.Context())
		if waited := time.Since(began); err != nil || event.Type != extension.Invoke || waited != 24*time.Hour {
			t.Errorf("Next = %+v, %v after %v, want the INVOKE after a day", event, err, waited)
		}
		if got, want := api.Paths(), []string{"/register", "/event/next"}; !slices.Equal(got, want) {
			t.Errorf("the calls were %v, want %v", got, want)
		}
	})
}

// TestNoProxy runs itself once more with a proxy in the environment, which
// net/http reads only once in a process. The API's address is link-local, as on
// Lambda; for a loopback address net/http would not ask the proxy anyway.
func TestNoProxy(t *testing.T) {
	const api, child = "169.254.100.1:9001", "LARDER_TEST_NO_PROXY"
	if os.Getenv(child) == "" {
		t.Parallel()
		cmd := exec.Command(os.Args[0], "-test.run=^TestNoProxy$", "-test.v")
		cmd.Env = append(os.Environ(), child+"=1", "HTTP_PROXY=http://proxy.test:3128", "http_proxy=http://proxy.test:3128", "NO_PROXY=", "no_proxy=")
		if out, err := cmd.CombinedOutput(); err != nil || !strings.Contains(string(out), "--- PASS: TestNoProxy") {
			t.Errorf("with HTTP_PROXY: %v\n%s", err, out)
		}
		return
	}
	errDial := errors.New("dialled")
	var dialled []string
	client := extension.NewClient(api, "larder")
	client.DialWith(func(_ context.Context, _, addr string) (net.Conn, error) {
		dialled = append(dialled, addr)
		return nil, errDial
	})
	if err := client.Register(t.Context()); !errors.Is(err, errDial) {
		t.Errorf("Register = %v, want the error of the dialler", err)
	}
	if want := []string{api}; !slices.Equal(dialled, want) {
		t.Errorf("Register dialled %v, want %v", dialled, want)
	}
	// Without this the above would also pass where no proxy is set.
	req, err := http.NewRequest("GET", "http://"+api, nil)
	if err != nil {
		t.Fatal(err)
	}
	if proxy, err := http.ProxyFromEnvironment(req); proxy == nil {
		t.Errorf("the environment has no proxy for %s (%v): the test proves nothing", api, err)
	}
}
