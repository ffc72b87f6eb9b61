package source

import (
	"context"
	"log/slog"
	"sync"

	"larder/secret"
)

// Source asks AWS. It is safe for concurrent use.
type Source struct {
	cfg     Config
	lessons lessons
	tokens  *tokens

	mu        sync.Mutex
	ephemeral bool     // nothing is kept in clients
	clients   *clients // nil before the first call
}

// place is where a call goes to.
type place struct {
	service secret.Service
	region  string
	role    string
}

// backend is one AWS service in one Region, asked with one role.
type backend interface {
	// one asks for one key.
	one(context.Context, secret.Key) (*secret.Record, *secret.Error)
	// many asks for several keys with one call. A key for which the answer says
	// nothing certain is missing in the map.
	many(context.Context, []secret.Key) (map[secret.Key]secret.Result, *secret.Error)
}

// New returns a Source. It makes no client, opens no file and no connection: it
// runs before the extension registers, and every millisecond there is one of the
// cold start. What is wrong with the settings comes out as the error of a Fetch.
func New(cfg Config) *Source {
	if cfg.MaxConnections <= 0 {
		cfg.MaxConnections = 3
	}
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	if cfg.clock == nil {
		cfg.clock = systemClock
	}
	known := newTokens(&cfg)
	cfg.Token = secret.Value{} // only a hash of it is kept
	return &Source{cfg: cfg, tokens: known, ephemeral: cfg.Ephemeral}
}

// Fetch implements [secret.Fetch]: it asks for all keys at once, with as few
// calls as AWS allows, and delivers exactly one result for each of them, from
// any goroutine. A key that stands twice in keys is asked for and delivered
// once.
func (s *Source) Fetch(ctx context.Context, keys []secret.Key, deliver func(secret.Result)) {
	ctx, deliver = watchStandstills(ctx, deliver)
	work := s.split(keys, deliver)
	c, done, failure := s.open()
	if failure != nil {
		for _, job := range work {
			failAll(job, failure, deliver)
		}
		return
	}
	defer done()
	var jobs sync.WaitGroup
	for _, job := range work {
		jobs.Go(func() { s.run(ctx, c, job, deliver) })
	}
	jobs.Wait()
}

// Keep ends Ephemeral: what the next Fetch loads and opens is kept. A Fetch that
// is under way goes on with what it has of its own.
func (s *Source) Keep() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.ephemeral = false
}

// Close drops the idle connections. The Source can still be used.
func (s *Source) Close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.clients != nil {
		s.clients.web.closeIdle()
	}
}

// open returns the clients of a Fetch, which calls done at its end.
func (s *Source) open() (c *clients, done func(), failure *secret.Error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.clients != nil {
		return s.clients, func() {}, nil
	}
	c, failure = newClients(&s.cfg, s.tokens.learn)
	switch {
	case failure != nil:
		return nil, nil, failure
	case s.ephemeral:
		return c, c.web.closeIdle, nil
	}
	s.clients = c
	return c, func() {}, nil
}

// run does one job: the keys that share a call, which all go to one place.
func (s *Source) run(ctx context.Context, c *clients, job []secret.Key, deliver func(secret.Result)) {
	b, failure := c.backend(placeOf(job[0]))
	switch {
	case failure != nil:
		failAll(job, failure, deliver)
	case len(job) == 1:
		s.singly(ctx, b, job, nil, deliver)
	default:
		s.batch(ctx, b, job, deliver)
	}
}

func answered(k secret.Key, record *secret.Record) secret.Result {
	return secret.Result{Key: k, Record: record, Same: aliases(k, record)}
}

// failed copies the failure, which may be shared by the keys of a batch.
func failed(k secret.Key, failure *secret.Error) secret.Result {
	err := *failure
	err.Key = k
	return secret.Result{Key: k, Err: &err}
}

func failAll(keys []secret.Key, failure *secret.Error, deliver func(secret.Result)) {
	for _, k := range keys {
		deliver(failed(k, failure))
	}
}

func placeOf(k secret.Key) place { return place{k.Service, k.Region, k.Role} }
