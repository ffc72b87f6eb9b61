package manifest_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"larder/manifest"
	"larder/secret"
)

// The table of what a declared secret is worth at the end of init.
func TestVerdict(t *testing.T) {
	tests := []struct {
		name      string
		reference string
		class     secret.Class // 0: there is a value
		value     string
		want      string // fine, missing or late
	}{
		{"there", "secretsmanager://a", 0, planted, "fine"},
		{"a field that is there", "secretsmanager://a#x", 0, `{"x":"1"}`, "fine"},
		{"not found", "secretsmanager://a", secret.NotFound, "", "missing"},
		{"not found, optional", "secretsmanager://a?optional", secret.NotFound, "", "fine"},
		{"not found, not optional after all", "secretsmanager://a?optional=false", secret.NotFound, "", "missing"},
		{"denied", "secretsmanager://a", secret.Denied, "", "missing"},
		{"denied, optional", "secretsmanager://a?optional", secret.Denied, "", "missing"},
		{"rejected", "secretsmanager://a?version=x", secret.Rejected, "", "missing"},
		{"refused by ourselves", "secretsmanager://a", secret.BadReference, "", "missing"},
		{"not JSON", "secretsmanager://a#x", 0, planted, "missing"},
		{"not JSON, optional", "secretsmanager://a?optional#x", 0, planted, "missing"},
		{"field missing", "secretsmanager://a#y", 0, `{"x":"` + "1" + `"}`, "missing"},
		{"throttled", "secretsmanager://a", secret.Throttled, "", "late"},
		{"unavailable", "secretsmanager://a", secret.Unavailable, "", "late"},
		{"unavailable, optional", "secretsmanager://a?optional", secret.Unavailable, "", "late"},
		{"credentials", "secretsmanager://a", secret.Credentials, "", "late"},
		{"timeout of a call", "secretsmanager://a", secret.Timeout, "", "late"},
		{"unreadable", "secretsmanager://a", secret.BadAnswer, "", "late"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			inBubble(t, "A="+test.reference, func(t *testing.T, s *stand) {
				key := keyOf(t, test.reference)
				if test.class != 0 {
					s.fails(words(key), test.class)
				} else {
					s.has(words(key), record("a", test.value))
				}
				v := s.prefetch()
				is(t, "keys", v.Keys, 1)
				is(t, "fetched", v.Fetched == 1, test.class == 0)
				got := "fine"
				for _, p := range v.Missing {
					got = "missing"
					is(t, "the declaration", p.Declaration.Variable, "A")
				}
				for range v.Late {
					got = "late"
				}
				is(t, "the verdict", got, test.want)
				is(t, "what is wrong", len(v.Missing)+len(v.Late) <= 1, true)
				is(t, "stops init", v.Stops, test.want == "missing")
				is(t, "the message names it", strings.HasPrefix(v.Message(), "A ("+key.String()), test.want == "missing")
				noCanary(t, "the verdict", fmt.Appendf(nil, "%v %s", v, v.Message()))
				s.Settle()
			})
		})
	}
}

// One batch for everything, each key once, in the order of the declarations.
func TestPrefetchIsOneBatch(t *testing.T) {
	env := "B=secretsmanager://b#x A=secretsmanager://a C=secretsmanager://b#y D=ssm:///a E=secretsmanager://a?stage=AWSPENDING LARDER_PREFETCH=ssm:///t/**,secretsmanager://a"
	inBubble(t, env, func(t *testing.T, s *stand) {
		s.has("secretsmanager://b", record("b", `{"x":1,"y":2}`))
		v := s.prefetch()
		s.asked("prefetch", "secretsmanager://a, secretsmanager://b, ssm:///a, secretsmanager://a?stage=AWSPENDING, ssm:///t/**")
		is(t, "keys", v.Keys, 5)
		is(t, "fetched", v.Fetched, 5)
		is(t, "stops", v.Stops, false)
		s.Settle()
		for _, name := range []string{"secretsmanager://b", "ssm:///t/**", "secretsmanager://a?stage=AWSPENDING"} {
			is(t, "a read", strings.HasPrefix(s.get(name).got(), "hit "), true)
		}
		s.asked("reads")
	})
}

func TestPrefetchOfNothing(t *testing.T) {
	inBubble(t, "OTHER=x", func(t *testing.T, s *stand) {
		v := s.prefetch()
		is(t, "keys", v.Keys, 0)
		is(t, "stops", v.Stops, false)
		is(t, "message", v.Message(), "")
		s.Settle()
		is(t, "variables", s.variables().got(), "")
		is(t, "a read", s.get("secretsmanager://a").got(), "miss v-a")
		s.asked("all", "secretsmanager://a")
	})
}

// When the budget is spent, what has not come is late, and a read fetches it.
func TestPrefetchTimeout(t *testing.T) {
	inBubble(t, "A=secretsmanager://a B=secretsmanager://b C=ssm:///gone", func(t *testing.T, s *stand) {
		release := s.hold("secretsmanager://b")
		s.fails("ssm:///gone", secret.NotFound)
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
		defer cancel()
		began := time.Now()
		v := s.Prefetch(ctx)
		is(t, "took", time.Since(began), 5*time.Second)
		is(t, "fetched", v.Fetched, 1)
		is(t, "late", len(v.Late), 1)
		is(t, "late", v.Late[0].Declaration.Variable, "B")
		is(t, "why", v.Late[0].Err.Class, secret.Timeout)
		is(t, "in words", v.Late[0].String(), "B (secretsmanager://b in eu-west-1): Timeout: AWS did not answer in time")
		is(t, "missing", len(v.Missing), 1)
		is(t, "message", v.Message(), "C (ssm:///gone in eu-west-1): NotFound: as the test wants")
		s.Settle()
		release()
		s.asked("prefetch", "secretsmanager://a, secretsmanager://b, ssm:///gone")
		is(t, "a read of what was late", s.get("secretsmanager://b").got(), "miss v-b")
		is(t, "a read of what came", s.get("secretsmanager://a").got(), "hit v-a")
	})
}

func TestMessageNamesAll(t *testing.T) {
	inBubble(t, "A=secretsmanager://a B=ssm:///b?region=us-east-2 C=secretsmanager://a LATE=ssm:///late", func(t *testing.T, s *stand) {
		s.fails("secretsmanager://a", secret.NotFound)
		s.fails("ssm:///b", secret.Denied)
		s.fails("ssm:///late", secret.Throttled)
		v := s.prefetch()
		is(t, "message", v.Message(), "A (secretsmanager://a in eu-west-1): NotFound: as the test wants; "+
			"B (ssm:///b?region=us-east-2 in us-east-2): AccessDenied: as the test wants; "+
			"C (secretsmanager://a in eu-west-1): NotFound: as the test wants")
		is(t, "late", len(v.Late), 1)
		s.Settle()
	})
}

func TestTooLarge(t *testing.T) {
	for _, large := range []bool{false, true} {
		t.Run(fmt.Sprint(large), func(t *testing.T) {
			inBubble(t, "A=secretsmanager://a B=secretsmanager://b", func(t *testing.T, s *stand) {
				size := 400
				if large {
					size = 600
				}
				for _, name := range []string{"a", "b"} {
					s.has("secretsmanager://"+name, record(name, strings.Repeat("x", size)))
				}
				v := s.prefetch()
				is(t, "too large", v.TooLarge != nil, large)
				is(t, "stops init", v.Stops, large)
				is(t, "the message names the setting", strings.Contains(v.Message(), "LARDER_CACHE_BYTES"), large)
				s.Settle()
			}, func(s *setup) { s.cache.Bytes, s.manifest.Warn = 1000, true })
		})
	}
}

// With warn, the function starts without what is missing.
func TestWarnGoesOn(t *testing.T) {
	inBubble(t, "A=secretsmanager://a", func(t *testing.T, s *stand) {
		s.fails("secretsmanager://a", secret.NotFound)
		v := s.prefetch()
		is(t, "missing", len(v.Missing), 1)
		is(t, "stops init", v.Stops, false)
		s.Settle()
	}, func(s *setup) { s.manifest.Warn = true })
}

// What fails in a way that passes is asked for again, alone, and who reads it
// meanwhile waits for that.
func TestPrefetchTriesAgain(t *testing.T) {
	inBubble(t, "A=secretsmanager://a B=secretsmanager://b", func(t *testing.T, s *stand) {
		s.fails("secretsmanager://b", secret.Throttled)
		done := make(chan manifest.Verdict, 1)
		go func() { done <- s.prefetch() }()
		synctest.Wait()
		reader := s.get("secretsmanager://b")
		is(t, "a reader between two tries", reader.got(), "waiting")
		s.has("secretsmanager://b", record("b", planted))
		v := <-done
		is(t, "fetched", v.Fetched, 2)
		is(t, "late", len(v.Late), 0)
		is(t, "the reader", strings.HasSuffix(reader.got(), " v-b"), true)
		s.mu.Lock()
		is(t, "the first call", s.calls[0], "secretsmanager://a, secretsmanager://b")
		is(t, "the last call", s.calls[len(s.calls)-1], "secretsmanager://b")
		s.mu.Unlock()
		s.Settle()
	})
}

// A reader of what stays out of reach is let go when the time for init is over.
func TestReaderOfWhatIsLate(t *testing.T) {
	inBubble(t, "A=secretsmanager://a", func(t *testing.T, s *stand) {
		s.fails("secretsmanager://a", secret.Unavailable)
		began := time.Now()
		done := make(chan manifest.Verdict, 1)
		go func() { done <- s.prefetch() }()
		synctest.Wait()
		reader := s.get("secretsmanager://a")
		v := <-done
		is(t, "late", len(v.Late), 1)
		is(t, "the reader", strings.Contains(reader.got(), "Unavailable"), true)
		is(t, "it took", time.Since(began) <= budget, true)
		s.Settle()
	})
}

// Credentials do not change while a process lives, so nobody waits for that.
func TestCredentialsAreAskedForOnce(t *testing.T) {
	inBubble(t, "A=secretsmanager://a", func(t *testing.T, s *stand) {
		s.fails("secretsmanager://a", secret.Credentials)
		is(t, "late", len(s.prefetch().Late), 1)
		s.asked("prefetch", "secretsmanager://a")
		s.Settle()
	})
}

func TestMessageIsBounded(t *testing.T) {
	var v manifest.Verdict
	for range 300 {
		v.Missing = append(v.Missing, manifest.Problem{Err: &secret.Error{Class: secret.NotFound}})
	}
	is(t, "the end of the message", strings.HasSuffix(v.Message(), "; and 250 more"), true)
}
