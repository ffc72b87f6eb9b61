package main

import (
	"context"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"larder/cache"
	"larder/extension"
	"larder/manifest"
	"larder/secret"
)

// bubble is the parts of a larder in a synctest bubble, with an AWS that the test
// plays. There is no loop: what Run calls, the test calls, and next is asked for
// when that returns.
type bubble struct {
	*larder
	t      *testing.T
	output lockedBuffer

	mu      sync.Mutex
	hangs   bool          // AWS does not answer
	busy    bool          // AWS throttles
	takes   time.Duration // AWS, for each answer
	fetches []string      // the names of each Fetch
	running int           // calls that AWS has not answered
}

// inBubble runs test with a larder before its init. Its TTL is a minute.
func inBubble(t *testing.T, test func(*testing.T, *bubble), environ ...string) {
	t.Helper()
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s, warnings, mistakes := readSettings(function(append([]string{
			"SECRETS_MANAGER_TTL=60", "SSM_PARAMETER_STORE_TTL=60", "PARAMETERS_SECRETS_EXTENSION_LOG_LEVEL=DEBUG",
		}, environ...)...))
		if len(warnings)+len(mistakes) > 0 {
			t.Fatal(text(warnings), text(mistakes))
		}
		b := &bubble{t: t}
		b.larder = assemble(s, &b.output, newLog(&b.output, false, s.level))
		b.cache.Close()
		b.cache = cache.New(cache.Config{
			Fetch: b.fetch, TTL: s.ttl, MaxStale: s.maxStale, Entries: s.entries, Bytes: s.cacheBytes,
			Declared: manifest.Keys(s.declarations), Ephemeral: s.mode == snapStart,
		})
		b.manifest = manifest.New(manifest.Config{Declarations: s.declarations, Cache: b.cache})
		defer b.close()
		test(t, b)
	})
}

// fetch is AWS: everything exists.
func (b *bubble) fetch(ctx context.Context, keys []secret.Key, deliver func(secret.Result)) {
	var names []string
	for _, k := range keys {
		names = append(names, k.ID)
	}
	b.mu.Lock()
	b.fetches = append(b.fetches, strings.Join(names, " "))
	b.running++
	hangs, busy, takes := b.hangs, b.busy, b.takes
	b.mu.Unlock()
	b.metrics.Call(secret.GetSecretValue, 0)
	time.Sleep(takes)
	if hangs {
		<-ctx.Done()
	}
	b.mu.Lock()
	b.running-- // all that follows is ours
	b.mu.Unlock()
	for _, k := range keys {
		r := secret.Result{Key: k}
		switch {
		case hangs:
			r.Err = &secret.Error{Class: secret.Canceled, Key: k}
		case busy:
			r.Err = &secret.Error{Class: secret.Throttled, Key: k}
		default:
			r.Record = &secret.Record{Service: k.Service, Name: k.ID, Version: "1", Value: secret.NewValue([]byte("value"))}
		}
		deliver(r)
	}
}

// hang makes AWS not answer, or answer again what comes from then on.
func (b *bubble) hang(hangs bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.hangs = hangs
}

// pause makes AWS take its time for each answer from then on.
func (b *bubble) pause(takes time.Duration) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.takes = takes
}

// asked fails the test unless exactly these Fetches have begun since it last asked.
func (b *bubble) asked(when string, want ...string) {
	b.t.Helper()
	synctest.Wait()
	b.mu.Lock()
	defer b.mu.Unlock()
	if !slices.Equal(b.fetches, want) {
		b.t.Errorf("%s: AWS was asked for %q, want %q", when, b.fetches, want)
	}
	b.fetches = nil
}

// quiet reports whether AWS has not been asked since the last look.
func (b *bubble) quiet() bool {
	synctest.Wait()
	b.mu.Lock()
	defer b.mu.Unlock()
	return len(b.fetches) == 0
}

// read reads a secret by name and returns where the answer came from.
func (b *bubble) read(name string) string {
	b.t.Helper()
	key, err := secret.SecretKey("eu-west-1", name, "", "")
	if err != nil {
		b.t.Fatal(err)
	}
	answer, err := b.manifest.Get(b.t.Context(), key, manifest.Demand{})
	if err != nil {
		return err.Error()
	}
	return answer.How.String()
}

// start goes through init, which must do without AWS or get everything.
func (b *bubble) start() {
	b.t.Helper()
	if err := b.init(b.t.Context()); err != nil {
		b.t.Fatalf("init = %v", err)
	}
	b.fetches = nil
}

// event is an INVOKE whose deadline is so far away.
func event(deadline time.Duration) extension.Event {
	return extension.Event{Type: extension.Invoke, RequestID: "r", DeadlineMs: time.Now().Add(deadline).UnixMilli()}
}

// holds fails the test unless a step of the lifecycle takes as long, and leaves
// nothing of its own under way when next is asked for.
func (b *bubble) holds(what string, want time.Duration, step func(context.Context, extension.Event), e extension.Event) {
	b.t.Helper()
	began := time.Now()
	step(b.t.Context(), e)
	if got := time.Since(began); got != want {
		b.t.Errorf("%s holds next for %v, want %v", what, got, want)
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.running > 0 {
		b.t.Errorf("%s: %d calls are under way when next is asked for", what, b.running)
	}
}
