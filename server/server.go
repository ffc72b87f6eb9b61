// Package server is Larder's HTTP surface: AWS's extension's contract, the
// Workload Credentials Provider's, and our own, each in a file of its name. All of
// them stand behind one guard.
package server

import (
	"context"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"larder/manifest"
	"larder/metrics"
	"larder/secret"
)

// Config is what a server needs. All fields are required.
type Config struct {
	// Manifest answers the reads.
	Manifest *manifest.Manifest
	// Region is the function's: where a name without a Region is asked for.
	Region string
	// Token reports whether what a reader presents, which is never empty, proves that
	// it is the function. It may have to load credentials for that; ctx, which is the
	// request's, ends the wait.
	Token func(ctx context.Context, presented string) bool
	// Metrics counts the reads, and is what /metrics shows.
	Metrics *metrics.Counters
	// Log gets one line for each read, never with a value: at level debug, and at
	// warn for a failure that somebody has to mend.
	Log *slog.Logger
}

// Server is an http.Handler.
type Server struct {
	config   Config
	inFlight atomic.Int64

	mu     sync.Mutex
	untold map[*refusal]untold // see tell
}

// New returns a server.
func New(config Config) *Server {
	return &Server{config: config, untold: make(map[*refusal]untold)}
}

// endpoint is what serves a path, and how it words a refusal.
type endpoint struct {
	name   string // the path, without the name of what is read
	serve  func(*exchange)
	refuse func(*exchange, *refusal)
	open   bool // not guarded
}

// route finds the endpoint of a path as it stands in the request. Nothing is
// decoded before, cleaned or redirected: "//" and ".." are part of no path, and
// "/%76alue" is no other way to write "/value". What follows a prefix is decoded,
// once: URL.Path has it, since in the prefix there is nothing to decode.
func (s *Server) route(path string) endpoint {
	switch path {
	case "/secretsmanager/get", "/secretsmanager/get/":
		return endpoint{name: path, serve: s.awsSecret, refuse: refuseAWS}
	case "/systemsmanager/parameters/get", "/systemsmanager/parameters/get/":
		return endpoint{name: path, serve: s.awsParameter, refuse: refuseAWS}
	case "/ping":
		return endpoint{name: path, serve: ping, refuse: refuseProvider, open: true}
	case "/value":
		return endpoint{name: path, serve: s.value, refuse: refuseOwn}
	case "/env":
		return endpoint{name: path, serve: s.variables, refuse: refuseOwn}
	case "/metrics":
		return endpoint{name: path, serve: s.metrics, refuse: refuseOwn}
	}
	switch {
	case strings.HasPrefix(path, providerPrefix):
		return endpoint{name: providerPrefix, serve: s.providerSecret, refuse: refuseProvider}
	case strings.HasPrefix(path, variablePrefix):
		return endpoint{name: variablePrefix, serve: s.variable, refuse: refuseOwn}
	}
	return endpoint{serve: noPath, refuse: refuseOwn}
}

// ServeHTTP answers one request.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	start := time.Now()
	x := &exchange{w: w, r: r}
	at := s.route(r.URL.EscapedPath())
	defer func() {
		if thrown := recover(); thrown != nil {
			s.fault(x, at, thrown)
		}
	}()
	s.answer(x, at)
	s.count(x)
	s.logRead(x, at, time.Since(start))
}

func noPath(x *exchange) { refuseOwn(x, errPath) }

// logRead writes a line for each read. On AWS's paths it is the only one in words
// about a failure, so those that somebody has to mend are warnings. That a secret
// does not exist may be what an application wants to know. What nothing declares is
// named at level debug only.
//
// The timeline of larder-local parses these lines: the message "read", with path,
// ref, result, status and ms.
func (s *Server) logRead(x *exchange, at endpoint, took time.Duration) {
	level := slog.LevelDebug
	if e := x.failure; e != nil && e.Class != secret.NotFound && e.Class != secret.Canceled {
		level = slog.LevelWarn
	}
	ctx := x.r.Context()
	if !s.config.Log.Enabled(ctx, level) {
		return
	}
	path, ref, failure := x.r.URL.EscapedPath(), x.ref, x.failure
	if !s.config.Log.Enabled(ctx, slog.LevelDebug) && !x.declared && !s.config.Manifest.Declares(x.key) {
		path, ref, failure = at.name, secret.Unnamed, failure.Nameless()
	}
	attrs := []slog.Attr{
		slog.String("path", path),
		slog.String("ref", ref),
		slog.String("result", x.result()),
		slog.Int("status", x.status),
		slog.Float64("ms", float64(took.Microseconds())/1000),
	}
	if failure != nil {
		attrs = append(attrs, slog.String("problem", failure.Error()))
	}
	s.config.Log.LogAttrs(ctx, level, "read", attrs...)
}
