package main

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"sync"
	"time"

	"larder/extension"
	"larder/metrics"
)

// reports is what LARDER_METRICS=emf asks for: embedded-metric lines among those of
// the log, with what Lambda's platform events tell. nil where it is not asked for:
// then there is no listener, no subscription, and no line.
type reports struct {
	counters *metrics.Counters
	log      *slog.Logger
	out      io.Writer // whole lines
	receiver *extension.TelemetryReceiver
	told     chan struct{} // gets something when the platform has told something

	mu       sync.Mutex
	embedded *metrics.Embedded
}

func newReports(c *metrics.Counters, s settings, out io.Writer, log *slog.Logger) *reports {
	return &reports{
		counters: c, log: log, out: out, told: make(chan struct{}, 1),
		embedded: c.Embedded(s.functionName, s.version, time.Now()),
	}
}

// subscribeTimeout bounds what Lambda may take to answer the subscription, as init
// waits for that: a platform that does not answer shall not cost the function its
// start.
const subscribeTimeout = time.Second

// withSubscription returns init with a subscription to the platform's events beside
// it, and a line after it. Lambda takes subscriptions only until init is over, so
// init is not over before there is an answer, or none within subscribeTimeout.
func (r *reports) withSubscription(client *extension.Client, init func(context.Context) error) func(context.Context) error {
	if r == nil {
		return init
	}
	return func(ctx context.Context) error {
		registered := time.Now()
		subscription, cancel := context.WithCancel(ctx)
		defer cancel()
		var subscribing sync.WaitGroup
		subscribing.Go(func() {
			within(subscription, subscribeTimeout, func(ctx context.Context) { r.subscribe(ctx, client) })
		})
		err := init(ctx)
		if err != nil {
			cancel() // Lambda, and who waits for a missing secret, are told at once
		}
		subscribing.Wait()
		if err == nil {
			r.write()
			r.counters.Ready(registered, time.Now())
		}
		return err
	}
}

func (r *reports) subscribe(ctx context.Context, client *extension.Client) {
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", net.JoinHostPort(extension.TelemetryHost, "0"))
	if err == nil {
		receiver := extension.ReceiveTelemetry(listener, r.event)
		if err = client.SubscribeTelemetry(ctx, receiver); err == nil {
			r.receiver = receiver
			return
		}
		receiver.Close(ctx)
	}
	if errors.Is(ctx.Err(), context.Canceled) {
		return // there is no function to have metrics of
	}
	r.log.Warn("no metrics of the platform", "problem", err.Error())
}

func (r *reports) event(e extension.PlatformEvent) {
	r.counters.Platform(e)
	select {
	case r.told <- struct{}{}:
	default:
	}
}

// expect notes an invoke, if the platform is going to tell of it.
func (r *reports) expect(e extension.Event) {
	if r != nil && r.receiver != nil {
		r.counters.Expect(e.RequestID)
	}
}

// restored begins anew after a SnapStart restore.
func (r *reports) restored() {
	if r == nil {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.embedded.Restored(time.Now())
}

// due writes a line if it is time for one.
func (r *reports) due() {
	if r == nil {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.embedded.Due(time.Now()) {
		r.writeLocked()
	}
}

func (r *reports) write() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.writeLocked()
}

func (r *reports) writeLocked() {
	_, _ = r.out.Write(r.embedded.Line(time.Now())) // who would be told?
}

// lastEvents is how long the end waits for what Lambda has to tell of the last
// invoke, which comes with SHUTDOWN or just after it.
const lastEvents = 100 * time.Millisecond

// last writes the last line.
func (r *reports) last(ctx context.Context) {
	if r == nil {
		return
	}
	within(ctx, lastEvents, func(ctx context.Context) {
		for r.counters.Awaited() {
			select {
			case <-r.told:
			case <-ctx.Done():
				return
			}
		}
	})
	r.write()
}

func (r *reports) close(ctx context.Context) {
	if r != nil && r.receiver != nil {
		r.receiver.Close(ctx)
	}
}
