package cache_test

import (
	"testing"
	"testing/synctest"

	"larder/cache"
	"larder/secret"
)

var c, d = name("c"), name("d")

// cached returns which of keys are in the cache, in the words of got. It stops
// AWS from answering with a value first, so that asking changes only the order.
func (f *fixture) cached(keys ...secret.Key) string {
	f.ForgetFailures()
	f.aws.reply = func(k secret.Key) secret.Result { return failed(k, secret.Unavailable) }
	s := ""
	for _, k := range keys {
		if f.get(k) != "miss Unavailable" {
			s += k.ID
		}
	}
	return s
}

func TestEviction(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name   string
		config func(*cache.Config)
		steps  func(f *fixture, aws replies)
		want   string // of a, b, c, d
	}{
		{"by count", func(c *cache.Config) { c.Entries = 3 },
			func(f *fixture, aws replies) { f.all(a, b, c, d) }, "bcd"},
		{"a read refreshes the order", func(c *cache.Config) { c.Entries = 3 },
			func(f *fixture, aws replies) { f.all(a, b, c, a, d) }, "acd"},
		{"a forced read refreshes the order", func(c *cache.Config) { c.Entries = 3 },
			func(f *fixture, aws replies) { f.all(a, b, c); f.force(a); f.get(d) }, "acd"},
		{"by bytes", func(c *cache.Config) { c.Bytes = 30 },
			func(f *fixture, aws replies) { f.all(a, b, c, d) }, "bcd"},
		{"one large for many small", func(c *cache.Config) { c.Bytes = 30 },
			func(f *fixture, aws replies) { aws.set(sized(d, "v1", 15)); f.all(a, b, c, d) }, "cd"},
		{"exactly the bound", func(c *cache.Config) { c.Bytes = 30 },
			func(f *fixture, aws replies) { aws.set(sized(d, "v1", 30)); f.all(a, b, c, d) }, "d"},
		{"a value that grows", func(c *cache.Config) { c.Bytes = 30 },
			func(f *fixture, aws replies) { f.all(a, b, c); aws.set(sized(c, "v2", 20)); f.force(c) }, "bc"},
		{"a value that shrinks makes room", func(c *cache.Config) { c.Bytes = 30 },
			func(f *fixture, aws replies) {
				f.all(a, b, c)
				aws.set(sized(c, "v2", 1))
				f.force(c)
				aws.set(sized(d, "v1", 9))
				f.get(d)
			}, "abcd"},
		{"oversized: served, not kept, nothing evicted", func(c *cache.Config) { c.Bytes = 30 },
			func(f *fixture, aws replies) {
				aws.set(sized(d, "v1", 31))
				f.all(a, b, c)
				check(f.t, "a read", f.get(d), "miss v1")
				check(f.t, "a read", f.get(d), "miss v1")
			}, "abc"},
		{"one that grows beyond the bound", func(c *cache.Config) { c.Bytes = 30 },
			func(f *fixture, aws replies) { f.all(a, b, c); aws.set(sized(b, "v2", 31)); f.force(b); f.get(d) }, "acd"},
		{"an alias is no entry", func(c *cache.Config) { c.Entries = 4 },
			func(f *fixture, aws replies) {
				aws.set(found(a, "v1", dbARN))
				f.all(a, b, c, d)
				check(f.t, "a read by ARN", f.get(dbARN), "hit v1")
			}, "abcd"},
		{"evicted with all its keys", func(c *cache.Config) { c.Entries = 3 },
			func(f *fixture, aws replies) {
				aws.set(found(a, "v1", dbARN))
				f.all(a, b, c, d)
				check(f.t, "Same", f.Same(a, dbARN), false)
			}, "bcd"},
		{"what was not found makes room", func(c *cache.Config) { c.Entries = 3 },
			func(f *fixture, aws replies) { f.all(a, b, c); delete(aws, b); f.force(b); f.get(d) }, "acd"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				f := start(t, tt.config)
				aws := f.instant()
				aws.set(found(a, "v1"), found(b, "v1"), found(c, "v1"), found(d, "v1"))
				tt.steps(f, aws)
				if err := f.Check(); err != nil {
					t.Error(err)
				}
				check(t, "what is cached", f.cached(a, b, c, d), tt.want)
			})
		})
	}
}

// all reads keys one after the other.
func (f *fixture) all(keys ...secret.Key) {
	for _, k := range keys {
		f.get(k)
	}
}

func TestDeclaredIsPinned(t *testing.T) {
	t.Parallel()
	byARN := arn(account, region, "a-AbCdEf")
	tests := []struct {
		name     string
		declared []secret.Key
		steps    func(f *fixture, aws replies)
		want     string // of a, b, c, d
		pinned   int
	}{
		{"by name", []secret.Key{a},
			func(f *fixture, aws replies) { f.all(a, b, c, d) }, "ad", 10},
		{"by name, asked by name and ARN", []secret.Key{a},
			func(f *fixture, aws replies) { f.all(a, byARN, b, c, d) }, "ad", 10},
		{"by name, the alias learned later", []secret.Key{a},
			func(f *fixture, aws replies) { f.all(byARN, a, b, c, d) }, "ad", 10},
		{"by ARN, asked by name", []secret.Key{byARN},
			func(f *fixture, aws replies) { f.all(a, b, c, d) }, "ad", 10},
		{"by ARN, the alias learned later", []secret.Key{byARN},
			func(f *fixture, aws replies) { f.all(byARN, b, a, c, d) }, "ad", 10},
		{"by both", []secret.Key{a, byARN},
			func(f *fixture, aws replies) { f.all(byARN, a, b, c, d) }, "ad", 10},
		{"by name, asked by ARN alone", []secret.Key{a},
			func(f *fixture, aws replies) { f.all(byARN, b, c, d) }, "cd", 0},
		{"as many as the bound", []secret.Key{a, b},
			func(f *fixture, aws replies) { f.all(a, b, c, d) }, "ab", 20},
		{"more than the bound", []secret.Key{a, b, c},
			func(f *fixture, aws replies) { f.all(d, a, b, c) }, "abc", 30},
		{"larger than the bound", []secret.Key{a},
			func(f *fixture, aws replies) {
				large := sized(a, "v1", 1000)
				large.Same = []secret.Key{byARN}
				aws.set(large)
				f.all(b, a, c, d)
			}, "a", 1000},
		{"pinned by a name that moves away", []secret.Key{a},
			func(f *fixture, aws replies) {
				f.all(a, b)
				aws.set(found(a, "v2", newDBARN))
				f.force(a)
				f.all(c, d)
				check(f.t, "Same", f.Same(a, newDBARN), true)
				delete(aws, byARN)
				check(f.t, "a read by the old ARN", f.get(byARN), "miss NotFound")
			}, "ad", 10},
		{"not found", []secret.Key{a},
			func(f *fixture, aws replies) { f.get(a); delete(aws, a); f.force(a); f.all(b, c) }, "bc", 0},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				f := start(t, func(c *cache.Config) {
					c.Entries, c.Bytes = 2, 100
					declare(tt.declared...)(c)
				})
				aws := f.instant()
				aws.set(found(a, "v1", byARN), found(byARN, "v1"), found(b, "v1"), found(c, "v1"), found(d, "v1"))
				tt.steps(f, aws)
				if err := f.Check(); err != nil {
					t.Error(err)
				}
				check(t, "PinnedBytes", f.PinnedBytes(), tt.pinned)
				check(t, "what is cached", f.cached(a, b, c, d), tt.want)
			})
		})
	}
}
