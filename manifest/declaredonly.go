package manifest

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"

	"larder/cache"
	"larder/secret"
)

// allow refuses what is not declared, if that is asked for. That an ARN is the
// one of a declared name is known only from AWS's answer, so a read during init
// waits for it, and a later one asks where that has not come.
func (m *Manifest) allow(ctx context.Context, key secret.Key) error {
	if !m.config.DeclaredOnly || m.Declares(key) {
		return nil
	}
	if err := m.init.await(ctx, settled); err != nil {
		return err
	}
	err := m.inquire(ctx, key)
	switch {
	case m.Declares(key):
		return nil
	case err != nil:
		return err
	}
	return &secret.Error{
		Class: secret.Undeclared, Key: key,
		Message: fmt.Sprintf("LARDER_DECLARED_ONLY is on and nothing declares it: add %s to %s", m.reference(key), PrefetchVariable),
	}
}

// inquire reads what is declared by a name that an ARN may be of. The answer, which
// mostly is in memory, shows the ARN. What AWS does not have has none.
func (m *Manifest) inquire(ctx context.Context, key secret.Key) (err error) {
	for _, name := range key.Names() {
		for _, d := range m.declaring(name) {
			if m.isLearned(d) {
				continue
			}
			_, failed := m.read(ctx, d, false)
			if e, ok := errors.AsType[*secret.Error](failed); !ok || e.Class != secret.NotFound {
				err = cmp.Or(err, failed)
			}
		}
	}
	return err
}

// isLearned reports whether reading a declared key shows no ARN that is not known. Of
// what is not kept, the first answer is all that is learned by itself: else every read
// that is refused would cost a call.
func (m *Manifest) isLearned(key secret.Key) bool {
	m.mu.Lock()
	version, known := m.learned[key]
	m.mu.Unlock()
	if !known {
		return false
	}
	look := m.config.Cache.Look(key)
	upToDate := look.State == cache.Fresh || look.State == cache.Due
	return !m.config.Cache.Keeps(key) || upToDate && look.Version == version
}

// declaring returns the declared keys whose answers have what key names, or may have
// it: itself, or else decrypted, and the trees that it lies beneath.
func (m *Manifest) declaring(key secret.Key) []secret.Key {
	var all []secret.Key
	if decrypted := asDeclared(key); m.has(decrypted) {
		all = append(all, decrypted)
	}
	for _, tree := range m.trees {
		if tree.Covers(key) {
			all = append(all, tree)
		}
	}
	return all
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
