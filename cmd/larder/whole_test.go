package main

import (
	"context"
	"net"
	"net/http"
	"net/http/httptest"
	"testing"
	"testing/synctest"

	"larder/cache"
	"larder/internal/awstest"
	"larder/internal/pipetest"
	"larder/manifest"
	"larder/server"
	"larder/source"
)

// whole is a larder with all its parts and the stand-in of AWS, by real HTTP over
// pipes, in one synctest bubble: minutes of trouble cost no time.
type whole struct {
	*larder
	t       *testing.T
	aws     *awstest.Server
	handler http.Handler
	output  lockedBuffer
}

// inWhole runs test with a larder before its init.
func inWhole(t *testing.T, aws awstest.Config, test func(*testing.T, *whole), environ ...string) {
	t.Helper()
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		aws.Region = "eu-west-1"
		w := &whole{t: t}
		var err error
		if w.aws, err = awstest.New(aws); err != nil {
			t.Fatal(err)
		}
		defer w.aws.Close()
		id, key, token := w.aws.Credentials()
		s, warnings, mistakes := readSettings(function(append([]string{
			"AWS_ACCESS_KEY_ID=" + id, "AWS_SECRET_ACCESS_KEY=" + key, "AWS_SESSION_TOKEN=" + token,
			"AWS_ENDPOINT_URL=http://aws.test", "PARAMETERS_SECRETS_EXTENSION_LOG_LEVEL=DEBUG",
		}, environ...)...))
		if len(warnings)+len(mistakes) > 0 {
			t.Fatal(text(warnings), text(mistakes))
		}
		w.larder = assemble(s, &w.output, newLog(&w.output, false, s.level))
		w.cache.Close()
		dial := pipetest.Serve(t, &http.Server{Handler: w.aws})
		config := s.source()
		transport := &http.Transport{DialContext: func(ctx context.Context, network, address string) (net.Conn, error) {
			return dial(ctx, network, address)
		}, MaxIdleConnsPerHost: 100}
		config.Transport, config.Log = transport, w.log
		config.Observe = func(c source.Call) { w.metrics.Call(c.Action, c.Failure) }
		w.source = source.New(config)
		w.cache = cache.New(cache.Config{
			Fetch: w.source.Fetch, Log: w.log, TTL: s.ttl, MaxStale: s.maxStale, Entries: s.entries, Bytes: s.cacheBytes,
			Declared: manifest.Keys(s.declarations), Ephemeral: s.mode == snapStart,
		})
		w.manifest = manifest.New(manifest.Config{
			Declarations: s.declarations, Cache: w.cache, Warn: s.warn, DeclaredOnly: s.declaredOnly, Region: s.region,
		})
		w.handler = server.New(server.Config{
			Manifest: w.manifest, Region: s.region, Token: w.source.Recognizes, Metrics: w.metrics, Log: w.log,
		})
		defer transport.CloseIdleConnections()
		defer w.close()
		test(t, w)
	})
}

// read makes a read over HTTP, without a socket.
func (w *whole) read(path string) *httptest.ResponseRecorder {
	w.t.Helper()
	_, _, token := w.aws.Credentials()
	return w.present(token, path)
}

// present makes a read with a token.
func (w *whole) present(token, path string) *httptest.ResponseRecorder {
	w.t.Helper()
	r := httptest.NewRequestWithContext(w.t.Context(), http.MethodGet, path, nil)
	r.Host = "localhost:2773"
	r.Header.Set("X-Aws-Parameters-Secrets-Token", token)
	answer := httptest.NewRecorder()
	w.handler.ServeHTTP(answer, r)
	return answer
}

// calls returns how many calls have reached AWS, those that were given up included.
func (w *whole) calls() int {
	synctest.Wait()
	return len(w.aws.Calls())
}
