package server_test

import (
	"bufio"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"larder/internal/pipetest"
	"larder/secret"
	"larder/server"
)

// inBubble runs test with a server and a connection to it in a bubble.
func inBubble(t *testing.T, test func(*testing.T, *stand, net.Conn)) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := start(t)
		c, err := pipetest.Serve(t, server.HTTP(s, s.log))(t.Context(), "", "")
		if err != nil {
			t.Fatal(err)
		}
		test(t, s, c)
	})
}

func TestSlowHeaderIsCut(t *testing.T) {
	inBubble(t, func(t *testing.T, s *stand, c net.Conn) {
		began := time.Now()
		var client sync.WaitGroup
		defer client.Wait()
		client.Go(func() {
			for _, b := range []byte(wire("GET /ping HTTP/1.1", "X-Slow: "+strings.Repeat("x", 100))) {
				if _, err := c.Write([]byte{b}); err != nil {
					return
				}
				time.Sleep(time.Second) // the bubble's, as everywhere in this file
			}
		})
		rest, err := io.ReadAll(c)
		is(t, "error", err, nil)
		// net/http may call the line that it has so far a bad request.
		is(t, "an answer", len(rest) == 0 || strings.HasPrefix(string(rest), "HTTP/1.1 400 "), true)
		is(t, "the time that a header has", time.Since(began), 5*time.Second)
	})
}

// Who announces a body and does not send it is answered and cut off.
func TestSlowBodyIsCut(t *testing.T) {
	for _, lines := range [][]string{
		{"POST /v1/a HTTP/1.1", "Content-Length: 10"},
		{"POST /v1/a HTTP/1.1", "Transfer-Encoding: chunked"},
		{"GET /v1/a HTTP/1.1", "Content-Length: 10"},
	} {
		t.Run(lines[0]+" "+lines[1], func(t *testing.T) {
			inBubble(t, func(t *testing.T, s *stand, c net.Conn) {
				began := time.Now()
				if _, err := io.WriteString(c, wire(lines...)); err != nil {
					t.Fatal(err)
				}
				r := bufio.NewReader(c)
				a, err := readAnswer(r, "POST")
				is(t, "error", err, nil)
				is(t, "an answer", a.status == http.StatusMethodNotAllowed || a.status == http.StatusOK, true)
				_, err = r.ReadByte()
				is(t, "the end", err, io.EOF)
				is(t, "the time that a body has", time.Since(began) <= 5*time.Second, true)
			})
		})
	}
}

// A reader waits for AWS for as long as that takes: no limit of the connection's
// cuts it off, and it can ask again after hours.
func TestLongWait(t *testing.T) {
	inBubble(t, func(t *testing.T, s *stand, c net.Conn) {
		s.gate = make(chan struct{})
		r := bufio.NewReader(c)
		for range 2 {
			go func() {
				_, _ = io.WriteString(c, wire("GET "+valuePath+"&refreshNow=1 HTTP/1.1"))
			}()
			synctest.Wait()
			time.Sleep(3 * time.Minute)
			close(s.gate)
			a, err := readAnswer(r, "GET")
			is(t, "error", err, nil)
			isBody(t, "the answer", a, planted)
			time.Sleep(12 * time.Hour)
			s.gate = make(chan struct{})
		}
		c.Close()
	})
}

// A client that does not read its answer is cut off.
func TestSlowReaderIsCut(t *testing.T) {
	inBubble(t, func(t *testing.T, s *stand, c net.Conn) {
		s.has("a", &secret.Record{Service: secret.SecretsManager, Version: "1", Value: secret.NewValue(make([]byte, 1<<20))})
		go func() {
			_, _ = io.WriteString(c, wire("GET "+valuePath+" HTTP/1.1"))
		}()
		time.Sleep(9 * time.Second)
		one := make([]byte, 1)
		_, err := c.Read(one)
		is(t, "within its time", err, nil)
		time.Sleep(2 * time.Second)
		rest, err := io.ReadAll(c)
		is(t, "error", err, nil)
		is(t, "the whole answer", len(rest) >= 1<<20, false)
	})
}
