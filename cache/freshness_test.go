package cache_test

import (
	"testing"
	"testing/synctest"
	"time"

	"larder/cache"
	"larder/secret"
)

// A value that was read at first, and what it is worth after a step of the clocks.
func TestFreshness(t *testing.T) {
	t.Parallel()
	const earliest, latest = ttl * 70 / 100, ttl * 85 / 100 // from where a value is due
	const over = ttl + maxStale
	tests := []struct {
		name       string
		wall, mono time.Duration
		random     float64
		fails      secret.Class // 0: AWS answers v2
		want       string
		age        time.Duration
		due        bool // Refresh fetches it
	}{
		{"nothing passed", 0, 0, 0, 0, "hit v1", 0, false},
		{"fresh to the last", earliest - 1, earliest - 1, 0, 0, "hit v1", earliest - 1, false},
		{"due", earliest, earliest, 0, 0, "hit v1", earliest, true},
		{"not yet due in another sandbox", earliest, earliest, 0.001, 0, "hit v1", earliest, false},
		{"fresh to the last, by the latest draw", latest - time.Second, 0, 0.999, 0, "hit v1", latest - time.Second, false},
		{"due by the latest draw", latest, 0, 0.999, 0, "hit v1", latest, true},
		{"due by the monotonic clock", 0, earliest, 0, 0, "hit v1", earliest, true},
		{"due by the wall clock", earliest, 0, 0, 0, "hit v1", earliest, true},
		{"due to the last", ttl - 1, ttl - 1, 0, secret.Unavailable, "hit v1", ttl - 1, true},

		{"expired, AWS answers", ttl, ttl, 0, 0, "miss v2", 0, true},
		{"expired, AWS fails", ttl, ttl, 0, secret.Unavailable, "stale v1", ttl, true},
		{"expired, throttled", ttl, ttl, 0, secret.Throttled, "stale v1", ttl, true},
		{"expired, no credentials", ttl, ttl, 0, secret.Credentials, "stale v1", ttl, true},
		{"expired, timeout", ttl, ttl, 0, secret.Timeout, "stale v1", ttl, true},
		{"expired, an answer that cannot be read", ttl, ttl, 0, secret.BadAnswer, "stale v1", ttl, true},
		{"expired, denied for the first time", ttl, ttl, 0, secret.Denied, "stale v1", ttl, true},
		{"expired, rejected", ttl, ttl, 0, secret.Rejected, "stale v1", ttl, true},
		{"expired, not found", ttl, ttl, 0, secret.NotFound, "miss NotFound", 0, true},
		{"stale to the last", over - 1, over - 1, 0, secret.Unavailable, "stale v1", over - 1, true},

		{"too old, AWS answers", over, over, 0, 0, "miss v2", 0, true},
		{"too old, AWS fails", over, over, 0, secret.Unavailable, "miss Expired", 0, true},
		{"too old, denied", over, over, 0, secret.Denied, "miss AccessDenied", 0, true},
		{"too old, rejected", over, over, 0, secret.Rejected, "miss Rejected", 0, true},
		{"too old, not found", over, over, 0, secret.NotFound, "miss NotFound", 0, true},
		{"too old by the wall clock", over, time.Second, 0, secret.Timeout, "miss Expired", 0, true},
		{"too old by the monotonic clock", time.Second, over, 0, secret.Timeout, "miss Expired", 0, true},

		{"wall clock an hour on, AWS answers", time.Hour, 0, 0, 0, "miss v2", 0, true},
		{"wall clock an hour on, AWS fails", time.Hour, 0, 0, secret.Unavailable, "stale v1", time.Hour, true},
		{"wall clock an hour back, AWS answers", -time.Hour, 0, 0, 0, "miss v2", 0, true},
		{"wall clock an hour back, AWS fails", -time.Hour, 0, 0, secret.Unavailable, "stale v1", 0, true},
		{"wall clock an hour back after a minute", time.Minute - time.Hour, time.Minute, 0, secret.Unavailable, "stale v1", time.Minute, true},
		{"wall clock an hour back, too old by the other", -time.Hour, over, 0, secret.Unavailable, "miss Expired", 0, true},
		{"wall clock a second back", -time.Second, 0, 0, 0, "hit v1", 0, false},
		{"wall clock stands still, AWS fails", 0, time.Hour, 0, secret.Unavailable, "stale v1", time.Hour, true},
		{"wall clock stands still, AWS answers", 0, time.Hour, 0, 0, "miss v2", 0, true},
		{"monotonic clock stands still, AWS fails", time.Hour, 0, 0, secret.Unavailable, "stale v1", time.Hour, true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			aged := func(t *testing.T) *fixture {
				f := start(t, bounded, func(c *cache.Config) { c.Random = func() float64 { return tt.random } })
				f.instant().set(found(db, "v1"))
				check(t, "the first read", f.get(db), "miss v1")
				f.aws.reply = replies{db: found(db, "v2")}.reply
				if tt.fails != 0 {
					f.aws.reply = replies{db: failed(db, tt.fails)}.reply
				}
				f.clock.step(tt.wall, tt.mono)
				return f
			}
			synctest.Test(t, func(t *testing.T) {
				f := aged(t)
				r := f.read(db, false)
				check(t, "the read", r.got(), tt.want)
				check(t, "its age", r.answer.Age, tt.age)
				calls := 2
				if tt.want == "hit v1" {
					calls = 1
				}
				check(t, "calls", f.aws.count(), calls)
			})
			synctest.Test(t, func(t *testing.T) {
				f := aged(t)
				batch := f.Refresh()
				check(t, "Refresh has begun something", batch != nil, tt.due)
				if batch != nil {
					batch.Wait(t.Context())
					check(t, "what it asked for", f.aws.call(1).names(), db.ID)
				}
			})
		})
	}
}

// What is declared may be due later or earlier than its service's TTL says.
func TestDueByDeclaredTTL(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := start(t, func(c *cache.Config) {
			c.Random = func() float64 { return 0 }
			c.Declared = map[secret.Key]cache.Declaration{
				a: {TTL: 100 * time.Second, HasTTL: true}, b: {TTL: time.Hour, HasTTL: true}}
		})
		f.instant().set(found(a, "v1"), found(b, "v1"))
		f.Begin([]secret.Key{a, b}, nil).Wait(t.Context())
		f.clock.tick(70*time.Second - 1)
		check(t, "due before the time", f.refreshed(), "")
		f.clock.tick(1)
		check(t, "due", f.get(a)+" "+f.refreshed(), "hit v1 a")
		f.clock.tick(42*time.Minute - 71*time.Second)
		check(t, "reads", f.get(a)+" "+f.get(b), "miss v1 hit v1")
		check(t, "due before the time of the other", f.refreshed(), "")
		f.clock.tick(time.Second)
		check(t, "due", f.refreshed(), "b")
	})
}

// That an optional secret is not there is served past its TTL as a value is.
func TestAbsenceGrowsStale(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := start(t, bounded, func(c *cache.Config) {
			c.Declared = map[secret.Key]cache.Declaration{db: {Optional: true}}
		})
		aws := f.instant()
		check(t, "a read", f.get(db), "miss NotFound")
		f.clock.tick(ttl)
		aws.set(failed(db, secret.Throttled))
		check(t, "a read while AWS fails", f.get(db), "stale NotFound")
		f.clock.tick(maxStale)
		check(t, "a read past the bound", f.get(db), "miss Expired")
		aws.set(found(db, "v1"))
		f.clock.tick(time.Second)
		check(t, "a read when AWS is well again", f.get(db), "miss v1")
	})
}

// A TTL shorter than AWS takes: every value is expired when it comes. Readers of
// the call get it, others what is stale, and each call answers all who wait.
func TestTTLShorterThanACall(t *testing.T) {
	t.Parallel()
	short := func(c *cache.Config) { c.TTL = map[secret.Service]time.Duration{secret.SecretsManager: time.Second} }
	tests := []struct {
		name   string
		config func(*cache.Config)
		second string // of a reader while the second call takes its two seconds
	}{
		{"stale is served", func(c *cache.Config) { short(c); bounded(c) }, "stale v1"},
		{"nothing stale is served", short, "miss v2"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				f := start(t, tt.config)
				f.aws.takes = func(secret.Key) time.Duration { return 2 * time.Second }
				f.instant().set(found(db, "v1"))
				first, joined := f.read(db, false), f.read(db, false)
				<-first.done
				check(t, "the first reader", first.got(), "miss v1")
				check(t, "its age", first.answer.Age, 2*time.Second)
				check(t, "the one that joined", joined.got(), "wait v1")
				f.aws.reply = replies{db: found(db, "v2")}.reply
				second := f.read(db, false)
				<-second.done
				check(t, "the second reader", second.got(), tt.second)
				f.clock.tick(2 * time.Second)
				check(t, "calls", f.aws.count(), 2)
				check(t, "Idle", f.Idle(), true)
			})
		})
	}
}
