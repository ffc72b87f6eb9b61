package awstest

import (
	"fmt"
	"io"
	"maps"
	"net"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// Relay is the way to a server, and can be a bad one: what a [Fault] does to
// calls, a Relay does to connections, at any time and also to those that nobody
// uses just now. It passes bytes on between who dials it, on loopback, and its
// target.
//
// One thing is kinder than on a real network: packets that are swallowed have
// been acknowledged, and a connection that will bring nothing can be made. For a
// client of HTTP either is an answer that does not come.
type Relay struct {
	target   string
	listener net.Listener
	tasks    sync.WaitGroup

	mu     sync.Mutex
	closed bool
	hole   bool // new connections are swallowed, too
	links  map[*link]struct{}
	made   int
}

// NewRelay listens, and passes on to target, a host:port. Close must be called.
func NewRelay(target string) (*Relay, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("listening for the relay: %w", err)
	}
	r := &Relay{target: target, listener: listener, links: make(map[*link]struct{})}
	r.tasks.Go(r.accept)
	return r, nil
}

// Addr is where the relay listens, a host:port.
func (r *Relay) Addr() string { return r.listener.Addr().String() }

// Connections returns how many connections were made to the relay so far.
func (r *Relay) Connections() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.made
}

// Cut ends every connection with a TCP RST. New ones pass as before.
func (r *Relay) Cut() {
	for _, l := range r.present() {
		l.cut()
	}
}

// Swallow lets nothing pass any more on the connections that there are, in
// either direction, and leaves them open, as when a router on the way has
// forgotten them. It holds for what is under way, and for good. New connections
// pass as before.
func (r *Relay) Swallow() {
	for _, l := range r.present() {
		l.swallow()
	}
}

// BlackHole swallows the connections that there are and, until Heal, new ones.
func (r *Relay) BlackHole() {
	r.mu.Lock()
	r.hole = true
	r.mu.Unlock()
	r.Swallow()
}

// Heal lets new connections pass again. Those that were swallowed stay so.
func (r *Relay) Heal() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.hole = false
}

// Close ends all connections and waits until nothing of the relay is left.
func (r *Relay) Close() {
	r.mu.Lock()
	r.closed = true
	r.mu.Unlock()
	_ = r.listener.Close()
	r.Cut()
	r.tasks.Wait()
}

// present returns the connections of this moment.
func (r *Relay) present() []*link {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Collect(maps.Keys(r.links))
}

func (r *Relay) accept() {
	for {
		client, err := r.listener.Accept()
		if err != nil {
			return // it was closed
		}
		r.tasks.Go(func() { r.carry(client.(*net.TCPConn)) })
	}
}

func (r *Relay) carry(client *net.TCPConn) {
	upstream, err := net.Dial("tcp", r.target)
	if err != nil {
		hangUp(client, err)
		return
	}
	l := &link{client: client, upstream: upstream.(*net.TCPConn)}
	if r.enter(l) {
		l.carry()
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.links, l)
	l.cut()
}

// enter counts a connection, unless the relay is closed.
func (r *Relay) enter(l *link) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.closed {
		return false
	}
	r.made++
	r.links[l] = struct{}{}
	if r.hole {
		l.swallow()
	}
	return true
}

// link is one connection through a relay.
type link struct {
	client, upstream *net.TCPConn
	swallowed        atomic.Bool
}

// carry passes bytes on until the client has left.
func (l *link) carry() {
	var back sync.WaitGroup
	back.Go(func() {
		if err := pass(l.client, l.upstream); !l.swallowed.Load() {
			hangUp(l.client, err)
		}
	})
	_ = pass(l.upstream, l.client)
	_ = l.upstream.Close() // nobody is there for what may still come back
	back.Wait()
}

// pass reads until it fails, and returns why. What cannot be written is lost.
func pass(to, from *net.TCPConn) error {
	buf := make([]byte, 32<<10)
	for {
		n, err := from.Read(buf)
		_, _ = to.Write(buf[:n])
		if err != nil {
			return err
		}
	}
}

// swallow makes all writing fail from here on, also that of a write that waits
// for a client which does not read, as one that is stopped.
func (l *link) swallow() {
	l.swallowed.Store(true)
	past := time.Unix(1, 0)
	_ = l.client.SetWriteDeadline(past)
	_ = l.upstream.SetWriteDeadline(past)
}

func (l *link) cut() {
	hangUp(l.client, net.ErrClosed)
	hangUp(l.upstream, net.ErrClosed)
}

// hangUp closes a connection as its other half has ended: in order after EOF,
// and else with a RST.
func hangUp(conn *net.TCPConn, why error) {
	if why != io.EOF {
		_ = conn.SetLinger(0)
	}
	_ = conn.Close()
}
