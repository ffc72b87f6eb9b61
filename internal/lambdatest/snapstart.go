package lambdatest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"time"
)

// Credentials are the keys of the function's role.
type Credentials struct {
	// AccessKeyID, SecretAccessKey and SessionToken are what an environment
	// variable each would hold.
	AccessKeyID     string `json:"AccessKeyId"`
	SecretAccessKey string `json:"SecretAccessKey"`
	SessionToken    string `json:"Token"`
	// Expiration is when they end. Zero means in an hour.
	Expiration time.Time `json:"Expiration"`
}

// Format prints the id and no key, under every verb.
func (c Credentials) Format(f fmt.State, _ rune) { fmt.Fprintf(f, "{credentials %s}", c.AccessKeyID) }

const credentialsPath = "/2021-04-23/credentials"

func (s *sandbox) snapStartRoutes() []route {
	return []route{
		{http.MethodGet, credentialsPath, s.serveCredentials},
		{http.MethodGet, "/2018-06-01/runtime/restore/next", s.serveRestore},
		{http.MethodPost, "/2018-06-01/runtime/restore/error", s.serveRestoreError},
	}
}

// moveKeys puts the endpoint of the keys in their place: keys in a snapshot
// would have expired when it is restored.
// https://docs.aws.amazon.com/lambda/latest/dg/snapstart-activate.html#snapstart-credentials
func (s *sandbox) moveKeys(env map[string]string) {
	delete(env, "AWS_ACCESS_KEY_ID")
	delete(env, "AWS_SECRET_ACCESS_KEY")
	delete(env, "AWS_SESSION_TOKEN")
	env["AWS_CONTAINER_CREDENTIALS_FULL_URI"] = "http://" + s.addr + credentialsPath
	env["AWS_CONTAINER_AUTHORIZATION_TOKEN"] = s.token
}

// serveCredentials answers with the keys of the moment. The token stands in the
// header alone, without a scheme, and stays when the keys change.
func (s *sandbox) serveCredentials(c call) *reply {
	if c.Header.Get("Authorization") != s.token {
		return text(http.StatusNotFound, "cannot get credentials for the provided token\n")
	}
	keys, err := s.credentials()
	if err != nil {
		return text(http.StatusInternalServerError, "Internal Server Error\n")
	}
	if keys.Expiration.IsZero() {
		keys.Expiration = time.Now().Add(time.Hour)
	}
	keys.Expiration = keys.Expiration.UTC().Truncate(time.Second)
	body, _ := json.Marshal(keys) // only strings and a time
	return &reply{status: http.StatusOK, body: body}
}

func (s *sandbox) credentials() (Credentials, error) {
	if s.cfg.Credentials != nil {
		return s.cfg.Credentials()
	}
	env := s.variables()
	return Credentials{
		AccessKeyID:     env["AWS_ACCESS_KEY_ID"],
		SecretAccessKey: env["AWS_SECRET_ACCESS_KEY"],
		SessionToken:    env["AWS_SESSION_TOKEN"],
	}, nil
}

// serveRestore parks a runtime that has something to do after a restore. One
// that has not calls invocation/next at once.
// https://docs.aws.amazon.com/lambda/latest/dg/snapstart-runtime-hooks-custom.html
func (s *sandbox) serveRestore(call) *reply {
	s.mu.Lock()
	defer s.mu.Unlock()
	r := s.runtime
	if r.state != started {
		return refuseRuntime(r.state, ready)
	}
	r.state = restoreReady
	s.rec.event(Event{Kind: Next, Source: runtimeSource})
	s.changeLocked()
	if !s.waitLocked(s.done, func() bool { return r.released }) {
		return nil
	}
	r.released = false
	r.state = restoring
	s.changeLocked()
	return &reply{status: http.StatusOK}
}

// serveRestoreError fails the restore at once; it is the last that is heard of
// the runtime.
func (s *sandbox) serveRestoreError(c call) *reply {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.runtime.state != restoring {
		return refuseRuntime(s.runtime.state, restoreError)
	}
	s.runtime.state = restoreError
	errorType := functionErrorType(c.Header.Get("Lambda-Runtime-Function-Error-Type"))
	s.failLocked(&Fault{
		Type: errorType, Source: runtimeSource,
		ReportedType: errorType, ReportedMessage: reportedMessage(c.body),
	})
	answer := accepted()
	answer.errorType, answer.keepBody = errorType, true
	return answer
}

// restore lets a snapshot go on, and waits until the runtime has done what it
// has to do after a restore. No extension is told: they are all parked in
// event/next, or init would not have ended. It fails with an *InvokeError, or
// with why the caller gave up.
func (s *sandbox) restore(ctx context.Context, limit time.Duration) error {
	start := time.Now()
	limited, cancel := context.WithTimeoutCause(ctx, limit, errLimit)
	defer cancel()
	s.tellRestoreStart(start)
	s.thaw(RestoreStart)
	s.mu.Lock()
	s.runtime.released = s.runtime.state == restoreReady
	s.changeLocked()
	s.mu.Unlock()

	err := s.until(limited, func() bool { return s.runtime.state == ready })
	if errors.Is(err, errLimit) {
		err = &Fault{
			Type:    "SnapStartTimeoutException",
			Message: fmt.Sprintf("restore took longer than %v: the runtime did not call invocation/next", limit),
		}
	}
	took := time.Since(start)
	if fault := (*Fault)(nil); errors.As(err, &fault) {
		s.tellRestoreEnd(took, fault)
		s.rec.event(Event{Kind: RestoreFailed, Duration: took, Fault: fault})
		return &InvokeError{Fault: *fault}
	}
	if err == nil {
		s.tellRestoreEnd(took, nil)
		s.rec.event(Event{Kind: RestoreDone, Duration: took})
	}
	return err
}
