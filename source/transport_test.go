package source_test

import (
	"context"
	"encoding/pem"
	"errors"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"larder/internal/awstest"
	"larder/secret"
	"larder/source"
)

// overTLS starts the stand-in behind TLS on loopback and returns the settings to
// reach it, and its certificate.
func overTLS(t *testing.T) (source.Config, []byte) {
	t.Helper()
	aws := full()
	aws.Region = home
	server, err := awstest.New(aws)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(server.Close)
	srv := httptest.NewUnstartedServer(server)
	srv.Config.ErrorLog = log.New(io.Discard, "", 0)
	srv.StartTLS()
	t.Cleanup(srv.Close)
	id, key, token := server.Credentials()
	cfg := source.Config{
		AccessKeyID: id, SecretAccessKey: secret.NewValue([]byte(key)), SessionToken: secret.NewValue([]byte(token)),
		Endpoint: srv.URL,
	}
	return cfg, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: srv.Certificate().Raw})
}

func TestCABundle(t *testing.T) {
	cfg, certificate := overTLS(t)
	write := func(content string) string {
		path := filepath.Join(t.TempDir(), "bundle.pem")
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	tests := []struct {
		name, path string
		class      secret.Class // zero: a value
		message    string
	}{
		{"good", write("# comment\n" + string(certificate)), 0, ""},
		{"none", "", secret.Rejected, "AWS_CA_BUNDLE: the certificate is not trusted"},
		{"missing", filepath.Join(t.TempDir(), "missing.pem"), secret.Rejected, "AWS_CA_BUNDLE: open "},
		{"empty", write(""), secret.Rejected, "AWS_CA_BUNDLE: no certificate"},
		{"garbage", write("-----BEGIN CERTIFICATE-----\n!\n"), secret.Rejected, "AWS_CA_BUNDLE: no certificate"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			attempts := 0
			cfg.CABundle = tt.path
			cfg.Observe = func(source.Call) { attempts++ }
			s := source.New(cfg)
			defer s.Close()
			k := parameterKey(t, "/a")
			r := fetch(t, t.Context(), s, k)[k]
			switch {
			case tt.class == 0 && r.Err != nil:
				t.Errorf("Fetch: %v, want a value", r.Err)
			case tt.class != 0 && (r.Err == nil || r.Err.Class != tt.class || !strings.Contains(r.Err.Message, tt.message)):
				t.Errorf("Fetch: %v, want class %v and %q", r.Err, tt.class, tt.message)
			}
			if attempts > 1 {
				t.Errorf("%d attempts at what cannot get better, want at most 1", attempts)
			}
		})
	}
}

// TestProxy: a general proxy gets the requests to AWS, and none that it could
// not deliver.
func TestProxy(t *testing.T) {
	tests := []struct {
		host    string
		proxied bool
	}{
		{"secretsmanager.eu-west-1.amazonaws.com", true},
		{"aws.test", true},
		{"10.0.0.1", true},
		{"127.0.0.1", false},
		{"127.9.9.9", false},
		{"::1", false},
		{"::ffff:127.0.0.1", false},
		{"localhost", false},
		{"169.254.170.2", false},
		{"169.254.100.1", false},
		{"fe80::1%eth0", false},
		{"fd00:ec2::23", true},
	}
	for _, tt := range tests {
		if near := source.IsNear(tt.host); near == tt.proxied {
			t.Errorf("IsNear(%q) = %t, want %t", tt.host, near, !tt.proxied)
		}
	}
	for endpoint, proxied := range map[string]bool{"https://aws.test": true, "http://127.0.0.1:9": false} {
		ctx, cancel := context.WithCancel(t.Context())
		asked := false
		s := source.New(source.Config{
			AccessKeyID: "AKIDEXAMPLE", SecretAccessKey: secret.NewValue([]byte("x")), Endpoint: endpoint,
			Proxy: func(*http.Request) (*url.URL, error) {
				asked = true
				return nil, errors.New("no proxy today")
			},
			Observe: func(source.Call) { cancel() }, // one attempt tells
		})
		fetch(t, ctx, s, secretKey(t, "a"))
		if asked != proxied {
			t.Errorf("a proxy for %s was looked for: %t, want %t", endpoint, asked, proxied)
		}
	}
}

// TestNoProxy: nil is no proxy. It is cmd that looks into the environment.
func TestNoProxy(t *testing.T) {
	t.Setenv("HTTP_PROXY", "http://127.0.0.1:1")
	aws := full()
	aws.Region = home
	server, err := awstest.New(aws)
	if err != nil {
		t.Fatal(err)
	}
	defer server.Close()
	srv := httptest.NewServer(server)
	defer srv.Close()
	// net.Dial takes this address for the machine's own, and no rule about proxies does.
	endpoint := strings.Replace(srv.URL, "127.0.0.1", "0.0.0.0", 1)
	id, key, token := server.Credentials()
	s := source.New(source.Config{
		AccessKeyID: id, SecretAccessKey: secret.NewValue([]byte(key)), SessionToken: secret.NewValue([]byte(token)),
		Endpoint: endpoint,
	})
	defer s.Close()
	k := secretKey(t, "a")
	if got := outcome(fetch(t, t.Context(), s, k)[k]); got != "v" {
		t.Errorf("Fetch without a proxy = %q, want a value", got)
	}
}

// TestProxyTrouble: what is wrong with a proxy is told without its address,
// which may hold a password.
func TestProxyTrouble(t *testing.T) {
	const gone = "127.0.0.1:1" // nobody listens there, and no other test is given the port
	tests := []struct {
		name  string
		proxy func(*http.Request) (*url.URL, error)
		class secret.Class
		again bool
	}{
		{"dead", http.ProxyURL(&url.URL{Scheme: "http", Host: gone, User: url.UserPassword("user", "canary")}), secret.Unavailable, true},
		{"malformed", func(*http.Request) (*url.URL, error) { return nil, errors.New("http://user:canary@:x") }, secret.Rejected, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			attempts := 0
			s := source.New(source.Config{
				AccessKeyID: "AKIDEXAMPLE", SecretAccessKey: secret.NewValue([]byte("x")),
				Proxy:   tt.proxy,
				Observe: func(source.Call) { attempts++ },
			})
			k := secretKey(t, "a")
			e := fetch(t, t.Context(), s, k)[k].Err
			if e == nil || e.Class != tt.class || !strings.Contains(e.Message, "HTTPS_PROXY") || strings.Contains(e.Error(), "canary") {
				t.Errorf("Fetch = %v, want class %v, the variable and no password", e, tt.class)
			}
			if (attempts > 1) != tt.again {
				t.Errorf("%d attempts, want more than one: %t", attempts, tt.again)
			}
		})
	}
}

// TestProxyRefuses: a proxy that is there and lets nobody through is told from
// one that is not there, with nothing of its answer but the status.
func TestProxyRefuses(t *testing.T) {
	for code, refusal := range map[int]string{403: "status 403", 407: "status 407", 502: "status 502"} {
		play(t, full(), func(c *source.Config) {
			c.Endpoint = "https://aws.test"
			c.Proxy = http.ProxyURL(&url.URL{Scheme: "http", Host: "proxy.test", User: url.UserPassword("user", "canary")})
		}, func(t *testing.T, st *stand) {
			st.proxy = status(code, "canary")
			k := secretKey(t, "a")
			e := fetch(t, t.Context(), st.source, k)[k].Err
			if e == nil || e.Class != secret.Unavailable || !strings.Contains(e.Message, refusal) ||
				!strings.Contains(e.Message, "HTTPS_PROXY") || strings.Contains(e.Error(), "canary") {
				t.Errorf("Fetch = %v, want class Unavailable, the variable and %s", e, refusal)
			}
		})
	}
}

// TestProtocol: HTTP/2 is not spoken, where one dead connection would be that of
// all requests.
func TestProtocol(t *testing.T) {
	protocols := make(chan string, 1)
	srv := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		protocols <- r.Proto
		io.WriteString(w, `{"ARN":"arn","Name":"a","VersionId":"1","SecretString":"v"}`)
	}))
	srv.EnableHTTP2 = true
	srv.StartTLS()
	defer srv.Close()
	bundle := filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(bundle, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: srv.Certificate().Raw}), 0o600); err != nil {
		t.Fatal(err)
	}
	s := source.New(source.Config{
		AccessKeyID: "AKIDEXAMPLE", SecretAccessKey: secret.NewValue([]byte("x")), Endpoint: srv.URL, CABundle: bundle,
	})
	defer s.Close()
	k := secretKey(t, "a")
	if got := outcome(fetch(t, t.Context(), s, k)[k]); got != "v" {
		t.Fatalf("Fetch = %q, want a value", got)
	}
	if got := <-protocols; got != "HTTP/1.1" {
		t.Errorf("the request came by %s, want HTTP/1.1", got)
	}
}

// TestRedirect: a signed request goes to the host it was signed for, only, and
// what another host would have answered is no value.
func TestRedirect(t *testing.T) {
	for _, status := range []int{301, 302, 303, 307, 308} {
		bubble(t, http.StatusText(status), func(t *testing.T) {
			asked := 0
			s := source.New(source.Config{
				AccessKeyID: "AKIDEXAMPLE", SecretAccessKey: secret.NewValue([]byte("x")),
				Transport: roundTrip(func(r *http.Request) (*http.Response, error) {
					if r.URL.Host == "evil.test" {
						t.Errorf("%s request to %s after status %d, want none", r.Method, r.URL.Host, status)
						good := `{"ARN":"arn","Name":"a","VersionId":"1","SecretString":"v"}`
						return &http.Response{StatusCode: 200, Header: http.Header{}, Request: r,
							Body: io.NopCloser(strings.NewReader(good))}, nil
					}
					asked++
					return &http.Response{StatusCode: status, Header: http.Header{"Location": {"https://evil.test/"}},
						Body: http.NoBody, Request: r}, nil
				}),
			})
			k := secretKey(t, "a")
			e := fetch(t, t.Context(), s, k)[k].Err
			if e == nil || e.Class != secret.BadAnswer || e.Status != status {
				t.Errorf("Fetch = %v, want class BadAnswer and status %d", e, status)
			}
			if asked != 4 {
				t.Errorf("AWS was asked %d times, want 4", asked)
			}
		})
	}
}

// TestIdleConnections: connections are kept for the next call, and not trusted
// after a minute of the wall clock, nor after Close.
func TestIdleConnections(t *testing.T) {
	play(t, full(), nil, func(t *testing.T, st *stand) {
		k := parameterKey(t, "/a")
		tests := []struct {
			name  string
			wait  func()
			fresh bool
		}{
			{"first", func() {}, true},
			{"at once", func() {}, false},
			{"after 50 s", func() { time.Sleep(50 * time.Second) }, false},
			{"after a freeze of 50 s", func() { st.jump(50 * time.Second) }, false},
			{"after a freeze of 61 s", func() { st.jump(61 * time.Second) }, true},
			{"after 61 s", func() { time.Sleep(61 * time.Second) }, true},
			{"after Close", st.source.Close, true},
		}
		for _, tt := range tests {
			tt.wait()
			ctx, dialled := traceDials(t.Context())
			fetch(t, ctx, st.source, k)
			if *dialled != tt.fresh {
				t.Errorf("%s: a new connection was made: %t, want %t", tt.name, *dialled, tt.fresh)
			}
		}
		if n := len(st.Calls()); n != len(tests) {
			t.Errorf("%d calls, want one each", n)
		}
	})
}
