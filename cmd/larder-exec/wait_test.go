package main

import (
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"larder/secret"
)

// peer serves one connection on a port of its own.
func peer(t *testing.T, serve func(net.Conn)) (port int) {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { listener.Close() })
	go func() {
		conn, err := listener.Accept()
		if err != nil {
			return
		}
		defer conn.Close()
		serve(conn)
	}()
	return listener.Addr().(*net.TCPAddr).Port
}

// mute takes what comes and says nothing.
func mute(conn net.Conn) { _, _ = io.Copy(io.Discard, conn) }

// drip says one byte, and nothing more.
func drip(conn net.Conn) {
	_, _ = conn.Write([]byte("H"))
	mute(conn)
}

// TestNoAnswer asks peers that are there and do not answer, when the time for it is
// nearly over: larder-exec gives up, and says what to do.
func TestNoAnswer(t *testing.T) {
	t.Parallel()
	for name, serve := range map[string]func(net.Conn){"no answer came": mute, "its answer is not whole": drip} {
		var said []string
		w := &wait{
			where: "W", init: 7, more: margin, began: ticks() - (7+margin-1)*ticksPerSecond,
			said: func(line string) { said = append(said, line) },
		}
		_, err := exchange(peer(t, serve), "GET / HTTP/1.0\r\n\r\n", w)
		if err == nil {
			t.Errorf("%s: there is an answer", name)
			continue
		}
		for _, want := range []string{"37 s", name, "LARDER_INIT_TIMEOUT", "PARAMETERS_SECRETS_EXTENSION_HTTP_PORT"} {
			if !strings.Contains(err.Error(), want) {
				t.Errorf("%s: the error is %q, want %q in it", name, err, want)
			}
		}
		if len(said) != 1 || !strings.HasPrefix(said[0], "W has not answered for ") || !strings.Contains(said[0], "LARDER_INIT_TIMEOUT is 7 s") {
			t.Errorf("%s: while it waits it says %q, want one line", name, said)
		}
	}
}

// TestInTime checks that an answer in time is nobody's business.
func TestInTime(t *testing.T) {
	t.Parallel()
	for passed, lines := range map[int]int{0: 0, 7: 0, 8: 1, 36: 1} {
		said := 0
		w := &wait{where: "W", init: 7, more: margin, began: ticks() - uintptr(passed)*ticksPerSecond, said: func(string) { said++ }}
		for range 3 {
			if err := w.check(0); err != nil {
				t.Errorf("after %d s: %v", passed, err)
			}
		}
		if said != lines {
			t.Errorf("after %d s it says %d lines, want %d", passed, said, lines)
		}
	}
}

// TestFlood asks a peer that does not stop: what is read has an end.
func TestFlood(t *testing.T) {
	t.Parallel()
	sent := make(chan int)
	port := peer(t, func(conn net.Conn) {
		n, _ := io.WriteString(conn, okHead+"Content-Length: 300000000\r\n\r\n")
		item := []byte("A=" + strings.Repeat("v", 100<<10) + "\x00")
		for {
			written, err := conn.Write(item)
			if n += written; err != nil {
				sent <- n
				return
			}
		}
	})
	raw, err := exchange(port, "GET / HTTP/1.0\r\n\r\n", newWait(nil, "W"))
	if err != nil {
		t.Fatal(err)
	}
	if most := maxHead + maxBody + 64<<10; len(raw) > most {
		t.Errorf("%d bytes were read, want %d at most", len(raw), most)
	}
	if _, err := parse(raw); err == nil || !strings.Contains(err.Error(), "more than the system allows: the largest declared ones are A with 102400 bytes") {
		t.Errorf("parse of too much: %v", err)
	}
	if n := <-sent; n > 64<<20 {
		t.Errorf("%d bytes were taken", n)
	}
}

// TestInitTimeout checks that the setting means what it means to the extension.
func TestInitTimeout(t *testing.T) {
	t.Parallel()
	for _, text := range []string{"1", "5", "900", "5s", "5m", "1m30s", "0.5s", "1.5s", "7500ms", "999ms", "1.5m", "15m", "0.25h", "1us", "1µs", "10ns", "2m0.5s"} {
		want, err := secret.ParseDuration(text)
		if err != nil {
			t.Fatal(err)
		}
		got := time.Duration(initTimeout(text)) * time.Second
		if got < want || got > maxInit*time.Second {
			t.Errorf("initTimeout(%q) = %v, want %v or a little more", text, got, want)
		}
	}
	for text, want := range map[string]int{
		"": 5, " ": 5, " 7 ": 7, "7s": 7, "900": 900, "901": 900, "1m30s": 90, "7500ms": 8, "5m": 300, "99999999999999999999m": 900,
		"1.5s": 900, "1h": 900, "soon": 900, "-1": 900, "5x": 900, "5 s": 900, ".": 900, "99999999999999999999": 900,
	} {
		if got := initTimeout(text); got != want {
			t.Errorf("initTimeout(%q) = %d, want %d", text, got, want)
		}
	}
}
