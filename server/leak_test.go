package server_test

import (
	"context"
	"io"
	"net/http"
	"os"
	"runtime"
	"strings"
	"testing"
	"time"
)

// Whatever clients do, no goroutine and no descriptor is left. Not parallel: it
// counts the whole process's.
func TestNothingIsLeft(t *testing.T) {
	fds := descriptors(t)
	goroutines := runtime.NumGoroutine()
	func() {
		l := listen(t, "127.0.0.1", func(h *http.Server) { h.ReadHeaderTimeout = 20 * time.Millisecond })
		l.gate = make(chan struct{})
		var conns []*connection
		for _, text := range []string{
			"", "GET", "GET /ping HTTP/1.1\r\nHost: localhost\r\nX-Slow: ", // never ends
			strings.Repeat("x", 1<<17),
			"GET " + valuePath + " HTTP/1.1\r\nHost: localhost\r\n\r\n",
			"GET " + valuePath + " HTTP/1.1\r\nConnection: Upgrade\r\nUpgrade: h2c\r\nHost: evil.com\r\n\r\n",
			"POST /v1/a HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9\r\n\r\nx", // client leaves in the middle
			wire("GET " + valuePath + " HTTP/1.1"),                                 // waits for AWS when the client leaves
			wire("GET "+valuePath+" HTTP/1.1") + wire("GET /ping HTTP/1.1"),
		} {
			for range 5 {
				c := l.dial()
				c.write(text)
				conns = append(conns, c)
			}
		}
		for _, c := range conns[:15] {
			_, err := io.ReadAll(c) // until the server has had enough of the slow ones
			is(t, "a slow header is cut", err, nil)
		}
		for _, c := range conns {
			c.Close()
		}
		close(l.gate)
		l.downTo(0)
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		if err := l.http.Shutdown(ctx); err != nil {
			t.Errorf("Shutdown: %v", err)
		}
	}()
	until(t, func() string {
		if n := descriptors(t); n > fds {
			return "descriptors are left"
		}
		if n := runtime.NumGoroutine(); n > goroutines {
			buf := make([]byte, 1<<16)
			return "goroutines are left:\n" + string(buf[:runtime.Stack(buf, true)])
		}
		return ""
	})
}

// until returns when the problem is gone, and fails the test if it stays.
func until(t *testing.T, problem func() string) {
	t.Helper()
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for deadline := time.Now().Add(20 * time.Second); ; <-tick.C {
		text := problem()
		if text == "" {
			return
		}
		if time.Now().After(deadline) {
			t.Fatal(text)
		}
	}
}

// descriptors counts the open files of the process; 0 where that cannot be seen.
func descriptors(t *testing.T) int {
	t.Helper()
	list, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		return 0
	}
	return len(list)
}
