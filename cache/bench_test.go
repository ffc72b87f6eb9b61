package cache_test

import (
	"context"
	"sync/atomic"
	"testing"
	"time"

	"larder/cache"
	"larder/secret"
)

// full returns a cache that holds keys, by the machine's clock.
func full(tb testing.TB, keys ...secret.Key) *cache.Cache {
	c := cache.New(cache.Config{
		Fetch: func(_ context.Context, keys []secret.Key, deliver func(secret.Result)) {
			for _, k := range keys {
				deliver(found(k, "v1"))
			}
		},
		TTL:     map[secret.Service]time.Duration{secret.SecretsManager: time.Hour},
		Entries: 1000,
		Bytes:   1 << 20,
	})
	tb.Cleanup(c.Close)
	c.Begin(keys, nil).Wait(context.Background())
	return c
}

func get(tb testing.TB, c *cache.Cache, key secret.Key) {
	answer, err := c.Get(context.Background(), key, false)
	if err != nil || answer.How != cache.Hit {
		tb.Errorf("Get(%v) = %s, want a hit", key, say(answer, err))
	}
}

// BenchmarkHit is a read of a fresh value by one reader.
func BenchmarkHit(b *testing.B) {
	c := full(b, db)
	b.ReportAllocs()
	for b.Loop() {
		get(b, c, db)
	}
}

// BenchmarkHitParallel is the same by a reader for every processor, each of
// which has a key of its own: what they share is the lock.
func BenchmarkHitParallel(b *testing.B) {
	keys := []secret.Key{db, name("a"), name("b"), name("c")}
	c := full(b, keys...)
	b.ReportAllocs()
	var readers atomic.Int64
	b.RunParallel(func(pb *testing.PB) {
		key := keys[int(readers.Add(1))%len(keys)]
		for pb.Next() {
			get(b, c, key)
		}
	})
}

// A hit must not make garbage: it is the read that every request of a function
// makes.
func TestHitAllocatesNothing(t *testing.T) {
	c := full(t, db)
	if n := testing.AllocsPerRun(100, func() { get(t, c, db) }); n != 0 {
		t.Errorf("a hit allocates %v times, want 0", n)
	}
}
