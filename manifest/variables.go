package manifest

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"

	"larder/cache"
	"larder/secret"
)

// Variable is a declared environment variable with its value.
type Variable struct {
	// Declaration names the variable and what it stands for.
	Declaration
	// Value is the value; empty with an error.
	Value secret.Value
	// Answer is where the value came from.
	Answer cache.Answer
}

// Variable returns the value of one declared variable. The error is a
// *VariableError, or ctx's, or a *secret.Error of class NotFound when no variable
// of that name declares anything.
func (m *Manifest) Variable(ctx context.Context, name string, demand Demand) (Variable, error) {
	for _, d := range m.config.Declarations {
		if d.IsVariable() && d.Variable == name {
			answer, value, err := m.Value(ctx, d.Reference, d.Key, demand)
			if e, ok := errors.AsType[*secret.Error](err); ok {
				err = &VariableError{Variable: name, Err: e}
			}
			return Variable{Declaration: d, Value: value, Answer: answer}, err
		}
	}
	return Variable{}, &secret.Error{
		Class: secret.NotFound, Message: "no environment variable of that name holds a reference",
	}
}

// Variables returns all declared variables that have a value, in the order of
// their names, from one reading, and the names of those that have none and need
// none: their optional secret is absent, or it cannot be had and the manifest only
// warns. Otherwise the error joins a *VariableError for each.
//
// The first reading, which is that of the function's start, gets what Prefetch
// brings, also where nothing is cached, and no later than Prefetch ends; unless it
// is to be as of now. Demand.Seen is the Version of another reading.
func (m *Manifest) Variables(ctx context.Context, demand Demand) (values []Variable, absent []string, err error) {
	if err := m.init.await(ctx, fetching); err != nil {
		return nil, nil, err
	}
	readings := make(map[secret.Key]cache.Reply) // one of each: two fields of a secret are of one version
	for _, d := range m.config.Declarations {
		if d.IsVariable() {
			readings[d.Key] = cache.Reply{}
		}
	}
	first := m.takeFirst()
	if demand.Now {
		m.readNow(ctx, readings)
	} else {
		m.readAll(ctx, readings, first)
	}
	values, absent, err = m.pickAll(ctx, readings)
	if err != nil || demand.Now || demand.Seen == "" || demand.Seen != Version(values) {
		return values, absent, err
	}
	m.readNow(ctx, readings)
	return m.pickAll(ctx, readings)
}

// readAll reads what the variables stand for. first is what Prefetch fetches, for the
// first reading.
func (m *Manifest) readAll(ctx context.Context, readings map[secret.Key]cache.Reply, first *cache.Batch) {
	during := first != nil && !m.init.has(settled)
	keys := slices.Collect(maps.Keys(readings))
	if first == nil { // what the cache would fetch one by one is fetched in one batch
		secret.SortKeys(keys)
		first = m.config.Cache.Start(keys)
	}
	replies := make([]cache.Reply, len(keys))
	var wg sync.WaitGroup
	for i, key := range keys {
		wg.Go(func() {
			r := &replies[i]
			r.Answer, r.Err = m.readBatch(ctx, first, during, key)
			if first.Began(key) && r.Answer.How != cache.Stale {
				r.Answer.How = cache.Miss
			}
		})
	}
	wg.Wait()
	for i, key := range keys {
		readings[key] = replies[i]
	}
}

// readNow reads as of now, in one batch, what has not been read so already: a miss is
// as new as a forced read is.
func (m *Manifest) readNow(ctx context.Context, readings map[secret.Key]cache.Reply) {
	var keys []secret.Key
	for key, r := range readings {
		if r.Answer.How != cache.Miss {
			keys = append(keys, key)
		}
	}
	secret.SortKeys(keys)
	for i, r := range m.config.Cache.Force(ctx, keys) {
		readings[keys[i]] = r
	}
}

// pickAll picks the variables' values from what was read.
func (m *Manifest) pickAll(ctx context.Context, readings map[secret.Key]cache.Reply) (values []Variable, absent []string, err error) {
	var failed []error
	for _, d := range m.config.Declarations {
		if !d.IsVariable() {
			continue
		}
		r := readings[d.Key]
		v, err := Variable{Declaration: d, Answer: r.Answer}, r.Err
		if err == nil {
			m.learn(d.Key, r.Answer.Record)
			v.Value, err = pick(r.Answer.Record, d.Reference, d.Key)
		}
		values, failed = append(values, v), append(failed, m.hold(ctx, d.Key, err))
	}
	return m.usable(values, failed)
}

// Version stands for the versions of all variables of a reading together.
func Version(all []Variable) string {
	sum := sha256.New()
	for _, v := range all {
		fmt.Fprintf(sum, "%s %s\n", v.Declaration.Variable, v.Answer.Record.Version)
	}
	return hex.EncodeToString(sum.Sum(nil)[:16])
}

// usable sorts out what an application must not see: no value ever stands for a
// missing one.
func (m *Manifest) usable(values []Variable, failed []error) (usable []Variable, absent []string, err error) {
	var problems []error
	for i, err := range failed {
		e, _ := errors.AsType[*secret.Error](err)
		switch {
		case err == nil:
			usable = append(usable, values[i])
		case e == nil: // ctx's
			return nil, nil, err
		case e.Class == secret.NotFound && values[i].Reference.Optional, m.config.Warn:
			absent = append(absent, values[i].Variable)
		default:
			problems = append(problems, &VariableError{Variable: values[i].Variable, Err: e})
		}
	}
	return usable, absent, errors.Join(problems...)
}

// VariableError says which variable has no value, and why.
type VariableError struct {
	// Variable is its name.
	Variable string
	// Err says why there is no value.
	Err *secret.Error
}

// Error names the variable and the reason.
func (e *VariableError) Error() string { return fmt.Sprintf("%s: %v", e.Variable, e.Err) }

// Unwrap returns the reason.
func (e *VariableError) Unwrap() error { return e.Err }
