package manifest

import "context"

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
