package source

import (
	"sync"
	"time"

	"larder/secret"
)

const (
	// resumeFor is how long after its first page a tree is read on: as long as values
	// are fresh by default. Then it is read anew.
	resumeFor = 5 * time.Minute
	// maxReadings bounds the trees that are kept to be read on, as requests may name any.
	maxReadings = 16
)

// reading is a tree as far as it has come.
type reading struct {
	began   instant // when its first page was asked for
	members []secret.Record
	pages   int
	seen    pageTokens
	next    *string // nil before the first page and after the last one
}

// add takes one more page.
func (r *reading) add(p page) *secret.Error {
	if p.next != nil {
		if failure := r.seen.add(*p.next); failure != nil {
			r.members = nil // it would end like this again
			return failure
		}
	}
	r.members, r.next = append(r.members, p.members...), p.next
	r.pages++
	return nil
}

// readings are the trees that a try has left unfinished.
type readings struct {
	clock clock

	mu   sync.Mutex
	open map[secret.Key]*reading
}

// take returns the reading to go on with, which is the caller's now, and how long ago
// it began; 0 for one that begins.
func (rs *readings) take(k secret.Key) (r *reading, older time.Duration) {
	rs.mu.Lock()
	defer rs.mu.Unlock()
	r = rs.open[k]
	delete(rs.open, k)
	if r == nil || rs.clock.since(r.began) >= resumeFor {
		return rs.anew(), 0
	}
	return r, max(1, rs.clock.since(r.began))
}

func (rs *readings) anew() *reading {
	return &reading{began: rs.clock.now(), seen: make(pageTokens)}
}

// keep leaves a reading to the next try.
func (rs *readings) keep(k secret.Key, r *reading) {
	rs.mu.Lock()
	defer rs.mu.Unlock()
	for old, other := range rs.open {
		if rs.clock.since(other.began) >= resumeFor {
			delete(rs.open, old)
		}
	}
	if other := rs.open[k]; len(rs.open) < maxReadings && (other == nil || len(other.members) < len(r.members)) {
		set(&rs.open, k, r)
	}
}
