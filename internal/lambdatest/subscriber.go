package lambdatest

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"net/http"
	"time"
)

// A delivery that fails is tried again after these pauses, twice as long each
// time, and is then dropped. The platform's own are not documented.
const (
	firstPause = 50 * time.Millisecond
	lastPause  = 1600 * time.Millisecond
)

// flushShare is what the delivery of outstanding events may take of a shutdown,
// before the extensions are told of it.
const flushShare = 300 * time.Millisecond

// A subscriber is an extension that telemetry is delivered to. Its lower fields
// are guarded by the sandbox's mutex.
type subscriber struct {
	subscription
	extension *extension
	client    *http.Client
	cancel    context.CancelFunc // has nothing more sent

	queue  []queued
	queued int  // bytes in queue
	sent   int  // bytes under way
	lost   loss // not told yet
}

// A queued event waits to be delivered.
type queued struct {
	body []byte
	at   time.Time
	told loss // what it tells of; zero in all events but logsDropped
}

// A loss is what was dropped.
type loss struct {
	Bytes   int    `json:"droppedBytes"`
	Records int    `json:"droppedRecords"`
	Reason  string `json:"reason"`
}

// newSubscriber returns a subscriber, and the context of what is sent to it. The
// name in the URI is only compared, never resolved. A delivery has no limit: it
// stands still with a frozen environment, and who does not answer loses events.
func newSubscriber(e *extension, sub subscription) (*subscriber, context.Context) {
	ctx, cancel := context.WithCancel(context.Background())
	dial := func(ctx context.Context, network, addr string) (net.Conn, error) {
		_, port, _ := net.SplitHostPort(addr)
		return new(net.Dialer).DialContext(ctx, network, net.JoinHostPort(TelemetryHost, port))
	}
	return &subscriber{
		subscription: sub, extension: e, cancel: cancel,
		client: &http.Client{
			Transport:     &http.Transport{DialContext: dial, DisableKeepAlives: true},
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		},
	}, ctx
}

// add queues an event, or drops it where too much waits already.
func (b *subscriber) add(body []byte) {
	if b.queued+b.sent+len(body) > 2*b.maxBytes {
		b.lose(loss{len(body), 1, "more than twice maxBytes waited to be delivered"})
		return
	}
	b.tellLost()
	b.push(queued{body: body, at: time.Now()})
}

func (b *subscriber) push(q queued) {
	b.queue = append(b.queue, q)
	b.queued += len(q.body)
}

func (b *subscriber) lose(l loss) {
	b.lost = loss{b.lost.Bytes + l.Bytes, b.lost.Records + l.Records, l.Reason}
}

// tellLost queues an event about what was dropped, if anything was. It goes
// behind what was queued before, and nothing is too full for it.
func (b *subscriber) tellLost() {
	lost := b.lost
	b.lost = loss{}
	if lost.Records > 0 && b.takes(platformType) {
		now := time.Now()
		b.push(queued{telemetryEvent(now, "platform.logsDropped", lost), now, lost})
	}
}

// full reports whether the queue is to be delivered at once.
func (b *subscriber) full() bool { return len(b.queue) >= b.maxItems || b.queued >= b.maxBytes }

// take returns the next batch: at least one event, and else within the bounds.
func (b *subscriber) take() []queued {
	b.tellLost()
	n, size := 0, 0
	for n < len(b.queue) && n < b.maxItems && (n == 0 || size+len(b.queue[n].body) <= b.maxBytes) {
		size += len(b.queue[n].body)
		n++
	}
	batch := b.queue[:n:n]
	b.queue = b.queue[n:]
	b.queued -= size
	b.sent = size
	return batch
}

// settle ends the delivery of a batch.
func (b *subscriber) settle(batch []queued, sent bool) {
	b.sent = 0
	for _, q := range batch {
		switch {
		case sent:
		case q.told.Records > 0:
			b.lose(q.told)
		default:
			b.lose(loss{len(q.body), 1, "the subscriber did not accept them"})
		}
	}
}

// deliver sends one batch after the other until ctx ends.
func (s *sandbox) deliver(ctx context.Context, b *subscriber) {
	for {
		batch := s.nextBatch(ctx, b)
		if batch == nil {
			return
		}
		sent := s.send(ctx, b, batch)
		s.mu.Lock()
		b.settle(batch, sent)
		s.changeLocked()
		s.mu.Unlock()
	}
}

// nextBatch waits until there are enough events, or the oldest has waited for
// long enough, or a shutdown has begun. Nothing is delivered while the processes
// are frozen: what was queued goes out when they go on.
func (s *sandbox) nextBatch(ctx context.Context, b *subscriber) []queued {
	s.mu.Lock()
	defer s.mu.Unlock()
	for {
		s.waitLocked(ctx.Done(), func() bool { return len(b.queue) > 0 && s.frozen.IsZero() })
		if ctx.Err() != nil {
			return nil
		}
		due, cancel := context.WithDeadline(ctx, b.queue[0].at.Add(b.timeout))
		s.waitLocked(due.Done(), func() bool { return b.full() || s.stopping })
		cancel()
		if ctx.Err() == nil && s.frozen.IsZero() {
			return b.take()
		}
	}
}

// send posts a batch until it is accepted; it reports whether it was. In a
// shutdown there is one attempt more at most.
func (s *sandbox) send(ctx context.Context, b *subscriber, batch []queued) bool {
	events := make([][]byte, len(batch))
	for i, q := range batch {
		events[i] = q.body
	}
	body := "[" + string(bytes.Join(events, []byte(","))) + "]"
	for pause := firstPause; ; pause *= 2 {
		last := pause > lastPause || s.ending()
		if b.post(ctx, body) == nil {
			return true
		}
		if last || !s.pause(ctx, pause) {
			return false
		}
	}
}

func (s *sandbox) ending() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.stopping
}

// pause waits for a time, for the end of a freeze, and no longer when a shutdown
// begins. It reports whether there is still somebody to send to.
func (s *sandbox) pause(ctx context.Context, d time.Duration) bool {
	over, cancel := context.WithTimeout(ctx, d)
	defer cancel()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.waitLocked(over.Done(), func() bool { return s.stopping })
	s.waitLocked(ctx.Done(), func() bool { return s.frozen.IsZero() })
	return ctx.Err() == nil
}

// flush waits until all that was told has been delivered or dropped. A shutdown
// has begun, so that nobody waits for more.
func (s *sandbox) flush(ctx context.Context) {
	limited, cancel := context.WithTimeout(ctx, flushShare)
	defer cancel()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.waitLocked(limited.Done(), func() bool {
		for _, b := range s.telemetry.subscribers {
			if len(b.queue) > 0 || b.sent > 0 {
				return false
			}
		}
		return true
	})
}

// post makes one attempt.
func (b *subscriber) post(ctx context.Context, events string) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, b.uri, bytes.NewReader([]byte(events)))
	if err != nil {
		return err
	}
	request.Header.Set("Content-Type", "application/json")
	response, err := b.client.Do(request)
	if err != nil {
		return err
	}
	response.Body.Close()
	if response.StatusCode/100 != 2 {
		return fmt.Errorf("the subscriber answered %d", response.StatusCode)
	}
	return nil
}
