//go:build soak

package main

import (
	"context"
	"io"
	"math/rand/v2"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// read is one request with its answer.
type read struct {
	target     target
	forced     bool   // refreshNow=true
	seen       string // the ETag that the reader has and that did not do
	start, end time.Time
	known      map[string]sighting // what had been seen when it began, by item
	status     int
	header     http.Header
	body       []byte
}

// wish is how a reader reads.
type wish struct {
	target   target
	forced   bool
	again    bool // once more with seen=, as after a log-in that failed
	patience time.Duration
}

// draw returns the wishes of one invoke: most often a few different ones, and now
// and then a storm of readers of the same.
func (s *soak) draw(r *rand.Rand) []wish {
	one := func() wish {
		w := wish{target: s.targets[r.IntN(len(s.targets))], patience: 20 * time.Second}
		switch r.IntN(20) {
		case 0, 1, 2:
			w.forced = true
		case 3:
			w.again = !w.target.many // whose ETag stands for all of them
		case 4:
			w.patience = 300 * time.Millisecond // a reader that leaves
		}
		return w
	}
	wishes := make([]wish, r.IntN(9))
	for i := range wishes {
		wishes[i] = one()
	}
	if r.IntN(500) == 0 {
		storm := one()
		for range 50 {
			wishes = append(wishes, storm)
		}
	}
	return wishes
}

// fulfil makes the reads of a wish, and checks the answers.
func (s *soak) fulfil(ctx context.Context, w wish) {
	ctx, cancel := context.WithTimeout(ctx, w.patience)
	defer cancel()
	first := s.read(ctx, w.target, w.forced, "")
	if etag := first.header.Get("ETag"); w.again && first.status == http.StatusOK && etag != "" {
		s.read(ctx, w.target, false, etag)
	}
}

// read makes one read, and checks the answer if there is one.
func (s *soak) read(ctx context.Context, t target, forced bool, seen string) read {
	path := t.path
	if forced {
		path += "&refreshNow=true"
	}
	if seen != "" {
		path += "&seen=" + url.QueryEscape(seen)
	}
	x := read{target: t, forced: forced, seen: seen, known: s.sightings.of(t), start: time.Now()}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, s.address+strings.Replace(path, "?&", "?", 1), nil)
	if err != nil {
		s.fail("%s: %v", t.path, err)
		return x
	}
	req.Header.Set("X-Aws-Parameters-Secrets-Token", s.token)
	resp, err := s.readers.Do(req)
	if err == nil {
		defer resp.Body.Close()
		x.status, x.header = resp.StatusCode, resp.Header
		x.body, err = io.ReadAll(resp.Body)
	}
	x.end = time.Now()
	switch {
	case err == nil:
		s.check(x)
	case ctx.Err() != nil:
		s.tally.left(x)
	default:
		s.fail("%s: no answer: %v (%s)", t.path, err, s.weather.around(x.start, x.end))
	}
	return x
}
