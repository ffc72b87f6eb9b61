package source_test

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"maps"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"larder/internal/awstest"
	"larder/internal/pipetest"
	"larder/secret"
	"larder/source"
)

const (
	home    = "eu-west-1"
	account = "123456789012"
)

// stand is a Source and the AWS stand-in that it talks to, by real HTTP over
// pipes, so that both live in one synctest bubble: time costs nothing, and a
// goroutine that is left behind fails the test.
type stand struct {
	*awstest.Server
	source *source.Source
	log    *lockedBuffer

	container    container
	proxy        http.HandlerFunc
	ahead        atomic.Int64 // of the wall clock, in nanoseconds
	opened, open atomic.Int64 // connections, in all and now

	mu       sync.Mutex
	attempts []source.Call
}

// jump sets the wall clock ahead, as a freeze does to one whose timers stand still.
func (st *stand) jump(d time.Duration) { st.ahead.Add(int64(d)) }

func (st *stand) wall() time.Time { return time.Now().Round(0).Add(time.Duration(st.ahead.Load())) }

// play tells a story on a stand of its own.
func play(t *testing.T, aws awstest.Config, adjust func(*source.Config), story func(*testing.T, *stand)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		aws.Region, aws.Account = home, account
		server, err := awstest.New(aws)
		if err != nil {
			t.Fatal(err)
		}
		defer server.Close()
		st := &stand{Server: server, log: new(lockedBuffer)}
		id, key, token := server.Credentials()
		cfg := source.Config{
			AccessKeyID:     id,
			SecretAccessKey: secret.NewValue([]byte(key)),
			SessionToken:    secret.NewValue([]byte(token)),
			Endpoint:        "http://aws.test",
			Log:             slog.New(slog.NewTextHandler(st.log, nil)),
			Observe: func(c source.Call) {
				st.mu.Lock()
				defer st.mu.Unlock()
				st.attempts = append(st.attempts, c)
			},
		}
		st.container.st = st
		dial := pipetest.Serve(t, &http.Server{Handler: st})
		cfg.SetDial(func(ctx context.Context, network, address string) (net.Conn, error) {
			c, err := dial(ctx, network, address)
			if err != nil {
				return nil, err
			}
			st.opened.Add(1)
			st.open.Add(1)
			return &counted{Conn: c, open: &st.open}, nil
		})
		cfg.SetClock(st.wall)
		if adjust != nil {
			adjust(&cfg)
		}
		st.source = source.New(cfg)
		defer st.source.Close()
		story(t, st)
	})
}

// ServeHTTP is all that there is in the world: AWS, a container endpoint, and a
// proxy, which is the only one to get CONNECT.
func (st *stand) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	switch {
	case r.Method == http.MethodConnect:
		st.proxy(w, r)
	case r.URL.Path == containerPath:
		st.container.ServeHTTP(w, r)
	default:
		st.Server.ServeHTTP(w, r)
	}
}

// counted is a connection that is counted until it is closed.
type counted struct {
	net.Conn
	once sync.Once
	open *atomic.Int64
}

func (c *counted) Close() error {
	c.once.Do(func() { c.open.Add(-1) })
	return c.Conn.Close()
}

type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.Write(p)
}

func (b *lockedBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.String()
}

// fetch asks for keys and holds every result against the contract.
func fetch(t *testing.T, ctx context.Context, s *source.Source, keys ...secret.Key) map[secret.Key]secret.Result {
	t.Helper()
	results := make(map[secret.Key]secret.Result)
	var mu sync.Mutex
	s.Fetch(ctx, keys, func(r secret.Result) {
		mu.Lock()
		defer mu.Unlock()
		if _, ok := results[r.Key]; ok {
			t.Errorf("%v was delivered twice", r.Key)
		}
		results[r.Key] = r
	})
	for _, k := range keys {
		r, ok := results[k]
		switch {
		case !ok:
			t.Errorf("%v was not delivered", k)
		case (r.Record == nil) == (r.Err == nil):
			t.Errorf("%v has a record: %t, and an error: %v; want one of them", k, r.Record != nil, r.Err)
		case r.Err != nil && (r.Err.Key != k || r.Same != nil):
			t.Errorf("the error of %v has key %v and same %v", k, r.Err.Key, r.Same)
		case slices.Contains(r.Same, k):
			t.Errorf("%v has itself as an alias", k)
		case r.Record != nil && len(r.Same) > 0 && r.Same[0].ID != r.Record.ARN:
			t.Errorf("the first alias of %v is %v, want that by ARN", k, r.Same[0])
		}
	}
	if len(results) > len(keys) {
		t.Errorf("%d results for %d keys", len(results), len(keys))
	}
	return results
}

// counted returns the calls that reached AWS, like "GetParameter 2, GetParameters 1".
func (st *stand) counted() string {
	n := make(map[string]int)
	for _, c := range st.Calls() {
		n[c.Action]++
	}
	var words []string
	for _, action := range slices.Sorted(maps.Keys(n)) {
		words = append(words, fmt.Sprintf("%s %d", action, n[action]))
	}
	return strings.Join(words, ", ")
}

// outcome is a result in one word: the value, or the class of the error. Only
// for values that a test made up.
func outcome(r secret.Result) string {
	if r.Err != nil {
		return "!" + r.Err.Class.String()
	}
	return string(r.Record.Value.Reveal())
}

func secretKey(t testing.TB, id string) secret.Key { return secretVersion(t, id, "", "") }

func secretVersion(t testing.TB, id, version, stage string) secret.Key {
	t.Helper()
	k, err := secret.SecretKey(home, id, version, stage)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func parameterKey(t testing.TB, name string) secret.Key {
	t.Helper()
	k, err := secret.ParameterKey(home, name, "", "", true)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func treeKey(t testing.TB, pattern string) secret.Key {
	t.Helper()
	k, err := secret.TreeKey(home, pattern)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func inRegion(k secret.Key, region string) secret.Key {
	k.Region = region
	return k
}

func encrypted(k secret.Key) secret.Key {
	k.Decrypt = false
	return k
}
