package main

import (
	"math/rand/v2"
	"net"
	"strconv"
	"strings"
	"testing"
)

// freePort returns a port that nobody listens on, on either family. It is below
// those that the kernel gives to clients, which would otherwise take it away
// before it is used.
func freePort(t *testing.T) int {
	t.Helper()
	for range 100 {
		port := 10_000 + rand.IntN(20_000)
		listeners, err := listen(port)
		if err == nil {
			closeAll(listeners)
			return port
		}
	}
	t.Fatal("no port is free on both families")
	return 0
}

func occupy(t *testing.T, host string, port int) net.Listener {
	t.Helper()
	l, err := net.Listen("tcp", net.JoinHostPort(host, strconv.Itoa(port)))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	return l
}

func hasIPv6() bool {
	l, err := net.Listen("tcp", "[::1]:0")
	if err == nil {
		l.Close()
	}
	return err == nil
}

// families returns the loopback addresses that this machine has.
func families() []string {
	if hasIPv6() {
		return []string{"127.0.0.1", "::1"}
	}
	return []string{"127.0.0.1"}
}

func TestListen(t *testing.T) {
	port := freePort(t)
	listeners, err := listen(port)
	if err != nil {
		t.Fatal(err)
	}
	defer closeAll(listeners)
	if len(listeners) != len(families()) {
		t.Errorf("listen opened %d listeners, want one for each of %v", len(listeners), families())
	}
	for _, host := range families() {
		conn, err := net.Dial("tcp", net.JoinHostPort(host, strconv.Itoa(port)))
		if err != nil {
			t.Errorf("nobody listens on %s: %v", host, err)
			continue
		}
		conn.Close()
	}
	for _, l := range listeners {
		if !l.Addr().(*net.TCPAddr).IP.IsLoopback() {
			t.Errorf("listen opened %v, which others can reach", l.Addr())
		}
	}
}

// TestListenInUse checks that a port that somebody has on one of the addresses is
// not taken on the other: a client would find now one, now the other.
func TestListenInUse(t *testing.T) {
	for _, taken := range families() {
		port := freePort(t)
		occupy(t, taken, port)
		listeners, err := listen(port)
		if err == nil || listeners != nil {
			t.Errorf("%s in use: listen = %v, %v, want an error alone", taken, listeners, err)
			closeAll(listeners)
			continue
		}
		for _, want := range []string{"PARAMETERS_SECRETS_EXTENSION_HTTP_PORT", strconv.Itoa(port), taken} {
			if !strings.Contains(err.Error(), want) {
				t.Errorf("%s in use: the error is %q, want %q in it", taken, err, want)
			}
		}
		for _, host := range families() {
			if host != taken {
				occupy(t, host, port).Close() // fails the test if it was left open
			}
		}
	}
}
