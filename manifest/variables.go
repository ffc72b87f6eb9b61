package manifest

import (
	"context"
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
// is to be as of now.
func (m *Manifest) Variables(ctx context.Context, now bool) (values []Variable, absent []string, err error) {
	if err := m.init.await(ctx, fetching); err != nil {
		return nil, nil, err
	}
	first := m.takeFirst()
	var declared []Declaration
	readings := make(map[secret.Key]*reading) // one of each: two fields of a secret are of one version
	for _, d := range m.config.Declarations {
		if d.IsVariable() {
			declared = append(declared, d)
			readings[d.Key] = new(reading)
		}
	}
	during := first != nil && !m.init.has(settled)
	if first == nil && !now { // what the cache would fetch one by one is fetched in one batch
		keys := slices.Collect(maps.Keys(readings))
		secret.SortKeys(keys)
		first = m.config.Cache.Start(keys)
	}
	var wg sync.WaitGroup
	for key, r := range readings {
		wg.Go(func() {
			if now {
				r.answer, r.err = m.get(ctx, key, true)
			} else {
				r.answer, r.err = m.readBatch(ctx, first, during, key)
				if first.Began(key) && r.answer.How != cache.Stale {
					r.answer.How = cache.Miss
				}
			}
		})
	}
	wg.Wait()
	values = make([]Variable, len(declared))
	failed := make([]error, len(declared))
	for i, d := range declared {
		r := readings[d.Key]
		values[i] = Variable{Declaration: d, Answer: r.answer}
		if failed[i] = r.err; r.err == nil {
			value, err := pick(r.answer.Record, d.Reference, d.Key)
			values[i].Value, failed[i] = value, m.hold(ctx, d.Key, err)
		}
	}
	return m.usable(declared, values, failed)
}

// reading is what all variables get that stand for fields of the same.
type reading struct {
	answer cache.Answer
	err    error
}

// usable sorts out what an application must not see: no value ever stands for a
// missing one.
func (m *Manifest) usable(declared []Declaration, values []Variable, failed []error) (usable []Variable, absent []string, err error) {
	var problems []error
	for i, err := range failed {
		e, _ := errors.AsType[*secret.Error](err)
		switch {
		case err == nil:
			usable = append(usable, values[i])
		case e == nil: // ctx's
			return nil, nil, err
		case e.Class == secret.NotFound && declared[i].Reference.Optional, m.config.Warn:
			absent = append(absent, declared[i].Variable)
		default:
			problems = append(problems, &VariableError{Variable: declared[i].Variable, Err: e})
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
