package source

import (
	"context"
	"net/http/httptrace"
	"sync"
	"sync/atomic"
	"time"
)

const (
	// suspectAfter is how long a connection may be without use, by either clock,
	// before it is suspected to have died in a freeze.
	suspectAfter = time.Second
	// An answer on a suspect connection has minSuspect to begin, or three times as
	// long as the latest one took, up to maxSuspect. A round trip to AWS takes some
	// ten milliseconds within a Region. A connection that lives while AWS is slower
	// than it was costs a second request and nothing else, one that is dead costs this
	// time instead of attemptLimit.
	minSuspect = 250 * time.Millisecond
	maxSuspect = time.Second
)

// pace is how long the latest answer took to begin, in nanoseconds.
type pace struct{ atomic.Int64 }

// patience returns how long an answer on a suspect connection may take to begin.
func (p *pace) patience() time.Duration {
	return min(maxSuspect, max(minSuspect, 3*time.Duration(p.Load())))
}

// watch looks whether an attempt goes out on a suspect connection, and gives it
// up when no answer has begun in time.
type watch struct {
	giveUp func() // ends the attempt
	pace   *pace

	mu       sync.Mutex
	sent     time.Time
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
			w.sent = time.Now()
			if w.conn = ours(got.Conn); w.conn == nil {
				return
			}
			w.conn.usable()
			if got.Reused && w.conn.idle() > suspectAfter {
				w.suspect = time.AfterFunc(w.pace.patience(), w.tooLate)
			}
			w.conn.touch()
		},
		GotFirstResponseByte: func() {
			w.mu.Lock()
			defer w.mu.Unlock()
			w.answered = true
			w.pace.Store(int64(time.Since(w.sent)))
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

// connected reports whether the attempt had a connection to go out on.
func (w *watch) connected() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return !w.sent.IsZero()
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
