package awstest

import (
	"cmp"
	"context"
	"crypto/rand"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"
)

// answer is what becomes of a call.
type answer struct {
	status      int    // zero: nothing is sent, and the connection ends
	code        string // the error's code
	contentType string
	requestID   string
	body        []byte
	cut         bool // the body is sent up to cutAt
	cutAt       int
	hang        bool // the connection ends only with the context, after cutAt where cut is set
	reset       bool // the connection ends with a TCP RST
}

// granted is the answer to a call that succeeds.
func granted(p protocol, out any) answer {
	id := requestID()
	return answer{status: http.StatusOK, contentType: p.contentType(), requestID: id, body: p.output(out, id)}
}

// refused is the answer that tells of an error, as the protocol words it. Of
// several errors, the first counts.
func refused(p protocol, err error) answer {
	e, _ := errors.AsType[*apiError](err)
	return failed(p, p.translate(*e))
}

// failed is the answer that tells of an error just as it is.
func failed(p protocol, e apiError) answer {
	e.status = cmp.Or(e.status, http.StatusBadRequest)
	id := requestID()
	return answer{status: e.status, code: e.code, contentType: p.contentType(), requestID: id, body: p.failure(e, id)}
}

// send writes the answer, or ends the connection as the answer says. The panic
// is net/http's own way to end one without an answer; it is not logged.
func (a answer) send(ctx context.Context, w http.ResponseWriter) {
	if a.hang && !a.cut {
		<-ctx.Done()
	}
	if a.reset {
		reset(w)
	}
	if a.status == 0 {
		panic(http.ErrAbortHandler)
	}
	w.Header().Set("Content-Type", a.contentType)
	w.Header().Set("Content-Length", fmt.Sprint(len(a.body)))
	w.Header().Set("X-Amzn-Requestid", a.requestID)
	w.WriteHeader(a.status)
	if !a.cut {
		_, _ = w.Write(a.body) // a client that has left needs no answer
		return
	}
	_, _ = w.Write(a.body[:a.cutAt])
	_ = http.NewResponseController(w).Flush()
	if a.hang {
		<-ctx.Done()
	}
	panic(http.ErrAbortHandler)
}

// reset closes the connection so that the kernel sends a RST: data that was
// not delivered is dropped instead of sent. It returns where it cannot have
// the connection, as with HTTP/2.
func reset(w http.ResponseWriter) {
	conn, _, err := http.NewResponseController(w).Hijack()
	if err != nil {
		return
	}
	raw := conn
	if secure, ok := conn.(*tls.Conn); ok {
		raw = secure.NetConn()
	}
	if tcp, ok := raw.(*net.TCPConn); ok {
		_ = tcp.SetLinger(0)
	}
	_ = raw.Close()
}

// requestID is a random UUID, as the services send.
func requestID() string {
	var b [16]byte
	_, _ = rand.Read(b[:])
	return formatUUID(b)
}
