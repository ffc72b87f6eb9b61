package cache_test

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"larder/cache"
	"larder/secret"
)

func TestStats(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := start(t)
		aws := f.instant()
		check(t, "empty", fmt.Sprint(f.Stats()), fmt.Sprint(cache.Stats{}))
		aws.set(found(db, "v1"))
		f.get(db)
		one := f.Stats()
		f.clock.tick(time.Minute)
		aws.set(found(name("other"), "v1"))
		f.get(name("other"))
		two := f.Stats()
		if one.Entries != 1 || two.Entries != 2 || one.Bytes <= 0 || two.Bytes <= one.Bytes || one.Oldest != 0 || two.Oldest != time.Minute {
			t.Errorf("Stats = %+v with one entry, and %+v with another a minute later", one, two)
		}
	})
}

// TestLook checks what there is said to be, and that looking asks nobody.
func TestLook(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name string
		age  time.Duration
		want cache.Look
	}{
		{"fresh", time.Second, cache.Look{State: cache.Fresh, Version: "v1", Age: time.Second}},
		{"due", ttl * 9 / 10, cache.Look{State: cache.Due, Version: "v1", Age: ttl * 9 / 10}},
		{"stale", ttl, cache.Look{State: cache.Expired, Version: "v1", Age: ttl}},
		{"too old", ttl + maxStale, cache.Look{State: cache.Missing}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				f := start(t, bounded)
				aws := f.instant()
				check(t, "Look before", fmt.Sprint(f.Look(db)), fmt.Sprint(cache.Look{State: cache.Missing}))
				aws.set(found(db, "v1"))
				f.get(db)
				f.clock.tick(tt.age)
				check(t, "Look", fmt.Sprint(f.Look(db)), fmt.Sprint(tt.want))
				check(t, "calls", f.aws.count(), 1)
			})
		})
	}
	t.Run("absent", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			f := start(t, bounded, func(c *cache.Config) {
				c.Declared = map[secret.Key]cache.Declaration{db: {Optional: true}}
			})
			f.instant().set(failed(db, secret.NotFound))
			f.get(db)
			check(t, "Look", fmt.Sprint(f.Look(db)), fmt.Sprint(cache.Look{State: cache.Absent}))
		})
	})
}
