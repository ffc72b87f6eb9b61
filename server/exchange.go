package server

import (
	"net/http"
	"strconv"
	"time"

	"larder/cache"
	"larder/secret"
)

// exchange is one request with its answer, and what the log says about it.
type exchange struct {
	w http.ResponseWriter
	r *http.Request

	ref      string     // of what is read; empty where that is no single secret
	key      secret.Key // of what is read by a name of the request's
	declared bool       // the request is about what the function declares
	how      cache.How
	age      time.Duration
	status   int
	failure  *secret.Error // nil with a value, and when the guard refused
	refusal  *refusal      // nil unless the guard refused, or there is no such path
}

// asks notes what the request is about.
func (x *exchange) asks(key secret.Key) { x.key, x.ref = key, key.String() }

// got notes where the answer came from and writes the headers about it.
func (x *exchange) got(a cache.Answer) {
	x.how = a.How
	stale := a.How == cache.Stale
	switch {
	case a.Record != nil:
		x.dates(a.Record.Version, a.Age, stale)
	case stale: // the absence of what may be absent
		x.dates("", a.Age, stale)
	}
}

// dates writes how old an answer is. The ETag is its version, which seen= takes.
func (x *exchange) dates(version string, age time.Duration, stale bool) {
	x.age = age
	h := x.w.Header()
	if version != "" {
		h.Set("ETag", strconv.Quote(version))
	}
	h.Set("Age", strconv.FormatInt(int64(age/time.Second), 10))
	if stale {
		h.Set("Larder-Stale", "true")
	}
}

// result says in a word how it went.
func (x *exchange) result() string {
	if x.status >= http.StatusBadRequest {
		return "error"
	}
	return x.how.String()
}

// Content types.
const (
	typeJSON   = "application/json"
	typeText   = "text/plain; charset=utf-8"
	typeBinary = "application/octet-stream"
)

// writeTimeout bounds the writing of an answer, not the wait for it: that is
// bounded where AWS is called, and may be cut in two by a freeze.
const writeTimeout = 10 * time.Second

// write sends the whole answer.
func (x *exchange) write(status int, contentType string, body []byte) {
	// Not every ResponseWriter can have a deadline; those of tests cannot.
	conn := http.NewResponseController(x.w)
	_ = conn.SetWriteDeadline(time.Now().Add(writeTimeout))
	if x.r.ContentLength != 0 {
		// net/http reads the body to its end, as far as it comes, before it answers.
		_ = conn.SetReadDeadline(time.Now().Add(headerTimeout))
	}
	h := x.w.Header()
	h.Set("Content-Type", contentType)
	h.Set("Content-Length", strconv.Itoa(len(body)))
	h.Set("Cache-Control", "no-store")
	h.Set("X-Content-Type-Options", "nosniff")
	x.status = status
	x.w.WriteHeader(status)
	_, _ = x.w.Write(body) // a reader that has left needs no answer
}
