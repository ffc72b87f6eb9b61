package main

import (
	"io"
	"log/slog"
	"sync"
)

// lineWriter writes whole lines, one at a time: those of the log, and others.
type lineWriter struct {
	mu  sync.Mutex
	out io.Writer
}

func (w *lineWriter) Write(line []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.out.Write(line)
}

// newLog returns the log: lines of JSON, or short ones of text. Both tell that they
// are this extension's, since the function's own stand between them; CloudWatch
// notes the time of those that do not tell it.
func newLog(out io.Writer, json bool, level slog.Level) *slog.Logger {
	if json {
		return slog.New(slog.NewJSONHandler(out, &slog.HandlerOptions{Level: level})).With("extension", "larder")
	}
	return slog.New(slog.NewTextHandler(prefixed{out}, &slog.HandlerOptions{
		Level: level,
		ReplaceAttr: func(groups []string, a slog.Attr) slog.Attr {
			if len(groups) == 0 && a.Key == slog.TimeKey {
				return slog.Attr{}
			}
			return a
		},
	}))
}

// prefixed puts a name in front of every line. A handler writes each with one call.
type prefixed struct{ out io.Writer }

func (p prefixed) Write(line []byte) (int, error) {
	if _, err := p.out.Write(append([]byte("larder "), line...)); err != nil {
		return 0, err
	}
	return len(line), nil
}
