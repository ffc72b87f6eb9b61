package manifest

import (
	"context"
	"fmt"
	"slices"

	"larder/secret"
)

// allow refuses what is not declared, if that is asked for. That an ARN is the
// one of a declared name is known only from AWS's answer, so a read during init
// waits for it.
func (m *Manifest) allow(ctx context.Context, key secret.Key) error {
	if !m.config.DeclaredOnly || m.Declares(key) {
		return nil
	}
	if err := await(ctx, m.settled); err != nil {
		return err
	}
	if m.Declares(key) {
		return nil
	}
	return &secret.Error{
		Class: secret.Undeclared, Key: key,
		Message: fmt.Sprintf("LARDER_DECLARED_ONLY is on and nothing declares it: add %s to %s", m.reference(key), PrefetchVariable),
	}
}

// reference returns the reference that declares key.
func (m *Manifest) reference(key secret.Key) secret.Reference {
	r := key.Reference()
	if !key.IsARN() && key.Region != m.config.Region {
		r.Region = key.Region
	}
	return r
}

// Declares reports whether a reference names the key, or a tree that it lies
// beneath. Another version, Region or role than that of the reference is not
// declared with it. That an ARN is the one of a declared name is known under
// DeclaredOnly alone.
func (m *Manifest) Declares(key secret.Key) bool {
	key = asDeclared(key)
	if m.has(key) || slices.ContainsFunc(m.trees, func(tree secret.Key) bool { return tree.Covers(key) }) {
		return true
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.arns[key]
}

// learn notes the ARNs in the answer for a declared key.
func (m *Manifest) learn(key secret.Key, r *secret.Record) {
	if !m.config.DeclaredOnly {
		return
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if version, known := m.learned[key]; known && version == r.Version {
		return
	}
	m.learned[key] = r.Version
	note := func(arn string) {
		if arn != "" {
			alias := key
			alias.ID = arn
			m.arns[alias] = true
		}
	}
	note(r.ARN)
	for i := range r.Members {
		note(r.Members[i].ARN)
	}
}
