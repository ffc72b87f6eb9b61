package server

import (
	"log/slog"
	"net/http"
)

// ParseQuery is parseQuery with names and values in turn.
func ParseQuery(raw string) ([]string, error) {
	q, err := parseQuery(raw)
	var pairs []string
	for _, p := range q {
		pairs = append(pairs, p.name, p.value)
	}
	return pairs, err
}

// Limited is HTTP with another bound on open connections.
func Limited(h http.Handler, log *slog.Logger, open int) *http.Server { return limited(h, log, open) }

// Visible is visible.
func Visible(text string) string { return visible(text) }
