package main

import (
	"errors"
	"strconv"
	"strings"
	"syscall"
)

// Where the extension listens, as it reads it: AWS's variable, and what a release
// of the CDK wrote instead.
const (
	portVariable = "PARAMETERS_SECRETS_EXTENSION_HTTP_PORT"
	portAlias    = "PARAMETERS_AND_SECRETS_EXTENSION_HTTP_PORT"
	defaultPort  = 2773
)

// portOf returns where the extension listens. In place of what is no port it uses
// the default, with a warning in its log, and so does this.
func portOf(env environment) int {
	text := strings.TrimSpace(env.get(portVariable))
	if text == "" {
		text = strings.TrimSpace(env.get(portAlias))
	}
	if port, err := strconv.Atoi(text); err == nil && 1 <= port && port <= 65535 {
		return port
	}
	return defaultPort
}

// ask gets the declared variables from the extension.
func ask(env environment) (answer, error) {
	port := portOf(env)
	where := "the Larder extension at 127.0.0.1:" + strconv.Itoa(port)
	raw, err := exchange(port, "GET /env HTTP/1.0\r\n"+
		"Host: localhost\r\n"+
		"Accept: "+wanted+"\r\n"+
		"X-Aws-Parameters-Secrets-Token: "+token(env)+"\r\n\r\n", newWait(env, where))
	switch err {
	case nil:
	case syscall.ECONNREFUSED:
		return answer{}, errors.New(where + " does not listen: is its layer part of the function, and does its log say why it has ended?")
	case syscall.EINPROGRESS: // the limit of connect
		return answer{}, errors.New(where + " does not take the connection")
	default:
		return answer{}, errors.New(where + ": " + err.Error())
	}
	a, err := parse(raw)
	if _, own := err.(refusal); err != nil && !own {
		err = errors.New(where + ": " + err.Error())
	}
	return a, err
}

// token returns what proves that this is the function: the session token or, where the
// keys have none, that of AWS_TOKEN, which may lie in a file.
func token(env environment) string {
	if text := strings.TrimSpace(env.get("AWS_SESSION_TOKEN")); text != "" {
		return text
	}
	text := strings.TrimSpace(env.get("AWS_TOKEN"))
	if path := strings.TrimPrefix(text, "file://"); path != text {
		fd, err := syscall.Open(path, syscall.O_RDONLY|syscall.O_CLOEXEC|syscall.O_NONBLOCK, 0)
		if err != nil {
			return "" // the extension has said so
		}
		defer syscall.Close(fd)
		text, _ = readAll(fd, nil)
	}
	return oneLine(strings.TrimSpace(text))
}

const (
	// patience bounds the wait for a listener, in nanoseconds. Lambda starts the
	// runtime when the extension has registered, and it listens before that;
	// elsewhere both may have been started at the same time.
	patience = 1_000_000_000
	pause    = 20_000_000
)

// exchange sends a request and returns what comes back until the end, or as much of it
// as is too much.
func exchange(port int, request string, w *wait) (string, error) {
	fd, err := connect(port)
	for began := ticks(); (err == syscall.ECONNREFUSED || err == syscall.EINTR) && ticks()-began < patience/tick; {
		rest := syscall.NsecToTimespec(pause)
		_ = syscall.Nanosleep(&rest, nil) // cut short by a signal it is a try more
		fd, err = connect(port)
	}
	if err != nil {
		return "", err
	}
	defer syscall.Close(fd)
	for sent := 0; sent < len(request); {
		n, err := syscall.Write(fd, []byte(request[sent:]))
		if err != nil && err != syscall.EINTR {
			return "", err
		}
		sent += max(n, 0)
	}
	return readAll(fd, w)
}

// Bounds of an answer: its head, and the most that Linux gives all variables of a
// program, three quarters of the 8 MiB of its usual stack, whatever the limit of the
// stack is: bprm_stack_limits of fs/exec.c.
const (
	maxHead = 64 << 10
	maxBody = 6 << 20
)

// readAll reads to the end, or until there is more than an answer has.
func readAll(fd int, w *wait) (string, error) {
	var received []byte
	buffer := make([]byte, 64<<10)
	for len(received) <= maxHead+maxBody {
		switch n, err := syscall.Read(fd, buffer); {
		case err == syscall.EINTR, err == syscall.EAGAIN: // a signal; the limit of a read
		case err != nil:
			return "", err
		case n == 0:
			return string(received), nil
		default:
			received = append(received, buffer[:n]...)
		}
		if err := w.check(len(received)); err != nil {
			return "", err
		}
	}
	return string(received), nil
}

// connect opens a connection to a port of this machine. Neither it nor a read there
// blocks for longer than patience: a program that listens and accepts nothing looks like
// that, and so does one that accepts and says nothing.
func connect(port int) (fd int, err error) {
	fd, err = syscall.Socket(syscall.AF_INET, syscall.SOCK_STREAM, 0)
	if err != nil {
		return 0, err
	}
	limit := syscall.NsecToTimeval(patience)
	if err = syscall.SetsockoptTimeval(fd, syscall.SOL_SOCKET, syscall.SO_SNDTIMEO, &limit); err == nil {
		err = syscall.SetsockoptTimeval(fd, syscall.SOL_SOCKET, syscall.SO_RCVTIMEO, &limit)
	}
	if err == nil {
		err = syscall.Connect(fd, &syscall.SockaddrInet4{Port: port, Addr: [4]byte{127, 0, 0, 1}})
	}
	if err != nil {
		_ = syscall.Close(fd)
	}
	return fd, err
}
