package server

import (
	"bytes"
	"encoding/json"
	"errors"
	"mime"
	"net/http"
	"strconv"
	"strings"
	"unicode"

	"larder/cache"
	"larder/manifest"
	"larder/secret"
)

// status is the one place that turns a class of failure into a status of our
// own paths.
func status(c secret.Class) int {
	switch c {
	case secret.BadReference, secret.Rejected:
		return http.StatusBadRequest
	case secret.Undeclared, secret.Denied:
		return http.StatusForbidden
	case secret.NotFound:
		return http.StatusNotFound
	case secret.NotJSON, secret.FieldMissing:
		return http.StatusUnprocessableEntity
	case secret.BadAnswer:
		return http.StatusBadGateway
	case secret.Throttled, secret.Unavailable, secret.Credentials, secret.Expired, secret.Canceled:
		return http.StatusServiceUnavailable
	case secret.Timeout:
		return http.StatusGatewayTimeout
	}
	return http.StatusInternalServerError
}

// badRequest is the failure of a request that is not legal.
func badRequest(err error) *secret.Error {
	return &secret.Error{Class: secret.BadReference, Message: err.Error()}
}

// asError returns the failure that err, of a badRequest or a read, is. The only
// other error of a read is that of the request's context: its reader has left.
func asError(err error) *secret.Error {
	if e, ok := errors.AsType[*secret.Error](err); ok {
		return e
	}
	return &secret.Error{Class: secret.Canceled, Message: "the reader has left"}
}

// explain writes the headers that say why there is no value, on every path.
func (x *exchange) explain(e *secret.Error) {
	x.failure = e
	h := x.w.Header()
	h.Del("ETag") // of a record whose field is missing
	if x.how != cache.Stale {
		h.Del("Age")
	}
	h.Set("Larder-Error", e.Word())
	if e.Action != "" {
		h.Set("Larder-Action", e.Action)
	}
	if e.Key.Region != "" {
		h.Set("Larder-Region", e.Key.Region)
	}
}

// failure is the body of an error on our own paths.
type failure struct {
	Code      string   `json:"code"`
	Message   string   `json:"message"`
	Reference string   `json:"reference,omitempty"`
	Region    string   `json:"region,omitempty"`
	Action    string   `json:"action,omitempty"`
	Variables []string `json:"variables,omitempty"`
}

// fail answers on our own paths.
func (x *exchange) fail(err error) {
	e := asError(err)
	x.explain(e)
	body := failure{Code: e.Word(), Message: e.Message, Region: e.Key.Region, Action: e.Action, Variables: variables(err)}
	if e.Key.ID != "" {
		body.Reference = e.Key.String()
	}
	if len(body.Variables) > 1 {
		body.Message = err.Error() // names each with its own reason
	}
	code := status(e.Class)
	if code == http.StatusServiceUnavailable {
		x.w.Header().Set("Retry-After", "1")
	}
	x.fails(code, body, err)
}

// fails writes a failure of our own paths: as JSON, or as the one line that err is
// to who accepts application/octet-stream, like larder-exec.
func (x *exchange) fails(code int, body failure, err error) {
	if x.wantsBytes() {
		x.write(code, typeText, []byte(oneLine(err.Error())))
		return
	}
	x.write(code, typeJSON, marshal(body))
}

// wantsBytes reports whether Accept names application/octet-stream, and does not
// like JSON better. What it only allows, as */* does, is JSON as without Accept.
func (x *exchange) wantsBytes() bool {
	quality := make(map[string]float64)
	for _, line := range x.r.Header.Values("Accept") {
		for item := range strings.SplitSeq(line, ",") {
			kind, options, err := mime.ParseMediaType(item)
			if err != nil && !errors.Is(err, mime.ErrInvalidMediaParameter) {
				continue
			}
			q, err := strconv.ParseFloat(options["q"], 64)
			if err != nil || !(q >= 0 && q <= 1) { // none, or one that cannot be read
				q = 1
			}
			quality[kind] = max(quality[kind], q)
		}
	}
	json, ok := quality[typeJSON]
	for _, wider := range []string{"application/*", "*/*"} {
		if !ok {
			json, ok = quality[wider]
		}
	}
	return quality[typeBinary] > 0 && quality[typeBinary] >= json
}

// oneLine joins the lines of errors.Join, and AWS's if it ever writes some.
func oneLine(text string) string {
	return strings.Join(strings.FieldsFunc(text, unicode.IsControl), "; ")
}

// variables returns the variables that the failures joined in err are about.
func variables(err error) []string {
	if v, ok := err.(*manifest.VariableError); ok {
		return []string{v.Variable}
	}
	var names []string
	if joined, ok := err.(interface{ Unwrap() []error }); ok {
		for _, one := range joined.Unwrap() {
			names = append(names, variables(one)...)
		}
	}
	return names
}

func refuseOwn(x *exchange, r *refusal) {
	x.refused(r)
	x.fails(r.status, failure{Code: r.code, Message: r.Error()}, r)
}

// refused writes the headers of a refusal.
func (x *exchange) refused(r *refusal) {
	x.refusal = r
	h := x.w.Header()
	h.Set("Larder-Error", r.code)
	switch r {
	case errMethod:
		h.Set("Allow", http.MethodGet)
	case errBusy:
		h.Set("Retry-After", "1")
	}
}

// marshal writes JSON as it is, without escaping < > and & for HTML.
func marshal(v any) []byte {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		panic(err) // our own structs of strings always encode
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n"))
}
