package extension

import (
	"context"
	"crypto/rand"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"time"
)

// TelemetryHost is the name of the address, which only this sandbox can reach, to
// which Lambda delivers telemetry. It is not a loopback address: a listener there
// receives nothing on the service.
// Source: docs.aws.amazon.com/lambda/latest/dg/telemetry-api-reference.html
const TelemetryHost = "sandbox.localdomain"

// Bounds of what a receiver accepts. Lambda makes one delivery at a time, of up to
// twice the bytes that it may gather and some more around them.
const (
	maxDelivery        = 1 << 20
	maxDeliverers      = 4
	deliveryTimeout    = 5 * time.Second
	maxDeliveryHeaders = 8 << 10
)

// TelemetryReceiver receives the platform's events. Its path is drawn at random, so
// that only Lambda, which is told of it, can deliver to it; and still it trusts
// nothing that it is sent.
type TelemetryReceiver struct {
	uri    string
	path   string
	events func(PlatformEvent)
	server *http.Server
	served sync.WaitGroup

	mu sync.Mutex // held while events runs
}

// ReceiveTelemetry takes deliveries until Close on a listener, which it then closes; on
// the service that must be one on TelemetryHost. events gets one event at a time; it
// must not block.
func ReceiveTelemetry(listener net.Listener, events func(PlatformEvent)) *TelemetryReceiver {
	t := &TelemetryReceiver{path: "/" + rand.Text(), events: events}
	_, port, _ := net.SplitHostPort(listener.Addr().String()) // which a listener's address always has
	t.uri = "http://" + net.JoinHostPort(TelemetryHost, port) + t.path
	t.server = &http.Server{
		Handler: t, ReadTimeout: deliveryTimeout, WriteTimeout: deliveryTimeout, MaxHeaderBytes: maxDeliveryHeaders,
		// After a freeze the time of an idle connection is over, and Lambda dials anew.
		IdleTimeout: time.Minute,
		// What is wrong with a stranger's request is of no interest to anybody.
		ErrorLog: slog.NewLogLogger(slog.DiscardHandler, slog.LevelError),
	}
	bounded := &limited{Listener: listener, free: make(chan struct{}, maxDeliverers), closed: make(chan struct{})}
	t.served.Go(func() { _ = t.server.Serve(bounded) })
	return t
}

// Close stops accepting and waits for what is being delivered until ctx ends.
func (t *TelemetryReceiver) Close(ctx context.Context) {
	if t.server.Shutdown(ctx) != nil {
		_ = t.server.Close()
	}
	t.served.Wait()
}

// ServeHTTP takes a delivery. What can be read of it counts; Lambda repeats one that
// is not answered with success.
func (t *TelemetryReceiver) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.URL.Path != t.path {
		http.NotFound(w, r)
		return
	}
	if r.Method != http.MethodPost {
		w.Header().Set("Allow", http.MethodPost)
		http.Error(w, "only POST is served", http.StatusMethodNotAllowed)
		return
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxDelivery))
	if err != nil {
		status := http.StatusBadRequest
		if _, tooLarge := errors.AsType[*http.MaxBytesError](err); tooLarge {
			status = http.StatusRequestEntityTooLarge
		}
		http.Error(w, "the delivery cannot be read", status)
		return
	}
	events, err := parsePlatformEvents(body)
	if err != nil {
		http.Error(w, "the delivery is no JSON array", http.StatusBadRequest)
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, e := range events {
		t.events(e)
	}
}

// limited accepts only so many connections at once. The others wait: who opens many
// and sends nothing keeps Lambda out until their time is over, and takes no
// descriptors from those who want secrets.
type limited struct {
	net.Listener
	free   chan struct{}
	closed chan struct{}
}

// Close ends the wait of Accept, too: net/http waits for that before it looks at
// connections, and without a limit. It calls Close once.
func (l *limited) Close() error {
	close(l.closed)
	return l.Listener.Close()
}

func (l *limited) Accept() (net.Conn, error) {
	select {
	case l.free <- struct{}{}:
	case <-l.closed:
		return nil, net.ErrClosed
	}
	conn, err := l.Listener.Accept()
	if err != nil {
		<-l.free
		return nil, err
	}
	return &limitedConn{Conn: conn, release: sync.OnceFunc(func() { <-l.free })}, nil
}

type limitedConn struct {
	net.Conn
	release func()
}

func (c *limitedConn) Close() error {
	defer c.release()
	return c.Conn.Close()
}
