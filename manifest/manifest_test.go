package manifest_test

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"larder/manifest"
	"larder/secret"
)

// A reader that is faster than init waits for Prefetch.
func TestReaderBeforePrefetch(t *testing.T) {
	inBubble(t, "A=secretsmanager://a LARDER_PREFETCH=ssm:///t/**", func(t *testing.T, s *stand) {
		s.has("ssm:///t/**", tree("/t/**", record("/t/x", planted)))
		readers := map[*read]string{
			s.get("secretsmanager://a"): "v-a", s.value("secretsmanager://a"): "v-a", s.get("ssm:///t/x"): "v-/t/x",
		}
		left := s.get("secretsmanager://a")
		left.leave()
		is(t, "a reader that left", left.got(), "none context canceled")
		for r := range readers {
			is(t, "a reader", r.got(), "waiting")
		}
		s.asked("before Prefetch")
		v := s.prefetch()
		is(t, "fetched", v.Fetched, 2)
		for r, want := range readers {
			if got := r.got(); !strings.HasSuffix(got, want) {
				t.Errorf("a reader got %q, want %q", got, want)
			}
		}
		s.asked("in all", "secretsmanager://a, ssm:///t/**")
		s.Settle()
		s.Settle()
	})
}

// A read during Prefetch waits for the batch that brings its secret, and for
// nothing else in it.
func TestReaderDuringPrefetch(t *testing.T) {
	inBubble(t, "A=secretsmanager://a B=secretsmanager://b", func(t *testing.T, s *stand) {
		releaseA, releaseB := s.hold("secretsmanager://a"), s.hold("secretsmanager://b")
		done := make(chan manifest.Verdict, 1)
		go func() { done <- s.prefetch() }()
		synctest.Wait()
		a, b := s.get("secretsmanager://a"), s.get("secretsmanager://b")
		is(t, "a", a.got(), "waiting")
		releaseA()
		is(t, "a", a.got(), "wait v-a")
		is(t, "b", b.got(), "waiting")
		is(t, "a, once more", s.get("secretsmanager://a").got(), "hit v-a")
		releaseB()
		is(t, "b", b.got(), "wait v-b")
		v := <-done
		is(t, "fetched", v.Fetched, 2)
		s.asked("all", "secretsmanager://a, secretsmanager://b")
		s.Settle()
	})
}

// Who would learn that a required secret is missing waits until Lambda has heard
// of it.
func TestReadersAreHeld(t *testing.T) {
	const env = "GONE=secretsmanager://gone FIELD=secretsmanager://good#nope P=ssm:///denied OPTIONAL=secretsmanager://maybe?optional LATE=ssm:///late"
	run := func(t *testing.T, held bool, change ...func(*setup)) {
		inBubble(t, env, func(t *testing.T, s *stand) {
			s.has("secretsmanager://good", record("good", `{"x":1}`))
			s.fails("secretsmanager://gone", secret.NotFound)
			s.fails("secretsmanager://maybe", secret.NotFound)
			s.fails("secretsmanager://other", secret.NotFound)
			s.fails("ssm:///denied", secret.Denied)
			s.fails("encrypted ssm:///denied", secret.Denied)
			s.fails("ssm:///late", secret.Throttled)
			v := s.prefetch()
			is(t, "missing", len(v.Missing), 3)
			// What stands in the way of a start. A read fails as it does anyhow.
			bad := map[string]*read{
				"NotFound":     s.get("secretsmanager://gone"),
				"FieldMissing": s.value("secretsmanager://good#nope"),
				"AccessDenied": s.get("ssm:///denied"),
			}
			encrypted := s.get("encrypted ssm:///denied")
			for class, r := range bad {
				is(t, class+" before Settle", r.got() == "waiting", held)
			}
			is(t, "the encrypted read before Settle", encrypted.got() == "waiting", held)
			// These do not.
			is(t, "a good one", s.get("secretsmanager://good").got(), "hit v-good")
			is(t, "a good field", s.value("secretsmanager://good#x").got(), "hit v-good")
			is(t, "an optional one", s.get("secretsmanager://maybe").got(), "hit NotFound")
			is(t, "a late one", strings.HasSuffix(s.get("ssm:///late").got(), " Throttled"), true) // at once
			is(t, "an undeclared one", s.get("secretsmanager://other").got(), "miss NotFound")
			left := s.get("secretsmanager://gone")
			left.leave()
			is(t, "a reader that left", left.got() == "waiting", false)
			s.Settle()
			for class, r := range bad {
				is(t, class, r.got() == "miss "+class || r.got() == "hit "+class, true)
			}
			is(t, "the encrypted read", encrypted.got(), "miss AccessDenied")
			is(t, "a later read", s.get("secretsmanager://gone").got(), "miss NotFound")
		}, change...)
	}
	t.Run("fail", func(t *testing.T) { run(t, true) })
	t.Run("warn", func(t *testing.T) { run(t, false, warn) })
}

// What a declaration fetches serves other reads of the same.
func TestFromDeclared(t *testing.T) {
	const env = "P=ssm:///plain S=ssm:///secure LARDER_PREFETCH=ssm:///t/**,ssm:///t/one/*,ssm:///t/one/**,ssm:///maybe/*,ssm:///busy/*"
	inBubble(t, env, func(t *testing.T, s *stand) {
		s.has("ssm:///secure", secure(record("/secure", planted)))
		s.has("encrypted ssm:///secure", secure(record("cipher text", planted)))
		wide, deep := record("/t/one/a", planted), record("/t/one/a", planted)
		wide.Version, deep.Version = "v-wide", "v-deep"
		s.has("ssm:///t/**", tree("/t/**", record("/t/a", planted), wide, secure(record("/t/s", planted))))
		s.has("ssm:///t/one/*", tree("/t/one/*", record("/t/one/a", planted)))
		s.has("ssm:///t/one/**", tree("/t/one/**", deep, record("/t/one/b/c", planted)))
		s.fails("ssm:///maybe/*", secret.Denied)
		s.fails("ssm:///busy/*", secret.Throttled)
		s.prefetch()
		s.Settle()
		s.calls = nil
		tests := []struct{ key, want, call string }{
			{"ssm:///plain", "hit v-/plain", ""},
			{"encrypted ssm:///plain", "hit v-/plain", ""},
			{"ssm:///secure", "hit v-/secure", ""},
			{"encrypted ssm:///secure", "miss v-cipher text", "encrypted ssm:///secure"},
			{"ssm:///t/a", "hit v-/t/a", ""},
			{"encrypted ssm:///t/a", "hit v-/t/a", ""},
			{"ssm:///t/s", "hit v-/t/s", ""},
			{"encrypted ssm:///t/s", "miss v-/t/s", "encrypted ssm:///t/s"},
			{"ssm:///t/one/a", "hit v-/t/one/a", ""}, // the narrowest tree
			{"ssm:///t/one/b/c", "hit v-/t/one/b/c", ""},
			{"ssm:///t/one/absent", "miss v-/t/one/absent", "ssm:///t/one/absent"},
			{"ssm:///t/a?version=3", "miss v-/t/a", "ssm:///t/a?version=3"},
			{"ssm:///t/a?label=x", "miss v-/t/a", "ssm:///t/a?label=x"},
			{"ssm:///t/a?region=us-east-2", "miss v-/t/a", "ssm:///t/a"},
			{"ssm:///tt/a", "miss v-/tt/a", "ssm:///tt/a"},
			{"secretsmanager://t/a", "miss v-t/a", "secretsmanager://t/a"},
		}
		for _, test := range tests {
			is(t, test.key, s.get(test.key).got(), test.want)
			var calls []string
			if test.call != "" {
				calls = []string{test.call}
			}
			s.asked(test.key, calls...)
		}
		is(t, "beneath a tree that is denied", s.get("ssm:///maybe/a").got(), "miss v-/maybe/a")
		s.asked("it goes on its own", "ssm:///maybe/*", "ssm:///maybe/a")
		is(t, "beneath a tree that AWS is too busy for", s.get("ssm:///busy/a").got(), "miss Throttled")
		s.asked("it does not add to that", "ssm:///busy/*")
	})
}

// A forced read of a tree's member fetches the tree anew.
func TestForceThroughTree(t *testing.T) {
	inBubble(t, "LARDER_PREFETCH=ssm:///t/*", func(t *testing.T, s *stand) {
		s.has("ssm:///t/*", tree("/t/*", record("/t/a", planted)))
		s.init()
		a, err := s.Get(t.Context(), keyOf(t, "ssm:///t/a"), manifest.Demand{Now: true})
		is(t, "a forced read", say(a, err), "miss v-/t/a")
		s.asked("a forced read", "ssm:///t/*")
	})
}

// Who is allowed to read a tree only learns that a name is not in it, and not that one
// more permission would be needed to find that out.
func TestAbsentFromTree(t *testing.T) {
	inBubble(t, "LARDER_PREFETCH=ssm:///t/*,ssm:///t/deep/**", func(t *testing.T, s *stand) {
		s.has("ssm:///t/*", tree("/t/*", secure(record("/t/a", planted))))
		s.fails("ssm:///t/deep/**", secret.Throttled)
		for _, key := range []string{"ssm:///t/b", "encrypted ssm:///t/a", "encrypted ssm:///t/b", "ssm:///t/b?version=1", "ssm:///elsewhere"} {
			s.denies(key, secret.GetParameter)
		}
		s.denies("ssm:///t/locked", secret.Decrypt)
		s.fails("ssm:///t/c", secret.Throttled)
		s.init()
		for key, want := range map[string]string{
			"ssm:///t/b": "NotFound", "encrypted ssm:///t/b": "NotFound", // it is not there
			"encrypted ssm:///t/a": "AccessDenied",                                     // it is there, and cannot be read in this form
			"ssm:///t/b?version=1": "AccessDenied", "ssm:///elsewhere": "AccessDenied", // no tree tells
			"ssm:///t/locked": "AccessDenied",                              // it has come since, or there were nothing to decrypt
			"ssm:///t/c":      "Throttled", "ssm:///t/deep/x": "Throttled", // nobody knows
		} {
			is(t, key, s.get(key).got(), "miss "+want)
		}
		s.has("ssm:///t/*", tree("/t/*", record("/t/b", planted)))
		is(t, "it has come", s.demand("ssm:///t/b", manifest.Demand{Now: true}).got(), "miss v-/t/b")
		s.denies("ssm:///t/a", secret.GetParameter)
		time.Sleep(time.Second) // until force is allowed again
		is(t, "it has gone", s.demand("ssm:///t/a", manifest.Demand{Now: true}).got(), "miss NotFound")
	})
}

// A reader that leaves while a declared fetch is under way starts no call of its
// own.
func TestReaderLeavesDeclaredFetch(t *testing.T) {
	inBubble(t, "P=ssm:///p LARDER_PREFETCH=ssm:///t/*", func(t *testing.T, s *stand) {
		release, releaseTree := s.hold("ssm:///p"), s.hold("ssm:///t/*")
		done := make(chan manifest.Verdict, 1)
		go func() { done <- s.prefetch() }()
		synctest.Wait()
		for _, key := range []string{"encrypted ssm:///p", "ssm:///t/a"} {
			r := s.get(key)
			is(t, key, r.got(), "waiting")
			r.leave()
			is(t, key, r.got(), "wait context canceled")
		}
		release()
		releaseTree()
		<-done
		s.asked("all", "ssm:///t/*, ssm:///p")
		s.Settle()
	})
}

func TestDeclaredOnly(t *testing.T) {
	const arn = "arn:aws:secretsmanager:eu-west-1:123456789012:secret:a-AbCdEf"
	env := "A=secretsmanager://a P=ssm:///p LARDER_PREFETCH=ssm:///t/*,secretsmanager://b?stage=AWSPREVIOUS"
	inBubble(t, env, func(t *testing.T, s *stand) {
		withARN := record("a", planted)
		withARN.ARN = arn
		s.has("secretsmanager://a", withARN, keyOf(t, "secretsmanager://"+arn))
		s.has("ssm:///t/*", tree("/t/*", record("/t/x", planted)))
		release := s.hold("secretsmanager://a")
		done := make(chan manifest.Verdict, 1)
		go func() { done <- s.prefetch() }()
		synctest.Wait()
		byARN, undeclared := s.get("secretsmanager://"+arn), s.get("secretsmanager://other")
		declared := s.get("ssm:///p")
		is(t, "a declared one during init", declared.got(), "hit v-/p")
		is(t, "by an ARN that is not known yet", byARN.got(), "waiting")
		is(t, "an undeclared one during init", undeclared.got(), "waiting")
		left := s.get("secretsmanager://other")
		left.leave()
		is(t, "a reader that left", left.got(), "none context canceled")
		release()
		<-done
		s.Settle()
		is(t, "by its ARN", byARN.got(), "hit v-a")
		is(t, "an undeclared one", undeclared.got(), "none Undeclared")
		s.asked("init", "secretsmanager://a, ssm:///t/*, secretsmanager://b?stage=AWSPREVIOUS, ssm:///p")
		for key, want := range map[string]string{
			"secretsmanager://a": "hit v-a", "secretsmanager://b?stage=AWSPREVIOUS": "hit v-b", "ssm:///p": "hit v-/p", "encrypted ssm:///p": "hit v-/p",
			"ssm:///t/x": "hit v-/t/x", "ssm:///t/new": "miss v-/t/new", "encrypted ssm:///t/x": "hit v-/t/x",
			"secretsmanager://b": "none Undeclared", "secretsmanager://a?stage=AWSPENDING": "none Undeclared", "secretsmanager://a?region=us-east-2": "none Undeclared",
			"ssm:///p?version=1": "none Undeclared", "ssm:///t/x/y": "none Undeclared", "ssm:///t": "none Undeclared", "ssm:///t/**": "none Undeclared",
			"secretsmanager://" + arn + "X": "none Undeclared", "secretsmanager://arn:aws:secretsmanager:eu-west-1:999999999999:secret:a-AbCdEf": "none Undeclared",
		} {
			is(t, key, s.get(key).got(), want)
		}
		s.asked("reads", "ssm:///t/new")
	}, declaredOnly)
}

func TestVariable(t *testing.T) {
	inBubble(t, "A=secretsmanager://a#x LARDER_PREFETCH=secretsmanager://b", func(t *testing.T, s *stand) {
		s.has("secretsmanager://a", record("a", `{"x":"1"}`))
		s.init()
		v, err := s.Variable(t.Context(), "A", manifest.Demand{})
		is(t, "A", say(v.Answer, err), "hit v-a")
		is(t, "A's name", v.Declaration.Variable, "A")
		is(t, "A's value", string(v.Value.Reveal()), "1")
		for _, name := range []string{"B", "", "LARDER_PREFETCH", "a"} {
			v, err = s.Variable(t.Context(), name, manifest.Demand{})
			is(t, name, say(v.Answer, err), "none NotFound")
		}
		v, err = s.Variable(t.Context(), "A", manifest.Demand{Now: true})
		is(t, "A, forced", say(v.Answer, err), "miss v-a")
	})
}
