//go:build soak

package main

import (
	"sync"
	"time"
)

// pulse notes when this machine stands still, because it has other things to do:
// by as much, what ought to happen in some time happens later.
type pulse struct {
	mu   sync.Mutex
	gaps []gap
}

// gap is a time in which nothing happened.
type gap struct{ from, to time.Time }

// beat is how often something should happen, and missed how late it is when that is
// noted.
const (
	beat   = 10 * time.Millisecond
	missed = 5 * beat
)

// feel runs until done is closed.
func (p *pulse) feel(done <-chan struct{}) {
	beats := time.NewTicker(beat)
	defer beats.Stop()
	for last := time.Now(); ; {
		select {
		case <-done:
			return
		case <-beats.C:
		}
		now := time.Now()
		if now.Sub(last) > missed {
			p.mu.Lock()
			p.gaps = append(p.gaps, gap{last, now})
			p.mu.Unlock()
		}
		last = now
	}
}

// lost returns for how long the machine stood still around some time.
func (p *pulse) lost(from, to time.Time) time.Duration {
	p.mu.Lock()
	defer p.mu.Unlock()
	var sum time.Duration
	for _, g := range p.gaps {
		if g.from.Before(to.Add(missed)) && g.to.After(from.Add(-missed)) {
			sum += g.to.Sub(g.from)
		}
	}
	return sum
}

// worst returns how often the machine stood still, and for how long at most.
func (p *pulse) worst() (times int, longest time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, g := range p.gaps {
		longest = max(longest, g.to.Sub(g.from))
	}
	return len(p.gaps), longest
}
