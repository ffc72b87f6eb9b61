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
	if !m.config.DeclaredOnly || m.declared(key) {
		return nil
	}
	if err := await(ctx, m.settled); err != nil {
		return err
	}
	if m.declared(key) {
		return nil
	}
	return &secret.Error{
		Class: secret.Undeclared, Key: key,
		Message: fmt.Sprintf("LARDER_DECLARED_ONLY is on and nothing declares it: add %s to %s", key, PrefetchVariable),
	}
}

func (m *Manifest) declared(key secret.Key) bool {
	key = asDeclared(key)
	if m.has(key) || slices.ContainsFunc(m.trees, func(tree secret.Key) bool { return tree.Covers(key) }) {
		return true
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.arns[key]
}

// learn notes the ARN of a declared key.
func (m *Manifest) learn(key secret.Key, r *secret.Record) {
	if m.config.DeclaredOnly && r.ARN != "" {
		key.ID = r.ARN
		m.mu.Lock()
		defer m.mu.Unlock()
		m.arns[key] = true
	}
}
