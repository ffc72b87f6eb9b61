package cache_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"larder/cache"
	"larder/secret"
)

var db = name("prod/db")

func TestHitWaitMiss(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := start(t)
		first, second := f.read(db, false), f.read(db, false)
		check(t, "first read", first.got(), "waiting")
		f.clock.tick(time.Second)
		f.aws.call(0).answer(found(db, "v1"))
		check(t, "first read", first.got(), "miss v1")
		check(t, "second read", second.got(), "wait v1")
		check(t, "age of the second read", second.answer.Age, time.Second)
		f.clock.tick(time.Second)
		third := f.read(db, false)
		check(t, "third read", third.got(), "hit v1")
		check(t, "age of the third read", third.answer.Age, 2*time.Second)
		check(t, "calls", f.aws.count(), 1)
	})
}

// A cold cache and a storm of readers: one call for each name.
func TestStorm(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		const readers, names = 200, 50
		f := start(t)
		var mu sync.Mutex
		how := make(map[cache.How]int)
		var all sync.WaitGroup
		for range readers {
			for n := range names {
				all.Go(func() {
					key := name(fmt.Sprint("n", n))
					a, err := f.Get(t.Context(), key, false)
					if err != nil || a.Record.Version != key.ID {
						t.Errorf("Get(%v) = %v", key, say(a, err))
					}
					mu.Lock()
					defer mu.Unlock()
					how[a.How]++
				})
			}
		}
		synctest.Wait()
		check(t, "calls", f.aws.count(), names)
		for n := range names {
			c := f.aws.call(n)
			c.answer(found(c.keys[0], c.keys[0].ID))
		}
		all.Wait()
		check(t, "misses", how[cache.Miss], names)
		check(t, "waits", how[cache.Wait], names*(readers-1))
	})
}

func TestContextEndsTheWaitNotTheCall(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := start(t)
		first, second := f.read(db, false), f.read(db, false)
		first.leave()
		check(t, "the one that left", first.got(), "miss context canceled")
		check(t, "the one that stayed", second.got(), "waiting")
		second.leave()
		check(t, "the last one that left", second.got(), "wait context canceled")
		check(t, "the call's context", f.aws.call(0).ctx.Err(), nil)
		f.aws.call(0).answer(found(db, "v1"))
		check(t, "a later read", f.get(db), "hit v1")

		ended, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if _, err := f.Get(ended, name("slow"), false); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("Get past its deadline: %v, want %v", err, context.DeadlineExceeded)
		}
	})
}

// The readers of one key of a batch do not wait for the slow ones.
func TestBatchDeliversOneByOne(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := start(t)
		fast, slow := name("fast"), name("slow")
		loaded := f.load(t.Context(), fast, slow)
		early, late := f.read(fast, false), f.read(slow, false)
		f.aws.call(0).answer(found(fast, "v1"))
		check(t, "the fast one", early.got(), "wait v1")
		check(t, "the fast one again", f.get(fast), "hit v1")
		check(t, "the slow one", late.got(), "waiting")
		f.aws.call(0).answer(found(slow, "v2"))
		check(t, "the slow one", late.got(), "wait v2")
		check(t, "Batch", loaded.got(fast, slow), "v1 v2")
	})
}

// What a Fetch forgets must not hang its readers.
func TestFetchLeavesKeyOut(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := start(t)
		r := f.read(db, false)
		close(f.aws.call(0).end)
		check(t, "a read that was left out", r.got(), "miss Canceled")
		again := f.read(db, false)
		f.aws.call(1).answer(found(db, "v1"))
		check(t, "the next read", again.got(), "miss v1")
		f.aws.call(1).deliver(found(db, "v2")) // twice
		f.aws.call(1).deliver(found(name("other"), "v2"))
		check(t, "the key that was answered twice", f.get(db), "hit v1")
	})
}

func TestOptionalAbsence(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		byARN := arn("123456789012", region, "prod/db-AbCdEf")
		f := start(t, func(c *cache.Config) {
			c.Declared = map[secret.Key]cache.Declaration{db: {Optional: true}}
		})
		aws := f.instant()
		check(t, "a read", f.get(db), "miss NotFound")
		f.clock.tick(ttl - 1)
		check(t, "a read within the TTL", f.get(db), "hit NotFound")
		f.clock.tick(1)
		check(t, "a read after the TTL", f.get(db), "miss NotFound")
		check(t, "calls", f.aws.count(), 2)

		aws.set(found(db, "v1", byARN))
		check(t, "a forced read", f.force(db), "miss v1")
		check(t, "a read by ARN", f.get(byARN), "hit v1")
		delete(aws, db)
		check(t, "a forced read", f.force(db), "miss NotFound")
		check(t, "a read", f.get(db), "hit NotFound")
		// That the name is gone is kept because it may be absent. The ARN may not.
		check(t, "a read by ARN", f.get(byARN), "miss NotFound")
		f.clock.tick(time.Second)
		check(t, "another read by ARN", f.get(byARN), "miss NotFound")
		check(t, "a read", f.get(db), "hit NotFound")
	})
}

func TestTTL(t *testing.T) {
	t.Parallel()
	byARN := arn("123456789012", region, "prod/db-AbCdEf")
	parameter := must(secret.ParameterKey(region, "/p", "", "", true))
	tests := []struct {
		name     string
		key      secret.Key
		declared map[secret.Key]cache.Declaration
		want     time.Duration
	}{
		{"the service's", db, nil, ttl},
		{"a service without", parameter, nil, 0},
		{"declared without", db, map[secret.Key]cache.Declaration{db: {}}, ttl},
		{"declared, longer", db, map[secret.Key]cache.Declaration{db: {TTL: time.Hour, HasTTL: true}}, time.Hour},
		{"declared for a service without", parameter, map[secret.Key]cache.Declaration{parameter: {TTL: time.Second, HasTTL: true}}, time.Second},
		{"declared as 0", db, map[secret.Key]cache.Declaration{db: {HasTTL: true}}, 0},
		{"the smallest: of the name", db, map[secret.Key]cache.Declaration{
			db: {TTL: time.Second, HasTTL: true}, byARN: {TTL: time.Minute, HasTTL: true}}, time.Second},
		{"the smallest: of the ARN", db, map[secret.Key]cache.Declaration{
			db: {TTL: time.Minute, HasTTL: true}, byARN: {TTL: time.Second, HasTTL: true}}, time.Second},
		{"one that says nothing does not count", db, map[secret.Key]cache.Declaration{
			db: {TTL: time.Hour, HasTTL: true}, byARN: {}}, time.Hour},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				f := start(t, func(c *cache.Config) {
					c.TTL = map[secret.Service]time.Duration{secret.SecretsManager: ttl}
					c.Declared = tt.declared
				})
				aws := f.instant()
				aws.set(found(tt.key, "v1"))
				if tt.key == db {
					aws.set(found(tt.key, "v1", byARN))
				}
				f.get(tt.key)
				if tt.want > 0 {
					f.clock.tick(tt.want - 1)
					check(t, "a read before the end", f.get(tt.key), "hit v1")
					f.clock.tick(1)
				}
				check(t, "a read at the end", f.get(tt.key), "miss v1")
				if tt.want == 0 {
					check(t, "PinnedBytes of what is not kept", f.PinnedBytes(), 0)
				}
			})
		})
	}
}

func TestNothingCached(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name   string
		config func(*cache.Config)
	}{
		{"TTL 0", func(c *cache.Config) { c.TTL = nil }},
		{"Entries 0", func(c *cache.Config) { c.Entries = 0 }},
		{"Entries 0, declared with a TTL", func(c *cache.Config) {
			c.Entries = 0
			c.Declared = map[secret.Key]cache.Declaration{db: {TTL: time.Hour, HasTTL: true}}
		}},
		{"Bytes 0", func(c *cache.Config) { c.Bytes = 0 }},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				f := start(t, tt.config)
				f.instant().set(found(db, "v1"))
				for range 3 {
					check(t, "a read", f.get(db), "miss v1")
				}
				check(t, "PinnedBytes", f.PinnedBytes(), 0)
				check(t, "Batch", f.load(t.Context(), db).got(db), "v1")
			})
		})
	}
	t.Run("optional absence with TTL 0", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			f := start(t, func(c *cache.Config) {
				c.Declared = map[secret.Key]cache.Declaration{db: {Optional: true, HasTTL: true}}
			})
			f.instant()
			check(t, "a read", f.get(db), "miss NotFound")
			check(t, "a read", f.get(db), "miss NotFound")
		})
	})
}
