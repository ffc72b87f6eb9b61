package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"larder/cache"
	"larder/extension"
	"larder/manifest"
	"larder/metrics"
	"larder/server"
	"larder/source"
)

// Types of the faults that Lambda is told.
const (
	configInvalid = "Extension.ConfigInvalid"
	secretMissing = "Extension.SecretMissing"
	serverFailed  = "Extension.ServerFailed"
)

// larder is the parts of a running extension.
type larder struct {
	settings settings
	log      *slog.Logger
	metrics  *metrics.Counters
	reports  *reports
	source   *source.Source
	cache    *cache.Cache
	manifest *manifest.Manifest
	http     *http.Server
	serving  sync.WaitGroup
	tooLarge bool // the log says so

	// Under SnapStart: the first INVOKE after a restore has come, and one that had time
	// for prefetch.
	restored, prefetched bool
}

// extend is the extension, from start to shutdown. self is the path of the
// program, whose base name Lambda knows the extension by. An error has been
// logged, and Lambda has been told of it where it has an ear.
func extend(ctx context.Context, self string, environ []string, out io.Writer) error {
	s, warnings, mistakes := readSettings(environ)
	limitMemory(&s)
	lines := &lineWriter{out: out}
	log := newLog(lines, s.json, s.level)
	for _, w := range warnings {
		log.Warn("setting", "problem", w.Error())
	}
	err := start(ctx, self, s, mistakes, lines, log)
	if err != nil {
		log.Error("exit", "problem", err.Error())
	}
	return err
}

func start(ctx context.Context, self string, s settings, mistakes []error, lines io.Writer, log *slog.Logger) error {
	if s.runtimeAPI == "" {
		return errors.New("AWS_LAMBDA_RUNTIME_API is not set: Lambda starts this program, from /opt/extensions")
	}
	client := extension.NewClient(s.runtimeAPI, filepath.Base(self))
	// Also with mistakes in the settings, so that a port that is taken is named
	// together with them.
	listeners, err := listen(s.port)
	if mistakes = add(mistakes, err); len(mistakes) > 0 {
		closeAll(listeners)
		return extension.Fail(ctx, client, &extension.Fault{Type: configInvalid, Message: join(mistakes)})
	}
	return assemble(s, lines, log).run(ctx, client, listeners)
}

func join(errs []error) string {
	texts := make([]string, len(errs))
	for i, err := range errs {
		texts[i] = err.Error()
	}
	return strings.Join(texts, "; ")
}

// assemble connects the parts. It is on the way to register, so nothing in it
// makes a client, reads a file or opens a connection.
func assemble(s settings, lines io.Writer, log *slog.Logger) *larder {
	l := &larder{settings: s, log: log}
	l.metrics = metrics.New(metrics.Config{
		Cache: func() cache.Stats { return l.cache.Stats() }, Managed: s.mode == managedInstances,
	})
	config := s.source()
	config.Log = log
	config.Observe = func(c source.Call) { l.metrics.Call(c.Action, c.Failure) }
	l.source = source.New(config)
	l.cache = cache.New(cache.Config{
		Fetch: l.source.Fetch, Log: log, TTL: s.ttl, MaxStale: s.maxStale,
		Entries: s.entries, Bytes: s.cacheBytes, Declared: manifest.Keys(s.declarations),
		Ephemeral: s.mode == snapStart,
	})
	l.manifest = manifest.New(manifest.Config{
		Declarations: s.declarations, Cache: l.cache,
		Warn: s.warn, DeclaredOnly: s.declaredOnly, Region: s.region,
	})
	l.http = server.HTTP(server.New(server.Config{
		Manifest: l.manifest, Region: s.region, Token: l.source.Recognizes, Metrics: l.metrics, Log: log,
	}), log)
	if s.metrics {
		l.reports = newReports(l.metrics, s, lines, log)
	}
	return l
}

// run serves on the listeners, which it closes, and goes through the lifecycle.
func (l *larder) run(ctx context.Context, client *extension.Client, listeners []net.Listener) error {
	ctx, cancel := context.WithCancelCause(ctx)
	l.serve(listeners, cancel)
	defer l.close()
	defer cancel(nil)
	lifecycle := &extension.Lifecycle{
		Client: client, Events: []string{extension.Invoke, extension.Shutdown},
		Init: l.init, Invoke: l.invoke, Shutdown: l.shutdown,
	}
	switch l.settings.mode {
	case snapStart:
		lifecycle.Init, lifecycle.Invoke = l.beforeSnapshot, l.afterRestore
	case managedInstances:
		lifecycle.Events = []string{extension.Shutdown}
		lifecycle.Init = l.initManaged
	}
	lifecycle.Init = l.reports.withSubscription(client, lifecycle.Init)
	return lifecycle.Run(ctx)
}

// serve answers on the listeners until close. A listener that fails ends the
// extension: Lambda then starts a new sandbox. The timeline of larder-local reads
// the line "listening" and its addr.
func (l *larder) serve(listeners []net.Listener, fail context.CancelCauseFunc) {
	for _, listener := range listeners {
		l.log.Debug("listening", "addr", listener.Addr().String())
		l.serving.Go(func() {
			if err := l.http.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
				fail(&extension.Fault{Type: serverFailed, Message: fmt.Sprintf("serving on %s: %v", listener.Addr(), err)})
			}
		})
	}
}

// shutdown runs at SHUTDOWN, after the runtime has gone; close does the work, which
// is the same for every way to the end. The timeline of larder-local reads both
// lines and all that they say.
func (l *larder) shutdown(ctx context.Context, e extension.Event) {
	l.reports.last(ctx)
	for _, h := range l.manifest.Holdings() {
		attrs := []slog.Attr{slog.String("variable", h.Variable), slog.String("ref", h.Reference.String()), slog.String("state", string(h.State))}
		if h.State != cache.Missing {
			attrs = append(attrs, slog.String("version", h.Version), slog.Float64("age", h.Age.Round(time.Millisecond).Seconds()))
		}
		l.log.LogAttrs(ctx, slog.LevelDebug, "declared", attrs...)
	}
	reason := slog.String("reason", strings.ToLower(e.Reason))
	l.log.LogAttrs(ctx, slog.LevelInfo, "shutdown", append([]slog.Attr{reason}, l.metrics.Summary()...)...)
}

// closeTimeout bounds the wait for readers at the end: of the two seconds that a
// shutdown has, the runtime may have used 600 ms already.
const closeTimeout = 500 * time.Millisecond

// close lets go who waits, drops the values, and stops accepting. Who comes in
// between gets Canceled.
func (l *larder) close() {
	ctx, cancel := context.WithTimeout(context.Background(), closeTimeout)
	defer cancel()
	l.manifest.Settle()
	l.cache.Close()
	l.reports.close(ctx)
	if l.http.Shutdown(ctx) != nil {
		_ = l.http.Close() // who is not done by now is cut off
	}
	l.serving.Wait()
	l.source.Close()
}
