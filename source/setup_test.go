package source_test

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"larder/internal/awstest"
	"larder/secret"
	"larder/source"
)

// TestMutePeers: a connection that does not become usable is no longer open than an
// attempt waits for it, be it that a proxy does not answer CONNECT or that nobody speaks
// TLS. Afterwards none is left.
func TestMutePeers(t *testing.T) {
	for name, adjust := range map[string]func(*source.Config){
		"a proxy does not answer": func(c *source.Config) {
			c.Endpoint = "https://aws.test"
			c.Proxy = http.ProxyURL(&url.URL{Scheme: "http", Host: "proxy.test"})
		},
		"a proxy does not speak TLS": func(c *source.Config) {
			c.Endpoint = "https://aws.test"
			c.Proxy = http.ProxyURL(&url.URL{Scheme: "https", Host: "proxy.test"})
		},
		"AWS does not speak TLS": func(c *source.Config) { c.Endpoint = "https://aws.test" },
	} {
		t.Run(name, func(t *testing.T) {
			var open, most atomic.Int64
			play(t, full(), func(c *source.Config) {
				adjust(c)
				c.MaxConnections = 10
				c.SetDial(func(context.Context, string, string) (net.Conn, error) {
					ours, theirs := net.Pipe()
					go func() { // it reads, and is mute
						buffer := make([]byte, 1<<10)
						for {
							if _, err := theirs.Read(buffer); err != nil {
								return
							}
						}
					}()
					raise(&most, open.Add(1))
					return &counted{Conn: ours, open: &open}, nil
				})
			}, func(t *testing.T, st *stand) {
				keys := stages(t, "A B C D E F G H I J")
				for range 5 {
					for k, r := range fetch(t, t.Context(), st.source, keys...) {
						if r.Err == nil || r.Err.Class != secret.Timeout && r.Err.Class != secret.Unavailable {
							t.Errorf("Fetch of %v: %v, want class Timeout or Unavailable", k, r.Err)
						}
					}
				}
				if n := most.Load(); n > 20 {
					t.Errorf("%d connections were open at once for ten calls, want 20 at most", n)
				}
				time.Sleep(2 * time.Second)
				synctest.Wait()
				if n := open.Load(); n != 0 {
					t.Errorf("%d connections are open when the attempts are over, want none", n)
				}
			})
		})
	}
}

// TestConnectionsAreBounded: whatever the settings and the roles allow together, there
// are descriptors left for the server.
func TestConnectionsAreBounded(t *testing.T) {
	var open, most atomic.Int64
	play(t, full(), func(c *source.Config) {
		c.MaxConnections = 100
		c.SetDial(func(context.Context, string, string) (net.Conn, error) {
			ours, _ := net.Pipe()
			raise(&most, open.Add(1))
			return &counted{Conn: ours, open: &open}, nil
		})
	}, func(t *testing.T, st *stand) {
		var keys []secret.Key
		for _, region := range []string{"eu-west-1", "eu-west-2", "eu-west-3", "us-east-1"} {
			for _, k := range stages(t, strings.Repeat("A B C D E F G H I J ", 10)) {
				k.Region, k.Stage = region, k.Stage+strings.Repeat("x", len(keys)%100)
				keys = append(keys, k)
			}
		}
		crowded := 0
		for _, r := range fetch(t, t.Context(), st.source, keys...) {
			if r.Err != nil && strings.Contains(r.Err.Message, "240 connections to AWS are open") {
				crowded++
			}
		}
		if n := most.Load(); n != 240 {
			t.Errorf("%d connections were open at once, want 240", n)
		}
		if crowded == 0 {
			t.Error("nobody was told that there are too many")
		}
	})
}

// TestIdleConnectionsMakeRoom: what is open for one place and not in use is no reason
// that another place is not reached.
func TestIdleConnectionsMakeRoom(t *testing.T) {
	play(t, full(), func(c *source.Config) {
		c.MaxConnections = 200
		c.SecretsManagerEndpoint, c.ParameterStoreEndpoint = "http://secrets.test", "http://parameters.test"
	}, func(t *testing.T, st *stand) {
		if err := st.AddFault(awstest.Fault{Delay: time.Millisecond}); err != nil { // so that all are in use at once
			t.Fatal(err)
		}
		secrets, parameters := make([]secret.Key, 200), make([]secret.Key, 200)
		for i := range secrets {
			secrets[i], parameters[i] = secretVersion(t, "a", "", fmt.Sprint("s", i)), parameterKey(t, fmt.Sprint("/a:l", i))
		}
		for _, keys := range [][]secret.Key{secrets, parameters} {
			synctest.Wait() // until those of the round before are idle
			for k, r := range fetch(t, t.Context(), st.source, keys...) {
				if r.Err == nil || r.Err.Class != secret.NotFound {
					t.Fatalf("Fetch of %v: %v, want AWS's answer", k, r.Err)
				}
			}
		}
		for _, a := range st.attempts {
			if a.Failure == secret.Unavailable {
				t.Fatalf("an attempt of %s had no connection", a.Action)
			}
		}
	})
}

// raise makes most n at least.
func raise(most *atomic.Int64, n int64) {
	for old := most.Load(); old < n && !most.CompareAndSwap(old, n); old = most.Load() {
	}
}
