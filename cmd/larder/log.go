package main

import (
	"io"
	"log/slog"
	"strings"
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
	options := &slog.HandlerOptions{Level: level, ReplaceAttr: func(groups []string, a slog.Attr) slog.Attr {
		switch {
		case !json && len(groups) == 0 && a.Key == slog.TimeKey:
			return slog.Attr{}
		case a.Value.Kind() == slog.KindString:
			a.Value = slog.StringValue(cut(a.Value.String()))
		}
		return a
	}}
	if json {
		return slog.New(slog.NewJSONHandler(out, options)).With("extension", "larder")
	}
	return slog.New(slog.NewTextHandler(prefixed{out}, options))
}

// maxText bounds each text in a line, of which escapes make six times as much at most.
// Of a line with more than 256 KB several events are made, and where the second begins
// would be for a request to say.
// Source: docs.aws.amazon.com/AmazonCloudWatch/latest/logs/cloudwatch_limits_cwl.html
const maxText = 8 << 10

func cut(text string) string {
	if len(text) <= maxText {
		return text
	}
	return strings.ToValidUTF8(text[:maxText], "\uFFFD") + "…"
}

// prefixed puts a name in front of every line. A handler writes each with one call.
type prefixed struct{ out io.Writer }

func (p prefixed) Write(line []byte) (int, error) {
	if _, err := p.out.Write(append([]byte("larder "), line...)); err != nil {
		return 0, err
	}
	return len(line), nil
}
