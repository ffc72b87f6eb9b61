package manifest_test

import (
	"context"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"larder/cache"
	"larder/internal/canary"
	"larder/manifest"
	"larder/secret"
)

const (
	region = "eu-west-1"
	// planted is in every value here.
	planted = "canary-\"Zq7\" <&>+%=é/end"
)

// stand is a manifest over a real cache, with an AWS that the test plays. It
// lives in a bubble.
type stand struct {
	*manifest.Manifest
	t     *testing.T
	cache *cache.Cache

	mu      sync.Mutex
	calls   []string // the keys of each Fetch, in words
	running int      // Fetches
	results map[string]secret.Result
	gates   map[string]chan struct{} // AWS answers for a key once its gate is closed
	lag     time.Duration            // how long a call goes on after it was cancelled
}

// setup changes the parts of a stand before they are put together.
type setup struct {
	manifest manifest.Config
	cache    cache.Config
	deferred bool // Defer has been called
}

func warn(s *setup) { s.manifest.Warn = true }

func declaredOnly(s *setup) { s.manifest.DeclaredOnly = true }

func cacheOff(s *setup) { s.cache.Entries = 0 }

func maxStale(s *setup) { s.cache.MaxStale = time.Hour }

func ephemeral(s *setup) { s.cache.Ephemeral = true }

// deferred is init under SnapStart.
func deferred(s *setup) { s.deferred = true }

// inBubble runs test with a stand of an environment, before its Prefetch.
func inBubble(t *testing.T, environ string, test func(*testing.T, *stand), change ...func(*setup)) {
	t.Helper()
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := &stand{t: t, results: make(map[string]secret.Result), gates: make(map[string]chan struct{})}
		var c setup
		var mistakes []error
		c.manifest.Declarations, mistakes = manifest.Find(strings.Fields(environ), true, region)
		if len(mistakes) > 0 {
			t.Fatalf("Find: %v", mistakes)
		}
		c.cache = cache.Config{
			Fetch:    s.fetch,
			TTL:      map[secret.Service]time.Duration{secret.SecretsManager: time.Minute, secret.ParameterStore: time.Minute},
			Entries:  100,
			Bytes:    1 << 20,
			Declared: manifest.Keys(c.manifest.Declarations),
		}
		for _, f := range change {
			f(&c)
		}
		s.cache = cache.New(c.cache)
		defer s.cache.Close()
		c.manifest.Cache = s.cache
		s.Manifest = manifest.New(c.manifest)
		if c.deferred {
			s.Settle()
		}
		test(t, s)
	})
}

// words names a key: as its reference, and whether it is encrypted.
func words(k secret.Key) string {
	if k.Service == secret.ParameterStore && !k.Decrypt {
		return "encrypted " + k.String()
	}
	return k.String()
}

func (s *stand) fetch(ctx context.Context, keys []secret.Key, deliver func(secret.Result)) {
	var all []string
	for _, k := range keys {
		all = append(all, words(k))
	}
	s.mu.Lock()
	s.calls = append(s.calls, strings.Join(all, ", "))
	s.running++
	s.mu.Unlock()
	var wg sync.WaitGroup
	for _, k := range keys {
		wg.Go(func() { deliver(s.answer(ctx, k)) })
	}
	wg.Wait()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.running--
}

// answer is AWS's: without a result of the test's, everything exists.
func (s *stand) answer(ctx context.Context, k secret.Key) secret.Result {
	s.mu.Lock()
	gate := s.gates[words(k)]
	s.mu.Unlock()
	if gate != nil {
		select {
		case <-gate:
		case <-ctx.Done():
			time.Sleep(s.lag)
			return secret.Result{Key: k, Err: &secret.Error{Class: secret.Canceled, Key: k}}
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	r, ok := s.results[words(k)]
	r.Key = k
	switch {
	case !ok:
		r.Record = record(k.ID, planted)
	case r.Err != nil:
		e := *r.Err
		e.Key = k
		r.Err = &e
	}
	return r
}

// record is one whose version is its name, so that a test can tell records apart
// without a look at their values.
func record(name, value string) *secret.Record {
	return &secret.Record{Name: name, Version: "v-" + name, Type: "String", Value: secret.NewValue([]byte(value))}
}

// versioned is a record of a version.
func versioned(name, version string) *secret.Record {
	r := record(name, `{"x":"`+version+`","y":"`+version+`"}`)
	r.Version = version
	return r
}

// tree is a tree's record with the given members, in order.
func tree(path string, members ...*secret.Record) *secret.Record {
	r := record(path, `{"a":"`+"tree"+`"}`)
	r.Name = ""
	for _, m := range members {
		r.Members = append(r.Members, *m)
	}
	return r
}

// secure makes a record one of a SecureString.
func secure(r *secret.Record) *secret.Record {
	r.Type = "SecureString"
	return r
}

// has makes AWS answer r for a key, and say that further keys are the same.
func (s *stand) has(key string, r *secret.Record, same ...secret.Key) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.results[key] = secret.Result{Record: r, Same: same}
}

func (s *stand) fails(key string, class secret.Class) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.results[key] = secret.Result{Err: &secret.Error{Class: class, Message: "as the test wants"}}
}

// denies lets AWS ask for a permission.
func (s *stand) denies(key, action string) {
	s.fails(key, secret.Denied)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.results[key].Err.Action = action
}

// hold makes AWS wait with the answer for a key until the returned func is called.
func (s *stand) hold(key string) (release func()) {
	gate := make(chan struct{})
	s.mu.Lock()
	defer s.mu.Unlock()
	s.gates[key] = gate
	return func() {
		close(gate)
		s.mu.Lock()
		defer s.mu.Unlock()
		delete(s.gates, key)
	}
}

// asked fails the test unless exactly these calls were made since it last asked.
func (s *stand) asked(when string, want ...string) {
	s.t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	slices.Sort(s.calls)
	slices.Sort(want)
	if !slices.Equal(s.calls, want) {
		s.t.Errorf("%s: calls %q, want %q", when, s.calls, want)
	}
	s.calls = nil
}

// underWay returns how many calls have not ended.
func (s *stand) underWay() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.running
}

// init runs Prefetch to its end, and settles if nothing stops init.
func (s *stand) init() manifest.Verdict {
	s.t.Helper()
	v := s.prefetch()
	if !v.Stops {
		s.Settle()
	}
	s.calls = nil
	return v
}

// keyOf returns the key that words names.
func keyOf(t *testing.T, words string) secret.Key {
	t.Helper()
	text, encrypted := strings.CutPrefix(words, "encrypted ")
	ref, err := secret.ParseReference(text)
	if err != nil {
		t.Fatalf("ParseReference(%q): %v", text, err)
	}
	k, err := ref.Key(region)
	if err != nil {
		t.Fatal(err)
	}
	if encrypted {
		k.Decrypt = false
	}
	return k
}

func is[T comparable](t *testing.T, what string, got, want T) {
	t.Helper()
	if got != want {
		t.Errorf("%s = %v, want %v", what, got, want)
	}
}

func noCanary(t *testing.T, where string, output []byte) {
	t.Helper()
	for _, part := range []string{planted, planted[:10]} {
		if form, found := canary.Find(output, []byte(part)); found {
			t.Errorf("%s shows the value (%s)", where, form)
			return
		}
	}
}

// budget is the time that prefetch has in the tests.
const budget = 5 * time.Second

// prefetch runs Prefetch within the budget.
func (s *stand) prefetch() manifest.Verdict {
	ctx, cancel := context.WithTimeout(s.t.Context(), budget)
	defer cancel()
	return s.Prefetch(ctx)
}
