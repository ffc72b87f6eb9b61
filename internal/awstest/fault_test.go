package awstest_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"larder/internal/awstest"
)

func TestFaultsComeInOrder(t *testing.T) {
	t.Parallel()
	srv := startSecret(t,
		awstest.Fault{Action: "Get*", ID: "s", After: 1, Times: 2, Code: "ThrottlingException", Message: "Rate exceeded"},
		awstest.Fault{Action: "GetSecretValue", ID: "s", Times: 1, Code: "InternalServiceError", Status: 500},
	)
	client := srv.secrets(region)
	want := []string{"InternalServiceError", "ThrottlingException", "ThrottlingException", "", ""}
	for i, code := range want {
		_, err := client.GetSecretValue(t.Context(), get("s"))
		if (err != nil) != (code != "") {
			t.Errorf("call %d: %v, want %q", i, err, code)
		}
		if code == "ThrottlingException" {
			wantAPIError(t, "throttled", err, code, "Rate exceeded")
		}
		if _, err := client.GetSecretValue(t.Context(), get("other")); err != nil {
			t.Errorf("call %d of the other secret: %v", i, err)
		}
	}
	var codes []string
	for _, call := range srv.Calls() {
		if slices.Equal(call.IDs, []string{"s"}) {
			codes = append(codes, call.Code)
			if (call.Fault == "code") != (call.Code != "") || call.Code == "InternalServiceError" && call.Status != 500 {
				t.Errorf("recorded %+v", call)
			}
		}
	}
	if !slices.Equal(codes, want) {
		t.Errorf("recorded %q, want %q", codes, want)
	}
	if err := srv.AddFault(awstest.Fault{Code: "X", Message: "m"}); err != nil {
		t.Fatal(err)
	}
	_, err := client.GetSecretValue(t.Context(), get("other"))
	wantAPIError(t, "with an added fault", err, "X", "m")
	srv.ClearFaults()
	if _, err := client.GetSecretValue(t.Context(), get("other")); err != nil {
		t.Errorf("without faults: %v", err)
	}
}

func TestFaultBodies(t *testing.T) {
	t.Parallel()
	for _, body := range []string{"", "{}", "<html>", `{"SecretString":"x`} {
		srv := startSecret(t, awstest.Fault{Body: &body})
		resp, err := http.DefaultClient.Do(rawCall{}.request(t, srv))
		if err != nil {
			t.Fatal(err)
		}
		got, err := io.ReadAll(resp.Body)
		resp.Body.Close()
		if err != nil || resp.StatusCode != 200 || string(got) != body || srv.last(t).Fault != "body" {
			t.Errorf("status %d %q (%v), want 200 %q", resp.StatusCode, got, err, body)
		}
	}
}

func TestFaultCut(t *testing.T) {
	t.Parallel()
	for _, n := range []int{0, 10} {
		srv := startSecret(t, awstest.Fault{Cut: &n, Times: 1})
		resp, err := http.DefaultClient.Do(rawCall{}.request(t, srv))
		if err != nil {
			t.Fatal(err)
		}
		got, err := io.ReadAll(resp.Body)
		resp.Body.Close()
		if len(got) != n || !errors.Is(err, io.ErrUnexpectedEOF) || resp.ContentLength < 100 {
			t.Errorf("cut: %d bytes of %d, %v; want %d and an unexpected EOF", len(got), resp.ContentLength, err, n)
		}
		if _, err := srv.secrets(region).GetSecretValue(t.Context(), get("s")); err != nil {
			t.Errorf("the call after it: %v", err)
		}
	}
}

func TestFaultReset(t *testing.T) {
	t.Parallel()
	srv := startSecret(t, awstest.Fault{Reset: true})
	_, err := srv.secrets(region).GetSecretValue(t.Context(), get("s"))
	if !errors.Is(err, syscall.ECONNRESET) {
		t.Errorf("error = %v, want ECONNRESET", err)
	}
	if call := srv.last(t); call.Fault != "reset" || call.Status != 0 {
		t.Errorf("recorded %+v", call)
	}
}

// TestFaultHang ends the hanging call from both sides. That nothing is left
// behind is shown by closing the HTTP server, which waits for its handlers.
func TestFaultHang(t *testing.T) {
	t.Parallel()
	for _, who := range []string{"client", "server"} {
		srv, err := awstest.New(awstest.Config{Region: region, Faults: []awstest.Fault{{Hang: true}}})
		if err != nil {
			t.Fatal(err)
		}
		web := httptest.NewServer(srv)
		f := fixture{Server: srv, url: web.URL}
		hanging := make(chan awstest.Call, 1)
		srv.Observe(func(c awstest.Call) { hanging <- c })
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() {
			_, err := f.secrets(region).GetSecretValue(ctx, get("s"))
			done <- err
		}()
		if call := <-hanging; call.Fault != "hang" || call.Status != 0 {
			t.Errorf("recorded %+v", call)
		}
		if who == "client" {
			cancel()
		} else {
			srv.Close()
		}
		if err := <-done; err == nil {
			t.Errorf("the %s ended a hanging call, and it has an answer", who)
		}
		web.Close()
		cancel()
		srv.Close()
	}
}

func TestFaultBefore(t *testing.T) {
	t.Parallel()
	arrived, release := make(chan struct{}), make(chan struct{})
	srv := startSecret(t, awstest.Fault{Times: 1, Before: func(ctx context.Context) {
		close(arrived)
		select {
		case <-release:
		case <-ctx.Done():
		}
	}})
	done := make(chan error, 1)
	go func() {
		_, err := srv.secrets(region).GetSecretValue(t.Context(), get("s"))
		done <- err
	}()
	<-arrived
	if _, err := srv.secrets(region).GetSecretValue(t.Context(), get("s")); err != nil {
		t.Errorf("a call beside the one that is held: %v", err)
	}
	close(release)
	if err := <-done; err != nil {
		t.Errorf("the call that was held: %v", err)
	}
}

func TestFaultDelay(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		srv, err := awstest.New(awstest.Config{Secrets: map[string]awstest.Secret{"s": {String: "v"}},
			Faults: []awstest.Fault{{Delay: time.Minute, Code: "X"}}})
		if err != nil {
			t.Fatal(err)
		}
		w := httptest.NewRecorder()
		srv.ServeHTTP(w, rawCall{}.request(t, fixture{Server: srv, url: "http://localhost"}))
		call := srv.Calls()[0]
		if w.Code != 400 || !strings.Contains(w.Body.String(), `"X"`) || call.Duration != time.Minute || call.Fault != "code" {
			t.Errorf("status %d after %v, recorded as %q", w.Code, call.Duration, call.Fault)
		}
	})
}

func TestFaultsThatMakeNoSense(t *testing.T) {
	t.Parallel()
	cut := -1
	for _, f := range []awstest.Fault{
		{}, {Action: "Get*"}, {Code: "X", Hang: true}, {Hang: true, Status: 500}, {Hang: true, Message: "m"},
		{Code: "X", Times: -1}, {Code: "X", After: -1}, {Delay: -1}, {Cut: &cut}, {Code: "X", Status: 99},
	} {
		if _, err := awstest.New(awstest.Config{Faults: []awstest.Fault{f}}); err == nil {
			t.Errorf("New accepts the fault %+v", f)
		}
	}
}
