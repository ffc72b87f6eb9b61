package source

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"os"
	"sync/atomic"
	"time"
)

const (
	// dialLimit is below attemptLimit: a connection that cannot be made is told
	// apart from an answer that does not come.
	dialLimit = time.Second
	// idleLimit is how long a connection without use is trusted. The clock is the
	// wall's: timers may stand still while the sandbox is frozen, and what AWS and
	// the routers on the way have forgotten in the meantime would hang.
	idleLimit = time.Minute
	// maxAnswer is far above the largest answer, twenty secrets of 64 KiB.
	maxAnswer = 16 << 20
)

// web makes the requests of all clients, on one pool of connections.
type web struct {
	client  *http.Client
	lastUse atomic.Int64 // wall clock, Unix nanoseconds
}

func newWeb(cfg *Config) (*web, error) {
	transport := cfg.Transport
	if transport == nil {
		own, err := newTransport(cfg)
		if err != nil {
			return nil, err
		}
		transport = own
	}
	return &web{client: noRedirects(transport)}, nil
}

// Do makes one request.
func (w *web) Do(r *http.Request) (*http.Response, error) {
	now := time.Now().UnixNano()
	if last := w.lastUse.Swap(now); now-last > int64(idleLimit) {
		w.closeIdle()
	}
	if err := rewrap(r); err != nil {
		return nil, err
	}
	resp, err := w.client.Do(r)
	if err != nil {
		return resp, err
	}
	resp.Body = http.MaxBytesReader(nil, resp.Body, maxAnswer)
	return resp, nil
}

// rewrap gives the request a body that net/http knows. The SDK's own body reports
// io.EOF as a failure when it is closed, which the SDK does as soon as the answer
// begins: if the writing goroutine has not looked for the end of the body by
// then, the connection is torn down under the answer. Besides, head and body now
// leave in one packet.
func rewrap(r *http.Request) error {
	if r.Body == nil {
		return nil
	}
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return err
	}
	r.Body = io.NopCloser(bytes.NewReader(body))
	return nil
}

func (w *web) closeIdle() { w.client.CloseIdleConnections() }

// noRedirects returns a client that takes a redirect for an answer: a request
// that was signed for one host is sent to no other.
func noRedirects(transport http.RoundTripper) *http.Client {
	return &http.Client{
		Transport:     transport,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// newTransport is built by hand because the SDK's client gives away only copies
// of its transport, whose idle connections nobody could close.
func newTransport(cfg *Config) (*http.Transport, error) {
	roots, err := readBundle(cfg.CABundle)
	if err != nil {
		return nil, err
	}
	return &http.Transport{
		Proxy: func(r *http.Request) (*url.URL, error) {
			if cfg.Proxy == nil || isNear(r.URL.Hostname()) {
				return nil, nil
			}
			proxy, err := cfg.Proxy(r)
			if err != nil {
				return nil, errProxy
			}
			return proxy, nil
		},
		DialContext:            (&net.Dialer{Timeout: dialLimit, KeepAlive: 15 * time.Second}).DialContext,
		TLSHandshakeTimeout:    dialLimit,
		TLSClientConfig:        &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: roots},
		MaxIdleConnsPerHost:    cfg.MaxConnections, // as many as can be in use: see caller.slots
		IdleConnTimeout:        idleLimit,
		MaxResponseHeaderBytes: 64 << 10,
	}, nil
}

// readBundle returns the authorities in a file, or nil, which are the system's,
// without one.
func readBundle(path string) (*x509.CertPool, error) {
	if path == "" {
		return nil, nil
	}
	pem, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM(pem) {
		return nil, fmt.Errorf("no certificate in PEM form in %s", path)
	}
	return roots, nil
}

// isNear reports whether a host is this machine, or one of Lambda's link-local
// services, which no proxy can reach: a general HTTP_PROXY captures them, too.
func isNear(host string) bool {
	if host == "localhost" {
		return true
	}
	ip, err := netip.ParseAddr(host)
	if err != nil {
		return false
	}
	ip = ip.Unmap().WithZone("")
	return ip.IsLoopback() || ip.IsLinkLocalUnicast()
}
