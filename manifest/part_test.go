package manifest_test

import (
	"testing"
	"time"

	"larder/manifest"
	"larder/secret"
)

// breaksOff makes a declared tree fail with a class, after the members.
func (s *stand) breaksOff(key string, err secret.Error, members ...*secret.Record) {
	s.mu.Lock()
	defer s.mu.Unlock()
	r := secret.Result{Err: &err}
	if len(members) > 0 {
		r.Part = tree(key, members...)
		r.Part.Value, r.Part.Version = secret.Value{}, ""
	}
	s.results[key] = r
}

// Of a tree that is not whole, the parameters that have come and those that are asked
// for singly are served by name. The tree itself is not, nor what only it could say.
func TestUnfinishedTree(t *testing.T) {
	inBubble(t, "LARDER_PREFETCH=ssm:///t/*", func(t *testing.T, s *stand) {
		s.breaksOff("ssm:///t/*", secret.Error{Class: secret.Timeout, Sent: true}, record("/t/a", planted), secure(record("/t/s", planted)))
		s.denies("ssm:///t/denied", secret.GetParameter)
		s.fails("ssm:///t/none", secret.NotFound)
		s.denies("ssm:///t/locked", secret.Decrypt)
		s.init()
		tests := []struct{ key, want, call string }{
			{"ssm:///t/a", "hit v-/t/a", ""},
			{"encrypted ssm:///t/a", "hit v-/t/a", ""},
			{"ssm:///t/s", "hit v-/t/s", ""},
			{"encrypted ssm:///t/s", "miss v-/t/s", "encrypted ssm:///t/s"},
			{"ssm:///t/b", "miss v-/t/b", "ssm:///t/b"},
			{"ssm:///t/b", "hit v-/t/b", ""},
			{"ssm:///t/denied", "miss Timeout", "ssm:///t/denied"}, // the tree may have it
			{"ssm:///t/none", "miss NotFound", "ssm:///t/none"},    // AWS says so
			{"ssm:///t/locked", "miss AccessDenied", "ssm:///t/locked"},
		}
		for _, test := range tests {
			is(t, test.key, s.get(test.key).got(), test.want)
			var calls []string
			if test.call != "" {
				calls = []string{test.call}
			}
			s.asked(test.key, calls...)
		}
		is(t, "the tree itself", s.get("ssm:///t/*").got(), "miss Timeout")
		s.asked("the tree itself", "ssm:///t/*")
		is(t, "by force", s.demand("ssm:///t/a", manifest.Demand{Now: true}).got(), "miss v-/t/a")
		s.asked("by force", "ssm:///t/*", "ssm:///t/a")
		s.has("ssm:///t/*", tree("/t/*", record("/t/a", planted), record("/t/denied", planted)))
		time.Sleep(time.Second) // until force is allowed again
		is(t, "the whole tree", s.demand("ssm:///t/*", manifest.Demand{Now: true}).got(), "miss v-/t/*")
		is(t, "what only it says", s.get("ssm:///t/denied").got(), "hit v-/t/denied")
	})
}

// A tree that fails may be to blame itself: what lies beneath is asked for singly,
// unless another call would meet the same trouble.
func TestTreeInTrouble(t *testing.T) {
	for name, test := range map[string]struct {
		err  secret.Error
		want string
	}{
		"no answer":     {secret.Error{Class: secret.Timeout, Sent: true}, "miss v-/t/a"},
		"5xx":           {secret.Error{Class: secret.Unavailable, Sent: true}, "miss v-/t/a"},
		"unreadable":    {secret.Error{Class: secret.BadAnswer, Sent: true}, "miss v-/t/a"},
		"no connection": {secret.Error{Class: secret.Unavailable}, "miss Unavailable"},
		"no turn":       {secret.Error{Class: secret.Timeout}, "miss Timeout"},
		"throttled":     {secret.Error{Class: secret.Throttled, Sent: true}, "miss Throttled"},
		"credentials":   {secret.Error{Class: secret.Credentials, Sent: true}, "miss Credentials"},
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, "OTHER=x LARDER_PREFETCH=ssm:///t/*", func(t *testing.T, s *stand) {
				s.breaksOff("ssm:///t/*", test.err)
				s.init()
				is(t, "a name beneath it", s.get("ssm:///t/a").got(), test.want)
			})
		})
	}
}
