package server_test

import (
	"net/http"
	"strings"
	"testing"
)

const valuePath = "/value?ref=secretsmanager://a"

func TestConnection(t *testing.T) {
	t.Parallel()
	for _, host := range []string{"127.0.0.1", "::1"} {
		t.Run(host, func(t *testing.T) {
			t.Parallel()
			l := listen(t, host)
			tests := []struct {
				name   string
				lines  []string
				status int
			}{
				{"plain", []string{"GET " + valuePath + " HTTP/1.1"}, 200},
				{"the listener's own address", []string{"GET " + valuePath + " HTTP/1.1", "Host: " + l.addr}, 200},
				{"h2c upgrade", []string{"GET " + valuePath + " HTTP/1.1", "Connection: Upgrade, HTTP2-Settings", "Upgrade: h2c",
					"HTTP2-Settings: AAEAAEAAAAIAAAABAAMAAABkAAQBAAAAAAUAAEAA"}, 200},
				{"websocket upgrade", []string{"GET " + valuePath + " HTTP/1.1", "Connection: Upgrade", "Upgrade: websocket"}, 200},
				{"HTTP/1.0", []string{"GET " + valuePath + " HTTP/1.0"}, 200},
				{"absolute form", []string{"GET http://localhost:2773" + valuePath + " HTTP/1.1"}, 200},
				{"absolute form of another host", []string{"GET http://evil.com" + valuePath + " HTTP/1.1"}, 421},
				{"wrong token", []string{"GET " + valuePath + " HTTP/1.1", "X-Vault-Token: no"}, 401},
				{"browser", []string{"GET " + valuePath + " HTTP/1.1", "Host: evil.com:2773", "Origin: http://evil.com"}, 421},
				{"CORS preflight", []string{"OPTIONS " + valuePath + " HTTP/1.1", "Origin: http://evil.com", "Access-Control-Request-Method: GET"}, 405},
				{"OPTIONS *", []string{"OPTIONS * HTTP/1.1"}, 405},
				{"HEAD", []string{"HEAD " + valuePath + " HTTP/1.1"}, 405},
				{"GET *", []string{"GET * HTTP/1.1"}, 404},
				{"two slashes", []string{"GET //value HTTP/1.1"}, 404},
				{"dots", []string{"GET /x/../value?ref=secretsmanager://a HTTP/1.1"}, 404},
				{"encoded dots", []string{"GET /x/%2e%2e/value?ref=secretsmanager://a HTTP/1.1"}, 404},
				{"encoded slash", []string{"GET /secretsmanager%2Fget?secretId=a HTTP/1.1"}, 404},
				{"header of 60 KB", []string{"GET " + valuePath + " HTTP/1.1", "X-Large: " + strings.Repeat("x", 60<<10)}, 200},
				{"two Hosts", []string{"GET " + valuePath + " HTTP/1.1", "Host: localhost", "Host: localhost"}, 400},
				{"no HTTP", []string{"HELO localhost"}, 400},
				{"no such version", []string{"GET /ping HTTP/3.0"}, 505},
				{"bad encoding", []string{"GET /v1/%zz HTTP/1.1"}, 400},
				{"line feed in a header's name", []string{"GET /ping HTTP/1.1", "X Y: z"}, 400},
				{"unknown Expect", []string{"GET /ping HTTP/1.1", "Expect: more"}, 417},
				{"unknown transfer encoding", []string{"POST /ping HTTP/1.1", "Transfer-Encoding: gzip"}, 501},
			}
			for _, test := range tests {
				a := l.ask(test.lines...)
				is(t, test.name+": status", a.status, test.status)
				is(t, test.name+": Location", a.header.Get("Location"), "")
				is(t, test.name+": Upgrade", a.header.Get("Upgrade"), "")
				is(t, test.name+": Access-Control-Allow-Origin", a.header.Get("Access-Control-Allow-Origin"), "")
				if test.status != http.StatusOK {
					noCanary(t, test.name, []byte(a.body))
				}
			}
			c := l.dial()
			c.write("GET /value?ref=secretsmanager://a HTTP/1.0\r\nX-Vault-Token: " + token + "\r\n\r\n")
			isBody(t, "HTTP/1.0 without Host", c.read("GET"), planted)
			c.ended("HTTP/1.0 without Host")
			c = l.dial()
			c.write("GET " + valuePath + " HTTP/1.1\r\nX-Vault-Token: " + token + "\r\n\r\n")
			is(t, "HTTP/1.1 without Host", c.read("GET").status, http.StatusBadRequest)
			c = l.dial()
			c.write("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n")
			is(t, "HTTP/2 preface: served", c.read("PRI").status >= 400, true)
		})
	}
}

func TestLargeHeader(t *testing.T) {
	t.Parallel()
	l := listen(t, "127.0.0.1")
	for _, text := range []string{
		"GET /ping HTTP/1.1\r\nHost: localhost\r\nX-Large: " + strings.Repeat("x", 1<<20),
		"GET /ping?" + strings.Repeat("x", 1<<20) + " HTTP/1.1\r\nHost: localhost\r\n\r\n",
		"GET /ping HTTP/1.1\r\nHost: localhost\r\n" + strings.Repeat("X-Many: y\r\n", 100_000),
	} {
		c := l.dial()
		written := make(chan struct{})
		go func() { // the server stops reading before the end
			defer close(written)
			c.write(text)
		}()
		is(t, "a header of a megabyte", c.read("GET").status, http.StatusRequestHeaderFieldsTooLarge)
		c.Close()
		<-written
	}
}

func TestBody(t *testing.T) {
	t.Parallel()
	l := listen(t, "127.0.0.1")
	c := l.dial()
	head := "POST /v1/a HTTP/1.1\r\nHost: localhost\r\nX-Vault-Token: " + token + "\r\n"
	for _, text := range []string{
		head + "Content-Length: 5\r\n\r\nhello",
		head + "Content-Length: 0\r\n\r\n",
		head + "Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
		strings.Replace(head, "POST", "GET", 1) + "Content-Length: 5\r\n\r\nGET /",
	} {
		c.write(text)
		want := http.StatusMethodNotAllowed
		if strings.HasPrefix(text, "GET") {
			want = http.StatusOK // its body is not taken for a request
		}
		is(t, "with a body", c.read("POST").status, want)
	}
	c.write(wire("GET /ping HTTP/1.1"))
	isBody(t, "the connection goes on", c.read("GET"), "healthy")

	c = l.dial()
	c.write(head + "Expect: 100-continue\r\nContent-Length: 1000000\r\n\r\n")
	is(t, "a body that is announced", c.read("POST").status, http.StatusMethodNotAllowed)
	c.ended("a body that is announced")

	c = l.dial()
	c.write(head + "Content-Length: 1000000\r\n\r\n")
	is(t, "a large body", c.read("POST").status, http.StatusMethodNotAllowed)
	c.ended("a large body")
}

func TestKeepAliveAndPipelining(t *testing.T) {
	t.Parallel()
	l := listen(t, "127.0.0.1")
	c := l.dial()
	for range 10 {
		c.write(wire("GET " + valuePath + " HTTP/1.1"))
		isBody(t, "one after the other", c.read("GET"), planted)
		c.write(wire("GET /nothing HTTP/1.1"))
		is(t, "a failure", c.read("GET").status, http.StatusNotFound)
	}
	targets := []string{"/ping", valuePath, "/nothing", "/v1/a", "/ping"}
	var all strings.Builder
	for _, target := range targets {
		all.WriteString(wire("GET " + target + " HTTP/1.1"))
	}
	c.write(all.String())
	for i, want := range []int{200, 200, 404, 200, 200} {
		is(t, "pipelined "+targets[i], c.read("GET").status, want)
	}
	c.write(wire("GET /ping HTTP/1.1", "Connection: close"))
	is(t, "Connection: close", c.read("GET").status, http.StatusOK)
	c.ended("Connection: close")
	is(t, "connections", l.total, 1)
}
