package extension

import (
	"context"
	"net"
	"net/http"
)

// DialWith replaces how c opens connections.
func (c *Client) DialWith(dial func(ctx context.Context, network, addr string) (net.Conn, error)) {
	c.http.Transport.(*http.Transport).DialContext = dial
}

// ServeTelemetry is ListenTelemetry on a listener of the test's: the name of the
// sandbox leads nowhere outside of it.
func ServeTelemetry(l net.Listener, events func(PlatformEvent)) *TelemetryListener {
	return serveTelemetry(l, events)
}

// URI is where l is to be found, in the words of the subscription.
func (l *TelemetryListener) URI() string { return l.uri }

// MaxDeliverers is how many connections a TelemetryListener has at once.
const MaxDeliverers = maxDeliverers

// ParsePlatformEvents reads the body of a delivery.
func ParsePlatformEvents(body []byte) ([]PlatformEvent, error) { return parsePlatformEvents(body) }
