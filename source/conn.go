package source

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"sync"
	"sync/atomic"
	"time"
)

// idleLimit is how long a connection without use is trusted. It is no timer's
// matter: they may stand still while the sandbox is frozen, and what AWS and the
// routers on the way have forgotten in the meantime would hang.
const idleLimit = time.Minute

// setupLimit bounds the time from the start of a connection until it is usable, with
// the proxy's consent and TLS: no attempt waits for longer. net/http goes on with it
// when the attempt has given up, for a minute where a proxy is mute.
const setupLimit = attemptLimit

// maxConnections bounds the open connections. With those of the server, see maxOpen of
// package server, and a few of the program's own they stay below 1,024 descriptors.
const maxConnections = 240

// errCrowded is why a connection is not made.
var errCrowded = errors.New("too many connections are open")

// conn is a connection that knows when it was last used.
type conn struct {
	net.Conn
	pool *pool
	used atomic.Pointer[instant]
}

func (c *conn) Close() error {
	c.pool.remove(c)
	return c.Conn.Close()
}

// usable ends what bounds the setup.
func (c *conn) usable() { _ = c.SetDeadline(time.Time{}) }

func (c *conn) touch() {
	now := c.pool.clock.now()
	c.used.Store(&now)
}

// idle returns for how long it has not been used.
func (c *conn) idle() time.Duration { return c.pool.clock.since(*c.used.Load()) }

// pool is the open connections. http.Transport hands them out without saying how
// long they were idle.
type pool struct {
	clock clock
	dial  func(ctx context.Context, network, address string) (net.Conn, error)
	// closeIdle closes those that are not in use.
	closeIdle func()
	closing   sync.Mutex // held while they are closed

	mu      sync.Mutex
	open    map[*conn]struct{}
	dialing int
}

func newPool(cfg *Config) *pool {
	dial := cfg.dial
	if dial == nil {
		dial = (&net.Dialer{Timeout: dialLimit, KeepAlive: 15 * time.Second}).DialContext
	}
	return &pool{clock: cfg.clock, dial: dial, open: make(map[*conn]struct{})}
}

// connect is a DialContext of http.Transport.
func (p *pool) connect(ctx context.Context, network, address string) (net.Conn, error) {
	if !p.reserve() && !p.makeRoom() {
		return nil, errCrowded
	}
	until := time.Now().Add(setupLimit)
	made, err := p.dial(ctx, network, address)
	p.mu.Lock()
	defer p.mu.Unlock()
	p.dialing--
	if err != nil {
		return nil, err
	}
	_ = made.SetDeadline(until) // see usable
	c := &conn{Conn: made, pool: p}
	c.touch()
	p.open[c] = struct{}{}
	return c, nil
}

// makeRoom closes what is open for another place, perhaps, and reserves.
func (p *pool) makeRoom() bool {
	p.closing.Lock()
	defer p.closing.Unlock()
	if p.reserve() {
		return true
	}
	p.closeIdle()
	return p.reserve()
}

// reserve takes a place for a connection that is about to be made, if there is one.
func (p *pool) reserve() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.open)+p.dialing >= maxConnections {
		return false
	}
	p.dialing++
	return true
}

func (p *pool) remove(c *conn) {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.open, c)
}

// stale reports whether a connection is no longer trusted.
func (p *pool) stale() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	for c := range p.open {
		if c.idle() > idleLimit {
			return true
		}
	}
	return false
}

// ours returns the connection beneath c that the pool has made, or nil.
func ours(c net.Conn) *conn {
	if encrypted, ok := c.(*tls.Conn); ok {
		c = encrypted.NetConn()
	}
	own, _ := c.(*conn)
	return own
}
