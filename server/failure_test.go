package server_test

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"larder/secret"
)

// failed is the body of an error on our own paths.
type failed struct {
	Code, Message, Reference, Region, Action string
	Variables                                []string
}

func failedBody(t *testing.T, what string, a answer) failed {
	t.Helper()
	var f failed
	d := json.NewDecoder(strings.NewReader(a.body))
	d.DisallowUnknownFields()
	if err := d.Decode(&f); err != nil {
		t.Errorf("%s: the body is not JSON: %v", what, err)
	}
	is(t, what+": Content-Type", a.header.Get("Content-Type"), "application/json")
	is(t, what+": code and Larder-Error", f.Code, a.header.Get("Larder-Error"))
	is(t, what+": a last newline", strings.HasSuffix(a.body, "\n"), false)
	return f
}

// classCase is one failure of AWS, and how our own paths and the provider's tell
// it. AWS's extension tells all of them alike.
type classCase struct {
	err            secret.Error
	own            int // status on our own paths
	provider       int
	providerType   string
	retry, warning bool
}

func classCases() []classCase {
	return []classCase{
		{secret.Error{Class: secret.BadReference, Message: "no"}, 400, 400, "ValidationException", false, true},
		{secret.Error{Class: secret.Undeclared, Message: "no"}, 403, 403, "Undeclared", false, true},
		{secret.Error{Class: secret.NotFound, Code: "ResourceNotFoundException", Status: 400, Message: "no"},
			404, 400, "ResourceNotFoundException", false, false},
		{secret.Error{Class: secret.NotFound, Message: "no"}, 404, 400, "ResourceNotFoundException", false, false},
		{secret.Error{Class: secret.Denied, Code: "AccessDeniedException", Status: 400, Message: "no <&>", Action: "secretsmanager:GetSecretValue"},
			403, 400, "AccessDeniedException", false, true},
		{secret.Error{Class: secret.Denied, Code: "AccessDeniedException", Message: "inside a batch", Action: "kms:Decrypt"},
			403, 400, "AccessDeniedException", false, true},
		{secret.Error{Class: secret.NotJSON, Message: "no"}, 422, 500, "InternalFailure", false, true},
		{secret.Error{Class: secret.FieldMissing, Message: "no"}, 422, 500, "InternalFailure", false, true},
		{secret.Error{Class: secret.Rejected, Code: "InvalidParameterException", Status: 400, Message: "no"},
			400, 400, "InvalidParameterException", false, true},
		{secret.Error{Class: secret.Throttled, Code: "ThrottlingException", Status: 400, Message: "no"}, 503, 400, "ThrottlingException", true, true},
		{secret.Error{Class: secret.Throttled, Status: 429, Message: "no"}, 503, 500, "InternalFailure", true, true},
		{secret.Error{Class: secret.Unavailable, Code: "InternalServiceError", Status: 500, Message: "no"}, 503, 500, "InternalServiceError", true, true},
		{secret.Error{Class: secret.Unavailable, Message: "no"}, 503, 502, "ConnectionError", true, true},
		{secret.Error{Class: secret.Credentials, Code: "ExpiredTokenException", Status: 403, Message: "no"}, 503, 403, "ExpiredTokenException", true, true},
		{secret.Error{Class: secret.Credentials, Message: "no"}, 503, 500, "InternalFailure", true, true},
		{secret.Error{Class: secret.Timeout, Message: "no answer in time"}, 504, 504, "TimeoutError", false, true},
		{secret.Error{Class: secret.BadAnswer, Status: 200, Message: "no"}, 502, 500, "InternalFailure", false, true},
		{secret.Error{Class: secret.Denied, Code: "AccessDeniedException", Status: 400}, 403, 500, "InternalFailure", false, true}, // AWS gives no reason
		{secret.Error{Class: secret.Denied, Code: "AccessDenied", Status: 403, Message: "no", Action: secret.AssumeRole},
			403, 403, "AccessDeniedException", false, true},
		{secret.Error{Class: secret.Rejected, Code: "MaxRolesExceeded", Message: "no"}, 400, 400, "MaxRolesExceeded", false, true},
		{secret.Error{Class: secret.Unavailable, Message: "the connection broke", Sent: true}, 503, 500, "InternalFailure", true, true},
		{secret.Error{Class: secret.Expired, Code: "ThrottlingException", Status: 400, Message: "no"}, 503, 400, "ThrottlingException", true, true},
		{secret.Error{Class: secret.Expired, Message: "no"}, 503, 502, "ConnectionError", true, true},
		{secret.Error{Class: secret.Canceled, Message: "no"}, 503, 500, "InternalFailure", true, false},
		{secret.Error{Message: "a class that is not known"}, 500, 500, "InternalFailure", false, true},
	}
}

// Every class of failure, as the three contracts tell it.
func TestFailures(t *testing.T) {
	t.Parallel()
	classes := make(map[secret.Class]bool)
	for _, test := range classCases() {
		classes[test.err.Class] = true
		s := start(t)
		s.fails("x", test.err)
		test.checkOwn(t, s)
		test.checkAWS(t, s)
		test.checkProvider(t, s)
	}
	is(t, "classes in the table", len(classes), int(secret.Canceled)+1)
}

func (test classCase) checkOwn(t *testing.T, s *stand) {
	t.Helper()
	what := test.err.Error()
	a := s.get("/value?ref=secretsmanager://x")
	is(t, what+": own status", a.status, test.own)
	body := failedBody(t, what, a)
	is(t, what+": code", body.Code, test.err.Word())
	is(t, what+": message", body.Message, test.err.Message)
	is(t, what+": reference", body.Reference, "secretsmanager://x")
	is(t, what+": Region", body.Region, region)
	is(t, what+": action", body.Action, test.err.Action)
	is(t, what+": Retry-After", a.header.Get("Retry-After") == "1", test.retry)
	is(t, what+": escaped for HTML", strings.Contains(a.body, `\u003c`), false)
	s.checkHeaders(what, a, test.err)
	is(t, what+": a warning", strings.Contains(s.logged(), "level=WARN"), test.warning)
	is(t, what+": the reason in the log", strings.Contains(s.logged(), "problem="), true)
}

func (test classCase) checkAWS(t *testing.T, s *stand) {
	t.Helper()
	what := test.err.Error()
	for _, target := range []string{secretPath + "?secretId=x", parameterPath + "?name=x"} {
		a := s.get(target)
		is(t, what+": status of "+target, a.status, http.StatusBadRequest)
		is(t, what+": body of "+target, a.body, "an unexpected error occurred while executing request")
		is(t, what+": Content-Type of "+target, a.header.Get("Content-Type"), "text/plain; charset=utf-8")
		s.checkHeaders(what+" "+target, a, test.err)
	}
}

func (test classCase) checkProvider(t *testing.T, s *stand) {
	t.Helper()
	what := test.err.Error()
	a := s.get("/v1/x")
	is(t, what+": status of the provider", a.status, test.provider)
	is(t, what+": Content-Type of the provider", a.header.Get("Content-Type"), "application/json")
	var told struct {
		Type    string `json:"__type"`
		Message string `json:"message"`
	}
	if err := json.Unmarshal([]byte(a.body), &told); err != nil {
		t.Errorf("%s: the provider's body is not JSON: %v", what, err)
	}
	is(t, what+": __type", told.Type, test.providerType)
	s.checkHeaders(what+" provider", a, test.err)
}

func (s *stand) checkHeaders(what string, a answer, err secret.Error) {
	s.t.Helper()
	is(s.t, what+": Larder-Error", a.header.Get("Larder-Error"), err.Word())
	is(s.t, what+": Larder-Action", a.header.Get("Larder-Action"), err.Action)
	is(s.t, what+": Larder-Region", a.header.Get("Larder-Region"), region)
	is(s.t, what+": ETag", a.header.Get("ETag"), "")
	is(s.t, what+": Age", a.header.Get("Age"), "")
	is(s.t, what+": Cache-Control", a.header.Get("Cache-Control"), "no-store")
}

// The value of a record must not get out with the failure to pick a field of it.
func TestFieldFailures(t *testing.T) {
	t.Parallel()
	s := start(t, environ("F=secretsmanager://object#nope", "J=secretsmanager://text#a"), warn)
	object, err := json.Marshal(map[string]string{"a": planted})
	if err != nil {
		t.Fatal(err)
	}
	s.value("object", string(object))
	s.value("text", planted)
	tests := []struct {
		target string
		code   string
	}{
		{"/value?ref=secretsmanager://object%23nope", "FieldMissing"},
		{"/value?ref=secretsmanager://object&field=/a/b", "FieldMissing"},
		{"/value?ref=secretsmanager://text&field=a", "NotJSON"},
		{"/env/F", "FieldMissing"},
		{"/env/J", "NotJSON"},
	}
	for _, test := range tests {
		a := s.get(test.target)
		is(t, test.target+": status", a.status, http.StatusUnprocessableEntity)
		is(t, test.target+": code", failedBody(t, test.target, a).Code, test.code)
		is(t, test.target+": ETag", a.header.Get("ETag"), "")
		is(t, test.target+": Age", a.header.Get("Age"), "")
	}
}
