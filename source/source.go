package source

import (
	"context"
	"log/slog"
	"sync"

	"github.com/aws/aws-sdk-go-v2/aws"

	"larder/secret"
)

// Source asks AWS. It is safe for concurrent use.
type Source struct {
	cfg     Config
	lessons lessons

	mu       sync.Mutex
	backends map[place]backend
	web      *web                    // nil before the first call, as is what follows
	signer   aws.CredentialsProvider // of every client
}

// place is where a call goes to.
type place struct {
	service secret.Service
	region  string
}

// backend is one AWS service in one Region.
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
	return &Source{cfg: cfg, backends: make(map[place]backend)}
}

// Fetch implements [secret.Fetch]: it asks for all keys at once, with as few
// calls as AWS allows, and delivers exactly one result for each of them, from
// any goroutine. A key that stands twice in keys is asked for and delivered
// once.
func (s *Source) Fetch(ctx context.Context, keys []secret.Key, deliver func(secret.Result)) {
	var jobs sync.WaitGroup
	for _, job := range s.split(keys, deliver) {
		jobs.Go(func() { s.run(ctx, job, deliver) })
	}
	jobs.Wait()
}

// Close drops the idle connections. The Source can still be used.
func (s *Source) Close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.web != nil {
		s.web.closeIdle()
	}
}

// run does one job: the keys that share a call, which all go to one place.
func (s *Source) run(ctx context.Context, job []secret.Key, deliver func(secret.Result)) {
	b, failure := s.backendOf(placeOf(job[0]))
	switch {
	case failure != nil:
		for _, k := range job {
			deliver(failed(k, failure))
		}
	case len(job) == 1:
		deliver(s.single(ctx, b, job[0]))
	default:
		s.batch(ctx, b, job, deliver)
	}
}

// single asks for one key by itself.
func (s *Source) single(ctx context.Context, b backend, k secret.Key) secret.Result {
	record, failure := b.one(ctx, k)
	if failure != nil {
		return failed(k, failure)
	}
	s.lessons.forget(k)
	return answered(k, record)
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

func placeOf(k secret.Key) place { return place{k.Service, k.Region} }
