package source

import (
	"context"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"

	"larder/internal/jitter"
	"larder/secret"
)

const (
	// renewEarly is how long before their end credentials are renewed, at least, and
	// up to twice as long at most.
	renewEarly = time.Minute
	// renewPause keeps an endpoint that fails, or gives what is about to end, from
	// being asked before every attempt.
	renewPause = 10 * time.Second
	// aheadLimit bounds a load before the end of the credentials that there are.
	aheadLimit = time.Second
)

// signer has the credentials that sign the requests: keys that stay, or what was
// loaded last, by the container or for a role.
type signer struct {
	clock clock
	load  func(context.Context) (aws.Credentials, *secret.Error) // nil: the keys stay
	// late is the failure of who has waited in vain while another loaded.
	late *secret.Error
	// memory is how long a failed load is also the outcome of those who come later.
	memory time.Duration

	turn chan struct{} // holds an element while credentials are loaded

	mu      sync.Mutex
	current func() aws.Credentials // which fmt cannot look into; without keys before the first load
	renewAt time.Time              // by the wall clock, as the end of credentials is
	refused bool                   // AWS does not take current
	tried   bool                   // a load has begun
	loads   int                    // that have come to an end
	failure *secret.Error          // of the last load
	failed  instant                // when it failed
}

// newSigner takes the keys of the environment where there are both, as the SDK
// does. It tells learn the session tokens of the function's own credentials.
func newSigner(cfg *Config, w *web, learn func(token string)) *signer {
	if cfg.inContainer() {
		c := &container{uri: cfg.ContainerURI, token: cfg.ContainerToken, client: w.direct(), learn: learn}
		return newLoader(cfg.clock, c.load, noCredentials("no answer in time"))
	}
	return &signer{clock: cfg.clock, current: sealed(aws.Credentials{
		AccessKeyID:     cfg.AccessKeyID,
		SecretAccessKey: string(cfg.SecretAccessKey.Reveal()),
		SessionToken:    string(cfg.SessionToken.Reveal()),
	})}
}

// newLoader returns a signer whose credentials are loaded when they are needed.
func newLoader(clock clock, load func(context.Context) (aws.Credentials, *secret.Error), late *secret.Error) *signer {
	return &signer{clock: clock, load: load, late: late, turn: make(chan struct{}, 1), current: sealed(aws.Credentials{})}
}

func sealed(c aws.Credentials) func() aws.Credentials {
	return func() aws.Credentials { return c }
}

// Retrieve implements aws.CredentialsProvider. It never waits: who makes an
// attempt has called ready before, outside of that attempt's time.
func (s *signer) Retrieve(context.Context) (aws.Credentials, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.current(), nil
}

// ready makes sure that there are credentials, and loads them where they are due.
func (s *signer) ready(ctx context.Context) *secret.Error {
	seen := s.generation() // before it is looked whether they are fresh: a load that ends meanwhile is shared
	fresh, usable := s.state()
	switch {
	case fresh:
		return nil
	case s.load == nil:
		return &secret.Error{Class: secret.Credentials, Message: "no credentials: neither AWS_ACCESS_KEY_ID and " +
			"AWS_SECRET_ACCESS_KEY nor AWS_CONTAINER_CREDENTIALS_FULL_URI is set"}
	case usable:
		s.renewAhead(ctx)
		return nil
	}
	if failure := s.remembered(); failure != nil {
		return failure
	}
	return s.renew(ctx, seen)
}

// state reports whether there are credentials that need not be renewed, and
// whether there are some that can still be used.
func (s *signer) state() (fresh, usable bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.clock()
	usable = s.usableLocked(now)
	return usable && (!s.current().CanExpire || now.Before(s.renewAt)), usable
}

func (s *signer) usableLocked(now time.Time) bool {
	current := s.current()
	return current.HasKeys() && !s.refused && (!current.CanExpire || now.Before(current.Expires))
}

// renewAhead loads credentials before the end of those that there are. As these
// do meanwhile, only one caller tries, and not for long.
func (s *signer) renewAhead(ctx context.Context) {
	select {
	case s.turn <- struct{}{}:
		defer func() { <-s.turn }()
	default:
		return
	}
	ctx, cancel := context.WithTimeout(ctx, aheadLimit)
	defer cancel()
	_ = s.keep(s.load(ctx))
}

// remembered returns the failure of the last load, as long as it counts.
func (s *signer) remembered() *secret.Error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.clock.since(s.failed) >= s.memory {
		return nil
	}
	return s.failure
}

// renew loads credentials, unless that has been done since the generation that the
// caller has seen: then it shares the outcome.
func (s *signer) renew(ctx context.Context, seen int) *secret.Error {
	select {
	case s.turn <- struct{}{}:
		defer func() { <-s.turn }()
	case <-ctx.Done():
		return s.late
	}
	s.mu.Lock()
	shared, failure := s.loads != seen, s.failure
	s.tried = true
	s.mu.Unlock()
	if shared {
		return failure
	}
	got, failure := s.load(ctx)
	if failure != nil && ctx.Err() != nil {
		return failure // the caller's own end, and nobody else's outcome
	}
	return s.keep(got, failure)
}

// keep stores the outcome of a load. Where that is a failure, the credentials
// that there are do until their end: see ready.
func (s *signer) keep(got aws.Credentials, failure *secret.Error) *secret.Error {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.clock()
	s.loads++
	s.renewAt = now.Add(renewPause)
	if failure != nil {
		s.failure, s.failed = failure, s.clock.now()
		return failure
	}
	s.current, s.refused, s.failure = sealed(got), false, nil
	if early := got.Expires.Add(-renewEarly - jitter.Below(renewEarly)); early.After(s.renewAt) {
		s.renewAt = early
	}
	return nil
}

// generation changes with every load. An attempt notes it before it is signed.
func (s *signer) generation() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.loads
}

// barren reports whether nothing has come of loading so far.
func (s *signer) barren() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.tried && len(s.turn) == 0 && !s.current().HasKeys()
}

// expiredKeys replaces AWS's text, which leaves open what to do.
const expiredKeys = "the function's credentials have expired: Lambda does not renew them in a running environment, a new one gets new ones"

// refuse is told that AWS refused the credentials of a generation, and reports
// whether others may fare better. Of many attempts with the same ones, those that
// come back late find them renewed.
func (s *signer) refuse(failure *secret.Error, generation int) bool {
	if s.load == nil {
		if failure.Code == "ExpiredTokenException" || failure.Code == "ExpiredToken" {
			failure.Message = expiredKeys
		}
		return false
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.refused = s.refused || s.loads == generation
	return true
}
