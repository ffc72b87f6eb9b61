package manifest

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"sort"
	"strings"
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
	// Warn lets the function start without a required secret. The zero value
	// stops init instead.
	Warn bool
	// DeclaredOnly refuses reads of anything that is not declared.
	DeclaredOnly bool
	// Region is the function's, which a reference need not name: what is refused by
	// DeclaredOnly is told with the reference that would declare it. Empty: that names
	// its Region.
	Region string
}

// Manifest answers reads by what the function declares.
type Manifest struct {
	config Config
	keys   map[secret.Key]cache.Declaration
	trees  []secret.Key // the declared trees, the narrowest first

	// init is how far init has come. A reader that is faster than Prefetch waits until
	// that has begun: its one call would be made besides the batch that brings the same.
	// A reader that would learn that a required secret is missing waits until init is
	// settled, so that Lambda hears of it before the function does.
	init progress

	mu sync.Mutex
	// first is what Prefetch fetches, for the first reading of all variables: with
	// caching off it is nowhere else. nil afterwards.
	first      *cache.Batch
	firstUntil time.Time // without a monotonic reading, which may stand still in a freeze
	// arns are the declared keys by ARN, as AWS's answers have shown them: with the
	// parameters of a tree.
	arns map[secret.Key]bool
	// learned are the versions of the declared keys whose answers are in arns.
	learned map[secret.Key]string
}

// New returns the manifest of what is declared.
func New(config Config) *Manifest {
	m := &Manifest{
		config:  config,
		keys:    Keys(config.Declarations),
		arns:    make(map[secret.Key]bool),
		learned: make(map[secret.Key]string),
	}
	for k := range m.keys {
		if k.IsTree() {
			m.trees = append(m.trees, k)
		}
	}
	sort.Slice(m.trees, func(i, j int) bool { return narrower(m.trees[i], m.trees[j]) })
	return m
}

// narrower reports whether tree a comes before b: where some overlap, the narrowest is
// the one that was meant. That is the one with the longest path, and of two with the
// same path the one that ends at its first level.
func narrower(a, b secret.Key) bool {
	pathA, _ := secret.CutTree(a.ID)
	pathB, _ := secret.CutTree(b.ID)
	return cmp.Or(len(pathB)-len(pathA), len(a.ID)-len(b.ID)) < 0
}

// Get returns what key names; see cache.Cache.Get for ctx. A parameter beneath a
// declared tree is served from the tree, and one that is declared decrypted also
// serves a read without decryption, unless it is a SecureString: those reads cost
// no call and need no permission of their own.
//
// In this order: wait until Prefetch has begun, refuse what is not allowed, look
// into what is declared, ask the cache, and keep bad news until Lambda has it.
//
// The error is a *secret.Error, or ctx's.
func (m *Manifest) Get(ctx context.Context, key secret.Key, demand Demand) (cache.Answer, error) {
	answer, err := m.get(ctx, key, demand.Now)
	// A miss is as new as a forced read is: the call began after the read did.
	asOfNow := demand.Now || answer.How == cache.Miss
	if err == nil && !asOfNow && demand.Seen != "" && answer.Record.Version == demand.Seen {
		return m.get(ctx, key, true)
	}
	return answer, err
}

func (m *Manifest) get(ctx context.Context, key secret.Key, force bool) (cache.Answer, error) {
	if err := m.init.await(ctx, fetching); err != nil {
		return cache.Answer{}, err
	}
	if err := m.allow(ctx, key); err != nil {
		return cache.Answer{}, err
	}
	if m.has(key) {
		answer, err := m.read(ctx, key, force)
		return answer, m.hold(ctx, key, err)
	}
	answer, absent, err := m.fromDeclared(ctx, key, force)
	if err != nil || answer.Record != nil {
		return answer, err
	}
	answer, err = m.config.Cache.Get(ctx, key, force)
	if absent != nil {
		err = unlessDenied(err, absent)
	}
	return answer, m.hold(ctx, key, err)
}

// unlessDenied returns what to tell of err, which came for a name beneath a declared
// tree. Who may read the tree need not be allowed to read parameters one by one, which
// is no news: instead is what the reader wants to know. Other denials, as of KMS, are
// of one that is there.
func unlessDenied(err error, instead *secret.Error) error {
	if e := failure(err); e != nil && e.Action == secret.GetParameter {
		return instead
	}
	return err
}

// read reads a declared key.
func (m *Manifest) read(ctx context.Context, key secret.Key, force bool) (cache.Answer, error) {
	answer, err := m.config.Cache.Get(ctx, key, force)
	if err == nil {
		m.learn(key, answer.Record)
	}
	return answer, err
}

// Value returns what a reference names: the record and the field of it that the
// reference picks.
func (m *Manifest) Value(ctx context.Context, ref secret.Reference, key secret.Key, demand Demand) (cache.Answer, secret.Value, error) {
	answer, err := m.Get(ctx, key, demand)
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

// fromDeclared answers a read of something that is part of a declared fetch. The
// answer has no record if nothing that is declared holds it: then absent is what to
// say if it cannot be had by itself either, that a tree has nothing of that name or
// why the tree is not whole. err is one of the fetch that passes, and that another
// call would meet as well.
func (m *Manifest) fromDeclared(ctx context.Context, key secret.Key, force bool) (answer cache.Answer, absent *secret.Error, err error) {
	if key.Service != secret.ParameterStore {
		return cache.Answer{}, nil, nil
	}
	for _, whole := range m.declaring(key) {
		answer, err := m.fromPart(whole, key, force)
		if err == nil && answer.Record == nil {
			answer, err = m.read(ctx, whole, force)
		}
		e := failure(err)
		switch {
		case err != nil && e == nil: // ctx's
			return answer, nil, err
		case e != nil && e.Class.Transient():
			if !mayComeAlone(whole, e) {
				return cache.Answer{How: answer.How}, nil, err
			}
			absent = cmp.Or(absent, e)
			continue
		case e != nil:
			continue
		}
		r := member(answer.Record, whole, key)
		if r == nil {
			absent = cmp.Or(absent, noMember(key))
		} else if key.Decrypt || r.Type != secret.SecureString {
			answer.Record = r
			return answer, nil, nil
		}
	}
	return cache.Answer{}, absent, nil
}

// fromPart looks into what has come of a tree that is not whole. The answer has no
// record where the tree itself is to be asked for; the error is that the part does not
// have the name, which may be there all the same.
func (m *Manifest) fromPart(tree, key secret.Key, force bool) (cache.Answer, error) {
	part, ok := m.config.Cache.Part(tree)
	switch {
	case force || !ok:
		return cache.Answer{}, nil
	case part.Record == nil || member(part.Record, tree, key) == nil:
		return cache.Answer{}, unfinished(tree)
	}
	return part, nil
}

// unfinished is the failure of a tree of which only a part has come.
func unfinished(tree secret.Key) *secret.Error {
	return &secret.Error{Class: secret.Timeout, Message: "not all pages of the tree have come: it is read on at the next invoke, and by who reads it", Sent: true, Key: tree}
}

// mayComeAlone reports whether one parameter may be had by itself although the tree
// above it has failed: because of its size, or of another one in it.
func mayComeAlone(tree secret.Key, e *secret.Error) bool {
	switch e.Class {
	case secret.Throttled, secret.Credentials:
		return false
	}
	return tree.IsTree() && (e.Sent || e.Class == secret.Canceled)
}

// noMember is the failure of a name that a declared tree does not have.
func noMember(key secret.Key) *secret.Error {
	return &secret.Error{Class: secret.NotFound, Message: "the declared tree had no such parameter when it was last read", Key: key}
}

// member returns what key names in the record of part, which is a tree or the
// same parameter decrypted; nil if that does not have it.
func member(r *secret.Record, part, key secret.Key) *secret.Record {
	if !part.IsTree() {
		return r
	}
	i, found := slices.BinarySearchFunc(r.Members, key.ID, func(m secret.Record, name string) int {
		return strings.Compare(m.Name, name)
	})
	if !found {
		return nil
	}
	return &r.Members[i]
}

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
	_ = m.init.await(ctx, settled)
	return err
}

// Settle lets go the readers that wait for the end of init. It is called when
// Prefetch has succeeded, or its error has been reported. What has failed during
// init is asked for again at its next read, which may come after a freeze. Where
// nothing may be prefetched during init, it is called before Prefetch, which may come
// later: reads do not wait for that.
func (m *Manifest) Settle() {
	m.init.reach(settled)
	m.config.Cache.ForgetFailures()
}
