package server_test

import (
	"bufio"
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"larder/server"
)

// live is a stand behind a real listener on loopback.
type live struct {
	*stand
	http *http.Server
	addr string

	mu    sync.Mutex
	open  int
	total int
	state map[string]http.ConnState // of open connections, by the client's address
	moved *sync.Cond                // of mu: a connection is in another state
}

// listen starts a server, whose limits tune may change.
func listen(t *testing.T, host string, tune ...func(*http.Server)) *live {
	l := &live{stand: start(t)}
	l.serve(t, host, server.HTTP(l.stand, l.log), tune...)
	return l
}

// serve starts l's server.
func (l *live) serve(t *testing.T, host string, h *http.Server, tune ...func(*http.Server)) {
	l.state = make(map[string]http.ConnState)
	l.moved = sync.NewCond(&l.mu)
	listener, err := net.Listen("tcp", net.JoinHostPort(host, "0"))
	if err != nil {
		t.Skipf("no %s here: %v", host, err)
	}
	l.addr = listener.Addr().String()
	l.http = h
	hook := h.ConnState
	h.ConnState = func(c net.Conn, state http.ConnState) {
		hook(c, state)
		l.count(c, state)
	}
	for _, f := range tune {
		f(l.http)
	}
	served := make(chan error, 1)
	go func() { served <- l.http.Serve(listener) }()
	t.Cleanup(func() {
		l.http.Close()
		if err := <-served; !errors.Is(err, http.ErrServerClosed) {
			t.Errorf("Serve: %v", err)
		}
	})
}

func (l *live) count(c net.Conn, state http.ConnState) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.state[c.RemoteAddr().String()] = state
	l.moved.Broadcast()
	switch state {
	case http.StateNew:
		l.open++
		l.total++
	case http.StateClosed, http.StateHijacked:
		l.open--
	}
}

// downTo returns when the server has no more than n open connections.
func (l *live) downTo(n int) {
	l.t.Helper()
	l.wait(func() bool { return l.open <= n })
}

// await returns when the server's side of c is in a state.
func (l *live) await(c *connection, state http.ConnState) {
	l.t.Helper()
	l.wait(func() bool {
		now, ok := l.state[c.LocalAddr().String()]
		return ok && now == state
	})
}

// wait returns when the connections are as they should be, and fails the test if
// that takes too long.
func (l *live) wait(reached func() bool) {
	l.t.Helper()
	late := false
	timer := time.AfterFunc(20*time.Second, func() {
		l.mu.Lock()
		defer l.mu.Unlock()
		late = true
		l.moved.Broadcast()
	})
	defer timer.Stop()
	l.mu.Lock()
	defer l.mu.Unlock()
	for !reached() {
		if late {
			l.t.Fatalf("%d connections are open, which is not what was waited for: %v", l.open, l.state)
		}
		l.moved.Wait()
	}
}

// connection is a client's side of one.
type connection struct {
	net.Conn
	t      *testing.T
	reader *bufio.Reader
}

func (l *live) dial() *connection {
	l.t.Helper()
	c, err := net.Dial("tcp", l.addr)
	if err != nil {
		l.t.Fatal(err)
	}
	l.t.Cleanup(func() { c.Close() })
	t, _ := l.t.(*testing.T)
	return &connection{c, t, bufio.NewReader(c)}
}

// write sends text. That the server has closed meanwhile is no failure.
func (c *connection) write(text string) { _, _ = io.WriteString(c.Conn, text) }

// read returns the next response, whose request had the method.
func (c *connection) read(method string) answer {
	c.t.Helper()
	a, err := readAnswer(c.reader, method)
	if err != nil {
		c.t.Fatalf("reading a response: %v", err)
	}
	return a
}

// ended fails the test if the server sends anything more before it closes, or
// does not close.
func (c *connection) ended(what string) {
	c.t.Helper()
	_ = c.SetReadDeadline(time.Now().Add(20 * time.Second))
	rest, err := io.ReadAll(c.reader)
	is(c.t, what+": bytes after the answer", len(rest), 0)
	is(c.t, what+": still open", errors.Is(err, os.ErrDeadlineExceeded), false)
}

// ask sends one request on a connection of its own and returns the answer.
func (l *live) ask(lines ...string) answer {
	l.t.Helper()
	c := l.dial()
	defer c.Close()
	c.write(wire(lines...))
	method, _, _ := strings.Cut(lines[0], " ")
	return c.read(method)
}
