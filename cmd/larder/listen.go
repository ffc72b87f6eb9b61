package main

import (
	"errors"
	"fmt"
	"net"
	"strconv"
	"syscall"
)

// listen opens the port on both loopback addresses, so that "localhost" works
// whichever it resolves to. A sandbox without IPv6 has only one.
func listen(port int) ([]net.Listener, error) {
	var open []net.Listener
	for _, host := range []string{"127.0.0.1", "::1"} {
		l, err := net.Listen("tcp", net.JoinHostPort(host, strconv.Itoa(port)))
		switch {
		case err == nil:
			open = append(open, l)
		case host == "::1" && !errors.Is(err, syscall.EADDRINUSE):
		default:
			closeAll(open)
			return nil, fmt.Errorf("%sHTTP_PORT: port %d on %s cannot be opened, another process may have it: %w", awsPrefix, port, host, err)
		}
	}
	return open, nil
}

func closeAll(listeners []net.Listener) {
	for _, l := range listeners {
		l.Close()
	}
}
