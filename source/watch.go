package source

import (
	"context"
	"net/http/httptrace"
	"sync"
	"time"
)

const (
	// suspectAfter is how long a connection may be without use, by the wall clock,
	// before it is suspected to have died in a freeze.
	suspectAfter = time.Second
	// suspectLimit is how long an answer on a suspect connection may take to begin.
	// A round trip to AWS takes some ten milliseconds within a Region. A connection
	// that lives while AWS is slow costs a second request and nothing else, one that
	// is dead costs this instead of attemptLimit.
	suspectLimit = 250 * time.Millisecond
)

// watch looks whether an attempt goes out on a suspect connection, and gives it
// up when no answer has begun within suspectLimit.
type watch struct {
	giveUp func() // ends the attempt

	mu       sync.Mutex
	conn     *conn       // nil: none yet, or another's
	suspect  *time.Timer // nil: the connection is above suspicion
	answered bool
	late     bool
}

// trace returns a context in which an attempt is watched. What is read from a
// connection does not tell that it was in use: on an idle one that may be rests of
// the handshake, which have lain there since before the freeze.
func (w *watch) trace(ctx context.Context) context.Context {
	return httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{
		GotConn: func(got httptrace.GotConnInfo) {
			w.mu.Lock()
			defer w.mu.Unlock()
			if w.conn = ours(got.Conn); w.conn == nil {
				return
			}
			if got.Reused && w.conn.idle() > suspectAfter {
				w.suspect = time.AfterFunc(suspectLimit, w.tooLate)
			}
			w.conn.touch()
		},
		GotFirstResponseByte: func() {
			w.mu.Lock()
			defer w.mu.Unlock()
			w.answered = true
		},
		PutIdleConn: func(error) {
			w.mu.Lock()
			defer w.mu.Unlock()
			// A longer use than any attempt's had a freeze in it, which the connection has
			// hardly survived.
			if w.conn != nil && w.conn.idle() <= attemptLimit+standstill {
				w.conn.touch()
			}
		},
	})
}

func (w *watch) tooLate() {
	w.mu.Lock()
	defer w.mu.Unlock()
	if !w.answered {
		w.late = true
		w.giveUp()
	}
}

// died reports whether the connection of an attempt that failed was dead: whether
// it broke or was given up before an answer began. stopped is whether somebody
// else has ended the attempt.
func (w *watch) died(stopped bool) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.late || w.suspect != nil && !w.answered && !stopped
}

// stop ends the watch.
func (w *watch) stop() {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.suspect != nil {
		w.suspect.Stop()
	}
}
