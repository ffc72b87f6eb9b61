package awstest

import (
	"fmt"
	"mime"
	"net/http"
	"strings"
)

// protocol is one of the ways in which AWS's services are spoken to. A value
// stands for one request.
type protocol interface {
	// target is the service and the action that the request names. Each is
	// empty where it names none.
	target() (service, action string)
	// input is the request's fields as a JSON object.
	input() []byte
	// contentType is that of the answer.
	contentType() string
	// output writes what a call that succeeds gives.
	output(out any, requestID string) []byte
	// failure writes an error just as it is.
	failure(e apiError, requestID string) []byte
	// translate gives an error of AWS JSON the code and the status that it has
	// in this protocol.
	translate(e apiError) apiError
}

func protocolOf(r *http.Request, body []byte) protocol {
	if mediaType(r) == formType {
		return newQueryProtocol(body)
	}
	return jsonProtocol{r.Header.Get("X-Amz-Target"), body}
}

func mediaType(r *http.Request) string {
	media, _, _ := mime.ParseMediaType(r.Header.Get("Content-Type"))
	return media
}

// apiError is an error as it goes over the wire. The code is that of AWS JSON;
// see protocol for others.
type apiError struct {
	code    string
	message string // empty: the body has none
	status  int    // zero: 400
	capital bool   // AWS JSON says Message, as Secrets Manager's own errors do
}

func (e *apiError) Error() string { return e.code + ": " + e.message }

// constraint is how AWS refuses a field that its model does not allow.
func constraint(value, field, rule string) error {
	return &apiError{code: "ValidationException", message: fmt.Sprintf(
		"1 validation error detected: Value %s at '%s' failed to satisfy constraint: %s", value, field, rule)}
}

// quotedList is a list as it stands in such a refusal.
func quotedList(items []string) string { return "'[" + strings.Join(items, ", ") + "]'" }

// within refuses a number that is out of bounds: the value or the length, as
// what says, of a field that the request shows as shown.
func within(n int, shown, field, what string, least, most int) error {
	switch {
	case n < least:
		return constraint(shown, field, fmt.Sprintf("Member must have %s greater than or equal to %d", what, least))
	case n > most:
		return constraint(shown, field, fmt.Sprintf("Member must have %s less than or equal to %d", what, most))
	}
	return nil
}
