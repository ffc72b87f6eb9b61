package source_test

import (
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"larder/secret"
	"larder/source"
)

const (
	containerPath  = "/2021-04-23/credentials"
	containerToken = "canary of authorization"
	lifetime       = time.Hour
)

// container is the endpoint that gives out AWS's present credentials, for an hour
// each time. It takes no time unless it hangs.
type container struct {
	st *stand

	mu    sync.Mutex
	asked int
	fault http.HandlerFunc // instead of an answer, if not nil
}

func (c *container) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	c.mu.Lock()
	c.asked++
	fault := c.fault
	c.mu.Unlock()
	switch {
	case fault != nil:
		fault(w, r)
	case r.Method != http.MethodGet || r.Header.Get("Authorization") != containerToken:
		http.Error(w, "cannot get credentials for the provided token", http.StatusNotFound)
	default:
		id, key, token := c.st.Credentials()
		json.NewEncoder(w).Encode(map[string]any{
			"AccessKeyId": id, "SecretAccessKey": key, "Token": token, "Expiration": c.st.wall().Add(lifetime).UTC(),
		})
	}
}

// fails makes the endpoint answer like that from now on; nil mends it.
func (c *container) fails(fault http.HandlerFunc) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.fault = fault
}

// loads returns how often it was asked since the last time.
func (c *container) loads() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	n := c.asked
	c.asked = 0
	return n
}

func hang(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }

func status(code int, body string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(code)
		w.Write([]byte(body))
	}
}

// inContainer takes the keys out of the environment.
func inContainer(cfg *source.Config) {
	cfg.AccessKeyID, cfg.SecretAccessKey, cfg.SessionToken = "", secret.Value{}, secret.Value{}
	cfg.ContainerURI = "http://169.254.100.1:9001" + containerPath // which the SDK's own provider refuses
	cfg.ContainerToken = secret.NewValue([]byte(containerToken))
}

// TestContainer: credentials are loaded once, and again shortly before their end.
func TestContainer(t *testing.T) {
	play(t, full(), inContainer, func(t *testing.T, st *stand) {
		k := secretKey(t, "a")
		tests := []struct {
			name  string
			wait  func()
			loads int
		}{
			{"first", func() {}, 1},
			{"at once", func() {}, 0},
			{"more than two minutes before their end", func() { st.jump(lifetime - 2*time.Minute - time.Second) }, 0},
			{"a minute before their end", func() { st.jump(time.Minute + 2*time.Second) }, 1},
			{"long after their end", func() { st.jump(24 * time.Hour) }, 1},
			{"after a while that was not frozen", func() { time.Sleep(lifetime - time.Minute) }, 1},
		}
		for _, tt := range tests {
			tt.wait()
			if got := outcome(fetch(t, t.Context(), st.source, k)[k]); got != "v" {
				t.Errorf("%s: Fetch = %q, want a value", tt.name, got)
			}
			if n := st.container.loads(); n != tt.loads {
				t.Errorf("%s: credentials were loaded %d times, want %d", tt.name, n, tt.loads)
			}
		}
	})
}

// TestContainerNoProxy: credentials are nothing for a proxy, wherever they come from.
func TestContainerNoProxy(t *testing.T) {
	for _, host := range []string{"169.254.100.1:9001", "credentials.test"} {
		proxied := 0
		play(t, full(), func(c *source.Config) {
			inContainer(c)
			c.ContainerURI = "http://" + host + containerPath
			c.Proxy = func(r *http.Request) (*url.URL, error) {
				if r.URL.Path == containerPath {
					t.Errorf("a proxy was looked for on the way to %s", host)
				}
				proxied++
				return nil, nil
			}
		}, func(t *testing.T, st *stand) {
			k := secretKey(t, "a")
			if got := outcome(fetch(t, t.Context(), st.source, k)[k]); got != "v" || proxied != 1 {
				t.Errorf("Fetch = %q, with a proxy looked for %d times, want a value and once, for AWS", got, proxied)
			}
		})
	}
}

// TestContainerShared: those who wait for credentials share one load, and who
// leaves takes nobody along.
func TestContainerShared(t *testing.T) {
	play(t, full(), inContainer, func(t *testing.T, st *stand) {
		st.container.fails(hang)
		impatient, leave := context.WithCancel(t.Context())
		var readers sync.WaitGroup
		readers.Go(func() {
			k := secretKey(t, "a")
			if e := fetch(t, impatient, st.source, k)[k].Err; e == nil || e.Class != secret.Canceled {
				t.Errorf("Fetch of the one who left: %v, want class Canceled", e)
			}
		})
		synctest.Wait()
		for _, k := range stages(t, "A B C D E F G H") {
			readers.Go(func() {
				if e := fetch(t, t.Context(), st.source, k)[k].Err; e == nil || e.Class != secret.NotFound {
					t.Errorf("Fetch of %v: %v, want class NotFound, by AWS", k, e)
				}
			})
		}
		synctest.Wait()
		st.container.fails(nil)
		leave()
		readers.Wait()
		if n := st.container.loads(); n != 2 {
			t.Errorf("credentials were loaded %d times, want once in vain and once for all", n)
		}
	})
}

// TestContainerFails: the text says what to look at, and shows nothing of the
// token and the answer.
func TestContainerFails(t *testing.T) {
	const canary = "canary"
	tests := []struct {
		name  string
		fault http.HandlerFunc
		want  string
		took  time.Duration
	}{
		{"wrong token", status(404, canary), "status 404: does AWS_CONTAINER_AUTHORIZATION_TOKEN", 0},
		{"trouble", status(500, canary), "status 500", 0},
		{"a redirect", func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "http://evil.test/"+canary, http.StatusTemporaryRedirect)
		}, "status 307", 0},
		{"garbage", status(200, canary), "cannot be read", 0},
		{"cut off", status(200, `{"AccessKeyId":"canary","Secret`), "cannot be read", 0},
		{"a strange date", status(200, `{"AccessKeyId":"i","SecretAccessKey":"k","Expiration":"canary"}`), "cannot be read", 0},
		{"no end", status(200, strings.Repeat(" ", 1<<20)), "cannot be read", 0},
		{"nothing", status(200, ""), "cannot be read", 0},
		{"no keys", status(200, `{"Token":"canary"}`), "lacks keys", 0},
		{"gone", func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }, "nothing answers", 0},
		{"hangs", hang, "nothing answers", 2 * time.Second},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			play(t, full(), inContainer, func(t *testing.T, st *stand) {
				st.container.fails(tt.fault)
				k, start := secretKey(t, "a"), time.Now()
				e := fetch(t, t.Context(), st.source, k)[k].Err
				if e == nil || e.Class != secret.Credentials || !strings.Contains(e.Message, tt.want) ||
					!strings.Contains(e.Message, "AWS_CONTAINER_CREDENTIALS_FULL_URI") || strings.Contains(e.Error(), canary) {
					t.Errorf("Fetch = %v, want class Credentials, the variable and %q", e, tt.want)
				}
				if took := time.Since(start); took != tt.took {
					t.Errorf("Fetch took %v, want %v", took, tt.took)
				}
				if n := len(st.Calls()); n != 0 {
					t.Errorf("%d calls without credentials, want none", n)
				}
				if st.container.loads() != 1 {
					t.Errorf("credentials were asked for several times, want one")
				}
				st.container.fails(nil)
				if got := outcome(fetch(t, t.Context(), st.source, k)[k]); got != "v" {
					t.Errorf("Fetch afterwards = %q, want a value", got)
				}
			})
		})
	}
}

// TestContainerFailsLater: credentials do until their end, and an endpoint that
// hangs does not cost every call a second meanwhile.
func TestContainerFailsLater(t *testing.T) {
	play(t, full(), inContainer, func(t *testing.T, st *stand) {
		k := secretKey(t, "a")
		fetch(t, t.Context(), st.source, k)
		st.container.fails(hang)
		st.container.loads()
		tests := []struct {
			name string
			wait time.Duration
			want string
			took time.Duration
		}{
			{"shortly before the end", lifetime - 30*time.Second, "v", time.Second},
			{"at once", 0, "v", 0},
			{"after a pause", 15 * time.Second, "v", time.Second},
			{"after the end", time.Minute, "!Credentials", 2 * time.Second},
		}
		for _, tt := range tests {
			st.jump(tt.wait)
			start := time.Now()
			if got := outcome(fetch(t, t.Context(), st.source, k)[k]); got != tt.want {
				t.Errorf("%s: Fetch = %q, want %q", tt.name, got, tt.want)
			}
			if took := time.Since(start); took != tt.took {
				t.Errorf("%s: Fetch took %v, want %v", tt.name, took, tt.took)
			}
		}
	})
}

// TestContainerRenewed: what AWS refuses is loaded anew, and the call goes out
// once more.
func TestContainerRenewed(t *testing.T) {
	play(t, full(), inContainer, func(t *testing.T, st *stand) {
		k := secretKey(t, "a")
		fetch(t, t.Context(), st.source, k)
		st.container.loads()
		st.RenewCredentials()
		if got := outcome(fetch(t, t.Context(), st.source, k)[k]); got != "v" {
			t.Errorf("Fetch with credentials that expired early = %q, want a value", got)
		}
		if st.counted() != "GetSecretValue 3" || st.container.loads() != 1 {
			t.Errorf("%s in all, want 3 and one load", st.counted())
		}
		// An endpoint that never gives others is no reason to go on for ever.
		id, key, token := st.Credentials()
		old, _ := json.Marshal(map[string]string{"AccessKeyId": id, "SecretAccessKey": key, "Token": token})
		st.container.fails(status(200, string(old)))
		st.RenewCredentials()
		if got := outcome(fetch(t, t.Context(), st.source, k)[k]); got != "!Credentials" {
			t.Errorf("Fetch with credentials that stay refused = %q, want !Credentials", got)
		}
		if st.counted() != "GetSecretValue 5" || st.container.loads() != 1 {
			t.Errorf("%s in all, want 5 and one load", st.counted())
		}
	})
}

// TestKeysComeFirst: with keys in the environment nobody asks the endpoint.
func TestKeysComeFirst(t *testing.T) {
	play(t, full(), func(c *source.Config) {
		id, key, token := c.AccessKeyID, c.SecretAccessKey, c.SessionToken
		inContainer(c)
		c.AccessKeyID, c.SecretAccessKey, c.SessionToken = id, key, token
	}, func(t *testing.T, st *stand) {
		k := secretKey(t, "a")
		if got := outcome(fetch(t, t.Context(), st.source, k)[k]); got != "v" || st.container.loads() != 0 {
			t.Errorf("Fetch with both = %q, want a value without a load", got)
		}
		if st.source.Recognizes(t.Context(), containerToken) || st.container.loads() != 0 {
			t.Error("the container's token is recognized, or looked after, beside keys in the environment")
		}
	})
}
