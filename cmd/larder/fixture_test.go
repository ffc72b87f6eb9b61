package main

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"runtime"
	"strconv"
	"sync"
	"testing"
	"time"

	"larder/extension/extensiontest"
	"larder/internal/awstest"
)

// stage is what extend runs on: Lambda's Extensions API, AWS, and readers. All
// sockets are real.
type stage struct {
	lambda *extensiontest.API
	aws    *awstest.Server
	port   int
	token  string

	environ []string
	output  lockedBuffer
	clients *http.Transport
	ended   chan error // gets what extend returned
}

// patience is as much time as nothing needs, on the slowest machine.
const patience = time.Minute

// newStage sets a stage up; at the end of the test all goroutines must be gone
// that were started on it. Tests with a stage must not run in parallel.
func newStage(t *testing.T, cfg awstest.Config, environ ...string) *stage {
	t.Helper()
	before := runtime.NumGoroutine()
	t.Cleanup(func() { awaitGoroutines(t, before) })

	cfg.Region = "eu-west-1"
	aws, err := awstest.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	st := &stage{
		lambda: new(extensiontest.API), aws: aws, port: freePort(t),
		clients: new(http.Transport), ended: make(chan error, 1),
	}
	awsServer, lambdaServer := httptest.NewServer(aws), httptest.NewServer(st.lambda)
	t.Cleanup(func() {
		st.clients.CloseIdleConnections()
		aws.Close()
		awsServer.Close()
		lambdaServer.Close()
	})
	id, key, token := aws.Credentials()
	st.token = token
	st.environ = append([]string{
		"AWS_LAMBDA_RUNTIME_API=" + lambdaServer.Listener.Addr().String(),
		"AWS_REGION=eu-west-1", "AWS_ACCESS_KEY_ID=" + id, "AWS_SECRET_ACCESS_KEY=" + key, "AWS_SESSION_TOKEN=" + token,
		"AWS_ENDPOINT_URL=" + awsServer.URL,
		"PARAMETERS_SECRETS_EXTENSION_HTTP_PORT=" + strconv.Itoa(st.port),
		"PARAMETERS_SECRETS_EXTENSION_LOG_LEVEL=DEBUG",
	}, environ...)
	return st
}

// awaitGoroutines fails the test if there are still more goroutines after a
// while.
func awaitGoroutines(t *testing.T, want int) {
	t.Helper()
	for deadline := time.Now().Add(patience); runtime.NumGoroutine() > want; runtime.Gosched() {
		if time.Now().After(deadline) {
			stacks := make([]byte, 1<<20)
			t.Errorf("%d goroutines are left, want %d\n%s", runtime.NumGoroutine(), want, stacks[:runtime.Stack(stacks, true)])
			return
		}
	}
}

// awaitParked waits until n goroutines are in a function: that a reader is held
// back can be seen from nowhere else.
func awaitParked(t *testing.T, function string, n int) {
	t.Helper()
	stacks := make([]byte, 1<<20)
	for deadline := time.Now().Add(patience); ; runtime.Gosched() {
		all := stacks[:runtime.Stack(stacks, true)]
		in := bytes.Count(all, []byte(function))
		if in == n {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("%d goroutines are in %s, want %d\n%s", in, function, n, all)
		}
	}
}

// start runs extend.
func (st *stage) start(t *testing.T) {
	go func() { st.ended <- extend(t.Context(), "/opt/extensions/larder", st.environ, &st.output) }()
}

// end returns what extend returned, and checks that nobody listens any more.
func (st *stage) end(t *testing.T) error {
	t.Helper()
	var err error
	select {
	case err = <-st.ended:
	case <-time.After(patience):
		t.Fatalf("extend does not end; the calls were %v and the output was\n%s", st.lambda.Paths(), st.output.String())
	}
	st.checkClosed(t)
	return err
}

func (st *stage) checkClosed(t *testing.T) {
	t.Helper()
	for _, host := range families() {
		if conn, err := net.Dial("tcp", st.addr(host)); err == nil {
			conn.Close()
			t.Errorf("somebody listens on %s", st.addr(host))
		}
	}
}

func (st *stage) addr(host string) string { return net.JoinHostPort(host, strconv.Itoa(st.port)) }

// shutdown sends the event.
func (st *stage) shutdown() {
	st.lambda.Send(fmt.Sprintf(`{"eventType":"SHUTDOWN","deadlineMs":%d,"shutdownReason":"SPINDOWN"}`, time.Now().Add(2*time.Second).UnixMilli()))
}

// read asks for a reference over a connection that is kept open, and returns
// status and body; the status is zero without an answer.
func (st *stage) read(ref string) (int, string) {
	req, err := http.NewRequest("GET", "http://"+st.addr("127.0.0.1")+"/value?ref="+url.QueryEscape(ref), nil)
	if err != nil {
		return 0, err.Error()
	}
	req.Header.Set("X-Aws-Parameters-Secrets-Token", st.token)
	resp, err := (&http.Client{Transport: st.clients}).Do(req)
	if err != nil {
		return 0, err.Error()
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	return resp.StatusCode, cmp.Or(string(body), fmt.Sprint(err))
}

// hold returns a fault that keeps calls of an action waiting until release is
// called, and a channel that is closed when the first of them has come.
func hold(action string) (fault awstest.Fault, reached <-chan struct{}, release func()) {
	come, released := make(chan struct{}), make(chan struct{})
	first := sync.OnceFunc(func() { close(come) })
	fault = awstest.Fault{Action: action, Before: func(ctx context.Context) {
		first()
		select {
		case <-released:
		case <-ctx.Done():
		}
	}}
	return fault, come, sync.OnceFunc(func() { close(released) })
}

type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.Write(p)
}

func (b *lockedBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.String()
}

// answer500 is a platform that is broken.
func answer500(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusInternalServerError) }
