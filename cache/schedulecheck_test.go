package cache_test

import (
	"errors"
	"fmt"
	"time"

	"larder/cache"
	"larder/secret"
)

// checkDeclared returns which declared key has left the cache since the last step
// without a word of AWS.
func (s *schedule) checkDeclared() error {
	for _, k := range s.kept {
		if !s.Has(k) && !s.toldGone(k) {
			return fmt.Errorf("%v is declared and was evicted", k)
		}
	}
	s.kept, s.last = nil, nil
	for k := range s.config.Declared {
		if s.Has(k) {
			s.kept = append(s.kept, k)
		}
	}
	return nil
}

// toldGone reports whether AWS has just said that key is not there for us, or that
// its name belongs to a secret with another ARN.
func (s *schedule) toldGone(key secret.Key) bool {
	if s.last == nil || s.of(key) != s.of(s.last.key) {
		return false
	}
	if r := s.last.final.Record; r != nil {
		return key.IsARN() && r.ARN != key.ID
	}
	class := s.last.final.Err.Class
	return class == secret.NotFound || class == secret.Denied
}

// examine returns which call answered a read, or 0 if none did, and what is
// wrong with that.
func (s *schedule) examine(a *asked) (n int, err error) {
	var serr *secret.Error
	switch {
	case a.err == nil:
		r := a.answer.Record
		if _, err := fmt.Sscan(r.Version, &n); err != nil {
			return 0, err
		}
		if a.key.ID != r.Name && a.key.ID != r.ARN {
			return n, fmt.Errorf("it is %s", r.ARN)
		}
		if age := s.age(n); a.answer.Age > age || a.answer.Age != age && s.now == s.clock.Now() {
			return n, fmt.Errorf("age %v, want %v", a.answer.Age, age)
		}
	case !errors.As(a.err, &serr):
		s.how["left"]++
		return 0, nil
	case serr.Class == secret.NotFound:
		n = serr.Status
	case serr.Class == secret.Canceled:
		return 0, errors.New("nobody cancelled it")
	default:
		return 0, nil // another failure says nothing of the secret
	}
	s.how[a.answer.How.String()]++
	if a.force {
		s.how["forced"]++
	}
	remembered := a.answer.How == cache.Hit && serr != nil // a frozen failure that came later is not
	switch {
	case s.earlier(n, a.told) && !remembered:
		return n, fmt.Errorf("call %d had been told before it asked", a.told)
	case a.force && n <= a.calls:
		return n, fmt.Errorf("it asked after call %d", a.calls)
	case a.force && a.answer.How != cache.Miss && a.answer.How != cache.Wait:
		return n, errors.New("a forced read was answered from memory")
	}
	return n, s.examineAge(a, n, serr)
}

// earlier reports whether call n began before call m, if there is one.
func (s *schedule) earlier(n, m int) bool { return m > 0 && s.steps[n-1] < s.steps[m-1] }

// examineAge returns what is wrong with the age of what call n has brought: a value,
// or an absence, which err is then.
func (s *schedule) examineAge(a *asked, n int, err *secret.Error) error {
	ttl, age := s.ttl(a.key), a.answer.Age
	if err != nil { // it had that at least, if time has passed in this step
		age = ageOf(s.aws.call(n-1).began, s.now)
	}
	landed, ok := s.landed[landing{n, a.key}]
	switch how := a.answer.How; {
	case how == cache.Hit && err != nil && ok && ageOf(landed, s.clock.Now()) < time.Second:
		return nil // remembered
	case how == cache.Hit && err != nil && !s.config.Declared[a.key].Optional:
		return errors.New("an absence was kept that may not be")
	case how == cache.Hit && age >= ttl:
		return fmt.Errorf("a hit at an age of %v", age)
	case how == cache.Stale && age < ttl && s.now == s.clock.Now() && !over(s.aws.call(n-1).began, s.now, ttl):
		return fmt.Errorf("stale at an age of %v", age)
	case how == cache.Stale && age >= ttl+s.config.MaxStale:
		return fmt.Errorf("too stale: %v", age)
	case age >= ttl+s.config.MaxStale && (s.last == nil || n < s.last.n):
		return fmt.Errorf("too old: %v, and not just come", age)
	}
	return nil
}

// age is how old the reply of call n is.
func (s *schedule) age(n int) time.Duration {
	began, now := s.aws.call(n-1).began, s.clock.Now()
	return max(now.Wall.Sub(began.Wall), now.Mono-began.Mono, 0)
}

// ttl is how long a reply for key is fresh, by the declarations of all keys that
// are known to be the same.
func (s *schedule) ttl(key secret.Key) time.Duration {
	least := time.Duration(-1)
	for k, d := range s.config.Declared {
		if d.HasTTL && s.Same(k, key) && (least < 0 || d.TTL < least) {
			least = d.TTL
		}
	}
	if least < 0 {
		return s.config.TTL[key.Service]
	}
	return least
}
