package extension_test

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"larder/extension"
)

// pipes is a listener whose connections come from the test, in a synctest bubble.
type pipes chan net.Conn

func (p pipes) Accept() (net.Conn, error) {
	if conn, ok := <-p; ok {
		return conn, nil
	}
	return nil, net.ErrClosed
}

func (p pipes) Addr() net.Addr { return &net.TCPAddr{Port: 1} }

func (p pipes) Close() error {
	close(p)
	return nil
}

// TestManyDeliverers opens more connections than are accepted, and sends nothing: who
// comes after them waits until the time of one is over.
func TestManyDeliverers(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		listener := make(pipes)
		l := extension.ReceiveTelemetry(listener, func(extension.PlatformEvent) {})
		defer l.Close(t.Context())
		for range extension.MaxDeliverers {
			client, server := net.Pipe()
			defer client.Close()
			listener <- server
		}
		start, accepted := time.Now(), make(chan time.Time)
		client, server := net.Pipe()
		defer client.Close()
		go func() {
			listener <- server
			accepted <- time.Now()
		}()
		if waited := (<-accepted).Sub(start); waited != 5*time.Second {
			t.Errorf("one more connection is accepted after %v, want 5s", waited)
		}
	})
}

// TestDeafDeliverers has as many deliveries as may come at once, of whom nobody reads the
// answer: who comes after them is accepted when their time is over.
func TestDeafDeliverers(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		listener := make(pipes)
		l := extension.ReceiveTelemetry(listener, func(extension.PlatformEvent) {})
		defer l.Close(t.Context())
		uri, err := url.Parse(l.URI())
		if err != nil {
			t.Fatal(err)
		}
		for range extension.MaxDeliverers {
			client, server := net.Pipe()
			defer client.Close()
			listener <- server
			fmt.Fprintf(client, "POST %s HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n[]", uri.Path)
		}
		start := time.Now()
		client, server := net.Pipe()
		defer client.Close()
		select {
		case listener <- server:
		case <-time.After(time.Minute):
		}
		if waited := time.Since(start); waited != 5*time.Second {
			t.Errorf("one more connection is accepted after %v, want 5s", waited)
		}
	})
}

// TestLargeHeader checks that what comes before the path is known is bounded, too.
func TestLargeHeader(t *testing.T) {
	t.Parallel()
	r := receive(t)
	req, err := http.NewRequest(http.MethodPost, "http://"+r.addr+r.path, strings.NewReader("[]"))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("X-Large", strings.Repeat("x", 32<<10))
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusRequestHeaderFieldsTooLarge {
		t.Errorf("a header of 32 KB is answered with %d, want 431", resp.StatusCode)
	}
}

// failing is a listener that fails at first in a way that passes, as where there are no
// descriptors left.
type failing struct {
	pipes
	failures int
}

func (f *failing) Accept() (net.Conn, error) {
	if f.failures > 0 {
		f.failures--
		return nil, syscall.EMFILE
	}
	return f.pipes.Accept()
}

// TestFailedAccepts fails to accept as often as there may be connections, and once more:
// a connection that fails takes nobody's place.
func TestFailedAccepts(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		listener := &failing{make(pipes), extension.MaxDeliverers + 1}
		l := extension.ReceiveTelemetry(listener, func(extension.PlatformEvent) {})
		defer l.Close(t.Context())
		for range extension.MaxDeliverers {
			client, server := net.Pipe()
			defer client.Close()
			select {
			case listener.pipes <- server:
			case <-time.After(time.Minute):
				t.Fatal("nobody accepts any more")
			}
		}
	})
}

// TestCloseAmongSilence closes while as many connections as are accepted send nothing:
// it takes as long as it may, and no longer.
func TestCloseAmongSilence(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		listener := make(pipes)
		l := extension.ReceiveTelemetry(listener, func(extension.PlatformEvent) {})
		var clients []net.Conn
		for range extension.MaxDeliverers {
			client, server := net.Pipe()
			defer client.Close()
			listener <- server
			clients = append(clients, client)
		}
		synctest.Wait()
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		start := time.Now()
		l.Close(ctx)
		if took := time.Since(start); took != time.Second {
			t.Errorf("Close takes %v, want 1s", took)
		}
		for _, client := range clients {
			if _, err := client.Read(make([]byte, 1)); err != io.EOF {
				t.Errorf("after Close a connection gives %v, want EOF", err)
			}
		}
		if took := time.Since(start); took != time.Second {
			t.Errorf("the connections end after %v, want 1s", took)
		}
	})
}
