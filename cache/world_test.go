package cache_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"time"

	"larder/cache"
	"larder/secret"
)

// world is an AWS whose secrets change at random. A secret that is deleted and
// made anew gets another of its ARNs.
type world struct {
	rand    *rand.Rand
	secrets []made
	last    secret.Key // that anyKey has returned
	serial  int
}

// made is one secret of a world.
type made struct {
	name  secret.Key
	arns  []secret.Key
	arn   int    // the present one
	state string // its version, or "" if there is none
	size  int
	fails secret.Class // 0: it does not
	slow  bool
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

// anyKey returns a name, twice as often as an ARN. Often it is the one that it
// returned last: a good deal depends on what happened a moment ago.
func (w *world) anyKey() secret.Key {
	m := w.secrets[w.rand.IntN(len(w.secrets))]
	switch n := w.rand.IntN(5); {
	case n < 2 && w.last != (secret.Key{}):
	case n < 4:
		w.last = m.name
	default:
		w.last = m.arns[w.rand.IntN(len(m.arns))]
	}
	return w.last
}

// failures are the ways in which AWS fails while a secret is there. A denial is
// more frequent, as it must be repeated.
var failures = []secret.Class{
	secret.Denied, secret.Denied, secret.Denied, secret.Rejected, secret.Throttled,
	secret.Unavailable, secret.Credentials, secret.Timeout, secret.BadAnswer,
}

// change does one thing to one secret.
func (w *world) change() {
	m := &w.secrets[w.rand.IntN(len(w.secrets))]
	w.serial++
	switch w.rand.IntN(10) {
	case 0:
		m.state = ""
	case 1, 2:
		was := m.fails
		if m.fails, m.slow = 0, false; was == 0 {
			m.fails = failures[w.rand.IntN(len(failures))]
		}
	case 3:
		m.slow = true
	case 4, 5:
		if m.state == "" {
			m.arn = (m.arn + 1) % len(m.arns)
		}
		m.state, m.size, m.fails, m.slow = fmt.Sprint("v", w.serial), 10, 0, false
	default:
		if m.state != "" {
			m.state, m.size = fmt.Sprint("v", w.serial), w.rand.IntN(60)
		}
	}
}

// outage makes everything fail in a way that passes, or nothing.
func (w *world) outage() {
	class := secret.Class(0)
	if w.rand.IntN(2) == 0 {
		class = secret.Throttled
	}
	for i := range w.secrets {
		w.secrets[i].fails = class
	}
}

// of returns the secret that key may name.
func (w *world) of(key secret.Key) *made {
	i := slices.IndexFunc(w.secrets, func(m made) bool { return key == m.name || slices.Contains(m.arns, key) })
	return &w.secrets[i]
}

// takes is how long AWS needs for an answer.
func (w *world) takes(key secret.Key) time.Duration {
	if w.of(key).slow {
		return 3 * time.Second
	}
	return 0
}

// reply is what AWS says at present.
func (w *world) reply(key secret.Key) secret.Result {
	m := w.of(key)
	byARN := m.arns[m.arn]
	switch {
	case m.fails != 0:
		return failed(key, m.fails)
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
