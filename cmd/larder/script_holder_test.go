package main_test

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"syscall"
)

// holder is an extension that reads from larder, like those that send logs to a
// service whose key is a secret. At the first invoke it makes a connection that
// stays idle, and one with a read of HOLDER_READ in flight; at shutdown it waits
// until larder has ended both.
func holder() {
	api := "http://" + os.Getenv("AWS_LAMBDA_RUNTIME_API") + "/2020-01-01/extension/"
	platform := &http.Client{Transport: &http.Transport{}}
	ask := func(method, path, header, value, body string) *http.Response {
		req, err := http.NewRequest(method, api+path, strings.NewReader(body))
		if err != nil {
			leave(err)
		}
		req.Header.Set(header, value)
		resp, err := platform.Do(req)
		if err != nil {
			leave(err)
		}
		return resp
	}
	id := ask("POST", "register", "Lambda-Extension-Name", "holder", `{"events":["INVOKE","SHUTDOWN"]}`).
		Header.Get("Lambda-Extension-Identifier")
	var idle, busy *bufio.Reader
	for {
		var event struct{ EventType string }
		if err := json.NewDecoder(ask("GET", "event/next", "Lambda-Extension-Identifier", id, "").Body).Decode(&event); err != nil {
			leave(err)
		}
		if event.EventType == "SHUTDOWN" {
			break
		}
		if idle == nil {
			idle, busy = send("/ping"), send(os.Getenv("HOLDER_READ"))
			fmt.Println("idle: answered", answerTo(idle))
		}
	}
	fmt.Println("busy: answered", answerTo(busy))
	for name, conn := range map[string]*bufio.Reader{"idle": idle, "busy": busy} {
		_, err := conn.ReadByte()
		fmt.Printf("%s: closed %t\n", name, err == io.EOF)
	}
	syscall.Exit(0)
}

// send sends one request on a connection of its own, which stays open.
func send(path string) *bufio.Reader {
	conn, err := net.Dial("tcp", localAddress())
	if err != nil {
		leave(err)
	}
	fmt.Fprintf(conn, "GET %s HTTP/1.1\r\nHost: localhost\r\nX-Aws-Parameters-Secrets-Token: %s\r\n\r\n", path, os.Getenv("AWS_SESSION_TOKEN"))
	return bufio.NewReader(conn)
}

// answerTo reads one answer and returns its status and error.
func answerTo(conn *bufio.Reader) string {
	resp, err := http.ReadResponse(conn, nil)
	if err != nil {
		return "not at all"
	}
	if _, err := io.Copy(io.Discard, resp.Body); err != nil {
		return "in part"
	}
	return resp.Status + " " + resp.Header.Get("Larder-Error")
}
