package manifest_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing/synctest"

	"larder/cache"
	"larder/manifest"
	"larder/secret"
)

// read is a reader. Its answer is in got.
type read struct {
	done  chan struct{}
	leave context.CancelFunc
	said  string
}

// begin starts f in a goroutine and returns when it waits or has its answer.
func (s *stand) begin(f func(context.Context) string) *read {
	ctx, cancel := context.WithCancel(s.t.Context())
	r := &read{done: make(chan struct{}), leave: cancel}
	go func() {
		defer close(r.done)
		defer cancel()
		r.said = f(ctx)
	}()
	synctest.Wait()
	return r
}

// got returns what the read got, or "waiting".
func (r *read) got() string {
	synctest.Wait()
	select {
	case <-r.done:
		return r.said
	default:
		return "waiting"
	}
}

// get starts a Get of a key in words.
func (s *stand) get(key string) *read { return s.demand(key, manifest.Demand{}) }

// demand starts a Get that demands something.
func (s *stand) demand(key string, demand manifest.Demand) *read {
	k := keyOf(s.t, key)
	return s.begin(func(ctx context.Context) string {
		a, err := s.Get(ctx, k, demand)
		return say(a, err)
	})
}

// value starts a Value of a reference.
func (s *stand) value(text string) *read {
	ref, err := secret.ParseReference(text)
	if err != nil {
		s.t.Fatalf("ParseReference(%q): %v", text, err)
	}
	k := keyOf(s.t, text)
	return s.begin(func(ctx context.Context) string {
		a, v, err := s.Value(ctx, ref, k, manifest.Demand{})
		if err == nil && v.Reveal() == nil {
			s.t.Errorf("Value(%q) is empty", text)
		}
		return say(a, err)
	})
}

// variables starts a Variables.
func (s *stand) variables() *read {
	return s.begin(func(ctx context.Context) string {
		all, _, err := s.Variables(ctx, manifest.Demand{})
		var names []string
		for _, v := range all {
			names = append(names, v.Declaration.Variable)
		}
		if err != nil {
			names = append(names, "error: "+err.Error())
		}
		return strings.Join(names, " ")
	})
}

// say puts an answer in words: "hit v-name", "miss NotFound".
func say(a cache.Answer, err error) string {
	if err == nil {
		return fmt.Sprint(a.How, " ", a.Record.Version)
	}
	if e, ok := errors.AsType[*secret.Error](err); ok {
		return fmt.Sprint(a.How, " ", e.Class)
	}
	return fmt.Sprint(a.How, " ", err)
}
