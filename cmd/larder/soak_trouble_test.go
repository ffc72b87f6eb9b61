//go:build soak

package main

import (
	"cmp"
	"fmt"
	"math/rand/v2"
	"net/http"
	"strings"
	"sync"
	"time"

	"larder/internal/awstest"
)

// trouble is one way in which AWS, or the way to it, is bad for a while.
type trouble struct {
	name string
	// shortest and longest are the bounds of how long it lasts.
	shortest, longest time.Duration
	// begin brings it about.
	begin func(*site, *rand.Rand) error
	// again is called before each invoke meanwhile; nil for nothing.
	again func(*site)
	// words are the values of Larder-Error that it explains, with the status that
	// goes with each on our own paths.
	words map[string]int
}

// site is where the troubles are made.
type site struct {
	aws   *awstest.Server
	relay *awstest.Relay
}

// heal ends all troubles.
func (s *site) heal() error {
	s.aws.ClearFaults()
	s.relay.Heal()
	return s.aws.SetPolicy(nil)
}

// The words that troubles share.
const (
	timedOut    = "Timeout"
	unavailable = "Unavailable"
	badAnswer   = "BadAnswer"
	denied      = "AccessDeniedException"
	tooOld      = "Expired" // what is in memory, while AWS fails without saying why
)

func troubles() []trouble {
	const short, long = 500 * time.Millisecond, 3 * time.Second
	silence := map[string]int{
		timedOut: http.StatusGatewayTimeout, unavailable: http.StatusServiceUnavailable, tooOld: http.StatusServiceUnavailable,
	}
	garbled := map[string]int{
		badAnswer: http.StatusBadGateway, unavailable: http.StatusServiceUnavailable, tooOld: http.StatusServiceUnavailable,
	}
	return []trouble{
		{name: "throttled", shortest: short, longest: long, begin: code("ThrottlingException", 400),
			words: map[string]int{"ThrottlingException": http.StatusServiceUnavailable}},
		{name: "internal errors", shortest: short, longest: long, begin: code("InternalServiceError", 500),
			words: map[string]int{"InternalServiceError": http.StatusServiceUnavailable}},
		{name: "token expired", shortest: short, longest: long, begin: code("ExpiredTokenException", 400),
			words: map[string]int{"ExpiredTokenException": http.StatusServiceUnavailable}},
		{name: "denied", shortest: time.Second, longest: time.Second, begin: deny,
			words: map[string]int{denied: http.StatusForbidden}},
		{name: "denied for long", shortest: 7 * time.Second, longest: 9 * time.Second, begin: deny,
			words: map[string]int{denied: http.StatusForbidden}},
		{name: "hanging", shortest: short, longest: 5 * time.Second, begin: fault(awstest.Fault{Hang: true}), words: silence},
		{name: "slow", shortest: time.Second, longest: long, begin: func(s *site, r *rand.Rand) error {
			return s.aws.AddFault(awstest.Fault{Delay: 50*time.Millisecond + time.Duration(r.IntN(150))*time.Millisecond})
		}},
		{name: "answers broken off", shortest: short, longest: long, begin: func(s *site, r *rand.Rand) error {
			n := r.IntN(200)
			return s.aws.AddFault(awstest.Fault{Cut: &n})
		}, words: garbled},
		{name: "garbage", shortest: short, longest: long, begin: func(s *site, _ *rand.Rand) error {
			page := "<html>"
			return s.aws.AddFault(awstest.Fault{Body: &page})
		}, words: garbled},
		{name: "connections cut", shortest: time.Second, longest: long, begin: nothing,
			again: sometimes((*awstest.Relay).Cut), words: silence},
		{name: "connections swallowed", shortest: time.Second, longest: long, begin: nothing,
			again: sometimes((*awstest.Relay).Swallow), words: silence},
		{name: "black hole", shortest: short, longest: 5 * time.Second, begin: func(s *site, _ *rand.Rand) error {
			s.relay.BlackHole()
			return nil
		}, words: silence},
	}
}

func nothing(*site, *rand.Rand) error { return nil }

func fault(f awstest.Fault) func(*site, *rand.Rand) error {
	return func(s *site, _ *rand.Rand) error { return s.aws.AddFault(f) }
}

// code answers all calls, or those of some actions, with an error.
func code(code string, status int) func(*site, *rand.Rand) error {
	return func(s *site, r *rand.Rand) error {
		actions := []string{"", "", "Batch*", "GetParameter*", "GetSecretValue"}
		return s.aws.AddFault(awstest.Fault{Action: actions[r.IntN(len(actions))], Code: code, Status: status})
	}
}

// deny denies everything, or one secret and one parameter. That a batch may be
// made is never denied: what Larder learns of that, it learns for life.
func deny(s *site, r *rand.Rand) error {
	resources := []string{"*"}
	if r.IntN(2) == 0 {
		resources = []string{"*:secret:soak/db-*", "*:parameter/soak/key"}
	}
	return s.aws.SetPolicy(&awstest.Policy{Statement: []awstest.Statement{
		{Effect: "Allow", Action: awstest.OneOrMany{"*"}, Resource: awstest.OneOrMany{"*"}},
		{Effect: "Deny", Action: awstest.OneOrMany{"secretsmanager:GetSecretValue", "ssm:Get*"}, Resource: resources},
	}})
}

// sometimes does something to the connections a few times a second. How often
// depends on the machine, so it draws nothing from the seed.
func sometimes(what func(*awstest.Relay)) func(*site) {
	return func(s *site) {
		if rand.IntN(50) == 0 {
			what(s.relay)
		}
	}
}

// weather is the troubles that there were, and the present one. All kinds come in
// turn, in an order that is drawn anew each time, with calm in between.
type weather struct {
	site *site
	rand *rand.Rand
	deck []trouble
	next time.Time // change of weather

	mu   sync.Mutex
	past []spell // the last one may still last
}

// spell is the time of one trouble.
type spell struct {
	trouble
	began, ended time.Time // ended is zero while it lasts
}

// echo is how long after its end a trouble may still be met: an attempt that began
// in it takes two seconds at most, its failure is remembered for one, and this
// machine may be slow.
const echo = 4 * time.Second

// blow lets the weather change when it is time. It returns the name of the trouble
// that begins, if one does.
func (w *weather) blow(now time.Time) (name string, err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	last := len(w.past) - 1
	lasting := last >= 0 && w.past[last].ended.IsZero()
	switch {
	case now.Before(w.next):
		if lasting && w.past[last].again != nil {
			w.past[last].again(w.site)
		}
		return "", nil
	case lasting:
		w.past[last].ended = now
		w.next = now.Add(w.draw(200*time.Millisecond, 9*time.Second)) // often longer than the echo
		return "", w.site.heal()
	}
	if len(w.deck) == 0 {
		w.deck = troubles()
		w.rand.Shuffle(len(w.deck), func(i, j int) { w.deck[i], w.deck[j] = w.deck[j], w.deck[i] })
	}
	t := w.deck[0]
	w.deck = w.deck[1:]
	length := w.draw(t.shortest, t.longest)
	w.past, w.next = append(w.past, spell{trouble: t, began: now}), now.Add(length)
	return fmt.Sprintf("%s for %v", t.name, length.Round(10*time.Millisecond)), t.begin(w.site, w.rand)
}

func (w *weather) draw(shortest, longest time.Duration) time.Duration {
	return shortest + time.Duration(w.rand.Int64N(int64(longest-shortest)+1))
}

// clear ends the present trouble, if there is one.
func (w *weather) clear() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if last := len(w.past) - 1; last >= 0 && w.past[last].ended.IsZero() {
		w.past[last].ended = time.Now()
	}
	return w.site.heal()
}

// near returns the troubles that somebody may have met in some time.
func (w *weather) near(from, to time.Time) []spell {
	w.mu.Lock()
	defer w.mu.Unlock()
	var near []spell
	for _, s := range w.past {
		if s.began.Before(to) && (s.ended.IsZero() || s.ended.Add(echo).After(from)) {
			near = append(near, s)
		}
	}
	return near
}

// explains returns the status that goes with a word of Larder-Error, if there was a
// trouble that a read may have met, and which has it.
func (w *weather) explains(word string, from, to time.Time) (status int, ok bool) {
	for _, s := range w.near(from, to) {
		if status, ok = s.words[word]; ok {
			return status, true
		}
	}
	return 0, false
}

// around names the troubles that somebody may have met in some time.
func (w *weather) around(from, to time.Time) string {
	var names []string
	for _, s := range w.near(from, to) {
		when := fmt.Sprintf("since %v", to.Sub(s.began).Round(time.Millisecond))
		if !s.ended.IsZero() {
			when = fmt.Sprintf("until %v ago", to.Sub(s.ended).Round(time.Millisecond))
		}
		names = append(names, s.name+" "+when)
	}
	return cmp.Or(strings.Join(names, ", "), "calm")
}
