package source_test

import (
	"io"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"larder/internal/awstest"
	"larder/secret"
	"larder/source"
)

// road is the way to a server, over real sockets, on which connections can die
// without the client's knowing, as in a freeze.
type road struct {
	listener net.Listener
	running  sync.WaitGroup

	mu    sync.Mutex
	ended bool
	made  int
	open  map[net.Conn]func(client *net.TCPConn) // what becomes of them, if not nil
}

// build makes a road to address that lasts as long as the test.
func build(t *testing.T, address string) *road {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	r := &road{listener: listener, open: make(map[net.Conn]func(*net.TCPConn))}
	r.running.Go(func() {
		for {
			client, err := listener.Accept()
			if err != nil {
				return
			}
			r.running.Go(func() { r.carry(client.(*net.TCPConn), address) })
		}
	})
	t.Cleanup(func() {
		r.mu.Lock()
		r.ended = true
		for c := range r.open {
			c.Close()
		}
		r.mu.Unlock()
		listener.Close()
		r.running.Wait()
	})
	return r
}

// carry takes one connection to the server and back.
func (r *road) carry(client *net.TCPConn, address string) {
	defer client.Close()
	server, err := net.Dial("tcp", address)
	if err != nil {
		return
	}
	defer server.Close()
	r.mu.Lock()
	r.made++
	r.open[client] = nil
	ended := r.ended
	r.mu.Unlock()
	if ended {
		return
	}
	r.running.Go(func() {
		_, _ = io.Copy(client, server)
		client.Close()
	})
	for buffer := make([]byte, 32<<10); ; {
		n, err := client.Read(buffer)
		if err != nil {
			return
		}
		r.mu.Lock()
		dead := r.open[client]
		r.mu.Unlock()
		if dead != nil {
			dead(client)
			continue
		}
		_, _ = server.Write(buffer[:n])
	}
}

// breaks lets every connection that there is die in that way.
func (r *road) breaks(dead func(*net.TCPConn)) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for c := range r.open {
		r.open[c] = dead
	}
}

func (r *road) count() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.made
}

// swallowed is what a connection is like that a router on the way has forgotten.
func swallowed(*net.TCPConn) {}

// reset is what one is like that the server has forgotten.
func reset(c *net.TCPConn) {
	_ = c.SetLinger(0)
	c.Close()
}

// TestDeadConnections: one that died in a freeze costs one more request, and not the
// time that an attempt has. TestSuspects knows how little it costs.
func TestDeadConnections(t *testing.T) {
	for name, dead := range map[string]func(*net.TCPConn){"reset": reset, "swallowed": swallowed} {
		for _, keys := range [][]secret.Key{
			{secretKey(t, "a")},
			{secretKey(t, "a"), treeKey(t, "/tree/*"), parameterKey(t, "/a")}, // up to a connection each
		} {
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				cfg, certificate := overTLS(t)
				cfg.CABundle = filepath.Join(t.TempDir(), "ca.pem")
				if err := os.WriteFile(cfg.CABundle, certificate, 0o600); err != nil {
					t.Fatal(err)
				}
				server, err := url.Parse(cfg.Endpoint)
				if err != nil {
					t.Fatal(err)
				}
				r := build(t, server.Host)
				cfg.Endpoint = "https://" + r.listener.Addr().String()
				var frozen atomic.Int64
				cfg.SetClock(func() time.Time { return time.Now().Round(0).Add(time.Duration(frozen.Load())) })
				attempts := make(chan source.Call, 100)
				cfg.Observe = func(c source.Call) { attempts <- c }
				s := source.New(cfg)
				defer s.Close()
				fetch(t, t.Context(), s, keys...)
				for range len(attempts) {
					<-attempts
				}
				made := r.count()

				r.breaks(dead)
				frozen.Add(int64(10 * time.Second))
				got := fetch(t, t.Context(), s, keys...)
				for _, k := range keys {
					if got[k].Err != nil {
						t.Errorf("Fetch of %v on a dead connection: %v, want a value", k, got[k].Err)
					}
				}
				more := len(attempts) - len(keys)
				for range len(attempts) {
					if a := <-attempts; a.Failure == secret.Timeout {
						t.Errorf("an attempt on a dead connection lasted %v, until its time was over", a.Duration)
					}
				}
				if more < 1 || more > made {
					t.Errorf("%d more attempts than keys on %d dead connections, want one for each that was used", more, made)
				}
			})
		}
	}
}

// TestSuspects: which connections are given little time, and what that costs
// when AWS is slow.
func TestSuspects(t *testing.T) {
	const slow, suspected = 400 * time.Millisecond, 250 * time.Millisecond
	k := parameterKey(t, "/a")
	tests := []struct {
		name         string
		used         bool          // a connection, before
		frozen, idle time.Duration // since then
		delay        time.Duration // of AWS
		attempts     []string
		took         time.Duration
	}{
		{"fresh", false, 0, 0, slow, []string{"OK"}, slow},
		{"idle for a second", true, time.Second, 0, slow, []string{"OK"}, slow},
		{"suspect and quick", true, 2 * time.Second, 0, 200 * time.Millisecond, []string{"OK"}, 200 * time.Millisecond},
		{"suspect and slow", true, 2 * time.Second, 0, slow, []string{"Unavailable", "OK"}, suspected + slow},
		{"suspect without a freeze", true, 0, 2 * time.Second, slow, []string{"Unavailable", "OK"}, suspected + slow},
		{"a clock that was set back", true, -time.Hour, 0, slow, []string{"OK"}, slow},
		{"set back, and idle", true, -time.Hour, 2 * time.Second, slow, []string{"Unavailable", "OK"}, suspected + slow},
		{"too old to be used", true, time.Hour, 0, slow, []string{"OK"}, slow},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			play(t, full(), nil, func(t *testing.T, st *stand) {
				if tt.used {
					fetch(t, t.Context(), st.source, k)
				}
				st.jump(tt.frozen)
				time.Sleep(tt.idle)
				if err := st.AddFault(awstest.Fault{Delay: tt.delay}); err != nil {
					t.Fatal(err)
				}
				st.attempts = nil
				start := time.Now()
				if got := outcome(fetch(t, t.Context(), st.source, k)[k]); got != "v" {
					t.Errorf("Fetch = %q, want a value", got)
				}
				var outcomes []string
				for _, a := range st.attempts {
					outcome := "OK"
					if a.Failure != 0 {
						outcome = a.Failure.String()
					}
					outcomes = append(outcomes, outcome)
				}
				if took := time.Since(start); took != tt.took || !slices.Equal(outcomes, tt.attempts) {
					t.Errorf("Fetch took %v in attempts %v, want %v in %v", took, outcomes, tt.took, tt.attempts)
				}
				// By now it is known how slow AWS is: that is paid for once.
				st.attempts = nil
				st.jump(2 * time.Second)
				fetch(t, t.Context(), st.source, k)
				if n := len(st.attempts); n != 1 {
					t.Errorf("the next Fetch took %d attempts, want 1", n)
				}
			})
		})
	}
}

// TestSuspectsTogether: where one is dead, no other of its age is tried.
func TestSuspectsTogether(t *testing.T) {
	aws := full()
	aws.Faults = []awstest.Fault{{Delay: 50 * time.Millisecond, Times: 3}, {Delay: 400 * time.Millisecond}}
	play(t, aws, nil, func(t *testing.T, st *stand) {
		keys := []secret.Key{secretKey(t, "a"), parameterKey(t, "/a"), treeKey(t, "/tree/*")}
		fetch(t, t.Context(), st.source, keys...)
		if open := st.open.Load(); open != 3 {
			t.Fatalf("%d connections for three calls at once, want 3", open)
		}
		st.jump(10 * time.Second)
		fetch(t, t.Context(), st.source, keys[0])
		if n := len(st.attempts); n != 5 {
			t.Errorf("%d attempts, want three before the freeze, and two after it", n)
		}
	})
}

// TestFrozenInUse: a connection on which an answer was on its way during a freeze
// is as suspect as an idle one.
func TestFrozenInUse(t *testing.T) {
	aws := full()
	aws.Faults = []awstest.Fault{{Delay: 50 * time.Millisecond, Times: 1}, {Delay: 400 * time.Millisecond}}
	play(t, aws, nil, func(t *testing.T, st *stand) {
		k := parameterKey(t, "/a")
		timer := time.AfterFunc(10*time.Millisecond, func() { st.jump(30 * time.Second) })
		defer timer.Stop()
		for range 2 {
			if got := outcome(fetch(t, t.Context(), st.source, k)[k]); got != "v" {
				t.Errorf("Fetch = %q, want a value", got)
			}
		}
		if a := st.attempts; len(a) != 3 || a[0].Failure != 0 || a[1].Failure != secret.Unavailable || a[2].Failure != 0 {
			t.Errorf("observed %+v, want a value, a suspect connection that was given up, and a value", a)
		}
	})
}
