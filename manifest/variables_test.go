package manifest_test

import (
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"larder/manifest"
	"larder/secret"
)

const everything = "B=ssm:///b A=secretsmanager://a#x C=secretsmanager://a#y OPTIONAL=ssm:///maybe?optional LARDER_PREFETCH=ssm:///t/**"

func (s *stand) everything() {
	s.has("secretsmanager://a", record("a", `{"x":"1","y":{"z":2}}`))
	s.fails("ssm:///maybe", secret.NotFound)
}

func TestVariables(t *testing.T) {
	inBubble(t, everything, func(t *testing.T, s *stand) {
		s.everything()
		s.init()
		all, absent, err := s.Variables(t.Context(), manifest.Demand{})
		is(t, "error", err, nil)
		is(t, "variables", len(all), 3)
		is(t, "absent", strings.Join(absent, " "), "OPTIONAL")
		for i, want := range []struct{ name, value string }{{"A", "1"}, {"B", planted}, {"C", `{"z":2}`}} {
			is(t, "name", all[i].Declaration.Variable, want.name)
			is(t, "the value of "+want.name, string(all[i].Value.Reveal()) == want.value, true)
			is(t, "the answer for "+want.name, say(all[i].Answer, nil)[:3], "hit")
		}
		s.asked("variables")
	})
}

// With caching off, init's records serve the first reading, and only that.
func TestFirstVariables(t *testing.T) {
	all := []string{"secretsmanager://a, ssm:///b, ssm:///maybe"}
	tests := []struct {
		name   string
		before func(*stand)
		first  []string // the calls of the first reading
	}{
		{"at once", func(*stand) {}, nil},
		{"after an INVOKE", func(s *stand) { s.Invoked() }, all},
		{"after a reading", func(s *stand) { s.variables().got(); s.calls = nil }, all},
		{"long after init", func(*stand) { time.Sleep(time.Hour) }, all},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			inBubble(t, everything, func(t *testing.T, s *stand) {
				s.everything()
				s.init()
				test.before(s)
				is(t, "variables", s.variables().got(), "A B C")
				s.asked("the first reading", test.first...)
			}, cacheOff)
		})
	}
}

// What has grown old is fetched in one batch, whether somebody has read it or not,
// together with what else an INVOKE would fetch: the tree.
func TestVariablesInOneBatch(t *testing.T) {
	inBubble(t, everything, func(t *testing.T, s *stand) {
		s.everything()
		s.init()
		s.Invoked()
		s.calls = nil
		time.Sleep(time.Hour)
		is(t, "variables", s.variables().got(), "A B C")
		s.asked("the reading", "secretsmanager://a, ssm:///b, ssm:///maybe, ssm:///t/**")
	})
}

// The first reading is of what init has brought, unless there is something newer.
func TestFirstVariablesAreNotOlder(t *testing.T) {
	inBubble(t, everything, func(t *testing.T, s *stand) {
		s.everything()
		s.init()
		old, err := s.Variable(t.Context(), "A", manifest.Demand{})
		if err != nil {
			t.Fatal(err)
		}
		s.has("secretsmanager://a", versioned("a", "newer"))
		if _, err := s.Variable(t.Context(), "A", manifest.Demand{Seen: old.Answer.Record.Version}); err != nil {
			t.Fatal(err)
		}
		time.Sleep(5 * time.Second)
		all, _, err := s.Variables(t.Context(), manifest.Demand{})
		if err != nil {
			t.Fatal(err)
		}
		is(t, "version", all[0].Answer.Record.Version, "newer")
		is(t, "age", all[0].Answer.Age, 5*time.Second)
	})
}

// A reading that begins before init has ended is served from what init fetches,
// as soon as that has come, also when nothing is kept.
func TestVariablesDuringInit(t *testing.T) {
	run := func(t *testing.T, change ...func(*setup)) {
		inBubble(t, everything, func(t *testing.T, s *stand) {
			s.everything()
			release := s.hold("ssm:///b")
			r := s.variables()
			done := make(chan manifest.Verdict, 1)
			go func() { done <- s.prefetch() }()
			synctest.Wait() // everything else has come
			is(t, "before the last one has come", r.got(), "waiting")
			release()
			<-done
			is(t, "variables", r.got(), "A B C")
			s.asked("in all", "secretsmanager://a, ssm:///b, ssm:///t/**, ssm:///maybe")
		}, change...)
	}
	t.Run("cache", func(t *testing.T) { run(t) })
	t.Run("no cache", func(t *testing.T) { run(t, cacheOff) })
}

// A reading that begins during init ends with it, whatever AWS does, and leaves no
// call behind: Lambda waits for both.
func TestVariablesEndWithInit(t *testing.T) {
	const env = "A=secretsmanager://a B=ssm:///b C=ssm:///c"
	run := func(t *testing.T, want string, change ...func(*setup)) {
		inBubble(t, env, func(t *testing.T, s *stand) {
			s.hold("secretsmanager://a") // AWS hangs
			began := time.Now()
			done := make(chan manifest.Verdict, 1)
			go func() { done <- s.prefetch() }()
			r := s.variables()
			<-done
			is(t, "calls under way", s.underWay(), 0)
			is(t, "variables", r.got(), want)
			is(t, "it took", time.Since(began), budget)
			s.asked("in all", "secretsmanager://a, ssm:///b, ssm:///c")
		}, change...)
	}
	const late = "B C error: A: secretsmanager://a in eu-west-1: Timeout: AWS did not answer in time"
	t.Run("fail", func(t *testing.T) { run(t, late) })
	t.Run("warn", func(t *testing.T) { run(t, "B C", warn) })
	t.Run("no cache", func(t *testing.T) { run(t, late, cacheOff) })
	t.Run("AWS fails", func(t *testing.T) {
		inBubble(t, env, func(t *testing.T, s *stand) {
			s.fails("ssm:///b", secret.Throttled)
			began := time.Now()
			go s.prefetch()
			synctest.Wait()
			r := s.variables()
			is(t, "before the end", r.got(), "waiting")
			time.Sleep(budget)
			is(t, "variables", r.got(), "A C error: B: ssm:///b in eu-west-1: Throttled: as the test wants")
			is(t, "it took", time.Since(began), budget)
		})
	})
}

// What AWS fails with at first is Prefetch's to ask for again, also where nothing
// is kept.
func TestVariablesOfALaterTry(t *testing.T) {
	run := func(t *testing.T, change ...func(*setup)) {
		inBubble(t, "A=secretsmanager://a B=ssm:///b", func(t *testing.T, s *stand) {
			s.fails("ssm:///b", secret.Throttled)
			done := make(chan manifest.Verdict, 1)
			go func() { done <- s.prefetch() }()
			synctest.Wait()
			r := s.variables()
			is(t, "between two tries", r.got(), "waiting")
			s.has("ssm:///b", record("b", planted))
			<-done
			is(t, "variables", r.got(), "A B")
			s.asked("in all", "secretsmanager://a, ssm:///b", "ssm:///b")
		}, change...)
	}
	t.Run("cache", func(t *testing.T) { run(t) })
	t.Run("no cache", func(t *testing.T) { run(t, cacheOff) })
}

// Lambda hears of a missing secret before the function's start does.
func TestVariablesWaitForTheReport(t *testing.T) {
	inBubble(t, "A=secretsmanager://gone", func(t *testing.T, s *stand) {
		s.fails("secretsmanager://gone", secret.NotFound)
		s.prefetch()
		r := s.variables()
		is(t, "before the report", r.got(), "waiting")
		s.Settle()
		is(t, "after it", strings.Contains(r.got(), "NotFound"), true)
	})
}

// A failure of init that has passed is none of the first reading's.
func TestVariablesAskAgain(t *testing.T) {
	inBubble(t, "A=secretsmanager://a", func(t *testing.T, s *stand) {
		s.fails("secretsmanager://a", secret.Throttled)
		s.init()
		s.has("secretsmanager://a", record("a", "v"))
		is(t, "variables", s.variables().got(), "A")
	})
}

func TestVariablesFail(t *testing.T) {
	const env = "A=secretsmanager://a#nope B=ssm:///denied C=ssm:///good D=ssm:///slow E=ssm:///denied"
	prepare := func(s *stand) {
		s.has("secretsmanager://a", record("a", `{"x":"`+"1"+`"}`))
		s.fails("ssm:///denied", secret.Denied)
		s.fails("ssm:///slow", secret.Throttled)
	}
	t.Run("fail", func(t *testing.T) {
		inBubble(t, env, func(t *testing.T, s *stand) {
			prepare(s)
			s.prefetch()
			s.Settle()
			_, _, err := s.Variables(t.Context(), manifest.Demand{})
			joined, ok := err.(interface{ Unwrap() []error })
			if !ok {
				t.Fatalf("the error is %T, want a joined one", err)
			}
			var names string
			for _, one := range joined.Unwrap() {
				v, ok := errors.AsType[*manifest.VariableError](one)
				if !ok {
					t.Fatalf("an error is %T, want a *VariableError", one)
				}
				names += " " + v.Variable + ":" + v.Err.Class.String()
				is(t, "it unwraps", errors.Is(one, v.Err), true)
			}
			is(t, "what has no value", names, " A:FieldMissing B:AccessDenied D:Throttled E:AccessDenied")
		})
	})
	t.Run("warn", func(t *testing.T) {
		inBubble(t, env, func(t *testing.T, s *stand) {
			prepare(s)
			s.init()
			s.Settle()
			is(t, "variables", s.variables().got(), "C")
			_, absent, _ := s.Variables(t.Context(), manifest.Demand{})
			is(t, "absent", strings.Join(absent, " "), "A B D E")
		}, warn)
	})
	t.Run("left", func(t *testing.T) {
		inBubble(t, env, func(t *testing.T, s *stand) {
			r := s.variables()
			r.leave()
			is(t, "a reader that left", r.got(), "error: context canceled")
			s.Settle()
		}, warn)
	})
}
