package server

import (
	"fmt"
	"net"
	"net/http"
	"strings"
	"time"
)

// Headers that carry the token. The second one is for users who come from the
// Workload Credentials Provider.
const (
	tokenHeader      = "X-Aws-Parameters-Secrets-Token"
	vaultTokenHeader = "X-Vault-Token"
)

// maxInFlight bounds the requests that are answered at once. A process in a
// sandbox has 1,024 file descriptors, and each request holds one for its
// connection: the limit must be reached while there are still some for the calls
// to AWS, and for the connections of those who are told of it, see maxOpen.
const maxInFlight = 512

// refusal is an error that the guard finds in a request. The three contracts word
// it in three ways.
type refusal struct {
	status  int
	code    string // on our paths
	message string

	aws            string // the text on AWS's paths
	provider       string // the text on the provider's paths
	providerStatus int    // if not status
}

// Error returns the text on our paths, and where the others have none of their own.
func (r *refusal) Error() string { return r.message }

var (
	errBusy = &refusal{
		status: http.StatusTooManyRequests, code: "TooManyRequests",
		message:  fmt.Sprintf("more than %d requests are in flight", maxInFlight),
		provider: "Connection limit exceeded",
	}
	errForwarded = &refusal{
		status: http.StatusBadRequest, code: "Forwarded",
		message:  "a request with X-Forwarded-For comes from elsewhere",
		provider: "Forwarded",
	}
	errHost = &refusal{
		status: http.StatusMisdirectedRequest, code: "ForeignHost",
		message: "the Host header must be localhost, 127.0.0.1 or [::1]",
	}
	errToken = &refusal{
		status: http.StatusUnauthorized, code: "BadToken",
		message:  "the header " + tokenHeader + " must hold the value of AWS_SESSION_TOKEN or, with SnapStart, AWS_CONTAINER_AUTHORIZATION_TOKEN",
		aws:      "bad session token or header key",
		provider: "Bad Token", providerStatus: http.StatusForbidden,
	}
	errMethod = &refusal{
		status: http.StatusMethodNotAllowed, code: "MethodNotAllowed",
		message: "only GET is served", provider: "Not allowed",
	}
	errFault = &refusal{
		status: http.StatusInternalServerError, code: "InternalFailure",
		message: "a fault of Larder's own: its log has a line of message serving about it",
		aws:     awsFailure,
	}
	errPath = &refusal{
		status: http.StatusNotFound, code: "NoSuchPath",
		message: "no such path; there are /value, /env, /metrics, /secretsmanager/get, /systemsmanager/parameters/get and /v1/",
	}
)

// answer answers a request, or refuses it where the guard does. One that is refused
// for their number takes no place among those that are in flight.
func (s *Server) answer(x *exchange, at endpoint) {
	if s.inFlight.Add(1) > maxInFlight {
		s.inFlight.Add(-1)
		s.refuse(x, at, errBusy)
		return
	}
	defer s.inFlight.Add(-1)
	if refused := s.check(x.r, at); refused != nil {
		s.refuse(x, at, refused)
		return
	}
	at.serve(x)
}

func (s *Server) refuse(x *exchange, at endpoint, refused *refusal) {
	s.tell(refused)
	at.refuse(x, refused)
}

// tellEvery is how often at most the log tells of one kind of refusal.
const tellEvery = time.Minute

// untold is what the log has to say of one kind of refusal.
type untold struct {
	last  time.Time // when it told of it
	count int       // since then
}

// tell warns of what a whole function fails of and few look for at level debug: wrong
// tokens, and too many requests. The first one is told at once, those that follow with
// their number when the next one comes a minute later or more; how many there were in
// all is in the line of the sandbox's end.
func (s *Server) tell(r *refusal) {
	if r != errToken && r != errBusy {
		return
	}
	s.mu.Lock()
	u, now := s.untold[r], time.Now()
	u.count++
	count, due := u.count, u.last.IsZero() || now.Sub(u.last) >= tellEvery
	if due {
		u = untold{last: now}
	}
	s.untold[r] = u
	s.mu.Unlock()
	if due {
		s.config.Log.Warn("requests refused", "problem", r.message, "count", count)
	}
}

// check checks what must hold for every path but an open one, in the order of the
// Workload Credentials Provider.
func (s *Server) check(r *http.Request, at endpoint) *refusal {
	if !at.open {
		if _, ok := r.Header["X-Forwarded-For"]; ok {
			return errForwarded
		}
		if !isLoopback(r.Host) {
			return errHost
		}
		if !s.authorized(r) {
			return errToken
		}
	}
	if r.Method != http.MethodGet {
		return errMethod
	}
	return nil
}

// isLoopback reports whether a Host header names this machine. A page in a
// browser whose name resolves to 127.0.0.1 sends its own name. HTTP/1.0 sends
// none, and no browser speaks that.
func isLoopback(host string) bool {
	if name, _, err := net.SplitHostPort(host); err == nil {
		host = name
	}
	switch strings.ToLower(strings.Trim(host, "[]")) {
	case "", "localhost", "127.0.0.1", "::1":
		return true
	}
	return false
}

// authorized reports whether one of the headers has the token. An empty one is
// none: it would match where there is nothing to compare it with.
func (s *Server) authorized(r *http.Request) bool {
	for _, name := range [...]string{tokenHeader, vaultTokenHeader} {
		if presented := r.Header.Get(name); presented != "" && s.config.Token(r.Context(), presented) {
			return true
		}
	}
	return false
}
