package cache_test

import (
	"maps"
	"slices"
	"strings"
	"time"

	"larder/cache"
	"larder/secret"
)

// The model's side of what an outcome changes.

// apply stores a result, for which a reader waits or not.
func (m *model) apply(r secret.Result, sent cache.Instant, waits bool) {
	it := m.find(r.Key)
	next := &item{sent: sent}
	if waits {
		next.reader = r.Key
	}
	if r.Err != nil {
		if !r.Frozen {
			m.fail(r.Key, r.Err.Class)
		}
		if r.Err.Class != secret.NotFound {
			return
		}
		if it != nil {
			m.drop(it.keys)
		}
		if !m.config.Declared[r.Key].Optional {
			return
		}
		next.words, next.keys = "NotFound", []secret.Key{r.Key}
	} else {
		next.words, next.size = r.Record.Version, r.Record.Size()
		if len(r.Same) > 0 {
			it = m.find(r.Same[0])
		}
		if it != nil {
			next.keys = slices.Clone(it.keys)
		}
		for _, k := range append([]secret.Key{r.Key}, r.Same...) {
			if !slices.Contains(next.keys, k) {
				next.keys = append(next.keys, k)
			}
		}
		m.replaced(it, next.keys)
		if it != nil && it.failing.times > 0 {
			m.log = append(m.log, "INFO "+next.keys[0].String())
		}
	}
	for _, k := range next.keys {
		delete(m.failed, k)
		delete(m.late, k)
	}
	m.drop(next.keys)
	m.keep(next)
}

// replaced drops the items whose secret has lost one of keys to another, it.
func (m *model) replaced(it *item, keys []secret.Key) {
	for _, old := range slices.Clone(m.items) {
		if old == it || !slices.ContainsFunc(keys, func(k secret.Key) bool { return slices.Contains(old.keys, k) }) {
			continue
		}
		if old.failing.times > 0 {
			m.log = append(m.log, "INFO "+old.keys[0].String())
		}
		m.drop(old.keys)
	}
}

func (m *model) fail(key secret.Key, class secret.Class) {
	maps.DeleteFunc(m.failed, func(_ secret.Key, l lapse) bool { return over(l.at, m.now, time.Second) })
	m.failed[key] = lapse{class, m.now}
	delete(m.late, key)
	if class.Transient() {
		m.noteLate(key)
	}
	it := m.find(key)
	if it == nil || class == secret.NotFound {
		return
	}
	if class == secret.Denied {
		if it.denied == nil {
			first := m.now
			it.denied = &first
		} else if over(*it.denied, m.now, 5*time.Second) {
			m.seen["denied for good"]++
			m.drop(it.keys)
			return
		}
	}
	if it.failing.times == 0 {
		m.log = append(m.log, "WARN "+it.keys[0].String())
	}
	m.pause(&it.failing, m.random)
}

// due returns the keys of the loop's batch, or of that of a reader of besides, which is
// not among them.
func (m *model) due(besides *item) []secret.Key {
	var keys []secret.Key
	for _, it := range m.items {
		key := it.reader
		if key == (secret.Key{}) && !m.invoked {
			if i := slices.IndexFunc(it.keys, m.declared); i >= 0 {
				key = it.keys[i]
			}
		}
		if worth := m.worth(it); it == besides || worth == "fresh" || !it.failing.over(m.now) || besides == nil && !it.cut.over(m.now) {
			continue
		}
		if slices.Contains(it.keys, key) {
			keys = append(keys, key)
		}
	}
	return keys
}

// lateBesides returns what is late and has not failed just now, without key.
func (m *model) lateBesides(key secret.Key) []secret.Key {
	var keys []secret.Key
	for k := range m.late {
		if k != key && !m.remembers(k) {
			keys = append(keys, k)
		}
	}
	return keys
}

// noteLate notes that key would be there if AWS had had time for it.
func (m *model) noteLate(key secret.Key) {
	if m.declared(key) && m.find(key) == nil && m.ttl([]secret.Key{key}) > 0 {
		m.late[key] = true
	}
}

func ordered(keys []secret.Key) []secret.Key {
	slices.SortFunc(keys, func(a, b secret.Key) int { return strings.Compare(a.String(), b.String()) })
	return keys
}

func (m *model) remembers(key secret.Key) bool {
	l, ok := m.failed[key]
	return ok && !over(l.at, m.now, time.Second)
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
	keys = slices.Clone(keys)
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
	if m.ttl(it.keys) > 0 && (m.pinned(it) || it.size <= m.config.Bytes) {
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
		m.seen["evicted"]++
		m.items = slices.Delete(m.items, i, i+1)
	}
}

func (m *model) declared(key secret.Key) bool {
	_, ok := m.config.Declared[key]
	return ok
}

func (m *model) pinned(it *item) bool { return slices.ContainsFunc(it.keys, m.declared) }

func (m *model) ttl(keys []secret.Key) time.Duration {
	least := time.Duration(-1)
	for _, k := range keys {
		if d := m.config.Declared[k]; d.HasTTL && (least < 0 || d.TTL < least) {
			least = d.TTL
		}
	}
	if least < 0 {
		least = m.config.TTL[keys[0].Service]
	}
	return least
}
