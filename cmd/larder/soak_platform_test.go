//go:build soak

package main

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"larder/extension/extensiontest"
)

// platform is Lambda. Registration is extensiontest's, which holds the extension to
// the contract. The 20,000 calls of next are not: it records all calls, and counts
// them by going through them.
type platform struct {
	api    extensiontest.API
	parked chan time.Time // when the extension has asked for the next event
	events chan string
}

func newPlatform() *platform {
	return &platform{parked: make(chan time.Time), events: make(chan string)}
}

func (p *platform) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.URL.Path != extensiontest.Next {
		p.api.ServeHTTP(w, r)
		return
	}
	if r.Header.Get("Lambda-Extension-Identifier") != extensiontest.Identifier {
		extensiontest.Refuse(w, "Extension.UnknownExtensionIdentifier", "Unknown extension")
		return
	}
	at := time.Now()
	select {
	case p.parked <- at:
	case <-r.Context().Done():
		return
	}
	select {
	case event := <-p.events:
		if strings.Contains(event, "SHUTDOWN") {
			w.Header().Set("Connection", "close") // nobody calls any more
		}
		_, _ = io.WriteString(w, event)
	case <-r.Context().Done():
	}
}

// await returns when the extension has asked for the next event, or false if it
// does not.
func (p *platform) await(patience time.Duration) (time.Time, bool) {
	timer := time.NewTimer(patience)
	defer timer.Stop()
	select {
	case at := <-p.parked:
		return at, true
	case <-timer.C:
		return time.Time{}, false
	}
}

// invoke sends an event to the extension, which waits for one, and returns for how
// long that then held next; false if it never asked for it.
func (p *platform) invoke(number int, deadline time.Duration) (held time.Duration, ok bool) {
	began := time.Now()
	p.events <- fmt.Sprintf(`{"eventType":"INVOKE","deadlineMs":%d,"requestId":"%d"}`, began.Add(deadline).UnixMilli(), number)
	at, ok := p.await(10 * time.Second)
	return at.Sub(began), ok
}

// shutdown sends the event to the extension, which waits for one.
func (p *platform) shutdown() {
	p.events <- fmt.Sprintf(`{"eventType":"SHUTDOWN","deadlineMs":%d,"shutdownReason":"SPINDOWN"}`, time.Now().Add(2*time.Second).UnixMilli())
}
