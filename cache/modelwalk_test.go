package cache_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"larder/cache"
	"larder/secret"
)

// A random walk of one reader agrees with the model in every answer, its age, every
// call that AWS gets, and every line of the log.
func TestModel(t *testing.T) {
	t.Parallel()
	for seed := range uint64(9) {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) { newModelWalk(t, seed).walk(6000) })
		})
	}
}

// modelWalk is a cache beside its model.
type modelWalk struct {
	*fixture
	model   *model
	freezes time.Duration // in which the next reply stands still, as model.freeze
	calls   int           // that AWS had got before the present step
}

func newModelWalk(t *testing.T, seed uint64) *modelWalk {
	m := &model{
		world:  newWorld(seed, 8),
		failed: make(map[secret.Key]lapse),
		late:   make(map[secret.Key]bool),
		forced: make(map[secret.Key]cache.Instant),
		seen:   make(map[string]int),
	}
	m.random = m.rand.Float64()
	m.dueAt = 0.70 + 0.15*m.random
	s := &modelWalk{model: m}
	s.fixture = start(t, func(c *cache.Config) {
		c.Entries, c.Bytes = 5+m.rand.IntN(5), 200+m.rand.IntN(300)
		c.TTL = map[secret.Service]time.Duration{secret.SecretsManager: time.Minute}
		c.MaxStale = time.Duration(seed%3) * 2 * time.Minute
		c.Random = func() float64 { return m.random }
		m.declare(c)
		m.config = *c
	})
	s.aws.takes = m.takes
	s.aws.reply = func(k secret.Key) secret.Result {
		r := m.reply(k)
		if s.freezes > 0 {
			r.Frozen = true
			s.clock.step(s.freezes, 0)
			s.freezes = 0
		}
		return r
	}
	return s
}

func (s *modelWalk) walk(steps int) {
	m := s.model
	for step := range steps {
		m.random = m.rand.Float64()
		m.now, m.calls, m.log = s.clock.Now(), nil, nil
		s.calls = s.aws.count()
		s.log.Reset()
		var what, got, want string
		switch m.rand.IntN(20) {
		case 0, 1, 2:
			if m.rand.IntN(20) == 0 {
				m.outage()
			} else {
				m.change()
			}
			continue
		case 3, 4, 5:
			m.jump(s.clock)
			continue
		case 6:
			s.ForgetFailures()
			clear(m.failed)
			continue
		case 7, 8:
			what, got, want = s.stepRefresh()
		default:
			what, got, want = s.stepRead()
		}
		for !s.Idle() {
			s.clock.tick(100 * time.Millisecond)
		}
		s.freezes, m.freeze = 0, 0 // if AWS was not asked
		got += s.asked() + "; " + s.logged()
		want += strings.Join(m.calls, "|") + "; " + strings.Join(m.log, ", ")
		if got != want {
			s.t.Fatalf("step %d: %s =\n%s, want\n%s", step, what, got, want)
		}
		if err := s.Check(); err != nil {
			s.t.Fatalf("step %d: %v", step, err)
		}
		s.count(got)
	}
	s.checkSeen()
}

// stepRead reads, and returns how that ended and what the model says.
func (s *modelWalk) stepRead() (what, got, want string) {
	m := s.model
	key, force := m.anyKey(), m.rand.IntN(6) == 0
	if m.rand.IntN(10) == 0 {
		m.freeze = time.Duration(m.rand.IntN(100)) * time.Second
	}
	s.freezes = m.freeze
	words, age := "", time.Duration(0)
	if force {
		words, age = m.force(key)
	} else {
		words, age = m.read(key)
	}
	r := s.read(key, force)
	<-r.done
	what = fmt.Sprintf("read of %v (force %t)", key, force)
	return what, fmt.Sprint(r.got(), " ", r.answer.Age), fmt.Sprint(words, " ", age)
}

// stepRefresh does what an INVOKE does, for which there may be little time.
func (s *modelWalk) stepRefresh() (what, got, want string) {
	m := s.model
	ctx, cancel, budget := s.t.Context(), context.CancelFunc(func() {}), time.Duration(-1)
	if m.rand.IntN(2) == 0 {
		budget = 2 * time.Second
		ctx, cancel = context.WithTimeout(ctx, budget)
	}
	defer cancel()
	m.refresh(budget)
	if batch := s.Refresh(); batch != nil {
		batch.Wait(ctx)
	}
	return fmt.Sprintf("Refresh (budget %v)", budget), "", ""
}

// asked returns what the present step has asked AWS for.
func (s *modelWalk) asked() string {
	var asked []string
	for n := s.calls; n < s.aws.count(); n++ {
		asked = append(asked, s.aws.call(n).names())
	}
	return strings.Join(asked, "|")
}

// count notes how a step ended.
func (s *modelWalk) count(got string) {
	for _, words := range []string{"hit v", "miss v", "stale v", "Expired", "hit NotFound", "WARN", "INFO"} {
		if strings.Contains(got, words) {
			s.model.seen[words]++
		}
	}
}

// checkSeen fails the test if the walk has left something out.
func (s *modelWalk) checkSeen() {
	kinds := []string{
		"hit v", "miss v", "Expired", "hit NotFound", "WARN", "INFO", "forced, and limited", "remembered",
		"batch of a reader", "batch of what is late", "refreshed", "frozen, and asked again", "cut", "denied for good", "evicted",
	}
	if s.model.config.MaxStale > 0 {
		kinds = append(kinds, "stale v", "impatient")
	}
	for _, kind := range kinds {
		if s.model.seen[kind] < 3 {
			s.t.Errorf("the walk had %d of %q: %v", s.model.seen[kind], kind, s.model.seen)
		}
	}
}
