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
