package awstest

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"sync"
	"time"
)

// Server is Secrets Manager, Parameter Store and STS, in every Region. It is an
// http.Handler and safe for concurrent use.
type Server struct {
	account string // the function's, and the default of an entry
	region  string // the default of an entry
	ops     map[string]operation

	// lifetime is the server's own and ends with Close; no caller's context
	// is kept.
	lifetime context.Context
	end      context.CancelFunc

	mu          sync.Mutex
	accessKeyID string
	credentials map[string]*credential // by access key id
	secrets     map[string]*secret     // by the key of the entry
	parameters  map[string]*parameter  // by the key of the entry
	born        map[place]int          // how many secrets there have been at a place
	roles       map[string]Role        // by ARN, the function's own included
	faults      []*queuedFault
	calls       []Call
	observers   []func(Call)
}

// Call is one request to the server, refused ones included.
type Call struct {
	// Time is when the request came.
	Time time.Time
	// Service is secretsmanager, ssm or sts; empty where the request named none.
	Service string
	// Action is like GetSecretValue; empty where the request named none.
	Action string
	// Region is that of the credential scope; empty where there was none.
	Region string
	// Caller is the ARN of who signed, arn:aws:sts::…:assumed-role/role/session;
	// empty where the signature was not accepted.
	Caller string
	// IDs are the secret ids, names, paths, values of filters, or the ARN of the
	// role, as the client wrote them.
	IDs []string
	// Status is the HTTP status of the answer; zero where none is sent.
	Status int
	// Code is the error code of the answer; empty where it is none.
	Code string
	// Fault is the kind of the fault that the call got: code, body, hang,
	// stall, reset, cut or delay; empty without one.
	Fault string
	// Duration is from Time until the answer was decided.
	Duration time.Duration
}

// New makes a server. Its errors name the entry that is wrong, never a value.
func New(cfg Config) (*Server, error) {
	s := &Server{
		account:     cmp.Or(cfg.Account, "123456789012"),
		region:      cmp.Or(cfg.Region, "us-east-1"),
		ops:         operations(),
		credentials: map[string]*credential{},
		born:        map[place]int{},
	}
	s.lifetime, s.end = context.WithCancel(context.Background())
	s.accessKeyID, _ = s.issueLocked(cfg.AccessKeyID, credential{identity: s.function(),
		secretAccessKey: cfg.SecretAccessKey, sessionToken: cfg.SessionToken})
	if err := errors.Join(s.place("").check(), s.Change(cfg)); err != nil {
		s.Close()
		return nil, err
	}
	return s, nil
}

// Close ends the calls that hang or are delayed, and those that come to such a
// fault later. It does not wait for them: closing the HTTP server does.
func (s *Server) Close() { s.end() }

// SetPolicy replaces the policy of the function's role; nil allows everything. The policy is
// the server's from then on and must not be changed.
func (s *Server) SetPolicy(p *Policy) error {
	if err := p.validate(); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.setFunctionPolicyLocked(p)
	return nil
}

// Calls returns all calls so far, in the order in which their answers were
// decided.
func (s *Server) Calls() []Call {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.calls)
}

// Observe has f called for each further call, once its answer is decided and
// in Calls, and before it is sent. A call that hangs is told when it begins to
// hang. Several goroutines may call f at once.
func (s *Server) Observe(f func(Call)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.observers = append(s.observers, f)
}

func (s *Server) record(c Call) {
	s.mu.Lock()
	s.calls = append(s.calls, c)
	observers := slices.Clone(s.observers)
	s.mu.Unlock()
	for _, f := range observers {
		f(c)
	}
}
