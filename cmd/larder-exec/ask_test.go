package main

import (
	"strconv"
	"strings"
	"syscall"
	"testing"
)

// TestPort checks that the port is the one that the extension makes of the same
// variables.
func TestPort(t *testing.T) {
	t.Parallel()
	tests := []struct {
		env  environment
		want int
	}{
		{nil, 2773},
		{environment{portVariable + "=1"}, 1},
		{environment{portVariable + "= 65535 "}, 65535},
		{environment{portAlias + "=3000"}, 3000},
		{environment{portVariable + "= ", portAlias + "=3000"}, 3000},
		{environment{portVariable + "=3001", portAlias + "=3000"}, 3001},
		{environment{portVariable + "=none"}, 2773},
		{environment{portVariable + "=0"}, 2773},
		{environment{portVariable + "=65536"}, 2773},
		{environment{portVariable + "=none", portAlias + "=3000"}, 2773},
	}
	for _, test := range tests {
		if got := portOf(test.env); got != test.want {
			t.Errorf("portOf(%q) = %d, want %d", test.env, got, test.want)
		}
	}
}

// TestNotTaken has somebody listen who takes no connection: to connect would not
// end by itself.
func TestNotTaken(t *testing.T) {
	t.Parallel()
	listener, err := syscall.Socket(syscall.AF_INET, syscall.SOCK_STREAM, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer syscall.Close(listener)
	if err := syscall.Bind(listener, &syscall.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Listen(listener, 0); err != nil {
		t.Fatal(err)
	}
	address, err := syscall.Getsockname(listener)
	if err != nil {
		t.Fatal(err)
	}
	port := address.(*syscall.SockaddrInet4).Port
	for range 8 { // as many as the system lets wait
		fd, err := connect(port)
		if err != nil {
			break
		}
		defer syscall.Close(fd)
	}
	_, err = ask(environment{portVariable + "=" + strconv.Itoa(port)})
	if err == nil || !strings.HasSuffix(err.Error(), "does not take the connection") {
		t.Errorf("ask: %v, want the reason that the connection is not taken", err)
	}
}
