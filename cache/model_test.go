package cache_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"larder/cache"
	"larder/secret"
)

// world is an AWS whose secrets change at random. A secret that is deleted and
// made anew gets another of its ARNs.
type world struct {
	rand    *rand.Rand
	secrets []made
	serial  int
}

// made is one secret of a world.
type made struct {
	name  secret.Key
	arns  []secret.Key
	arn   int    // the present one
	state string // its version, or "" if there is none
	size  int
	fails bool
}

func newWorld(seed uint64, names int) *world {
	w := &world{rand: rand.New(rand.NewPCG(seed, 0))}
	for i := range names {
		m := made{name: name(fmt.Sprint("n", i)), state: "v0", size: 10}
		for j := range 3 {
			m.arns = append(m.arns, arn(account, region, fmt.Sprintf("n%d-AbCde%d", i, j)))
		}
		w.secrets = append(w.secrets, m)
	}
	return w
}

// anyKey returns a name, twice as often as an ARN.
func (w *world) anyKey() secret.Key {
	m := w.secrets[w.rand.IntN(len(w.secrets))]
	if w.rand.IntN(3) > 0 {
		return m.name
	}
	return m.arns[w.rand.IntN(len(m.arns))]
}

// change does one thing to one secret.
func (w *world) change() {
	m := &w.secrets[w.rand.IntN(len(w.secrets))]
	w.serial++
	switch w.rand.IntN(8) {
	case 0:
		m.state = ""
	case 1:
		m.fails = !m.fails
	case 3, 4:
		if m.state == "" {
			m.arn = (m.arn + 1) % len(m.arns)
		}
		m.state, m.size, m.fails = fmt.Sprint("v", w.serial), 10, false
	default:
		if m.state != "" {
			m.state, m.size = fmt.Sprint("v", w.serial), w.rand.IntN(60)
		}
	}
}

// reply is what AWS says at present.
func (w *world) reply(key secret.Key) secret.Result {
	for _, m := range w.secrets {
		byARN := m.arns[m.arn]
		switch {
		case key != m.name && !slices.Contains(m.arns, key):
			continue
		case m.fails:
			return failed(key, secret.Unavailable)
		case m.state == "" || key != m.name && key != byARN:
			return failed(key, secret.NotFound)
		}
		r := sized(key, m.state, m.size)
		if key != byARN {
			r.Same = []secret.Key{byARN}
		}
		r.Record.Name, r.Record.ARN = m.name.ID, byARN.ID
		return r
	}
	panic("a key of no secret")
}

// jump moves the clock by one of the steps that a sandbox may see.
func (w *world) jump(c *clock) {
	d := time.Duration(w.rand.IntN(100)) * time.Second
	switch w.rand.IntN(10) {
	case 0:
		c.step(d, 0)
	case 1:
		c.step(0, d)
	case 2:
		c.step(-d/10, 0)
	default:
		c.tick(d / 10)
	}
}

func (w *world) declare(c *cache.Config) {
	s := w.secrets
	c.Declared = map[secret.Key]cache.Declaration{
		s[0].name:    {},
		s[1].name:    {Optional: true, TTL: time.Minute, HasTTL: true},
		s[2].arns[0]: {TTL: 30 * time.Second, HasTTL: true},
		s[2].name:    {TTL: time.Hour, HasTTL: true},
		s[3].arns[1]: {HasTTL: true},
		s[4].name:    {Optional: true},
	}
}

// model says what a cache with one reader does, in the plainest way: items in the
// order of their use, and every sum computed anew.
type model struct {
	config cache.Config
	items  []*item
}

type item struct {
	keys  []secret.Key
	words string
	size  int
	sent  cache.Instant
}

// read returns how a read ends while AWS says r.
func (m *model) read(key secret.Key, force bool, now cache.Instant, r secret.Result) string {
	it := m.find(key)
	if it != nil && !force && m.fresh(it, now) {
		m.use(it)
		return "hit " + it.words
	}
	next := &item{keys: []secret.Key{key}, sent: now}
	switch {
	case r.Err == nil:
		next.words, next.size = r.Record.Version, r.Record.Size()
		if len(r.Same) > 0 {
			it = m.find(r.Same[0])
		}
		if it != nil {
			next.keys = append(next.keys, it.keys...)
		}
		next.keys = append(next.keys, r.Same...)
	case r.Err.Class == secret.NotFound:
		next.words = "NotFound"
		if it != nil {
			m.drop(it.keys)
		}
	default:
		return "miss " + r.Err.Class.String()
	}
	m.drop(next.keys)
	if r.Err == nil || m.config.Declared[key].Optional {
		m.keep(next)
	}
	return "miss " + next.words
}

func (m *model) find(key secret.Key) *item {
	for _, it := range m.items {
		if slices.Contains(it.keys, key) {
			return it
		}
	}
	return nil
}

func (m *model) use(it *item) {
	m.items = append(slices.DeleteFunc(m.items, func(i *item) bool { return i == it }), it)
}

// drop takes keys from the items that have them, and items without keys away.
func (m *model) drop(keys []secret.Key) {
	for _, it := range slices.Clone(m.items) {
		was := m.pinned(it)
		it.keys = slices.DeleteFunc(it.keys, func(k secret.Key) bool { return slices.Contains(keys, k) })
		if was && !m.pinned(it) {
			m.use(it) // begins as the one used last
		}
	}
	m.items = slices.DeleteFunc(m.items, func(it *item) bool { return len(it.keys) == 0 })
}

func (m *model) keep(it *item) {
	if m.ttl(it) > 0 && (m.pinned(it) || it.size <= m.config.Bytes) {
		m.items = append(m.items, it)
	}
	for {
		bytes := 0
		for _, it := range m.items {
			bytes += it.size
		}
		i := slices.IndexFunc(m.items, func(it *item) bool { return !m.pinned(it) })
		if i < 0 || len(m.items) <= m.config.Entries && bytes <= m.config.Bytes {
			return
		}
		m.items = slices.Delete(m.items, i, i+1)
	}
}

func (m *model) pinned(it *item) bool {
	return slices.ContainsFunc(it.keys, func(k secret.Key) bool { _, ok := m.config.Declared[k]; return ok })
}

func (m *model) ttl(it *item) time.Duration {
	least := time.Duration(-1)
	for _, k := range it.keys {
		if d := m.config.Declared[k]; d.HasTTL && (least < 0 || d.TTL < least) {
			least = d.TTL
		}
	}
	if least < 0 {
		least = m.config.TTL[it.keys[0].Service]
	}
	return least
}

func (m *model) fresh(it *item, now cache.Instant) bool {
	wall, mono := now.Wall.Sub(it.sent.Wall), now.Mono-it.sent.Mono
	return wall >= -time.Second && wall < m.ttl(it) && mono < m.ttl(it)
}

// A random walk of one reader agrees with the model in every answer.
func TestModel(t *testing.T) {
	t.Parallel()
	for seed := range uint64(6) {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) { walkModel(t, seed) })
		})
	}
}

func walkModel(t *testing.T, seed uint64) {
	w := newWorld(seed, 12)
	m := &model{}
	f := start(t, func(c *cache.Config) {
		c.Entries, c.Bytes = 6+w.rand.IntN(6), 300+w.rand.IntN(500)
		w.declare(c)
		m.config = *c
	})
	f.aws.reply = w.reply
	how := make(map[string]int)
	for step := range 2000 {
		switch w.rand.IntN(10) {
		case 0, 1:
			w.change()
		case 2:
			w.jump(f.clock)
		default:
			key, force := w.anyKey(), w.rand.IntN(10) == 0
			want := m.read(key, force, f.clock.Now(), w.reply(key))
			got := f.read(key, force).got()
			how[got[:len("miss")]]++
			if got != want {
				t.Fatalf("step %d: read of %v (force %t) = %s, want %s", step, key, force, got, want)
			}
		}
		if err := f.Check(); err != nil {
			t.Fatalf("step %d: %v", step, err)
		}
	}
	if how["hit "] < 200 || how["miss"] < 200 {
		t.Errorf("a walk of one kind: %v", how)
	}
}
