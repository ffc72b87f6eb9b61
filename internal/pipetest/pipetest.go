// Package pipetest serves HTTP over connections in memory. Server and clients can
// then live in one synctest bubble, where real sockets do not work: hours cost
// nothing.
package pipetest

import (
	"context"
	"net"
	"net/http"
	"sync"
	"testing"
)

// Serve runs srv until the test ends. It returns what opens a connection to it,
// whatever network and address are asked for: a DialContext of http.Transport.
func Serve(t testing.TB, srv *http.Server) func(ctx context.Context, network, addr string) (net.Conn, error) {
	l := &listener{conns: make(chan net.Conn), closed: make(chan struct{})}
	var serving sync.WaitGroup
	serving.Go(func() { srv.Serve(l) })
	t.Cleanup(func() {
		srv.Close()
		serving.Wait()
	})
	return l.dial
}

// listener hands out the servers' ends of pipes.
type listener struct {
	conns  chan net.Conn
	once   sync.Once
	closed chan struct{}
}

func (l *listener) dial(ctx context.Context, _, _ string) (net.Conn, error) {
	client, server := net.Pipe()
	select {
	case l.conns <- server:
		return client, nil
	case <-l.closed:
		return nil, net.ErrClosed
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

func (l *listener) Accept() (net.Conn, error) {
	select {
	case conn := <-l.conns:
		return conn, nil
	case <-l.closed:
		return nil, net.ErrClosed
	}
}

func (l *listener) Close() error {
	l.once.Do(func() { close(l.closed) })
	return nil
}

func (l *listener) Addr() net.Addr { return &net.UnixAddr{Name: "pipe"} }
