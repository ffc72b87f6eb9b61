package server_test

import (
	"log/slog"
	"net"
	"net/http"
	"testing"
	"time"

	"larder/server"
)

// few starts a server that holds three connections. No other limit closes one.
func few(t *testing.T) *live {
	l := &live{stand: start(t)}
	l.serve(t, "127.0.0.1", server.Limited(l.stand, l.log, 3), func(h *http.Server) { h.ReadHeaderTimeout = time.Hour })
	return l
}

// uses sends a request and waits until the server has nothing to do for c.
func (l *live) uses(c *connection) {
	l.t.Helper()
	c.write(wire("GET /ping HTTP/1.1"))
	isBody(l.t, "/ping", c.read("GET"), "healthy")
	l.await(c, http.StateIdle)
}

// Of too many connections the one that has been idle longest is closed.
func TestLongestIdleIsClosed(t *testing.T) {
	t.Parallel()
	l := few(t)
	a, b, c := l.dial(), l.dial(), l.dial()
	for _, conn := range []*connection{a, b, c} {
		l.uses(conn)
	}
	c.write(wire("GET /nothing HTTP/1.1")) // any request counts
	is(t, "status", c.read("GET").status, http.StatusNotFound)
	l.await(c, http.StateIdle)
	l.uses(a)
	for _, oldest := range []*connection{b, c, a} {
		l.uses(l.dial())
		oldest.ended("the longest idle")
	}
	is(t, "connections", l.total, 6)
}

// A connection on which nothing was ever asked is idle, too.
func TestSilentIsClosed(t *testing.T) {
	t.Parallel()
	l := few(t)
	silent := l.dial()
	l.await(silent, http.StateNew)
	for range 3 {
		l.uses(l.dial())
	}
	silent.ended("the silent one")
}

// One with a request is not closed, also when there are more of them than the
// bound; and who comes then is served.
func TestBusyIsNotClosed(t *testing.T) {
	t.Parallel()
	l := few(t)
	l.gate = make(chan struct{})
	var busy []*connection
	for range 5 {
		c := l.dial()
		c.write(wire("GET " + valuePath + " HTTP/1.1"))
		l.await(c, http.StateActive)
		busy = append(busy, c)
	}
	for range 3 {
		c := l.dial()
		c.write(wire("GET /ping HTTP/1.1"))
		isBody(t, "beside the busy ones", c.read("GET"), "healthy")
		c.ended("beside the busy ones")
	}
	close(l.gate)
	for _, c := range busy {
		isBody(t, "a busy one", c.read("GET"), planted)
	}
	l.downTo(3)
}

// What net/http tells of a connection that was closed for being too many changes
// nothing: it takes no place again, and no other one is closed for it.
func TestClosedBeforeIsForgotten(t *testing.T) {
	t.Parallel()
	for _, late := range []http.ConnState{http.StateActive, http.StateIdle, http.StateClosed} {
		changed := server.Limited(nil, slog.New(slog.DiscardHandler), 1).ConnState
		before, beforeClosed := observed(t)
		now, nowClosed := observed(t)
		changed(before, http.StateNew)
		changed(now, http.StateNew)
		is(t, "the one before is closed", *beforeClosed, 1)
		changed(before, late)
		changed(now, http.StateActive)
		changed(now, http.StateIdle)
		is(t, "times that the other one was closed after "+late.String(), *nowClosed, 0)
		is(t, "times that the one before was closed", *beforeClosed, 1)
	}
}

// observed returns a connection and how often it was closed.
func observed(t *testing.T) (net.Conn, *int) {
	one, other := net.Pipe()
	t.Cleanup(func() { other.Close() })
	c := &observedConn{Conn: one}
	return c, &c.closed
}

type observedConn struct {
	net.Conn
	closed int
}

func (c *observedConn) Close() error {
	c.closed++
	return c.Conn.Close()
}
