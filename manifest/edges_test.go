package manifest_test

import (
	"strconv"
	"strings"
	"testing"
	"time"

	"larder/manifest"
	"larder/secret"
)

// The first values, which are kept beside the cache for the runtime's start, live for ten
// seconds: to the end, and no longer.
func TestLifeOfFirstValues(t *testing.T) {
	for passed, calls := range map[time.Duration]int{10 * time.Second: 0, 10*time.Second + 1: 1} {
		t.Run(passed.String(), func(t *testing.T) {
			inBubble(t, "A=secretsmanager://a", func(t *testing.T, s *stand) {
				s.init()
				time.Sleep(passed)
				is(t, "variables", s.variables().got(), "A")
				s.mu.Lock()
				is(t, "calls", len(s.calls), calls)
				s.mu.Unlock()
			}, cacheOff)
		})
	}
}

// What is exactly as large as the cache is not too large.
func TestExactlyTooLarge(t *testing.T) {
	for bytes, large := range map[int]bool{501: false, 500: true} { // with the name
		t.Run(strconv.Itoa(bytes), func(t *testing.T) {
			inBubble(t, "A=secretsmanager://a", func(t *testing.T, s *stand) {
				s.has("secretsmanager://a", record("a", strings.Repeat("x", 500)))
				is(t, "too large", s.prefetch().TooLarge != nil, large)
				s.Settle()
			}, func(s *setup) { s.cache.Bytes = bytes })
		})
	}
}

// The first item of the list that is no reference is told what one is; a later one may be
// the rest of the one before.
func TestFirstItem(t *testing.T) {
	t.Parallel()
	for list, want := range map[string]string{
		"x":             "LARDER_PREFETCH, item 1: a reference starts with secretsmanager:// or ssm://",
		"ssm:///a,x":    "LARDER_PREFETCH, item 2: a reference starts with secretsmanager:// or ssm://; a comma or white space ends an item, ",
		"ssm:///a ssm:": "LARDER_PREFETCH, item 2: a reference starts with secretsmanager:// or ssm://; a comma or white space ends an item, ",
	} {
		_, mistakes := manifest.Find([]string{"LARDER_PREFETCH=" + list}, true, region)
		if len(mistakes) != 1 || !strings.HasPrefix(mistakes[0].Error(), want) || strings.HasSuffix(want, "ssm://") != (mistakes[0].Error() == want) {
			t.Errorf("Find of %q: %v, want %q", list, mistakes, want)
		}
	}
}

// Of two trees with one path, the one that ends at its first level comes first, in
// whatever order a map has them.
func TestNarrowestTree(t *testing.T) {
	for i := range 20 {
		t.Run(strconv.Itoa(i), func(t *testing.T) {
			inBubble(t, "LARDER_PREFETCH=ssm:///t/**,ssm:///t/*,ssm:///**", func(t *testing.T, s *stand) {
				for pattern, version := range map[string]string{"ssm:///t/**": "deep", "ssm:///t/*": "narrow", "ssm:///**": "wide"} {
					a := record("/t/a", planted)
					a.Version = version
					s.has(pattern, tree(pattern, a))
				}
				s.init()
				is(t, "a name that all have", s.get("ssm:///t/a").got(), "hit narrow")
			})
		})
	}
}

const ofB = "ssm://arn:aws:ssm:eu-west-1:123456789012:parameter/t/b"

// With LARDER_DECLARED_ONLY all trees are asked for an ARN that may lie beneath them, also
// where the first has no more to tell.
func TestAllTreesAreAsked(t *testing.T) {
	inBubble(t, "LARDER_PREFETCH=ssm:///t/*,ssm:///t/**", func(t *testing.T, s *stand) {
		b := record("/t/b", planted)
		b.ARN = strings.TrimPrefix(ofB, "ssm://")
		s.has("ssm:///t/*", tree("ssm:///t/*", record("/t/a", planted)))
		s.fails("ssm:///t/**", secret.Throttled)
		s.init()
		s.has("ssm:///t/**", tree("ssm:///t/**", record("/t/a", planted), b))
		is(t, "a read by ARN", strings.HasSuffix(s.get(ofB).got(), "Undeclared"), false)
	}, func(s *setup) { s.manifest.DeclaredOnly = true })
}

// What is due is as good as fresh for that: a read that is refused costs no call, and does
// not count as one that keeps the tree fresh.
func TestDueIsLearned(t *testing.T) {
	inBubble(t, "LARDER_PREFETCH=ssm:///t/*", func(t *testing.T, s *stand) {
		s.has("ssm:///t/*", tree("ssm:///t/*", record("/t/a", planted)))
		s.init()
		s.Refresh(t.Context()) // the first one takes what is declared for read
		time.Sleep(55 * time.Second)
		is(t, "a read by ARN", s.get(ofB).got(), "none Undeclared")
		s.Refresh(t.Context())
		s.asked("a read that is refused")
	}, func(s *setup) { s.manifest.DeclaredOnly = true })
}
