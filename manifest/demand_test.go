package manifest_test

import (
	"context"
	"slices"
	"strings"
	"testing"
	"time"

	"larder/manifest"
	"larder/secret"
)

// demanding are the ways to read the secret a with a demand, each in words.
func (s *stand) demanding() map[string]func(context.Context, manifest.Demand) string {
	ref, err := secret.ParseReference("secretsmanager://a#x")
	if err != nil {
		s.t.Fatal(err)
	}
	key := keyOf(s.t, "secretsmanager://a")
	return map[string]func(context.Context, manifest.Demand) string{
		"Get": func(ctx context.Context, d manifest.Demand) string {
			a, err := s.Get(ctx, key, d)
			return say(a, err)
		},
		"Value": func(ctx context.Context, d manifest.Demand) string {
			a, v, err := s.Value(ctx, ref, key, d)
			if err == nil && string(v.Reveal()) != a.Record.Version {
				s.t.Error("the value is another version's than the answer")
			}
			return say(a, err)
		},
		"Variable": func(ctx context.Context, d manifest.Demand) string {
			v, err := s.Variable(ctx, "A", d)
			if err == nil && string(v.Value.Reveal()) != v.Answer.Record.Version {
				s.t.Error("the variable is another version's than its answer")
			}
			return say(v.Answer, err)
		},
	}
}

// In memory is v1; the secret may have been rotated since.
func TestDemand(t *testing.T) {
	tests := []struct {
		name   string
		demand manifest.Demand
		now    string // the version at AWS; empty while AWS fails
		want   string
		calls  int
	}{
		{"nothing", manifest.Demand{}, "v2", "hit v1", 0},
		{"now", manifest.Demand{Now: true}, "v2", "miss v2", 1},
		{"now, not rotated", manifest.Demand{Now: true}, "v1", "miss v1", 1},
		{"now, while AWS fails", manifest.Demand{Now: true}, "", "miss Throttled", 1},
		{"seen what is in memory", manifest.Demand{Seen: "v1"}, "v2", "miss v2", 1},
		{"seen what is in memory, not rotated", manifest.Demand{Seen: "v1"}, "v1", "miss v1", 1},
		{"seen what is in memory, while AWS fails", manifest.Demand{Seen: "v1"}, "", "miss Throttled", 1},
		{"seen another one", manifest.Demand{Seen: "v0"}, "v2", "hit v1", 0},
		{"seen the new one", manifest.Demand{Seen: "v2"}, "v2", "hit v1", 0},
		{"now, and seen what is in memory", manifest.Demand{Now: true, Seen: "v1"}, "v2", "miss v2", 1},
		{"now, and seen the new one", manifest.Demand{Now: true, Seen: "v2"}, "v2", "miss v2", 1},
		{"now, and seen another one", manifest.Demand{Now: true, Seen: "v0"}, "v2", "miss v2", 1},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			inBubble(t, "A=secretsmanager://a#x", func(t *testing.T, s *stand) {
				for how, read := range s.demanding() {
					s.has("secretsmanager://a", versioned("a", "v1"))
					is(t, how+" first", read(t.Context(), manifest.Demand{Now: true}), "miss v1")
					time.Sleep(time.Second) // of which a forced read has to wait for the rest
					s.asked("before", "secretsmanager://a")
					if test.now == "" {
						s.fails("secretsmanager://a", secret.Throttled)
					} else {
						s.has("secretsmanager://a", versioned("a", test.now))
					}
					is(t, how, read(t.Context(), test.demand), test.want)
					s.asked(how, slices.Repeat([]string{"secretsmanager://a"}, test.calls)...)
					time.Sleep(time.Second)
				}
			}, maxStale, deferred)
		})
	}
}

// What a read has fetched itself is as new as can be, whichever version it is.
func TestSeenOnMiss(t *testing.T) {
	inBubble(t, "", func(t *testing.T, s *stand) {
		s.init()
		s.has("secretsmanager://a", versioned("a", "v1"))
		is(t, "a miss", s.demand("secretsmanager://a", manifest.Demand{Seen: "v1"}).got(), "miss v1")
		s.asked("a miss", "secretsmanager://a")
		s.has("secretsmanager://a", versioned("a", "v2"))
		is(t, "a read that follows", s.demand("secretsmanager://a", manifest.Demand{Seen: "v1"}).got(), "miss v2")
		s.asked("a read that follows", "secretsmanager://a")
	})
}

// A call that was under way before the read may have missed the rotation.
func TestSeenOnWait(t *testing.T) {
	inBubble(t, "", func(t *testing.T, s *stand) {
		s.init()
		s.has("secretsmanager://a", versioned("a", "v1"))
		release := s.hold("secretsmanager://a")
		other := s.get("secretsmanager://a")
		seen := s.demand("secretsmanager://a", manifest.Demand{Seen: "v1"})
		different := s.demand("secretsmanager://a", manifest.Demand{Seen: "v0"})
		s.asked("they share a call", "secretsmanager://a")
		release()
		is(t, "who began the call", other.got(), "miss v1")
		is(t, "who has seen that", seen.got(), "miss v1")
		is(t, "who has seen another one", different.got(), "wait v1")
		s.asked("who has seen that", "secretsmanager://a")
	})
}

// A reader whose version did not do gets no stale value of the same version.
func TestSeenWhileStale(t *testing.T) {
	inBubble(t, "A=secretsmanager://a", func(t *testing.T, s *stand) {
		s.has("secretsmanager://a", versioned("a", "v1"))
		s.init()
		time.Sleep(2 * time.Minute)
		s.fails("secretsmanager://a", secret.Throttled)
		is(t, "a read", s.get("secretsmanager://a").got(), "stale v1")
		is(t, "who has seen another one", s.demand("secretsmanager://a", manifest.Demand{Seen: "v0"}).got(), "stale v1")
		is(t, "who has seen it", s.demand("secretsmanager://a", manifest.Demand{Seen: "v1"}).got(), "miss Throttled")
	}, maxStale)
}

// What counts of a tree is the member's version, and the tree is what is fetched.
func TestSeenInTree(t *testing.T) {
	members := func(a, b string) *secret.Record {
		r := tree("/t/*", versioned("/t/a", a), versioned("/t/b", b))
		r.Version = "tree of " + a + b
		return r
	}
	tests := []struct {
		key, seen string
		want      string
		calls     []string
	}{
		{"ssm:///t/a", "1", "miss 2", []string{"ssm:///t/*"}},
		{"encrypted ssm:///t/a", "1", "miss 2", []string{"ssm:///t/*"}},
		{"ssm:///t/b", "1", "miss 1", []string{"ssm:///t/*"}},
		{"ssm:///t/a", "2", "hit 1", nil},
		{"ssm:///t/a", "tree of 11", "hit 1", nil},
		{"ssm:///t/*", "tree of 11", "miss tree of 21", []string{"ssm:///t/*"}},
		{"ssm:///t/*", "1", "hit tree of 11", nil},
	}
	for _, test := range tests {
		t.Run(test.key+" "+test.seen, func(t *testing.T) {
			inBubble(t, "LARDER_PREFETCH=ssm:///t/*", func(t *testing.T, s *stand) {
				s.has("ssm:///t/*", members("1", "1"))
				s.init()
				s.has("ssm:///t/*", members("2", "1"))
				is(t, "the read", s.demand(test.key, manifest.Demand{Seen: test.seen}).got(), test.want)
				s.asked("the read", test.calls...)
			})
		})
	}
}

// A member that has come since is found by who asks for it by force, and one that
// has gone is asked for by itself.
func TestDemandInChangedTree(t *testing.T) {
	inBubble(t, "LARDER_PREFETCH=ssm:///t/*", func(t *testing.T, s *stand) {
		s.has("ssm:///t/*", tree("/t/*", versioned("/t/old", "1")))
		s.init()
		s.has("ssm:///t/*", tree("/t/*", versioned("/t/new", "1")))
		s.fails("ssm:///t/old", secret.NotFound)
		is(t, "what is gone, from memory", s.get("ssm:///t/old").got(), "hit 1")
		is(t, "what is new", s.demand("ssm:///t/new", manifest.Demand{Now: true}).got(), "miss 1")
		s.asked("what is new", "ssm:///t/*")
		is(t, "what is gone", s.get("ssm:///t/old").got(), "miss NotFound")
		s.asked("what is gone", "ssm:///t/old")
	})
}

// A parameter that is declared is declared decrypted, and also serves reads
// without.
func TestSeenOnDeclaredParameter(t *testing.T) {
	inBubble(t, "P=ssm:///p S=ssm:///s", func(t *testing.T, s *stand) {
		s.has("ssm:///p", versioned("/p", "1"))
		s.has("ssm:///s", secure(versioned("/s", "1")))
		s.has("encrypted ssm:///s", secure(versioned("/s", "1")))
		s.init()
		s.has("ssm:///p", versioned("/p", "2"))
		is(t, "seen another one", s.demand("encrypted ssm:///p", manifest.Demand{Seen: "0"}).got(), "hit 1")
		s.asked("seen another one")
		is(t, "seen", s.demand("encrypted ssm:///p", manifest.Demand{Seen: "1"}).got(), "miss 2")
		s.asked("seen", "ssm:///p")
		is(t, "seen the old one, which is replaced", s.demand("ssm:///p", manifest.Demand{Seen: "1"}).got(), "hit 2")
		s.asked("seen the old one, which is replaced")

		// What is encrypted is another thing than the plain text that is declared.
		is(t, "cipher text", s.demand("encrypted ssm:///s", manifest.Demand{Seen: "1"}).got(), "miss 1")
		s.asked("cipher text", "encrypted ssm:///s")
		s.has("encrypted ssm:///s", secure(versioned("/s", "2")))
		is(t, "cipher text, rotated", s.demand("encrypted ssm:///s", manifest.Demand{Seen: "1"}).got(), "miss 2")
		is(t, "the plain text, still in memory", strings.Fields(s.get("ssm:///s").got())[1], "1")
	})
}

// All variables as of now: one batch with each secret once, so that two fields of one
// come from the same version.
func TestVariablesNow(t *testing.T) {
	inBubble(t, "A=secretsmanager://a#x B=secretsmanager://a#y C=ssm:///c", func(t *testing.T, s *stand) {
		s.has("secretsmanager://a", versioned("a", "v1"))
		s.init()
		read := func(what string, now bool, want string) {
			t.Helper()
			all, _, err := s.Variables(t.Context(), manifest.Demand{Now: now})
			is(t, what+": error", err, nil)
			var got []string
			for _, v := range all {
				got = append(got, v.Declaration.Variable+" "+say(v.Answer, nil))
			}
			is(t, what, strings.Join(got, ", "), want)
		}
		s.has("secretsmanager://a", versioned("a", "v2"))
		began := time.Now()
		read("the first reading, as of now", true, "A miss v2, B miss v2, C miss v-/c")
		s.asked("the first reading, as of now", "secretsmanager://a, ssm:///c")
		is(t, "it took", time.Since(began), 0)
		s.has("secretsmanager://a", versioned("a", "v3"))
		read("from memory", false, "A hit v2, B hit v2, C hit v-/c")
		s.asked("from memory")
		read("as of now", true, "A miss v3, B miss v3, C miss v-/c")
		s.asked("as of now", "secretsmanager://a, ssm:///c")
		is(t, "it took, as a secret may be forced once a second", time.Since(began), time.Second)
		s.fails("secretsmanager://a", secret.Unavailable)
		_, _, err := s.Variables(t.Context(), manifest.Demand{Now: true})
		is(t, "an old value for a failure", err == nil, false)
	}, maxStale)
}
