package manifest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"larder/cache"
	"larder/secret"
)

// Verdict is what prefetch found out about the declarations.
type Verdict struct {
	// Keys is how many distinct things were asked for.
	Keys int
	// Fetched is how many of them are there.
	Fetched int
	// Missing are the required secrets that cannot be had until somebody changes
	// something: they stop init, unless the manifest only warns.
	Missing []Problem
	// Late are the secrets for which AWS failed in a way that passes. Init goes on,
	// and a read asks again.
	Late []Problem
	// TooLarge is set when the declared secrets need more than the cache's bound.
	TooLarge error
}

// Problem is a declaration that has no value, and why.
type Problem struct {
	Declaration Declaration
	Err         *secret.Error
}

// String says what and why.
func (p Problem) String() string {
	e := *p.Err
	e.Key = secret.Key{} // the declaration names it
	return p.Declaration.String() + ": " + e.Error()
}

// Stops reports whether init must not go on.
func (v Verdict) Stops(warn bool) bool {
	return v.TooLarge != nil || !warn && len(v.Missing) > 0
}

// Message names all that stops init.
func (v Verdict) Message() string {
	var lines []string
	if v.TooLarge != nil {
		lines = append(lines, v.TooLarge.Error())
	}
	for _, p := range v.Missing {
		lines = append(lines, p.String())
	}
	return strings.Join(lines, "; ")
}

// Prefetch fetches everything that is declared, in one batch, until ctx ends.
func (m *Manifest) Prefetch(ctx context.Context) Verdict {
	keys := make([]secret.Key, 0, len(m.keys))
	for _, d := range m.config.Declarations { // in a stable order, each once
		if !slices.Contains(keys, d.Key) {
			keys = append(keys, d.Key)
		}
	}
	v := Verdict{Keys: len(keys)}
	batch := m.config.Cache.Begin(keys)
	m.mu.Lock()
	m.first, m.firstUntil = batch, time.Now().Round(0).Add(firstFor)
	m.mu.Unlock()
	m.begin()
	outcomes := batch.Wait(ctx)
	for _, o := range outcomes {
		if o.Record != nil {
			v.Fetched++
		}
	}
	for _, d := range m.config.Declarations {
		o, known := outcomes[d.Key]
		if !known {
			o.Err = &secret.Error{Class: secret.Timeout, Message: "AWS did not answer within LARDER_INIT_TIMEOUT", Key: d.Key}
		}
		_, err := d.value(o)
		v.judge(d, err)
	}
	if pinned := m.config.Cache.PinnedBytes(); pinned > m.config.CacheBytes {
		v.TooLarge = fmt.Errorf("the declared secrets take %d bytes, LARDER_CACHE_BYTES allows %d: raise it or declare less", pinned, m.config.CacheBytes)
	}
	return v
}

// value returns what an outcome of the declared key is worth. The error is a
// *secret.Error.
func (d Declaration) value(o cache.Outcome) (secret.Value, error) {
	if o.Err != nil {
		return secret.Value{}, o.Err
	}
	return pick(o.Record, d.Reference, d.Key)
}

func (v *Verdict) judge(d Declaration, failure error) {
	err, _ := errors.AsType[*secret.Error](failure)
	switch {
	case err == nil:
	case err.Class == secret.NotFound && d.Reference.Optional:
	case err.Class.Transient():
		v.Late = append(v.Late, Problem{d, err})
	default:
		v.Missing = append(v.Missing, Problem{d, err})
	}
}

// Invoked drops what Prefetch kept for the first reading of all variables: it
// was for the start of the runtime, which is over.
func (m *Manifest) Invoked() {
	m.takeFirst()
}

// takeFirst returns what Prefetch fetches or has fetched, once; nil afterwards.
func (m *Manifest) takeFirst() *cache.Batch {
	m.mu.Lock()
	defer m.mu.Unlock()
	first := m.first
	m.first = nil
	if time.Now().After(m.firstUntil) {
		return nil
	}
	return first
}
