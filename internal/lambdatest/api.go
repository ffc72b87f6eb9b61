package lambdatest

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"slices"
	"time"
)

// maxBody is the largest payload, 6 MiB and 100 bytes.
const maxBody = 6<<20 + 100

// A call is one request to an API, its body already read.
type call struct {
	*http.Request
	at      time.Time // when it arrived, its body not read yet
	body    []byte
	readErr error // why the body could not be read
}

// A reply is the answer to a call, and what is recorded with it.
type reply struct {
	status    int
	header    http.Header
	body      []byte
	extension string // the name of the extension that asked
	errorType string // what a call to init/error or exit/error reported
	keepBody  bool   // record the call's body
}

// A route is one path of the APIs. Those of another API are one more list.
type route struct {
	method, path string
	serve        func(call) *reply // nil when the sandbox ended under a parked call
}

// routes returns the handler of all APIs.
func (s *sandbox) routes() http.Handler {
	mux := http.NewServeMux()
	routes := slices.Concat(s.extensionRoutes(), s.telemetryRoutes(), s.runtimeRoutes())
	if s.cfg.Mode == SnapStart {
		routes = append(routes, s.snapStartRoutes()...)
	}
	for _, r := range routes {
		mux.Handle(r.method+" "+r.path, s.handler(r.serve))
		mux.Handle(r.path, s.handler(methodNotAllowed))
	}
	mux.Handle("/", s.handler(notFound))
	return mux
}

// handler records a call before it is answered, so that whoever has seen the
// answer finds the record.
func (s *sandbox) handler(serve func(call) *reply) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !s.begin() {
			panic(http.ErrAbortHandler)
		}
		defer s.tasks.Done()

		arrived := time.Now()
		// One byte more than allowed tells a body that is too large.
		body, err := io.ReadAll(io.LimitReader(r.Body, maxBody+1))
		io.Copy(io.Discard, r.Body) // or the client would be cut off before it reads why
		answer := serve(call{r, arrived, body, err})
		if answer == nil {
			panic(http.ErrAbortHandler)
		}
		record := Request{
			Time: arrived, Method: r.Method, Path: r.URL.Path,
			Extension: answer.extension, Status: answer.status, ErrorType: answer.errorType,
		}
		if answer.keepBody {
			record.Body = body
		}
		s.rec.request(record)
		for name, values := range answer.header {
			w.Header()[name] = values
		}
		w.WriteHeader(answer.status)
		w.Write(answer.body)
	})
}

func notFound(call) *reply {
	return text(http.StatusNotFound, "404 page not found\n")
}

func methodNotAllowed(call) *reply {
	return text(http.StatusMethodNotAllowed, "405 method not allowed\n")
}

func text(status int, body string) *reply {
	return &reply{status: status, header: contentType("text/plain; charset=utf-8"), body: []byte(body)}
}

// accepted is the answer to a response or an error that was taken.
func accepted() *reply {
	return jsonReply(http.StatusAccepted, struct {
		Status string `json:"status"`
	}{"OK"})
}

// refuse answers with an error of the platform.
func refuse(status int, errorType, message string) *reply {
	return jsonReply(status, struct {
		ErrorMessage string `json:"errorMessage"`
		ErrorType    string `json:"errorType"`
	}{message, errorType})
}

// jsonReply answers with JSON and, as all answers but events, a newline.
func jsonReply(status int, value any) *reply {
	var body bytes.Buffer
	json.NewEncoder(&body).Encode(value) // only structs of strings and numbers
	return &reply{status: status, header: contentType("application/json"), body: body.Bytes()}
}

func contentType(value string) http.Header {
	return http.Header{"Content-Type": {value}}
}

// reportedMessage returns the errorMessage in the body of a reported error.
// The body is optional and may be anything.
func reportedMessage(body []byte) string {
	var report struct {
		ErrorMessage string `json:"errorMessage"`
	}
	if json.Unmarshal(body, &report) != nil {
		return ""
	}
	return report.ErrorMessage
}
