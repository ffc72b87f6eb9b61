package cache_test

import (
	"maps"
	"strings"
	"time"

	"larder/cache"
	"larder/secret"
)

// model says what a cache with one reader does, in the plainest way: items in the
// order of their use, every sum computed anew, and one thing after the other.
type model struct {
	*world
	config  cache.Config
	random  float64 // what Config.Random returns at present
	dueAt   float64
	now     cache.Instant
	invoked bool
	items   []*item
	failed  map[secret.Key]lapse
	late    map[secret.Key]bool
	forced  map[secret.Key]cache.Instant
	reader  *reader       // while there is one
	freeze  time.Duration // in which the next reply stands still; 0 for none

	calls []string       // what AWS was asked for, in the words of call.names
	log   []string       // in the words of fixture.logged
	seen  map[string]int // how often what is rare has happened
}

// item is an entry.
type item struct {
	keys    []secret.Key
	words   string
	size    int
	sent    cache.Instant
	reader  secret.Key
	failing pause
	cut     pause
	denied  *cache.Instant
}

// lapse is a failure that is remembered.
type lapse struct {
	class secret.Class
	at    cache.Instant
}

// pause is a back-off.
type pause struct {
	times int
	since cache.Instant
	wait  time.Duration
}

// reader is one who waits.
type reader struct {
	key      secret.Key
	how      string
	force    bool
	patience time.Duration // what is left of it; negative: for ever
	words    string        // the answer, when there is one
	age      time.Duration
}

func add(i cache.Instant, wall, mono time.Duration) cache.Instant {
	return cache.Instant{Wall: i.Wall.Add(wall), Mono: i.Mono + mono}
}

func ageOf(since, now cache.Instant) time.Duration {
	return max(now.Wall.Sub(since.Wall), now.Mono-since.Mono)
}

// over reports whether d has passed, or the wall clock was set back since.
func over(since, now cache.Instant, d time.Duration) bool {
	return ageOf(since, now) >= d || now.Wall.Sub(since.Wall) < -time.Second
}

func (p pause) over(now cache.Instant) bool { return p.times == 0 || over(p.since, now, p.wait) }

func (m *model) pause(p *pause, random float64) {
	bound := 30 * time.Second
	if p.times < 5 {
		bound = time.Second << p.times
	}
	*p = pause{p.times + 1, m.now, time.Duration(random * float64(bound))}
}

// worth returns fresh, due, stale or old for what is not served.
func (m *model) worth(it *item) string {
	switch {
	case it == nil:
		return "old"
	case over(it.sent, m.now, m.ttl(it.keys)):
		if m.config.MaxStale == 0 || ageOf(it.sent, m.now) >= m.ttl(it.keys)+m.config.MaxStale {
			return "old"
		}
		return "stale"
	case float64(ageOf(it.sent, m.now)) >= m.dueAt*float64(m.ttl(it.keys)):
		return "due"
	}
	return "fresh"
}

// read returns what a read ends with, and the age of that.
func (m *model) read(key secret.Key) (string, time.Duration) {
	m.reader = &reader{key: key, how: "miss ", patience: -1}
	it := m.find(key)
	if it != nil {
		it.reader = key
		m.use(it)
	}
	worth, keys := m.worth(it), []secret.Key{key}
	switch {
	case worth == "fresh" || worth == "due":
		m.tell("hit "+it.words, it.sent)
	case worth == "stale" && !it.failing.over(m.now):
		m.tell("stale "+it.words, it.sent)
	case worth == "old" && m.remembers(key):
		m.seen["remembered"]++
		m.reader.how = "hit "
		m.refuse(m.failed[key].class)
	default:
		if worth == "stale" {
			m.reader.patience = 500 * time.Millisecond
		}
		if it != nil && m.pinned(it) {
			keys = append(keys, ordered(m.due(it))...)
			m.seen["batch of a reader"] += len(keys) - 1
		} else if m.late[key] {
			keys = append(keys, ordered(append(m.due(new(item)), m.lateBesides(key)...))...)
			m.seen["batch of what is late"] += len(keys) - 1
		}
		m.call(keys, -1)
	}
	return m.reader.words, m.reader.age
}

// force is read with force.
func (m *model) force(key secret.Key) (string, time.Duration) {
	if latest, ok := m.forced[key]; ok && !over(latest, m.now, time.Second) {
		m.seen["forced, and limited"]++
		m.pass(time.Second - ageOf(latest, m.now))
	}
	m.forces(key)
	m.reader = &reader{key: key, how: "miss ", force: true, patience: -1}
	m.call([]secret.Key{key}, -1)
	return m.reader.words, m.reader.age
}

func (m *model) forces(key secret.Key) {
	maps.DeleteFunc(m.forced, func(_ secret.Key, at cache.Instant) bool { return over(at, m.now, time.Second) })
	m.forced[key] = m.now
}

// refresh is Refresh and the Wait for it, which ends after budget unless that is
// negative.
func (m *model) refresh(budget time.Duration) {
	m.reader = nil
	keys := ordered(m.due(nil))
	m.invoked = true
	if len(keys) > 0 {
		m.seen["refreshed"]++
		m.call(keys, budget)
	}
}

// call asks AWS for keys, of which the reader waits for the first.
func (m *model) call(keys []secret.Key, budget time.Duration) {
	m.calls = append(m.calls, (&call{keys: keys}).names())
	sent, again := m.now, false
	for i, key := range keys {
		takes := m.takes(key)
		if budget >= 0 && takes > budget {
			m.pass(budget)
			m.cut(keys[i:])
			break
		}
		if budget >= 0 {
			budget -= takes
		}
		m.pass(takes)
		r := m.reply(key)
		if m.freeze > 0 {
			r.Frozen = true
			m.now = add(m.now, m.freeze, 0)
			m.freeze = 0
			worthless := r.Err == nil && over(sent, m.now, m.ttl([]secret.Key{key})) || r.Err != nil && r.Err.Class.Transient()
			if again = worthless && m.waits(key); again {
				continue
			}
		}
		m.land(r, sent)
	}
	if again && m.waits(keys[0]) {
		m.seen["frozen, and asked again"]++
		if m.reader.force {
			m.forces(keys[0])
		}
		m.call(keys[:1], -1)
	}
}

func (m *model) cut(keys []secret.Key) {
	for _, key := range keys {
		if it := m.find(key); it != nil {
			m.seen["cut"]++
			m.pause(&it.cut, (1+m.random)/2)
		}
		m.noteLate(key)
	}
}

// pass lets d pass. A reader may lose patience meanwhile.
func (m *model) pass(d time.Duration) {
	r := m.reader
	if r != nil && r.words == "" && r.patience >= 0 && r.patience <= d {
		m.now = add(m.now, r.patience, r.patience)
		d -= r.patience
		r.patience = -1
		it := m.find(r.key)
		if m.seen["impatient"]++; !m.instead(it) { // it asks again, and joins its own call
			m.seen["impatient in vain"]++
			r.how = "wait "
			if it != nil {
				it.reader = r.key
				m.use(it)
			}
		}
	}
	m.now = add(m.now, d, d)
}

// land applies a result and tells the reader.
func (m *model) land(r secret.Result, sent cache.Instant) {
	waits := m.waits(r.Key)
	m.apply(r, sent, waits)
	switch {
	case !waits:
	case r.Err == nil:
		m.tell(m.reader.how+r.Record.Version, sent)
	case m.reader.force:
		m.reader.words = "miss " + r.Err.Class.String()
	default:
		m.refuse(r.Err.Class)
	}
}

func (m *model) waits(key secret.Key) bool {
	return m.reader != nil && m.reader.words == "" && m.reader.key == key
}

func (m *model) tell(words string, sent cache.Instant) {
	m.reader.words, m.reader.age = words, ageOf(sent, m.now)
	if strings.HasSuffix(words, "NotFound") && !strings.HasPrefix(words, "stale") {
		m.reader.age = 0 // an absence has none
	}
}

// refuse tells the reader of a failure, if there is nothing to serve instead.
func (m *model) refuse(class secret.Class) {
	it := m.find(m.reader.key)
	switch {
	case m.instead(it):
	case it != nil && class.Transient():
		m.reader.words = m.reader.how + "Expired"
	default:
		m.reader.words = m.reader.how + class.String()
	}
}

// instead serves the reader what is there, if it may, and reports whether.
func (m *model) instead(it *item) bool {
	switch m.worth(it) {
	case "old":
		return false
	case "stale":
		m.tell("stale "+it.words, it.sent)
	default: // the wall clock was set back, and has come up to where it was
		m.tell(m.reader.how+it.words, it.sent)
	}
	return true
}
