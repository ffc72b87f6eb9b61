package extension

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"time"
)

// sandboxHost is the name of the address, which only this sandbox can reach, to
// which Lambda delivers telemetry. It is not a loopback address: a listener there
// receives nothing on the service.
// Source: docs.aws.amazon.com/lambda/latest/dg/telemetry-api-reference.html
const sandboxHost = "sandbox.localdomain"

// Bounds of what the listener accepts. Lambda makes one delivery at a time, of up to
// twice the bytes that it may gather and some more around them.
const (
	maxDelivery        = 1 << 20
	maxDeliverers      = 4
	deliveryTimeout    = 5 * time.Second
	maxDeliveryHeaders = 8 << 10
)

// TelemetryListener receives the platform's events. Its path is drawn at random, so
// that only Lambda, which is told of it, can deliver to it; and still it trusts
// nothing that it is sent.
type TelemetryListener struct {
	uri    string
	path   string
	events func(PlatformEvent)
	server *http.Server
	served sync.WaitGroup

	mu sync.Mutex // held while events runs
}

// ListenTelemetry listens for deliveries until Close. events gets one event at a
// time; it must not block.
func ListenTelemetry(ctx context.Context, events func(PlatformEvent)) (*TelemetryListener, error) {
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", net.JoinHostPort(sandboxHost, "0"))
	if err != nil {
		return nil, fmt.Errorf("listening for telemetry: %w", err)
	}
	return serveTelemetry(listener, events), nil
}

func serveTelemetry(listener net.Listener, events func(PlatformEvent)) *TelemetryListener {
	l := &TelemetryListener{path: "/" + rand.Text(), events: events}
	_, port, _ := net.SplitHostPort(listener.Addr().String()) // which a listener's address always has
	l.uri = "http://" + net.JoinHostPort(sandboxHost, port) + l.path
	l.server = &http.Server{
		Handler: l, ReadTimeout: deliveryTimeout, WriteTimeout: deliveryTimeout, MaxHeaderBytes: maxDeliveryHeaders,
		// After a freeze the time of an idle connection is over, and Lambda dials anew.
		IdleTimeout: time.Minute,
		// What is wrong with a stranger's request is of no interest to anybody.
		ErrorLog: slog.NewLogLogger(slog.DiscardHandler, slog.LevelError),
	}
	l.served.Go(func() { _ = l.server.Serve(&limited{Listener: listener, free: make(chan struct{}, maxDeliverers)}) })
	return l
}

// Close stops accepting and waits for what is being delivered until ctx ends.
func (l *TelemetryListener) Close(ctx context.Context) {
	if l.server.Shutdown(ctx) != nil {
		_ = l.server.Close()
	}
	l.served.Wait()
}

// ServeHTTP takes a delivery. What can be read of it counts; Lambda repeats one that
// is not answered with success.
func (l *TelemetryListener) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.URL.Path != l.path {
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
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, e := range events {
		l.events(e)
	}
}

// limited accepts only so many connections at once. The others wait: who opens many
// and sends nothing keeps Lambda out until their time is over, and takes no
// descriptors from those who want secrets.
type limited struct {
	net.Listener
	free chan struct{}
}

func (l *limited) Accept() (net.Conn, error) {
	l.free <- struct{}{}
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
