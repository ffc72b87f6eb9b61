package server_test

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"larder/server"
)

// 200 keep-alive clients ask for 50 names at once, cold: one fetch for each name,
// and every client is answered.
func TestStorm(t *testing.T) {
	t.Parallel()
	const clients, names = 200, 50
	l := listen(t, "127.0.0.1")
	l.gate = make(chan struct{})
	for n := range names {
		l.value(fmt.Sprint("n", n), fmt.Sprint("value ", n))
	}
	var arrived, all sync.WaitGroup
	arrived.Add(clients)
	for client := range clients {
		c := l.dial()
		all.Go(func() {
			for i := range names {
				n := (client + i) % names
				target := fmt.Sprint(secretPath, "?secretId=n", n)
				if client%2 == 0 {
					target = fmt.Sprint("/value?ref=secretsmanager://n", n)
				}
				c.write(wire("GET " + target + " HTTP/1.1"))
				if i == 0 {
					arrived.Done()
				}
				a, err := readAnswer(c.reader, "GET")
				if err != nil || a.status != http.StatusOK {
					t.Errorf("client %d, name %d: status %d, %v", client, n, a.status, err)
					return
				}
				if client%2 == 0 && a.body != fmt.Sprint("value ", n) {
					t.Errorf("client %d got another name's value than that of %d", client, n)
				}
			}
		})
	}
	arrived.Wait()
	close(l.gate)
	all.Wait()
	asked := l.asked()
	is(t, "names asked for", len(asked), names)
	for name, calls := range asked {
		is(t, "calls for "+name, calls, 1)
	}
	is(t, "connections", l.total, clients)
}

// The token and the values are in no printed server, whatever the verb.
func TestPrintedServer(t *testing.T) {
	t.Parallel()
	s := start(t, environ("A=secretsmanager://a"), func(c *setup) { c.token = planted })
	s.get("/env", "X-Vault-Token: "+planted)
	config := server.Config{Manifest: s.manifest, Region: region, Token: func(_ context.Context, presented string) bool { return presented == planted }, Metrics: s.counters, Log: s.log}
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d"} {
		for _, v := range []any{config, &config, s.Server, server.New(config)} {
			noCanary(t, fmt.Sprintf("%s of %T", verb, v), fmt.Appendf(nil, verb, v))
		}
	}
}

// discard is a ResponseWriter that costs nothing.
type discard struct{ header http.Header }

func (d discard) Header() http.Header         { return d.header }
func (d discard) Write(b []byte) (int, error) { return len(b), nil }
func (d discard) WriteHeader(int)             {}

func BenchmarkHit(b *testing.B) {
	for _, target := range []string{valuePath, secretPath + "?secretId=a"} {
		b.Run(target, func(b *testing.B) {
			s := start(b)
			r := httptest.NewRequest(http.MethodGet, target, nil)
			r.Host = "localhost"
			r.Header.Set("X-Aws-Parameters-Secrets-Token", token)
			w := discard{make(http.Header)}
			b.ReportAllocs()
			for b.Loop() {
				s.ServeHTTP(w, r)
			}
		})
	}
}

func BenchmarkHitOverTCP(b *testing.B) {
	s := start(b)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	h := server.HTTP(s, s.log)
	go h.Serve(l)
	defer h.Close()
	c := &http.Client{Timeout: time.Minute}
	r, err := http.NewRequest(http.MethodGet, "http://"+l.Addr().String()+valuePath, nil)
	if err != nil {
		b.Fatal(err)
	}
	r.Header.Set("X-Vault-Token", token)
	for b.Loop() {
		resp, err := c.Do(r)
		if err != nil {
			b.Fatal(err)
		}
		resp.Body.Close()
	}
}
