package source

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"net/http"
	"net/netip"
	"net/url"
	"os"
	"strings"
	"time"
)

const (
	// dialLimit is below attemptLimit: a connection that cannot be made is told
	// apart from an answer that does not come.
	dialLimit = time.Second
	// maxAnswer is above the largest answers but one, of ten parameters of 8 KiB, or of
	// fifty descriptions.
	maxAnswer = 2 << 20
	// maxBatchAnswer is for that one, with twenty secrets of 64 KiB: JSON writes a
	// control character in six bytes. Names, stages and ARNs come besides.
	maxBatchAnswer = maxSecrets * (64<<10*escaped + 8<<10)
	escaped        = 6
)

// longest returns how long an answer to a request may be. What reads it takes up to
// twice as much memory.
func longest(r *http.Request) int64 {
	if strings.HasSuffix(r.Header.Get("X-Amz-Target"), ".BatchGetSecretValue") {
		return maxBatchAnswer
	}
	return maxAnswer
}

// web makes the requests of all clients, on one pool of connections.
type web struct {
	client *http.Client
	pool   *pool
	bare   http.RoundTripper // for requests that no proxy may see
}

func newWeb(cfg *Config) (*web, error) {
	w := &web{pool: newPool(cfg)}
	w.pool.closeIdle = w.closeIdle
	if cfg.Transport != nil {
		w.client, w.bare = noRedirects(cfg.Transport), cfg.Transport
		return w, nil
	}
	transport, err := newTransport(cfg, w.pool)
	if err != nil {
		return nil, err
	}
	bare := transport.Clone()
	bare.Proxy, bare.DisableKeepAlives = nil, true
	w.client, w.bare = noRedirects(transport), bare
	return w, nil
}

// direct returns a client that passes by every proxy and keeps no connection.
func (w *web) direct() *http.Client { return noRedirects(w.bare) }

// Do makes one request.
func (w *web) Do(r *http.Request) (*http.Response, error) {
	if w.pool.stale() {
		w.closeIdle()
	}
	if err := rewrap(r); err != nil {
		return nil, err
	}
	resp, err := w.client.Do(r)
	if err != nil {
		return resp, err
	}
	limit := longest(r)
	if resp.ContentLength > limit {
		limit = 0 // nothing of it is read
	}
	resp.Body = http.MaxBytesReader(nil, resp.Body, limit)
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
// of its transport, whose idle connections nobody could close. With a DialContext
// of its own and without ForceAttemptHTTP2 it speaks HTTP/1.1, where a connection
// that is in use is not another request's, too.
func newTransport(cfg *Config, connections *pool) (*http.Transport, error) {
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
		OnProxyConnectResponse: func(_ context.Context, _ *url.URL, _ *http.Request, answer *http.Response) error {
			if answer.StatusCode != http.StatusOK {
				return proxyRefusal(answer.StatusCode)
			}
			return nil
		},
		DialContext:            connections.connect,
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
