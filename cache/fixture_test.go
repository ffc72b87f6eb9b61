package cache_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"larder/cache"
	"larder/secret"
)

const region = "eu-west-1"

// name returns the key of a secret by name.
func name(id string) secret.Key { return must(secret.SecretKey(region, id, "", "")) }

// arn returns the key of a secret of an account by ARN.
func arn(account, region, nameAndSuffix string) secret.Key {
	id := fmt.Sprintf("arn:aws:secretsmanager:%s:%s:secret:%s", region, account, nameAndSuffix)
	return must(secret.SecretKey(region, id, "", ""))
}

func must(key secret.Key, err error) secret.Key {
	if err != nil {
		panic(err)
	}
	return key
}

const text = "0123456789" // of every value that is not sized

// found is AWS's answer for key: its version, and the keys that mean the same.
func found(key secret.Key, version string, same ...secret.Key) secret.Result {
	r := &secret.Record{Service: key.Service, Version: version, Value: secret.NewValue([]byte(text))}
	return secret.Result{Key: key, Record: r, Same: same}
}

// sized is found with a value of n bytes.
func sized(key secret.Key, version string, n int) secret.Result {
	r := found(key, version)
	r.Record.Value = secret.NewValue(make([]byte, n))
	return r
}

func failed(key secret.Key, class secret.Class) secret.Result {
	return secret.Result{Key: key, Err: &secret.Error{Class: class, Key: key}}
}

// fixture is a cache with the world around it.
type fixture struct {
	*cache.Cache
	t      *testing.T
	clock  *clock
	aws    *aws
	random float64 // what Config.Random returns
	log    strings.Builder
}

// start makes a cache with a TTL of 5 minutes, room for everything, and nothing
// served past its TTL, changed by configs. Entries are due from half way between
// 70 and 85 % on. It must be called in a bubble, which fails the test if Close
// leaves a goroutine behind.
func start(t *testing.T, configs ...func(*cache.Config)) *fixture {
	clock := &clock{start: time.Now()}
	f := &fixture{t: t, clock: clock, random: 0.5, aws: &aws{t: t, clock: clock, running: make(map[secret.Key]int)}}
	c := cache.Config{
		Fetch:   f.aws.Fetch,
		Clock:   clock,
		Random:  func() float64 { return f.random },
		Log:     slog.New(slog.NewJSONHandler(&f.log, &slog.HandlerOptions{Level: slog.LevelDebug})),
		TTL:     map[secret.Service]time.Duration{secret.SecretsManager: ttl, secret.ParameterStore: ttl},
		Entries: 1000,
		Bytes:   1 << 20,
	}
	for _, config := range configs {
		config(&c)
	}
	f.Cache = cache.New(c)
	t.Cleanup(func() {
		f.Close()
		if !f.Idle() {
			t.Error("after Close flights are left")
		}
		if strings.Contains(f.log.String(), text) {
			t.Error("a value is in the log")
		}
	})
	return f
}

const (
	ttl      = 5 * time.Minute
	maxStale = time.Hour
)

// bounded lets a cache serve what is past its TTL for maxStale.
func bounded(c *cache.Config) { c.MaxStale = maxStale }

// declare returns a config func that declares keys without options.
func declare(keys ...secret.Key) func(*cache.Config) {
	return func(c *cache.Config) {
		c.Declared = make(map[secret.Key]cache.Declaration)
		for _, k := range keys {
			c.Declared[k] = cache.Declaration{}
		}
	}
}

// read is one reader. got is there once done is closed.
type read struct {
	done   chan struct{}
	leave  context.CancelFunc
	answer cache.Answer
	err    error
}

// read starts a reader and returns when it waits or has its answer.
func (f *fixture) read(key secret.Key, force bool) *read {
	ctx, cancel := context.WithCancel(f.t.Context())
	r := &read{done: make(chan struct{}), leave: cancel}
	go func() {
		defer close(r.done)
		defer cancel()
		r.answer, r.err = f.Get(ctx, key, force)
	}()
	synctest.Wait()
	return r
}

// got returns how the read ended: "miss v1", "hit NotFound", or "waiting".
func (r *read) got() string {
	synctest.Wait()
	select {
	case <-r.done:
		return say(r.answer, r.err)
	default:
		return "waiting"
	}
}

// get reads and returns how that ended.
func (f *fixture) get(key secret.Key) string { return f.read(key, false).got() }

// force is get with force. It lets pass what a forced read has to wait.
func (f *fixture) force(key secret.Key) string {
	r := f.read(key, true)
	<-r.done
	return r.got()
}

// logged returns what was logged: "WARN secretsmanager://prod/db" for each line.
func (f *fixture) logged() string {
	f.t.Helper()
	synctest.Wait()
	var lines []string
	for log := json.NewDecoder(strings.NewReader(f.log.String())); log.More(); {
		var line struct{ Level, Ref string }
		if err := log.Decode(&line); err != nil {
			f.t.Fatal(err)
		}
		lines = append(lines, line.Level+" "+line.Ref)
	}
	return strings.Join(lines, ", ")
}

// say puts an answer in words, without its value.
func say(a cache.Answer, err error) string {
	var serr *secret.Error
	switch {
	case errors.As(err, &serr):
		return fmt.Sprintf("%v %v", a.How, serr.Class)
	case err != nil:
		return fmt.Sprintf("%v %v", a.How, err)
	}
	return fmt.Sprintf("%v %v", a.How, a.Record.Version)
}

// instant makes the fixture's AWS answer at once.
func (f *fixture) instant() replies {
	r := make(replies)
	f.aws.reply = r.reply
	return r
}

// check fails the test when got and want differ.
func check[T comparable](t *testing.T, what string, got, want T) {
	t.Helper()
	if got != want {
		t.Errorf("%s = %v, want %v", what, got, want)
	}
}
