package manifest_test

import (
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"larder/manifest"
	"larder/secret"
)

// However many variables there are and however many readers ask, forced readings are
// one batch a second.
func TestVariablesNowInOneBatch(t *testing.T) {
	var env, keys []string
	for i := range 20 {
		ref := fmt.Sprintf("secretsmanager://s%02d", i)
		env, keys = append(env, fmt.Sprintf("V%02d=%s", i, ref)), append(keys, ref)
	}
	batch := strings.Join(keys, ", ")
	inBubble(t, strings.Join(env, " "), func(t *testing.T, s *stand) {
		s.init()
		all, _, err := s.Variables(t.Context(), manifest.Demand{})
		if err != nil {
			t.Fatal(err)
		}
		seen := manifest.Demand{Seen: manifest.Version(all)}
		for _, demand := range []manifest.Demand{{Now: true}, seen, {Now: true, Seen: seen.Seen}} {
			if _, _, err := s.Variables(t.Context(), demand); err != nil {
				t.Fatal(err)
			}
			s.asked(fmt.Sprint("a reading of ", demand), batch)
		}
		began := time.Now()
		var readers sync.WaitGroup
		for range 50 {
			readers.Go(func() {
				if _, _, err := s.Variables(t.Context(), manifest.Demand{Now: true, Seen: seen.Seen}); err != nil {
					t.Error(err)
				}
			})
		}
		readers.Wait()
		s.asked("50 readings together", batch)
		is(t, "they took", time.Since(began), time.Second)
	})
}

// A reading that was itself a miss is as new as can be, also to who has seen its
// version: what was asked for is not asked for again, and what came from memory is.
func TestVariablesSeenOnMiss(t *testing.T) {
	const env = "A=secretsmanager://a B=secretsmanager://b?ttl=600 C=secretsmanager://c?ttl=600 N=ssm:///none?optional"
	seen := func(t *testing.T, s *stand) (manifest.Demand, func(string) string) {
		s.fails("ssm:///none", secret.NotFound)
		s.init()
		all, _, err := s.Variables(t.Context(), manifest.Demand{})
		if err != nil {
			t.Fatal(err)
		}
		demand := manifest.Demand{Seen: manifest.Version(all)}
		s.calls = nil
		return demand, func(what string) string {
			all, absent, err := s.Variables(t.Context(), demand)
			is(t, what+": error", err, nil)
			is(t, what+": absent", strings.Join(absent, " "), "N")
			var how []string
			for _, v := range all {
				how = append(how, say(v.Answer, nil))
			}
			return strings.Join(how, ", ")
		}
	}
	t.Run("all", func(t *testing.T) {
		inBubble(t, env, func(t *testing.T, s *stand) {
			_, read := seen(t, s)
			time.Sleep(time.Hour)
			is(t, "answers", read("expired"), "miss v-a, miss v-b, miss v-c")
			s.asked("expired", "secretsmanager://a, secretsmanager://b, secretsmanager://c, ssm:///none")
			is(t, "answers", read("the next one"), "miss v-a, miss v-b, miss v-c")
			s.asked("the next one", "secretsmanager://a, secretsmanager://b, secretsmanager://c, ssm:///none")
		})
	})
	t.Run("some", func(t *testing.T) {
		inBubble(t, env, func(t *testing.T, s *stand) {
			_, read := seen(t, s)
			time.Sleep(2 * time.Minute)
			s.has("secretsmanager://b", versioned("b", "v2"))
			is(t, "answers", read("some expired"), "miss v-a, miss v2, miss v-c")
			s.asked("some expired", "secretsmanager://a, ssm:///none", "secretsmanager://b, secretsmanager://c")
		})
	})
	t.Run("stale", func(t *testing.T) {
		inBubble(t, env, func(t *testing.T, s *stand) {
			demand, _ := seen(t, s)
			time.Sleep(time.Hour)
			s.fails("secretsmanager://a", secret.Throttled)
			_, _, err := s.Variables(t.Context(), demand)
			is(t, "an old value for a failure", err == nil, false)
		}, maxStale)
	})
	t.Run("no cache", func(t *testing.T) {
		inBubble(t, env, func(t *testing.T, s *stand) {
			_, read := seen(t, s)
			is(t, "answers", read("a reading"), "miss v-a, miss v-b, miss v-c")
			s.asked("a reading", "secretsmanager://a, secretsmanager://b, secretsmanager://c, ssm:///none")
		}, cacheOff)
	})
}

// Whatever a reading asks for, Lambda hears of a missing secret or field before the
// function's start does.
func TestVariablesNowWaitForTheReport(t *testing.T) {
	for name, demand := range map[string]manifest.Demand{"what there is": {}, "as of now": {Now: true}} {
		for _, ref := range []string{"secretsmanager://gone", "secretsmanager://a#nope"} {
			t.Run(name+" of "+ref, func(t *testing.T) {
				inBubble(t, "A="+ref, func(t *testing.T, s *stand) {
					s.fails("secretsmanager://gone", secret.NotFound)
					s.has("secretsmanager://a", versioned("a", "v1"))
					s.prefetch()
					done := make(chan struct{})
					var err error
					go func() {
						defer close(done)
						_, _, err = s.Variables(t.Context(), demand)
					}()
					synctest.Wait()
					select {
					case <-done:
						t.Errorf("before the report: %v, want a reader that waits", err)
					default:
					}
					s.Settle()
					<-done
					is(t, "an error after it", err != nil, true)
				})
			})
		}
	}
}

// The ARN of what is declared is learned from any reading, also where nothing is kept:
// no call is made to find out.
func TestVariablesLearn(t *testing.T) {
	for name, demand := range map[string]manifest.Demand{"what there is": {}, "as of now": {Now: true}} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, "A=secretsmanager://a", func(t *testing.T, s *stand) {
				s.fails("secretsmanager://a", secret.Throttled)
				s.init()
				a := record("a", planted)
				a.ARN = secretARN
				s.has("secretsmanager://a", a)
				time.Sleep(time.Second)
				if _, _, err := s.Variables(t.Context(), demand); err != nil {
					t.Fatal(err)
				}
				s.calls = nil
				is(t, "a read by ARN", s.get("secretsmanager://"+secretARN).got(), "miss v-"+secretARN)
				s.asked("a read by ARN", "secretsmanager://"+secretARN)
			}, declaredOnly, cacheOff)
		})
	}
}
