package manifest

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"sort"
	"sync"
	"time"

	"larder/cache"
	"larder/secret"
)

// Config is what a manifest needs.
type Config struct {
	// Declarations are what Find returned.
	Declarations []Declaration
	// Cache serves the reads. Required.
	Cache *cache.Cache
	// CacheBytes is the cache's bound, which the declared set must keep.
	CacheBytes int
	// Warn lets the function start without a required secret. The zero value
	// stops init instead.
	Warn bool
	// DeclaredOnly refuses reads of anything that is not declared.
	DeclaredOnly bool
}

// Manifest answers reads by what the function declares.
type Manifest struct {
	config Config
	keys   map[secret.Key]cache.Declaration
	trees  []secret.Key // the declared trees
	// begun is closed when Prefetch begins. A reader that is faster waits for it:
	// its one call would be made besides the batch that brings the same.
	begun     chan struct{}
	begunOnce sync.Once
	// settled is closed when it is known whether init goes on. A reader that would
	// learn that a required secret is missing waits for it, so that Lambda hears
	// of it before the function does.
	settled     chan struct{}
	settledOnce sync.Once

	mu sync.Mutex
	// first is what init brought, for the first reading of all variables: with
	// caching off it is nowhere else. nil afterwards.
	first      *cache.Batch
	firstUntil time.Time // without a monotonic reading, which may stand still in a freeze
}

// firstFor bounds the life of first. With provisioned concurrency hours may pass
// between init and the first INVOKE; ten seconds are what Lambda gives init
// otherwise.
const firstFor = 10 * time.Second

// New returns the manifest of what is declared.
func New(config Config) *Manifest {
	m := &Manifest{config: config, keys: Keys(config.Declarations), begun: make(chan struct{}), settled: make(chan struct{})}
	for k := range m.keys {
		if k.IsTree() {
			m.trees = append(m.trees, k)
		}
	}
	slices.SortFunc(m.trees, narrower)
	return m
}

// narrower orders trees: where some overlap, the narrowest is the one that was
// meant. That is the one with the longest path, and of two with the same path the
// one that ends at its first level.
func narrower(a, b secret.Key) int {
	pathA, _ := secret.CutTree(a.ID)
	pathB, _ := secret.CutTree(b.ID)
	return cmp.Or(len(pathB)-len(pathA), len(a.ID)-len(b.ID))
}

// Get returns what key names; see cache.Cache.Get for ctx and force. A parameter
// beneath a declared tree is served from the tree, and one that is declared
// decrypted also serves a read without decryption, unless it is a SecureString:
// those reads cost no call and need no permission of their own.
//
// The error is a *secret.Error, or ctx's.
func (m *Manifest) Get(ctx context.Context, key secret.Key, force bool) (cache.Answer, error) {
	select {
	case <-m.begun:
	case <-ctx.Done():
		return cache.Answer{}, ctx.Err()
	}
	if err := m.allow(ctx, key); err != nil {
		return cache.Answer{}, err
	}
	if !m.has(key) {
		if answer, ok := m.fromDeclared(ctx, key, force); ok {
			return answer, nil
		}
		if ctx.Err() != nil { // nobody waits for the call that would follow
			return cache.Answer{}, ctx.Err()
		}
	}
	answer, err := m.config.Cache.Get(ctx, key, force)
	if err != nil {
		return answer, m.hold(ctx, key, err)
	}
	return answer, nil
}

// Value returns what a reference names: the record and the field of it that the
// reference picks.
func (m *Manifest) Value(ctx context.Context, ref secret.Reference, key secret.Key, force bool) (cache.Answer, secret.Value, error) {
	answer, err := m.Get(ctx, key, force)
	if err != nil {
		return answer, secret.Value{}, err
	}
	value, err := pick(answer.Record, ref, key)
	if err != nil {
		return answer, secret.Value{}, m.hold(ctx, key, err)
	}
	return answer, value, nil
}

// pick is Value.Pick with an error that names the key.
func pick(r *secret.Record, ref secret.Reference, key secret.Key) (secret.Value, error) {
	value, err := r.Value.Pick(ref.Field)
	if e, ok := errors.AsType[*secret.Error](err); ok {
		e.Key = key
	}
	return value, err
}

// fromDeclared answers a read of something that is part of a declared fetch.
func (m *Manifest) fromDeclared(ctx context.Context, key secret.Key, force bool) (cache.Answer, bool) {
	if key.Service != secret.ParameterStore {
		return cache.Answer{}, false
	}
	if decrypted := asDeclared(key); m.has(decrypted) {
		answer, err := m.config.Cache.Get(ctx, decrypted, force)
		if err == nil && answer.Record.Type != secureString {
			return answer, true
		}
	}
	for _, tree := range m.trees {
		if !tree.Covers(key) {
			continue
		}
		answer, err := m.config.Cache.Get(ctx, tree, force)
		if err != nil {
			continue
		}
		if member := find(answer.Record, key); member != nil {
			answer.Record = member
			return answer, true
		}
	}
	return cache.Answer{}, false
}

// secureString is the type of a parameter whose plain text and cipher text
// differ.
const secureString = "SecureString"

// asDeclared returns the key that a reference to what key names would have: it
// always decrypts a parameter.
func asDeclared(key secret.Key) secret.Key {
	key.Decrypt = key.Service == secret.ParameterStore
	return key
}

func (m *Manifest) has(key secret.Key) bool {
	_, ok := m.keys[key]
	return ok
}

// find returns the member of a tree that key names.
func find(tree *secret.Record, key secret.Key) *secret.Record {
	i := sort.Search(len(tree.Members), func(i int) bool { return tree.Members[i].Name >= key.ID })
	if i == len(tree.Members) || tree.Members[i].Name != key.ID {
		return nil
	}
	if member := &tree.Members[i]; key.Decrypt || member.Type != secureString {
		return member
	}
	return nil
}

// allow refuses what is not declared, if that is asked for. That an ARN is the
// one of a declared name is known only from AWS's answer, so a read during init
// waits for it.
func (m *Manifest) allow(ctx context.Context, key secret.Key) error {
	if !m.config.DeclaredOnly || m.declared(key) {
		return nil
	}
	select {
	case <-m.settled:
	case <-ctx.Done():
		return ctx.Err()
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
	if m.has(asDeclared(key)) {
		return true
	}
	if slices.ContainsFunc(m.trees, func(tree secret.Key) bool { return tree.Covers(key) }) {
		return true
	}
	for k := range m.keys {
		if m.config.Cache.Same(k, key) {
			return true
		}
	}
	return false
}

// hold keeps a reader from learning that a required secret cannot be had before
// Lambda has been told; it returns err.
func (m *Manifest) hold(ctx context.Context, key secret.Key, err error) error {
	e, ok := errors.AsType[*secret.Error](err)
	declared, required := m.keys[asDeclared(key)]
	if ok && e.Class == secret.NotFound && declared.Optional {
		required = false
	}
	if m.config.Warn || !ok || e.Class.Transient() || !required {
		return err
	}
	select {
	case <-m.settled:
	case <-ctx.Done():
	}
	return err
}

// Settle lets go the readers that wait for the end of init. It is called when
// Prefetch has succeeded, or its error has been reported.
func (m *Manifest) Settle() {
	m.begin()
	m.settledOnce.Do(func() { close(m.settled) })
}

func (m *Manifest) begin() {
	m.begunOnce.Do(func() { close(m.begun) })
}
