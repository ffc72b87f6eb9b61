package source

import (
	"log/slog"
	"sync"
	"time"

	"larder/secret"
)

// lessons is what failed calls have taught, for the life of the process.
type lessons struct {
	mu sync.Mutex
	// apart are the keys that a batch failed for. They go alone, so that the others
	// can share a call again.
	apart map[secret.Key]bool
	// single are the places where the batch call itself is not allowed.
	single map[place]bool
	// hung are the places where a batch got no answer and all its keys did, each
	// alone, and when that was.
	hung map[place]instant
	// together are the places where the single call itself is not allowed, and that
	// for several parameters is.
	together map[place]bool
	// warned are the missing permissions that are in the log. One policy is for all
	// Regions.
	warned map[missing]bool
}

// missing is an IAM action that a role lacks.
type missing struct{ action, role string }

// hungFor is how long nothing goes in batches where one got no answer: something on
// the way does not let it pass, perhaps, and the next one would take as long.
const hungFor = 5 * time.Minute

// alone reports whether the key had better be asked for singly.
func (s *Source) alone(k secret.Key) bool {
	l := &s.lessons
	l.mu.Lock()
	defer l.mu.Unlock()
	at, hung := l.hung[placeOf(k)]
	return l.apart[k] || l.single[placeOf(k)] || hung && s.cfg.clock.since(at) < hungFor
}

// forget lets the key into batches again.
func (l *lessons) forget(k secret.Key) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.apart, k)
}

// learn draws conclusions from the single calls that followed a batch that failed.
// It concludes only where AWS answered some of them: where it answered none, nothing
// tells the batch from its keys. What one key's fault may be has one key at fault if
// that fails alone, too; a batch that AWS refused says nothing of a key for which no
// answer came in time.
func (s *Source) learn(refusal *secret.Error, results []secret.Result) {
	var good, bad, open int
	var apart []secret.Key
	for _, r := range results {
		switch {
		case r.Err == nil:
			good++
		case r.Err.Class == secret.NotFound: // allowed to ask; a batch can say so, too
		case !r.Err.Class.Transient(), isOnesFault(refusal) && isOnesFault(r.Err):
			bad++
			apart = append(apart, r.Key)
		default:
			open++
		}
	}
	if good == 0 {
		return
	}
	l := &s.lessons
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, k := range apart {
		set(&l.apart, k, true)
	}
	if bad+open > 0 {
		return
	}
	where := placeOf(results[0].Key)
	switch refusal.Class {
	case secret.Denied:
		set(&l.single, where, true)
		s.lacksLocked(where, batchAction(where.service)).Warn("a permission is missing: asking one by one, which takes more calls and time")
	case secret.Timeout:
		set(&l.hung, where, s.cfg.clock.now())
	}
}

// lacksLocked returns the log for a line about a missing action, once for each role,
// and one that discards it afterwards.
func (s *Source) lacksLocked(where place, action string) *slog.Logger {
	lacks := missing{action, where.role}
	if s.lessons.warned[lacks] {
		return slog.New(slog.DiscardHandler)
	}
	set(&s.lessons.warned, lacks, true)
	log := s.cfg.Log.With("action", action, "region", where.region)
	if where.role != "" {
		log = log.With("role", where.role)
	}
	return log
}

// set adds k to a map that is made when it gets its first key.
func set[K comparable, V any](m *map[K]V, k K, v V) {
	if *m == nil {
		*m = make(map[K]V)
	}
	(*m)[k] = v
}

// isTogether reports whether single parameters are asked for with GetParameters.
func (l *lessons) isTogether(where place) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.together[where]
}

func (l *lessons) untogether(where place) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.together, where)
}

// learnTogether is told that GetParameters has brought what GetParameter may not.
func (s *Source) learnTogether(where place) {
	s.lessons.mu.Lock()
	defer s.lessons.mu.Unlock()
	set(&s.lessons.together, where, true)
	s.lacksLocked(where, secret.GetParameter).Warn("a permission is missing: asking for single parameters with ssm:GetParameters instead")
}
