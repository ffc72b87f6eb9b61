package manifest

import (
	"context"
	"errors"
	"time"

	"larder/cache"
	"larder/secret"
)

// opening is a fetch for one reading of all variables.
type opening struct {
	batch *cache.Batch
	// again is Prefetch's last try for what it asked for more than once. It may be
	// looked at when that has ended.
	again map[secret.Key]*cache.Batch
}

// firstFor bounds the life of first. With provisioned concurrency hours may pass
// between init and the first INVOKE; ten seconds are what Lambda gives init
// otherwise.
const firstFor = 10 * time.Second

// open notes what Prefetch fetches for the first reading, unless the runtime has
// started already.
func (m *Manifest) open(batch *cache.Batch) *opening {
	o := &opening{batch: batch, again: make(map[secret.Key]*cache.Batch)}
	if !isDone(m.settled) {
		m.mu.Lock()
		defer m.mu.Unlock()
		m.first, m.firstUntil = o, time.Now().Round(0).Add(firstFor)
	}
	return o
}

// Invoked drops what Prefetch kept for the first reading of all variables: it was
// for the start of the runtime, which is over.
func (m *Manifest) Invoked() {
	m.takeFirst()
}

// takeFirst returns what Prefetch fetches or has fetched, once; nil afterwards.
func (m *Manifest) takeFirst() *opening {
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

// read returns what o brings for key and the cache does not keep, else what Get
// does. A failure that passes is asked for again. During init that is up to
// Prefetch, and with it the reading ends: Lambda's init waits for both.
func (m *Manifest) read(ctx context.Context, o *opening, during bool, key secret.Key) (cache.Answer, error) {
	answer, err, ok := o.batch.Answer(ctx, key)
	if during && m.passes(failure(err)) {
		if err := await(ctx, m.fetched); err != nil {
			return answer, err
		}
		if batch := o.again[key]; batch != nil {
			if a, e, found := batch.Answer(ctx, key); !cutOff(e) {
				answer, err, ok = a, e, found
			}
		}
	}
	switch {
	case ctx.Err() != nil:
		return answer, ctx.Err()
	case !ok, !during && m.passes(failure(err)):
		return m.get(ctx, key, false)
	case cutOff(err):
		err = late(key)
	}
	return answer, m.hold(ctx, key, err)
}

// cutOff reports whether a call came to nothing by the end of Prefetch.
func cutOff(err error) bool {
	e := failure(err)
	return e != nil && e.Class == secret.Canceled
}

func failure(err error) *secret.Error {
	e, _ := errors.AsType[*secret.Error](err)
	return e
}
