package manifest

import (
	"context"
	"time"

	"larder/cache"
)

// Refresh fetches, in one batch, what is due and has been read since it was last
// fetched. It returns when that is done, or when ctx has ended and nothing of it is
// under way any more, with the number of things it has asked for and of those that
// it got.
func (m *Manifest) Refresh(ctx context.Context) (asked, got int) {
	m.mu.Lock()
	m.expireFirstLocked()
	m.mu.Unlock()
	batch := m.config.Cache.Refresh()
	if batch == nil {
		return 0, 0
	}
	outcomes := batch.Wait(ctx)
	for _, o := range outcomes {
		if o.Err == nil {
			got++
		}
	}
	return batch.Len(), got
}

// Invoked drops what Prefetch kept for the first reading of all variables: it was
// for the start of the runtime, which is over.
func (m *Manifest) Invoked() {
	m.takeFirst()
}

// takeFirst returns what Prefetch fetches or has fetched, once; nil afterwards.
func (m *Manifest) takeFirst() *cache.Batch {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.expireFirstLocked()
	first := m.first
	m.first = nil
	return first
}

func (m *Manifest) expireFirstLocked() {
	if time.Now().After(m.firstUntil) {
		m.first = nil
	}
}
