package main

import (
	"context"
	"time"

	"larder/extension"
	"larder/manifest"
)

// init fetches what is declared, while the runtime starts.
func (l *larder) init(ctx context.Context) error {
	l.log.Debug("registered")
	ctx, cancel := context.WithTimeout(ctx, l.settings.initTimeout)
	defer cancel()
	v := l.prefetch(ctx)
	if v.Stops {
		// Whoever waits for a missing secret is let go by close, after the report.
		kind := secretMissing
		if v.TooLarge != nil {
			kind = configInvalid
		}
		return &extension.Fault{Type: kind, Message: v.Message()}
	}
	l.warn(v)
	l.manifest.Settle()
	return nil
}

// prefetch fetches what is declared until ctx ends. The timeline of larder-local
// reads the line "prefetch done" and all that it says.
func (l *larder) prefetch(ctx context.Context) manifest.Verdict {
	start, calls := time.Now(), l.metrics.Calls()
	v := l.manifest.Prefetch(ctx)
	took := time.Since(start)
	l.metrics.Prefetched(took)
	attrs := []any{"declared", v.Keys, "fetched", v.Fetched, "calls", l.metrics.Calls() - calls, "ms", millis(took)}
	if missing := v.Without(); len(missing) > 0 {
		attrs = append(attrs, "missing", missing)
	}
	l.log.Info("prefetch done", attrs...)
	for _, p := range v.Late {
		l.log.Warn("not fetched in time, a read asks again", "problem", p.String())
	}
	return v
}

func millis(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }

// warn names what is missing where that does not end the extension.
func (l *larder) warn(v manifest.Verdict) {
	for _, p := range v.Missing {
		l.log.Warn("missing", "problem", p.String())
	}
	l.warnOfSize()
}

// warnOfSize says once when the declared secrets have outgrown the cache.
func (l *larder) warnOfSize() {
	err := l.manifest.TooLarge()
	if err != nil && !l.tooLarge {
		l.log.Warn("setting", "problem", err.Error()+". Nothing else is kept in memory")
	}
	l.tooLarge = err != nil
}

// invoke runs at each INVOKE, in parallel with the handler.
func (l *larder) invoke(ctx context.Context, e extension.Event) {
	l.begins(e)
	l.manifest.Invoked()
	holdNext(ctx, e, l.refresh)
	l.reports.due()
}

func (l *larder) begins(e extension.Event) {
	l.metrics.Invoked()
	l.reports.expect(e)
	l.log.Debug("invoke", "requestId", e.RequestID)
}

// Bounds of how long next is held for AWS. What it takes beyond the handler's own
// time is billed and delays the next invoke; and an invoke whose extension is not
// done at the deadline has timed out, however good its response was.
const (
	maxHold = 2 * time.Second
	margin  = 200 * time.Millisecond
)

// holdNext calls ask, which asks AWS, with a context for the time that it may take.
func holdNext(ctx context.Context, e extension.Event, ask func(context.Context)) {
	if hold := min(maxHold, time.Until(e.Deadline())-margin); hold > 0 {
		within(ctx, hold, ask)
	}
}

func within(ctx context.Context, limit time.Duration, ask func(context.Context)) {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	ask(ctx)
}

// refresh fetches what is due until ctx ends. The timeline of larder-local reads
// the line "refresh done" and all that it says.
func (l *larder) refresh(ctx context.Context) {
	start, calls := time.Now(), l.metrics.Calls()
	if asked, got := l.manifest.Refresh(ctx); asked > 0 {
		took := time.Since(start)
		l.metrics.Refreshed(took)
		l.log.Debug("refresh done", "due", asked, "fetched", got, "calls", l.metrics.Calls()-calls, "ms", millis(took))
	}
	l.warnOfSize()
}

// beforeSnapshot is init under SnapStart. The snapshot of the process is stored
// and restored many times, so nothing secret may be in it: nothing is prefetched,
// and what a read during init fetches is not kept.
func (l *larder) beforeSnapshot(context.Context) error {
	l.log.Debug("registered")
	l.manifest.Settle()
	return nil
}

// afterRestore runs at each INVOKE under SnapStart. The first one is the only sign
// of a restore that an extension gets; prefetch comes now, or with the first one
// after it that leaves time for it. Until then each read asks for itself.
// Source: docs.aws.amazon.com/lambda/latest/dg/snapstart.html
func (l *larder) afterRestore(ctx context.Context, e extension.Event) {
	if l.prefetched {
		l.invoke(ctx, e)
		return
	}
	if !l.restored {
		l.restored = true
		l.reports.restored()
		l.source.Keep()
		l.cache.Keep()
	}
	l.begins(e)
	holdNext(ctx, e, func(ctx context.Context) {
		l.prefetched = true
		l.warn(l.prefetch(ctx))
	})
}

// refreshEvery is how often is looked for what is due where there are no INVOKE
// events.
const refreshEvery = time.Second

// initManaged is init on Managed Instances, which are never frozen and serve many
// invokes at once, of which an extension is not told.
// Source: docs.aws.amazon.com/lambda/latest/dg/lambda-managed-instances-execution-environment.html
func (l *larder) initManaged(ctx context.Context) error {
	if err := l.init(ctx); err != nil {
		return err
	}
	l.serving.Go(func() {
		ticks := time.NewTicker(refreshEvery)
		defer ticks.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case <-ticks.C:
				l.reports.due()
				within(ctx, maxHold, l.refresh) // one that hangs does not keep the others from their turn
			}
		}
	})
	return nil
}
