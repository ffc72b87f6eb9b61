package manifest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"larder/cache"
	"larder/secret"
)

// Verdict is what Prefetch found out about the declarations.
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
	// Stops is set when init must not go on; Message says why.
	Stops bool
}

// Problem is a declaration that has no value.
type Problem struct {
	// Declaration says what was declared and where.
	Declaration Declaration
	// Err says why there is no value.
	Err *secret.Error
}

// String says what and why.
func (p Problem) String() string {
	e := *p.Err
	e.Key = secret.Key{Role: e.Key.Role} // the declaration names the rest
	return p.Declaration.String() + ": " + e.Error()
}

// Without returns the variables that have no value and need one, each once: for all
// of LARDER_PREFETCH that is its name.
func (v Verdict) Without() []string {
	var names []string
	for _, p := range slices.Concat(v.Missing, v.Late) {
		names = append(names, p.Declaration.Variable)
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// maxNamed bounds the problems that a message names: one line of a log holds no
// more than 256 KB.
const maxNamed = 50

// Message names what stops init.
func (v Verdict) Message() string {
	if v.TooLarge != nil {
		return v.TooLarge.Error()
	}
	var lines []string
	for _, p := range v.Missing[:min(len(v.Missing), maxNamed)] {
		lines = append(lines, p.String())
	}
	if more := len(v.Missing) - len(lines); more > 0 {
		lines = append(lines, fmt.Sprintf("and %d more", more))
	}
	return strings.Join(lines, "; ")
}

// Prefetch fetches everything that is declared, in one batch. What fails in a way
// that passes is asked for again until ctx ends. It is called once: during init, or
// after Settle where nothing may be prefetched during init.
func (m *Manifest) Prefetch(ctx context.Context) Verdict {
	keys := make([]secret.Key, len(m.config.Declarations)) // in a stable order; Begin takes each once
	for i, d := range m.config.Declarations {
		keys[i] = d.Key
	}
	batch := m.config.Cache.Begin(keys, m.passes)
	m.open(batch)
	m.init.reach(fetching)
	return m.verdict(batch.Wait(ctx))
}

// passes reports whether asking again may help while Prefetch does. The credentials
// of the environment do not change while a process lives; where Prefetch comes after
// init they come from an endpoint.
func (m *Manifest) passes(err *secret.Error) bool {
	return err.Class.Transient() && (err.Class != secret.Credentials || m.init.has(settled))
}

func (m *Manifest) verdict(outcomes map[secret.Key]cache.Outcome) Verdict {
	v := Verdict{Keys: len(m.keys)}
	for key, o := range outcomes {
		if o.Record != nil {
			v.Fetched++
			m.learn(key, o.Record)
		}
	}
	for _, d := range m.config.Declarations {
		o, known := outcomes[d.Key]
		if !known {
			o.Err = late(d.Key)
		}
		_, err := d.value(o)
		v.judge(d, err)
	}
	v.TooLarge = m.TooLarge()
	v.Stops = v.TooLarge != nil || !m.config.Warn && len(v.Missing) > 0
	return v
}

// TooLarge says so if what is declared takes more than the cache's bound, in which
// case the cache keeps nothing else. During init that is the Verdict's; secrets may
// also grow later.
func (m *Manifest) TooLarge() error {
	pinned, bound := m.config.Cache.Pinned()
	if pinned <= bound {
		return nil
	}
	return fmt.Errorf("the declared secrets take %d bytes, LARDER_CACHE_BYTES allows %d: raise it or declare less", pinned, bound)
}

// late is the failure of what had not come when the time for init was over.
func late(key secret.Key) *secret.Error {
	return &secret.Error{Class: secret.Timeout, Message: "AWS did not answer in time", Key: key}
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
