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

// URI is where t is to be found, in the words of the subscription.
func (t *TelemetryReceiver) URI() string { return t.uri }

// MaxDeliverers is how many connections a TelemetryReceiver has at once.
const MaxDeliverers = maxDeliverers

// ParsePlatformEvents reads the body of a delivery.
func ParsePlatformEvents(body []byte) ([]PlatformEvent, error) { return parsePlatformEvents(body) }
