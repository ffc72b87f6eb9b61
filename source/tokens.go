package source

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"sync"
	"time"
)

// reloadPause is how often at most a token that nobody knows makes us ask for
// credentials: whoever guesses tokens shall not keep the endpoint busy.
const reloadPause = time.Second

// sum stands for a token, so that no copy of one lies in memory, or in a snapshot
// of it. The zero sum is that of no token.
type sum = [sha256.Size]byte

// tokens are what a reader may prove with that it is the function.
type tokens struct {
	environment [3]sum
	turn        chan struct{} // holds an element while credentials are loaded for a reader
	reloaded    instant       // by who has the turn

	mu                sync.Mutex
	current, previous sum // of the credentials that were loaded
}

func newTokens(cfg *Config) *tokens {
	t := &tokens{turn: make(chan struct{}, 1)}
	if cfg.SessionToken.Len() > 0 {
		t.environment[0] = sha256.Sum256(cfg.SessionToken.Reveal())
	}
	if cfg.inContainer() && cfg.ContainerToken.Len() > 0 {
		t.environment[1] = sha256.Sum256(cfg.ContainerToken.Reveal())
	}
	if cfg.Token.Len() > 0 {
		t.environment[2] = sha256.Sum256(cfg.Token.Reveal())
	}
	return t
}

// learn is told the session token of credentials that were loaded. The one before
// stays good: the function may have loaded its own a little earlier than we.
func (t *tokens) learn(token string) {
	if token == "" {
		return
	}
	s := sha256.Sum256([]byte(token))
	t.mu.Lock()
	defer t.mu.Unlock()
	if s != t.current {
		t.current, t.previous = s, t.current
	}
}

// has compares with all tokens in constant time.
func (t *tokens) has(s sum) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	equal := 0
	for _, known := range [...]sum{t.environment[0], t.environment[1], t.environment[2], t.current, t.previous} {
		equal |= subtle.ConstantTimeCompare(s[:], known[:])
	}
	return equal == 1
}

// Recognizes reports whether a token proves that a reader is the function: that
// it is the session token, Config.Token or, with credentials from ContainerURI,
// ContainerToken or the current or previous session token of these. As the function may have
// newer ones than we, a token that nobody knows makes us load them once more, at
// most once a second. An empty token proves nothing.
func (s *Source) Recognizes(ctx context.Context, token string) bool {
	if token == "" {
		return false
	}
	presented := sha256.Sum256([]byte(token))
	if s.tokens.has(presented) {
		return true
	}
	if !s.cfg.inContainer() {
		return false
	}
	select {
	case s.tokens.turn <- struct{}{}:
		defer func() { <-s.tokens.turn }()
	case <-ctx.Done():
		return false
	}
	// Those who have waited for the turn find what was loaded meanwhile.
	if !s.tokens.has(presented) && s.cfg.clock.since(s.tokens.reloaded) >= reloadPause {
		s.reload(ctx)
		s.tokens.reloaded = s.cfg.clock.now() // its end, so that who has waited meanwhile does not load again
	}
	return s.tokens.has(presented)
}

// reload loads credentials, whose token is then known. It goes on without the
// reader who wanted it, so that one who leaves does not use up the turn of others.
func (s *Source) reload(ctx context.Context) {
	if c, done, failure := s.open(); failure == nil {
		defer done()
		_ = c.signer.renew(context.WithoutCancel(ctx), c.signer.generation())
	}
}
