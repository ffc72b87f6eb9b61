package source

import (
	"context"
	"net"
	"time"
)

// IsNear is open to the tests because link-local addresses can be reached, but
// not from everywhere, and no test should try.
var IsNear = isNear

// SetClock replaces the wall clock: no test can wait for a freeze.
func (cfg *Config) SetClock(wall func() time.Time) { cfg.clock = wall }

// SetDial replaces the network beneath connections of our own.
func (cfg *Config) SetDial(dial func(ctx context.Context, network, address string) (net.Conn, error)) {
	cfg.dial = dial
}
