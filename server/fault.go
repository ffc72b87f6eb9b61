package server

import (
	"fmt"
	"log/slog"
	"net/http"
	"path"
	"runtime"
	"strings"
)

// fault answers a request that our own code has failed on, with 500 by every contract.
// What was thrown may hold a value or a piece of the request, and net/http would print
// it with the stack: the log gets its type, and the place in the code.
func (s *Server) fault(x *exchange, at endpoint, thrown any) {
	s.config.Log.Error("serving", "problem", fmt.Sprintf("a panic of type %T in %s", thrown, panicked()))
	if x.status != 0 { // the answer has begun: it must not pass for a whole one
		panic(http.ErrAbortHandler) // of which net/http says nothing
	}
	clear(x.w.Header())
	at.refuse(x, errFault)
}

// panicked returns where the panic that is being recovered from began.
func panicked() string {
	var stack [64]uintptr
	frames := runtime.CallersFrames(stack[:runtime.Callers(0, stack[:])])
	for begun := false; ; {
		f, more := frames.Next()
		switch {
		case f.Function == "runtime.gopanic":
			begun = true
		case begun && !strings.HasPrefix(f.Function, "runtime."):
			return fmt.Sprintf("%s (%s:%d)", f.Function, path.Base(f.File), f.Line)
		}
		if !more {
			return "an unknown place"
		}
	}
}

// trouble writes what an http.Server has to tell: a line with a message that stays as
// it is, like all others. Only of connections that it could not accept the text is
// shown, which is the system's: any other may hold a piece of a request, or what a
// handler threw.
type trouble struct{ log *slog.Logger }

func (t trouble) Write(text []byte) (int, error) {
	problem := "net/http has met a fault whose text may hold anything"
	if told := strings.TrimSpace(string(text)); strings.HasPrefix(told, "http: Accept error: ") {
		problem = told
	}
	t.log.Error("serving", "problem", problem)
	return len(text), nil
}
