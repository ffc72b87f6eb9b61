// Package cache keeps what AWS answered for as long as it is fresh. It decides
// when a read is served from memory, when it waits and for which call, and what
// an outcome changes. It knows nothing of AWS or HTTP: it is given a Fetch and a
// clock.
package cache

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"github.com/hashicorp/golang-lru/v2/simplelru"

	"larder/internal/jitter"
	"larder/secret"
)

// Config is what a cache needs.
type Config struct {
	// Fetch asks AWS. Required.
	Fetch secret.Fetch
	// Clock tells the time; nil means the machine's.
	Clock Clock
	// Random returns a number from 0, included, to 1; nil means the machine's
	// randomness.
	Random func() float64
	// Log gets a line when a value can no longer be refreshed, and one when it can
	// again; nil discards them.
	Log *slog.Logger
	// TTL is how long a record of each service is fresh. A service that is not in
	// the map, or has 0, is not cached.
	TTL map[secret.Service]time.Duration
	// MaxStale is how long past its TTL a record may still be served while AWS
	// fails; 0 means never.
	MaxStale time.Duration
	// Entries bounds the number of entries; 0 means that nothing is cached.
	Entries int
	// Bytes bounds the sum of the entries' sizes; a record that is larger than the
	// bound is served and not kept. 0 keeps only what is declared.
	Bytes int
	// Declared are the keys that the function declares. Their entries are never
	// evicted; they count towards both bounds, and may exceed them.
	Declared map[secret.Key]Declaration
	// Ephemeral keeps nothing at all until Keep is called.
	Ephemeral bool
}

// Declaration is what the function says about a key that it declares.
type Declaration struct {
	// TTL replaces the service's TTL if HasTTL is set; 0 keeps nothing.
	TTL time.Duration
	// HasTTL tells a TTL of 0 from none.
	HasTTL bool
	// Optional keeps the key's absence for the TTL, as if it were a value.
	Optional bool
}

// Cache is safe for use by many goroutines. No lock is held while AWS is asked.
type Cache struct {
	config Config
	root   context.Context // of every call; ended by Close
	stop   context.CancelFunc
	calls  sync.WaitGroup

	mu        sync.Mutex
	closed    bool
	ephemeral bool
	dueAt     float64               // the share of its TTL after which an entry is due
	invoked   bool                  // Refresh has been called
	index     map[secret.Key]*entry // every key that leads to an entry
	recent    *simplelru.LRU[*entry, struct{}]
	entries   int // in the index, pinned ones included
	bytes     int // their sizes
	pinned    int // the sizes of the pinned ones
	flights   map[secret.Key]*underWay
	lastSeq   uint64
	left      map[secret.Key]uint64 // by what call a key was known that is not in the index any more
	failures  map[secret.Key]failure
	late      map[secret.Key]bool    // declared keys without an entry, of which AWS may have one: see lateLocked
	parts     map[secret.Key]*part   // of declared trees that are not whole
	forced    map[secret.Key]Instant // when the latest forced calls began
	notices   []func()               // log lines that wait for mu to be free
}

// New returns an empty cache. Close must be called when it is no longer needed.
func New(config Config) *Cache {
	if config.Clock == nil {
		config.Clock = SystemClock()
	}
	if config.Random == nil {
		config.Random = func() float64 { return jitter.Between(0, 1) }
	}
	if config.Log == nil {
		config.Log = slog.New(slog.DiscardHandler)
	}
	root, stop := context.WithCancel(context.Background())
	c := &Cache{
		config:    config,
		root:      root,
		stop:      stop,
		ephemeral: config.Ephemeral,
		index:     make(map[secret.Key]*entry),
		recent:    newRecent(),
		flights:   make(map[secret.Key]*underWay),
		left:      make(map[secret.Key]uint64),
		failures:  make(map[secret.Key]failure),
		late:      make(map[secret.Key]bool),
		parts:     make(map[secret.Key]*part),
		forced:    make(map[secret.Key]Instant),
	}
	c.drawLocked()
	return c
}

// Keep ends Config.Ephemeral. What was drawn at random is drawn anew: the process
// may be one of many that were restored from one snapshot. What is declared does
// not count as read by the first Refresh any more: it is fetched anew now.
func (c *Cache) Keep() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.ephemeral, c.invoked = false, true
	c.drawLocked()
}

// How tells where an answer came from.
type How uint8

// The ways to an answer.
const (
	Hit   How = iota + 1 // from memory
	Wait                 // from a call that was already under way
	Miss                 // from a call that this read started
	Stale                // from memory, past its TTL, because AWS fails or takes long
)

// String returns hit, wait, miss or stale.
func (h How) String() string {
	switch h {
	case Hit:
		return "hit"
	case Wait:
		return "wait"
	case Miss:
		return "miss"
	case Stale:
		return "stale"
	}
	return "none"
}

// Answer is what a read gets.
type Answer struct {
	// Record is what AWS said; nil with an error.
	Record *secret.Record
	// Age is the time since AWS was asked; 0 with an error, unless that is an absence
	// that is stale.
	Age time.Duration
	// How tells where the answer came from, also for an error.
	How How
}

// Get returns what key names: from memory while that is fresh, else from a call
// to AWS, of which there is at most one for a key however many ask. While AWS
// fails or takes long, the old value is served for Config.MaxStale.
//
// With force it is answered by a call that began after Get did, or by that call's
// failure: never by an older value.
//
// A call is detached from the reader that started it: ctx ends the wait, not the
// call. The error is a *secret.Error, or ctx's.
func (c *Cache) Get(ctx context.Context, key secret.Key, force bool) (Answer, error) {
	if force {
		r := c.Force(ctx, []secret.Key{key})[0]
		return r.Answer, r.Err
	}
	c.mu.Lock()
	if answer, err, ok := c.recallLocked(key); ok {
		c.mu.Unlock()
		return answer, err
	}
	f, how := c.joinLocked(key)
	patience := c.patienceLocked(key, f)
	c.mu.Unlock()
	if patience != nil {
		defer patience.Stop()
	}

	switch err := c.wait(ctx, f, patience); {
	case err == errImpatient:
		return c.instead(ctx, key, nil, how)
	case err != nil:
		return Answer{How: how}, err
	case f.reply.Err != nil:
		return c.instead(ctx, key, f.reply.Err, how)
	case c.outlived(f):
		return c.Get(ctx, key, false)
	}
	return c.answer(f.reply, how)
}

// outlived reports whether a call took so long that what a later one had brought
// meanwhile, which is its readers' answer, has expired.
func (c *Cache) outlived(f *flight) bool {
	ttl := c.ttl(f.key)
	return f.late && f.reply.Err == nil && ttl > 0 && passed(f.reply.sent, c.config.Clock.Now(), ttl)
}

// answer is what a call has brought.
func (c *Cache) answer(r reply, how How) (Answer, error) {
	age, _ := age(r.sent, c.config.Clock.Now())
	return r.answer(age, how)
}

// Outcome is what a call brought for one key: exactly one of the two.
type Outcome struct {
	// Record is what AWS said.
	Record *secret.Record
	// Err is why there is no record.
	Err *secret.Error
}

func (o Outcome) answer(age time.Duration, how How) (Answer, error) {
	switch {
	case o.Err == nil:
		return Answer{Record: o.Record, Age: age, How: how}, nil
	case how == Stale:
		return Answer{Age: age, How: how}, o.Err
	}
	return Answer{How: how}, o.Err
}

// Pinned returns the size of the declared entries, which no eviction makes
// smaller, and Config.Bytes, which it may exceed.
func (c *Cache) Pinned() (size, bound int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.pinned, c.config.Bytes
}

// Close cancels every call, waits for them, and drops the values. Reads that
// wait get an error of class Canceled.
func (c *Cache) Close() {
	c.stop()
	c.mu.Lock()
	c.closed = true
	for key := range c.flights {
		c.launchQueuedLocked([]secret.Key{key}) // to its end: nothing else would come
	}
	c.mu.Unlock()
	c.calls.Wait()
	c.mu.Lock()
	defer c.mu.Unlock()
	clear(c.index)
	clear(c.failures)
	clear(c.parts)
	c.recent = newRecent()
	c.entries, c.bytes, c.pinned = 0, 0, 0
}
