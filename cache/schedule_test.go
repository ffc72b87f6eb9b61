package cache_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"larder/cache"
	"larder/secret"
)

// A random schedule of many readers: calls end in any order, with what AWS said
// when they began or when they ended. Whatever happens,
//   - at most one ordinary and one forced call for a key are under way (aws);
//   - a forced read is answered by a call that began after it asked;
//   - what readers of a key are told never goes back: who asks later is not
//     answered by an earlier call for the key;
//   - a hit is fresh, and is what the key names;
//   - nobody is cancelled, nobody is forgotten, and the sums hold.
func TestSchedule(t *testing.T) {
	t.Parallel()
	for seed := range uint64(6) {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) { newSchedule(t, seed).walk(2500) })
		})
	}
}

// schedule is a random walk. A record's version and an error's status are the
// number of the call that brought it, from 1.
type schedule struct {
	*fixture
	*world
	config   cache.Config
	open     []*asked
	pending  []*pending
	calls    int // of which pending was told
	told     map[secret.Key]int
	how      map[string]int
	deadline context.CancelFunc // of a batch that is under way, or nil
	loading  *loading
}

// asked is a read that waits.
type asked struct {
	*read
	key   secret.Key
	force bool
	calls int // that had begun
	told  int // the latest call that a reader of the key had been answered by
}

// pending is the answer of a call for one key, as AWS gave it when it began.
type pending struct {
	*call
	key   secret.Key
	n     int
	first secret.Result
}

func newSchedule(t *testing.T, seed uint64) *schedule {
	s := &schedule{world: newWorld(seed, 5), told: make(map[secret.Key]int), how: make(map[string]int)}
	s.fixture = start(t, func(c *cache.Config) {
		c.Entries, c.Bytes = 6, 200
		s.declare(c)
		s.config = *c
	})
	return s
}

func (s *schedule) walk(steps int) {
	for step := range steps {
		switch s.rand.IntN(10) {
		case 0:
			s.change()
		case 1:
			s.jump(s.clock)
		case 2:
			s.toggleBatch()
		case 3, 4, 5:
			s.answerOne()
		case 6:
			if len(s.open) > 0 {
				s.open[s.rand.IntN(len(s.open))].leave()
			}
		default:
			s.ask(s.anyKey(), s.rand.IntN(4) == 0)
		}
		s.settle(step)
	}
	for len(s.pending) > 0 {
		s.answerOne()
		s.settle(steps)
	}
	if len(s.open) > 0 || !s.Idle() {
		s.t.Errorf("when every call has ended, %d readers wait; Idle() = %t", len(s.open), s.Idle())
	}
	if s.loading != nil && s.loading.got() == "waiting" {
		s.t.Error("when every call has ended, Batch waits")
	}
	for _, kind := range []string{"hit", "wait", "miss", "forced", "left"} {
		if s.how[kind] < 10 {
			s.t.Errorf("the walk had %d of %q: %v", s.how[kind], kind, s.how)
		}
	}
}

func (s *schedule) ask(key secret.Key, force bool) {
	a := &asked{key: key, force: force, calls: s.aws.count(), told: s.told[key]}
	a.read = s.read(key, force)
	s.open = append(s.open, a)
}

// toggleBatch starts a Batch, or ends the one that is under way.
func (s *schedule) toggleBatch() {
	if s.deadline == nil {
		var ctx context.Context
		ctx, s.deadline = context.WithCancel(s.t.Context())
		s.loading = s.load(ctx, s.anyKey(), s.anyKey(), s.anyKey())
		return
	}
	s.deadline()
	s.deadline = nil
	if s.loading.got() == "waiting" {
		s.t.Error("Batch waits past its deadline")
	}
}

// answerOne ends a call for one key.
func (s *schedule) answerOne() {
	if len(s.pending) == 0 {
		return
	}
	i := s.rand.IntN(len(s.pending))
	p := s.pending[i]
	s.pending = slices.Delete(s.pending, i, i+1)
	r := p.first
	if s.rand.IntN(2) == 0 {
		r = p.stamp(s.reply(p.key))
	}
	p.answer(r)
}

func (p *pending) stamp(r secret.Result) secret.Result {
	if r.Err != nil {
		r.Err.Status = p.n
	} else {
		r.Record.Version = fmt.Sprint(p.n)
	}
	return r
}

// settle looks at what the last step has brought.
func (s *schedule) settle(step int) {
	synctest.Wait()
	for ; s.calls < s.aws.count(); s.calls++ {
		c := s.aws.call(s.calls)
		for _, k := range c.keys {
			p := &pending{call: c, key: k, n: s.calls + 1}
			p.first = p.stamp(s.reply(k))
			s.pending = append(s.pending, p)
		}
	}
	s.pending = slices.DeleteFunc(s.pending, func(p *pending) bool { return !slices.Contains(p.unanswered(), p.key) })
	told := make(map[secret.Key]int)
	s.open = slices.DeleteFunc(s.open, func(a *asked) bool {
		got := a.got()
		if got == "waiting" {
			return false
		}
		n, err := s.examine(a)
		if err != nil {
			s.t.Fatalf("step %d: read of %v (force %t) = %s by call %d: %v", step, a.key, a.force, got, n, err)
		}
		told[a.key] = max(told[a.key], n)
		return true
	})
	for k, n := range told {
		s.told[k] = max(s.told[k], n)
	}
	if err := s.Check(); err != nil {
		s.t.Fatalf("step %d: %v", step, err)
	}
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
		if age := s.age(n); a.answer.Age != age {
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
		return 0, nil // a transient failure says nothing of the secret
	}
	how := a.answer.How
	s.how[how.String()]++
	if a.force {
		s.how["forced"]++
	}
	switch {
	case n < a.told && slices.Contains(s.aws.call(n-1).keys, a.key):
		return n, fmt.Errorf("call %d had been told before it asked", a.told)
	case a.force && n <= a.calls:
		return n, fmt.Errorf("it asked after call %d", a.calls)
	case how == cache.Hit && (a.force || s.age(n) >= s.ttl(a.key)):
		return n, fmt.Errorf("a hit at an age of %v", s.age(n))
	case how == cache.Hit && serr != nil && !s.config.Declared[a.key].Optional:
		return n, errors.New("an absence was kept that may not be")
	}
	return n, nil
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
		return ttl
	}
	return least
}
