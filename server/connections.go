package server

import (
	"net"
	"net/http"
	"runtime"
	"sync"
)

// maxOpen bounds the open connections. It is more than maxInFlight, so that there
// is room to hear of that limit; and with the 100 connections that there may be to
// each of the two services of AWS, and a few of the program's own, it stays below
// 1,024 descriptors. Without descriptors nothing could be accepted or dialed.
const maxOpen = 768

// connections closes the connection that has waited longest for a request when
// there are too many. Its client dials a new one, as after any idle time: a bound
// on what is accepted would instead let new clients wait for those that keep
// connections for later. One with a request is never closed, even if there are too
// many of these: their number has a limit of its own.
type connections struct {
	most int

	mu      sync.Mutex
	changes uint64              // of state, so far
	open    map[net.Conn]uint64 // since which change it waits for a request; 0 with one
}

func newConnections(most int) *connections {
	return &connections{most: most, open: make(map[net.Conn]uint64)}
}

// changed is the server's ConnState. net/http calls it when a request has been
// read and before it is served, and again when its answer has been written.
func (c *connections) changed(conn net.Conn, state http.ConnState) {
	if state == http.StateNew {
		// This is net/http's loop of accepting. In a burst it would run ahead of the
		// connections' own goroutines, and their requests would pass for silence.
		runtime.Gosched()
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if _, ok := c.open[conn]; !ok && state != http.StateNew {
		return // closed below
	}
	c.changes++
	switch state {
	case http.StateNew, http.StateIdle: // a new one may stay as silent
		c.open[conn] = c.changes
	case http.StateActive:
		c.open[conn] = 0
	default:
		delete(c.open, conn)
	}
	for len(c.open) > c.most {
		longest, ok := c.longestLocked()
		if !ok || longest == conn && state == http.StateNew { // which gets its chance
			return
		}
		delete(c.open, longest)
		// With the lock held, so that no request of its is served meanwhile. One that
		// is on its way is lost unread, as whenever an idle connection ends: clients
		// send it again.
		_ = longest.Close()
	}
}

// longestLocked returns the connection that has waited longest for a request, if
// there is one without.
func (c *connections) longestLocked() (longest net.Conn, ok bool) {
	for conn, since := range c.open {
		if since > 0 && (longest == nil || since < c.open[longest]) {
			longest = conn
		}
	}
	return longest, longest != nil
}
