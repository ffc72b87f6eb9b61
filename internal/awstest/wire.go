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

// jsonType is the media type of AWS JSON 1.1, in requests and answers.
const jsonType = "application/x-amz-json-1.1"

// jsonProtocol is a request of Secrets Manager or Parameter Store, or of nobody
// who can be told from its headers.
type jsonProtocol struct {
	header string // X-Amz-Target
	body   []byte
}

// target reads a header like AmazonSSM.GetParameter. The service has the name
// that it has in signatures, ARNs and IAM actions.
func (p jsonProtocol) target() (service, action string) {
	prefix, action, _ := strings.Cut(p.header, ".")
	switch prefix {
	case "secretsmanager":
		return "secretsmanager", action
	case "AmazonSSM":
		return "ssm", action
	}
	return "", action
}

func (p jsonProtocol) input() []byte { return p.body }

func (p jsonProtocol) contentType() string { return jsonType }

func (p jsonProtocol) output(out any, _ string) []byte { return encode(out) }

func (p jsonProtocol) translate(e apiError) apiError { return e }

// failure writes an error. Which of the two spellings of "message" comes is the
// service's own affair; clients have to read both.
func (p jsonProtocol) failure(e apiError, _ string) []byte {
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
