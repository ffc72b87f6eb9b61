package server

import (
	stdlog "log"
	"log/slog"
	"net/http"
	"time"
)

// Limits of a connection; for their number see maxOpen. There is no write limit
// here: see writeTimeout.
const (
	// maxHeader is room for a session token of a few kilobytes, some times over.
	maxHeader = 64 << 10
	// headerTimeout ends connections that send their header byte by byte, or a body
	// that nobody asked for.
	headerTimeout = 5 * time.Second
	// idleTimeout lets a client's pooled connection outlive long freezes: one that
	// is closed under a client fails its next read.
	// The descriptors that idle ones hold are bounded by maxOpen.
	idleTimeout = 24 * time.Hour
)

// HTTP returns the http.Server that serves h on localhost.
func HTTP(h http.Handler, log *slog.Logger) *http.Server { return limited(h, log, maxOpen) }

func limited(h http.Handler, log *slog.Logger, open int) *http.Server {
	return &http.Server{
		Handler:                      h,
		ConnState:                    newConnections(open).changed,
		ReadHeaderTimeout:            headerTimeout,
		IdleTimeout:                  idleTimeout,
		MaxHeaderBytes:               maxHeader,
		DisableGeneralOptionsHandler: true, // OPTIONS * is refused like any other method
		ErrorLog:                     stdlog.New(trouble{log}, "", 0),
	}
}
