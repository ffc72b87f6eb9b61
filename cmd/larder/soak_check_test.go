//go:build soak

package main

import (
	"bytes"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"
)

const (
	// lag is how long after AWS has decided on it an answer may come to a reader on
	// a busy machine: what changes meanwhile is not known to Larder.
	lag = latest + 100*time.Millisecond
	// maxPatience is for how long readers wait who can be served a stale value.
	maxPatience = 500 * time.Millisecond
	// maxWait is for how long readers wait at all, in calm: a forced read for the
	// call that runs, for the second that is between two, and for its own; and all
	// that twice, if a parameter is looked for in a tree, and is not there.
	maxWait = 2 * (time.Second + 2*lag)
)

// check judges an answer, by what AWS had at which time.
func (s *soak) check(x read) {
	stale := x.header.Get("Larder-Stale") == "true"
	s.tally.answered(x, stale)
	took := x.end.Sub(x.start) - s.pulse.lost(x.start, x.end)
	switch {
	case stale && took > maxPatience+lag && x.age() >= took && !x.target.many: // it was there when the read began
		s.complain(x, "it is stale, and the reader waited all the same")
	case took > maxWait && len(s.weather.near(x.start, x.end)) == 0:
		s.complain(x, "the reader waited while AWS was well")
	}
	if x.status == http.StatusOK {
		s.checkValues(x, stale)
		return
	}
	if bytes.Contains(x.body, []byte(marker)) {
		s.complain(x, "the error has a value in it")
	}
	word := x.header.Get("Larder-Error")
	if word == "ResourceNotFoundException" || word == "ParameterNotFound" || word == "NotFound" {
		s.checkAbsence(x)
		return
	}
	status, ok := s.weather.explains(word, x.start, x.end)
	switch {
	case !ok:
		s.complain(x, "the failure %q has no reason", word)
	case !x.fits(status, word):
		s.complain(x, "the status does not go with %q", word)
	}
}

// age returns the Age of an answer, in whole seconds; -1 s if it has none.
func (x *read) age() time.Duration {
	seconds, err := strconv.Atoi(x.header.Get("Age"))
	if err != nil {
		seconds = -1
	}
	return time.Duration(seconds) * time.Second
}

// fits reports whether the status is the one that the contract of the path has for
// a failure, which on our own paths is given.
func (x *read) fits(ours int, word string) bool {
	switch x.target.kind {
	case awsExtension:
		return x.status == http.StatusBadRequest
	case provider:
		switch word {
		case timedOut:
			return x.status == http.StatusGatewayTimeout
		case unavailable, badAnswer, tooOld:
			return x.status == http.StatusBadGateway
		}
		return x.status == http.StatusBadRequest || x.status == http.StatusInternalServerError
	}
	return x.status == ours
}

// checkAbsence checks that something was not there.
func (s *soak) checkAbsence(x read) {
	i, ok := x.target.items[""]
	first, last, found := 0, 0, false
	if ok {
		first, last, found = i.absent(x.oldest(i), x.end)
	}
	switch {
	case !found:
		s.complain(x, "it was there")
	case !x.fits(http.StatusNotFound, ""):
		s.complain(x, "the status does not go with an absence")
	default:
		s.checkOrder(x, "", i, first, last)
	}
}

// oldest returns the moment that an answer must not be older than.
func (x *read) oldest(i item) time.Time {
	if x.forced {
		return x.start
	}
	return x.start.Add(-i.ttl - maxStaleness)
}

// checkValues checks all values of an answer.
func (s *soak) checkValues(x read, stale bool) {
	texts, err := x.target.open(x.body)
	if err != nil {
		s.complain(x, "%v", err)
		return
	}
	for name, i := range x.target.items {
		text, there := texts[name]
		delete(texts, name)
		if there {
			s.checkValue(x, name, i, text, stale)
		} else if _, _, gone := i.absent(x.oldest(i), x.end); !gone {
			s.complain(x, "%s is missing, and was there", i.name)
		}
	}
	if len(texts) > 0 {
		s.complain(x, "%d values too many", len(texts))
	}
}

// checkValue checks one value: whose it is, when AWS had it, and that the headers
// say so.
func (s *soak) checkValue(x read, name string, i item, text string, stale bool) {
	serial, ok := serialIn(text)
	if !ok || !i.isValue(serial) || text != i.text(serial) {
		s.complain(x, "the value for %s is another's", i.name)
		return
	}
	until, oldest := i.until(serial+i.shift), x.oldest(i)
	if x.seen != "" && x.seen == x.header.Get("ETag") {
		oldest = x.start // not just another one: AWS was asked
	}
	if until.Before(oldest) {
		s.complain(x, "%s is %v too old", i.name, oldest.Sub(until))
	}
	outdated := max(0, x.start.Sub(until))
	if !stale && outdated > i.ttl+lag+s.pulse.lost(x.start.Add(-i.ttl-lag), x.end) {
		s.complain(x, "%s is not marked as stale, and AWS had another one %v before", i.name, outdated)
	}
	age := x.age()
	switch {
	case age+time.Second < outdated:
		s.complain(x, "%s has the Age %q, and AWS had another one %v before", i.name, x.header.Get("Age"), outdated)
	case stale && age > i.ttl+maxStaleness && !x.target.many:
		s.complain(x, "%s is stale with an Age of %v", i.name, age)
	case name == "" && !i.sameTag(serial, x.header.Get("ETag")):
		s.complain(x, "%s has two ETags for one version", i.name)
	}
	s.tally.outdated(x, outdated, age)
	s.checkOrder(x, name, i, serial, serial)
}

// checkOrder checks that nothing older comes after something newer. What was read
// is from the first to the last of some states.
func (s *soak) checkOrder(x read, name string, i item, first, last int) {
	defer s.sightings.note(i.order, first, x.end)
	known := x.known[name]
	if last >= known.serial {
		return
	}
	// The order of calls is that of their beginnings. Of two that are under way
	// together, AWS may have decided on the first one later. If that has brought the
	// newer value, the older one of the other follows, as it should: between the two
	// is no more time than AWS takes to decide, and the older one was on its way when
	// the newer one was read.
	between := i.since(known.serial + i.shift).Sub(i.until(last + i.shift))
	after := known.at.Sub(i.until(last + i.shift))
	lost := s.pulse.lost(i.until(last+i.shift), x.end)
	if between > lost+s.decision(known.at, x.end) || after > lost+lag {
		s.complain(x, "%s goes back from %d to %d, which AWS had until %v before, and until %v before that was read",
			i.name, known.serial, last, between, after)
	}
}

// decision is how long AWS may have taken to decide on a call.
func (s *soak) decision(from, to time.Time) time.Duration {
	if len(s.weather.near(from, to)) > 0 {
		return lag // it may have been asked more than once
	}
	return 50 * time.Millisecond
}

// sightings are the newest states that readers have got, by what is named.
type sightings struct {
	mu     sync.Mutex
	newest map[string]sighting
}

// sighting is a state that a reader has got, and when.
type sighting struct {
	serial int
	at     time.Time
}

// of returns what has been seen of the items of a target.
func (s *sightings) of(t target) map[string]sighting {
	s.mu.Lock()
	defer s.mu.Unlock()
	known := make(map[string]sighting, len(t.items))
	for name, i := range t.items {
		known[name] = s.newest[i.order]
	}
	return known
}

func (s *sightings) note(order string, serial int, at time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if serial > s.newest[order].serial {
		s.newest[order] = sighting{serial, at}
	}
}

// complain fails the test, and says what is wrong with an answer without showing it.
func (s *soak) complain(x read, format string, args ...any) {
	var how strings.Builder
	fmt.Fprintf(&how, "status %d after %v", x.status, x.end.Sub(x.start).Round(time.Millisecond))
	for _, name := range []string{"Age", "Larder-Stale", "Larder-Error", "ETag"} {
		if value := x.header.Get(name); value != "" {
			fmt.Fprintf(&how, ", %s %s", name, value)
		}
	}
	if x.forced {
		how.WriteString(", forced")
	}
	if x.seen != "" {
		how.WriteString(", seen " + x.seen)
	}
	s.fail("%s: %s (%s; %s)", x.target.path, fmt.Sprintf(format, args...), how.String(), s.weather.around(x.start, x.end))
}
