package main_test

import (
	"bytes"
	"encoding/json"
	"maps"
	"net/http"
	"regexp"
	"strings"
)

// What stands behind the status of an answer: its body is as it must be, or not,
// or it may be anything.
const (
	same      = " same "
	different = " different "
	either    = " - "
)

// judge says whether the body of an answer is as the request has it.
func (r *request) judge(resp *http.Response, body []byte) string {
	var equal bool
	switch {
	case r.Want != nil:
		equal = *r.Want == string(valueIn(r.Path, body))
	case r.Bytes != nil:
		equal = bytes.Equal(r.Bytes, valueIn(r.Path, body))
	case r.Wants != nil:
		equal = maps.Equal(r.Wants, variablesIn(resp, body))
	case r.Match != "":
		equal = regexp.MustCompile(r.Match).Match(body)
	default:
		return either
	}
	if equal {
		return same
	}
	return different
}

// valueIn takes the value out of the form that the path answers in.
func valueIn(path string, body []byte) []byte {
	var answer struct {
		SecretString *string
		SecretBinary []byte
		Parameter    struct{ Value *string }
	}
	switch {
	case strings.HasPrefix(path, "/secretsmanager/"), strings.HasPrefix(path, "/v1/"), strings.HasPrefix(path, "/systemsmanager/"):
		if json.Unmarshal(body, &answer) != nil {
			return nil
		}
	default:
		return body
	}
	for _, text := range []*string{answer.SecretString, answer.Parameter.Value} {
		if text != nil {
			return []byte(*text)
		}
	}
	return answer.SecretBinary
}

// variablesIn reads either form of all variables.
func variablesIn(resp *http.Response, body []byte) map[string]string {
	all := make(map[string]string)
	if resp.Header.Get("Content-Type") == "application/json" {
		if json.Unmarshal(body, &all) != nil {
			return nil
		}
		return all
	}
	for item := range strings.SplitSeq(string(body), "\x00") {
		name, value, _ := strings.Cut(item, "=")
		all[name] = value
	}
	return all
}
