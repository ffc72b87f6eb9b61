package manifest

import (
	"context"
	"errors"
	"time"

	"larder/cache"
	"larder/secret"
)

// firstFor bounds the life of first. With provisioned concurrency hours may pass
// between init and the first INVOKE; ten seconds are what Lambda gives init
// otherwise.
const firstFor = 10 * time.Second

// open notes what Prefetch fetches for the first reading, unless the runtime has
// started already.
func (m *Manifest) open(batch *cache.Batch) {
	if !m.init.has(settled) {
		m.mu.Lock()
		defer m.mu.Unlock()
		m.first, m.firstUntil = batch, time.Now().Round(0).Add(firstFor)
	}
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

// readBatch returns what a batch brings for key and the cache does not keep, else what
// Get does. What fails in a way that passes is asked for again, but not during init:
// there Prefetch has asked again until its end, for which Lambda's init waits.
func (m *Manifest) readBatch(ctx context.Context, batch *cache.Batch, during bool, key secret.Key) (cache.Answer, error) {
	answer, err, ok := batch.Answer(ctx, key)
	e := failure(err)
	switch {
	case ctx.Err() != nil:
		return answer, ctx.Err()
	case !ok, e != nil && !during && m.passes(e):
		return m.get(ctx, key, false)
	case e != nil && e.Class == secret.Canceled: // by the end of Prefetch
		err = late(key)
	}
	return answer, m.hold(ctx, key, err)
}

func failure(err error) *secret.Error {
	e, _ := errors.AsType[*secret.Error](err)
	return e
}
