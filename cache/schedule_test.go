package cache_test

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
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
//     answered by an earlier call;
//   - a hit is fresh, what is stale is not past its bound, and it is what the key
//     names;
//   - what is declared leaves the cache only for what AWS said of it;
//   - nobody is cancelled, nobody is forgotten, and the sums hold.
func TestSchedule(t *testing.T) {
	t.Parallel()
	for seed := range uint64(6) {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) { newSchedule(t, seed).walk(5000) })
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
	calls    int   // of which pending was told
	steps    []int // in which they began
	told     map[secret.Key]int
	how      map[string]int
	deadline context.CancelFunc // of a batch that is under way, or nil
	loading  *loading
	step     int
	now      cache.Instant // when the present step began
	last     *pending      // which AWS has answered in this step, or nil
	kept     []secret.Key  // what is declared and was in the cache before it
	landed   map[landing]cache.Instant
}

// landing is the coming of what call n, from 1, brings for key.
type landing struct {
	n   int
	key secret.Key
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
	final secret.Result // what was delivered
}

func newSchedule(t *testing.T, seed uint64) *schedule {
	s := &schedule{
		world:  newWorld(seed, 5),
		told:   make(map[secret.Key]int),
		how:    make(map[string]int),
		landed: make(map[landing]cache.Instant),
	}
	s.fixture = start(t, func(c *cache.Config) {
		c.Entries, c.Bytes, c.MaxStale = 6, 200, time.Minute
		c.TTL = map[secret.Service]time.Duration{secret.SecretsManager: time.Minute}
		s.declare(c)
		s.config = *c
	})
	return s
}

func (s *schedule) walk(steps int) {
	for s.step = range steps {
		s.random, s.now = s.rand.Float64(), s.clock.Now()
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
		s.settle()
	}
	for s.step < steps+1000 && (!s.Idle() || len(s.open) > 0) {
		s.step++
		s.now = s.clock.Now()
		s.answerOne()
		s.settle()
		s.clock.tick(time.Second) // which a forced read may wait for
		s.settle()
	}
	if len(s.open) > 0 || !s.Idle() {
		s.t.Errorf("when every call has ended, %d readers wait; Idle() = %t", len(s.open), s.Idle())
	}
	if s.loading != nil && s.loading.got() == "waiting" {
		s.t.Error("when every call has ended, Batch waits")
	}
	for _, kind := range []string{"hit", "wait", "miss", "stale", "forced", "left", "frozen", "refresh"} {
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
	if s.deadline != nil {
		s.deadline()
		s.deadline = nil
		if s.loading.got() == "waiting" {
			s.t.Error("Batch waits past its deadline")
		}
		return
	}
	batch := s.Refresh()
	if batch != nil {
		s.how["refresh"]++
	} else {
		batch = s.Begin([]secret.Key{s.anyKey(), s.anyKey(), s.anyKey()}, nil)
	}
	var ctx context.Context
	ctx, s.deadline = context.WithCancel(s.t.Context())
	s.loading = load(ctx, batch)
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
	now := s.clock.Now()
	if apart := now.Wall.Sub(p.began.Wall) - (now.Mono - p.began.Mono); apart != 0 {
		r.Frozen = true
		s.how["frozen"]++
	}
	s.landed[landing{p.n, p.key}] = now
	p.final, s.last = r, p
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
func (s *schedule) settle() {
	synctest.Wait()
	s.begun()
	s.pending = slices.DeleteFunc(s.pending, func(p *pending) bool { return !slices.Contains(p.unanswered(), p.key) })
	told := make(map[secret.Key]int)
	s.open = slices.DeleteFunc(s.open, func(a *asked) bool {
		got := a.got()
		if got == "waiting" {
			return false
		}
		n, err := s.examine(a)
		if err != nil {
			s.t.Fatalf("step %d: read of %v (force %t) = %s by call %d: %v", s.step, a.key, a.force, got, n, err)
		}
		told[a.key] = max(told[a.key], n)
		return true
	})
	for k, n := range told {
		s.told[k] = max(s.told[k], n)
	}
	if err := s.checkDeclared(); err != nil {
		s.t.Fatalf("step %d: %v", s.step, err)
	}
	if err := s.Check(); err != nil {
		s.t.Fatalf("step %d: %v", s.step, err)
	}
}

// begun looks at the calls that have begun in the last step. Those have no order.
func (s *schedule) begun() {
	begun := len(s.pending)
	for ; s.calls < s.aws.count(); s.calls++ {
		c := s.aws.call(s.calls)
		s.steps = append(s.steps, s.step)
		for _, k := range c.keys {
			p := &pending{call: c, key: k, n: s.calls + 1}
			p.first = p.stamp(s.reply(k))
			s.pending = append(s.pending, p)
		}
	}
	slices.SortFunc(s.pending[begun:], func(p, q *pending) int {
		return cmp.Or(strings.Compare(p.names(), q.names()), strings.Compare(p.key.ID, q.key.ID))
	})
}
