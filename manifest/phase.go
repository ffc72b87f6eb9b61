package manifest

import (
	"context"
	"sync"
)

// phase is how far init has come.
type phase uint8

const (
	opening  phase = iota // Prefetch has not begun
	fetching              // Prefetch has begun: what is declared is on its way
	settled               // it is known whether init goes on, and Lambda has been told
)

// progress is the phase that was reached, and lets others wait for one. The zero
// progress is at opening.
type progress struct {
	mu      sync.Mutex
	at      phase
	changed chan struct{} // closed when at changes; nil while nobody waits
}

// reach notes that a phase was reached. There is no way back.
func (p *progress) reach(to phase) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if to <= p.at {
		return
	}
	p.at = to
	if p.changed != nil {
		close(p.changed)
		p.changed = nil
	}
}

// has reports whether a phase was reached.
func (p *progress) has(reached phase) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.at >= reached
}

// await waits until a phase is reached, or returns why ctx has ended.
func (p *progress) await(ctx context.Context, until phase) error {
	for {
		p.mu.Lock()
		if p.at >= until {
			p.mu.Unlock()
			return nil
		}
		if p.changed == nil {
			p.changed = make(chan struct{})
		}
		changed := p.changed
		p.mu.Unlock()
		select {
		case <-changed:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}
