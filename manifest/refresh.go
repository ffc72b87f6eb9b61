package manifest

import (
	"context"

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

// Holding is what there is in memory for a declaration.
type Holding struct {
	// Declaration names it.
	Declaration
	// Look says what it is worth, and how old.
	cache.Look
}

// Holdings returns what there is in memory, in the order of the declarations.
func (m *Manifest) Holdings() []Holding {
	all := make([]Holding, len(m.config.Declarations))
	for i, d := range m.config.Declarations {
		all[i] = Holding{d, m.config.Cache.Look(d.Key)}
	}
	return all
}
