package awstest

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
)

// contentType is that of both services' requests and answers.
const contentType = "application/x-amz-json-1.1"

// targets maps the first half of X-Amz-Target to the name that a service has
// in signatures, ARNs and IAM actions.
func targets() map[string]string {
	return map[string]string{"secretsmanager": "secretsmanager", "AmazonSSM": "ssm"}
}

// operations holds every action that is emulated, by service and name.
func operations() map[string]operation {
	return map[string]operation{
		"secretsmanager:GetSecretValue":      bind((*Server).getSecretValueLocked),
		"secretsmanager:BatchGetSecretValue": bind((*Server).batchGetSecretValueLocked),
		"ssm:GetParameter":                   bind((*Server).getParameterLocked),
		"ssm:GetParameters":                  bind((*Server).getParametersLocked),
		"ssm:GetParametersByPath":            bind((*Server).getParametersByPathLocked),
	}
}

// input is a request body: its fields have the wire's names, and it knows the
// ids, names or paths that it asks for.
type input interface{ ids() []string }

// operation reads a request body. The result does the work.
type operation func(body []byte) (prepared, error)

// prepared is a call whose body has been read.
type prepared struct {
	ids    []string
	answer func(*Server, caller) (any, error)
}

// bind makes an operation of a handler and the type that it reads. A field of
// another type is refused as AWS refuses it; an unknown field, which AWS would
// ignore, is refused too, because it is one that is not emulated.
func bind[In input](handle func(*Server, caller, In) (any, error)) operation {
	return func(body []byte) (prepared, error) {
		var in In
		dec := json.NewDecoder(bytes.NewReader(body))
		dec.DisallowUnknownFields()
		if err := dec.Decode(&in); err != nil {
			return prepared{}, &apiError{code: "SerializationException", message: err.Error()}
		}
		if dec.More() {
			return prepared{}, &apiError{code: "SerializationException", message: "more than one JSON value"}
		}
		return prepared{in.ids(), func(s *Server, c caller) (any, error) {
			s.mu.Lock()
			defer s.mu.Unlock()
			return handle(s, c, in)
		}}, nil
	}
}

// apiError is an error as it goes over the wire.
type apiError struct {
	code    string
	message string // empty: the body has none
	status  int    // zero: 400
	capital bool   // the body says Message, as Secrets Manager's own errors do
}

func (e *apiError) Error() string { return e.code + ": " + e.message }

// body is the error in AWS JSON 1.1. Which of the two spellings of "message"
// comes is the service's own affair; clients have to read both.
func (e *apiError) body() []byte {
	out := map[string]string{"__type": e.code}
	switch {
	case e.message == "":
	case e.capital:
		out["Message"] = e.message
	default:
		out["message"] = e.message
	}
	return encode(out)
}

// encode is JSON as the services write it: <, > and & stay what they are.
func encode(v any) []byte {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		panic(fmt.Sprintf("awstest: an answer cannot be encoded: %v", err))
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n"))
}

// epoch is a time in AWS JSON 1.1: seconds since 1970, with milliseconds.
type epoch time.Time

// MarshalJSON writes a number.
func (e epoch) MarshalJSON() ([]byte, error) {
	seconds := float64(time.Time(e).UnixMilli()) / 1000
	return strconv.AppendFloat(nil, math.Round(seconds*1000)/1000, 'f', -1, 64), nil
}

// constraint is how AWS refuses a field that its model does not allow.
func constraint(value, field, rule string) error {
	return &apiError{code: "ValidationException", message: fmt.Sprintf(
		"1 validation error detected: Value %s at '%s' failed to satisfy constraint: %s", value, field, rule)}
}

// quotedList is a list as it stands in such a refusal.
func quotedList(items []string) string { return "'[" + strings.Join(items, ", ") + "]'" }
