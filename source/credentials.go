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
)

// signer has the credentials that sign the requests: the keys of the environment,
// which stay, or what the container gave last.
type signer struct {
	container *container // nil with keys in the environment
	clock     clock
	learn     func(sessionToken string)

	turn chan struct{} // holds an element while credentials are loaded

	mu      sync.Mutex
	current func() aws.Credentials // which fmt cannot look into; without keys before the first load
	renewAt time.Time              // by the wall clock, as the end of credentials is
	refused bool                   // AWS does not take current
	loads   int
	failure *secret.Error // of the last load
}

// newSigner takes the keys of the environment where there are both, as the SDK does.
func newSigner(cfg *Config, w *web, learn func(string)) *signer {
	s := &signer{clock: cfg.clock, learn: learn, turn: make(chan struct{}, 1)}
	if cfg.inContainer() {
		s.container = &container{uri: cfg.ContainerURI, token: cfg.ContainerToken, client: w.direct()}
		s.current = sealed(aws.Credentials{})
		return s
	}
	s.current = sealed(aws.Credentials{
		AccessKeyID:     cfg.AccessKeyID,
		SecretAccessKey: string(cfg.SecretAccessKey.Reveal()),
		SessionToken:    string(cfg.SessionToken.Reveal()),
	})
	return s
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
	switch {
	case s.fresh():
		return nil
	case s.container == nil:
		return &secret.Error{Class: secret.Credentials, Message: "no credentials: neither AWS_ACCESS_KEY_ID and " +
			"AWS_SECRET_ACCESS_KEY nor AWS_CONTAINER_CREDENTIALS_FULL_URI is set"}
	}
	return s.renew(ctx)
}

func (s *signer) fresh() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	current := s.current()
	return current.HasKeys() && !s.refused && (!current.CanExpire || s.clock().Before(s.renewAt))
}

// renew loads credentials. Who comes while that is being done shares the outcome.
func (s *signer) renew(ctx context.Context) *secret.Error {
	s.mu.Lock()
	seen := s.loads
	s.mu.Unlock()
	select {
	case s.turn <- struct{}{}:
		defer func() { <-s.turn }()
	case <-ctx.Done():
		return noCredentials("no answer in time")
	}
	s.mu.Lock()
	shared, failure := s.loads != seen, s.failure
	s.mu.Unlock()
	if shared {
		return failure
	}
	got, failure := s.container.load(ctx)
	if failure != nil && ctx.Err() != nil {
		return failure // the caller's own end, and nobody else's outcome
	}
	return s.keep(got, failure)
}

// keep stores the outcome of a load. Where that is a failure, the credentials
// that there are do until their end.
func (s *signer) keep(got aws.Credentials, failure *secret.Error) *secret.Error {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.clock()
	s.loads++
	s.renewAt = now.Add(renewPause)
	if failure != nil {
		if old := s.current(); old.HasKeys() && !s.refused && (!old.CanExpire || now.Before(old.Expires)) {
			failure = nil
		}
		s.failure = failure
		return failure
	}
	s.current, s.refused, s.failure = sealed(got), false, nil
	if early := got.Expires.Add(-renewEarly - jitter.Below(renewEarly)); early.After(s.renewAt) {
		s.renewAt = early
	}
	s.learn(got.SessionToken)
	return nil
}

// expiredKeys replaces AWS's text, which leaves open what to do.
const expiredKeys = "the function's credentials have expired: Lambda does not renew them in a running environment, a new one gets new ones"

// refuse is told that AWS refused the credentials, and reports whether others may
// fare better.
func (s *signer) refuse(failure *secret.Error) bool {
	if s.container == nil {
		if failure.Code == "ExpiredTokenException" || failure.Code == "ExpiredToken" {
			failure.Message = expiredKeys
		}
		return false
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.refused = true
	return true
}
