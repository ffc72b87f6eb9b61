package awstest_test

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/url"
	"syscall"
	"testing"
	"time"

	"larder/internal/awstest"
)

// relayed is a server with a relay before it, and one client of that.
type relayed struct {
	*awstest.Relay
	fixture
	client *http.Client
}

func startRelay(t *testing.T, faults ...awstest.Fault) relayed {
	t.Helper()
	srv := startSecret(t, faults...)
	target, err := url.Parse(srv.url)
	if err != nil {
		t.Fatal(err)
	}
	relay, err := awstest.NewRelay(target.Host)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(relay.Close)
	srv.url = "http://" + relay.Addr()
	transport := &http.Transport{}
	t.Cleanup(transport.CloseIdleConnections)
	return relayed{relay, srv, &http.Client{Transport: transport}}
}

// ask makes one call, and does not wait for longer than the limit.
func (r relayed) ask(t *testing.T, limit time.Duration) error {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), limit)
	defer cancel()
	resp, err := r.client.Do(rawCall{}.request(t, r.fixture).WithContext(ctx))
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		t.Errorf("status %d, want 200", resp.StatusCode)
	}
	_, err = io.Copy(io.Discard, resp.Body) // or the connection is not used again
	return err
}

const (
	patience   = 20 * time.Second
	impatience = 100 * time.Millisecond // for answers that must not come
)

func wantAnswer(t *testing.T, when string, err error) {
	t.Helper()
	if err != nil {
		t.Errorf("%s: %v, want an answer", when, err)
	}
}

func wantSilence(t *testing.T, when string, err error) {
	t.Helper()
	if !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("%s: %v, want no answer at all", when, err)
	}
}

func TestRelayPasses(t *testing.T) {
	t.Parallel()
	r := startRelay(t)
	for range 3 {
		wantAnswer(t, "a call", r.ask(t, patience))
	}
	if calls, made := len(r.Calls()), r.Connections(); calls != 3 || made != 1 {
		t.Errorf("%d calls on %d connections, want 3 on 1", calls, made)
	}
}

func TestRelayCutsIdle(t *testing.T) {
	t.Parallel()
	r := startRelay(t)
	conn, err := net.Dial("tcp", r.Addr())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if err := (rawCall{}).request(t, r.fixture).Write(conn); err != nil {
		t.Fatal(err)
	}
	if _, err := conn.Read(make([]byte, 1)); err != nil { // the answer begins
		t.Fatal(err)
	}
	r.Cut()
	if err := drain(conn); !errors.Is(err, syscall.ECONNRESET) {
		t.Errorf("reading after Cut: %v, want a reset", err)
	}
	wantAnswer(t, "on a new connection", r.ask(t, patience))
}

// drain reads to the end and says why it is one.
func drain(conn net.Conn) error {
	buf := make([]byte, 4096)
	for {
		if _, err := conn.Read(buf); err != nil {
			return err
		}
	}
}

func TestRelayCutsUnderWay(t *testing.T) {
	t.Parallel()
	reached := make(chan struct{})
	r := startRelay(t, awstest.Fault{Times: 1, Hang: true, Before: func(context.Context) { close(reached) }})
	failed := make(chan error, 1)
	go func() { failed <- r.ask(t, patience) }()
	<-reached
	r.Cut()
	if err := <-failed; !errors.Is(err, syscall.ECONNRESET) {
		t.Errorf("the call under way: %v, want a reset", err)
	}
}

func TestRelaySwallows(t *testing.T) {
	t.Parallel()
	r := startRelay(t)
	wantAnswer(t, "before", r.ask(t, patience))
	r.Swallow()
	wantSilence(t, "on the connection that was idle", r.ask(t, impatience))
	if n := len(r.Calls()); n != 1 {
		t.Errorf("%d calls have come through, want 1", n)
	}
	wantAnswer(t, "on a new connection", r.ask(t, patience))
	if made := r.Connections(); made != 2 {
		t.Errorf("%d connections, want 2", made)
	}
}

func TestRelaySwallowsUnderWay(t *testing.T) {
	t.Parallel()
	reached, answer := make(chan struct{}), make(chan struct{})
	r := startRelay(t, awstest.Fault{Times: 1, Before: func(context.Context) { close(reached); <-answer }})
	answered := make(chan struct{})
	r.Observe(func(awstest.Call) { close(answered) })
	ended := make(chan error, 1)
	go func() { ended <- r.ask(t, patience) }()
	<-reached
	r.Swallow()
	close(answer)
	<-answered // AWS did what it was asked for, and nobody hears of it
	select {
	case err := <-ended:
		t.Errorf("the call under way: %v, want no answer at all", err)
	case <-time.After(impatience):
		r.Cut()
		<-ended
	}
}

func TestRelayBlackHole(t *testing.T) {
	t.Parallel()
	r := startRelay(t)
	wantAnswer(t, "before", r.ask(t, patience))
	r.BlackHole()
	wantSilence(t, "on the connection that was idle", r.ask(t, impatience))
	wantSilence(t, "on a new connection", r.ask(t, impatience))
	r.Heal()
	wantAnswer(t, "once healed", r.ask(t, patience))
	if n := len(r.Calls()); n != 2 {
		t.Errorf("%d calls have come through, want 2", n)
	}
}

// The end of the server's half of a connection is passed on as it was.
func TestRelayPassesEnds(t *testing.T) {
	t.Parallel()
	r := startRelay(t, awstest.Fault{Reset: true})
	if err := r.ask(t, patience); !errors.Is(err, syscall.ECONNRESET) {
		t.Errorf("where AWS resets: %v, want a reset", err)
	}
	r.ClearFaults()
	five := 5
	if err := r.AddFault(awstest.Fault{Cut: &five}); err != nil {
		t.Fatal(err)
	}
	resp, err := r.client.Do(rawCall{}.request(t, r.fixture))
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	buf := make([]byte, 100)
	if n, _ := resp.Body.Read(buf); n != five {
		t.Errorf("%d bytes of an answer that is cut off, want %d", n, five)
	}
}

func TestRelayWithoutTarget(t *testing.T) {
	t.Parallel()
	relay, err := awstest.NewRelay("127.0.0.1:1") // nobody listens there
	if err != nil {
		t.Fatal(err)
	}
	conn, err := net.Dial("tcp", relay.Addr())
	if err == nil {
		defer conn.Close()
		err = drain(conn)
	}
	if !errors.Is(err, syscall.ECONNRESET) {
		t.Errorf("dialing and reading: %v, want a reset", err)
	}
	relay.Close()
	if conn, err := net.Dial("tcp", relay.Addr()); err == nil {
		conn.Close()
		t.Error("somebody listens after Close")
	}
}
