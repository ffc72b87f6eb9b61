package server_test

import (
	"net/http"
	"net/url"
	"testing"

	"larder/secret"
)

const (
	reader  = "arn:aws:iam::123456789012:role/team/reader"
	strange = "arn:aws-cn:iam::123456789012:role/A_z+0=9,.@-/n"
)

// Each path reads with the role that a request names: what it fetches is apart from
// what is fetched without.
func TestRoles(t *testing.T) {
	t.Parallel()
	tests := []struct{ target, want string }{
		{secretPath + "?secretId=a", "secretsmanager://a"},
		{secretPath + "?secretId=a&roleArn=" + reader, "secretsmanager://a?role=" + reader},
		{secretPath + "?roleArn=" + url.QueryEscape(reader) + "&secretId=a&x=1", "secretsmanager://a?role=" + reader},
		{secretPath + "?secretId=a&roleArn=" + strange, "secretsmanager://a?role=" + strange},
		{parameterPath + "?name=/p:3&roleArn=" + reader, "ssm:///p?version=3&role=" + reader},
		{"/v1/a", "secretsmanager://a"},
		{"/v1/a?roleArn=" + reader, "secretsmanager://a?role=" + reader},
		{"/v1/a/b?versionStage=x&refreshNow=0&roleArn=" + url.QueryEscape(strange), "secretsmanager://a/b?stage=x&role=" + strange},
		{"/value?ref=secretsmanager://a?role=" + reader, "secretsmanager://a?role=" + reader},
		{"/value?ref=" + url.QueryEscape("ssm:///p?version=3&role="+reader), "ssm:///p?version=3&role=" + reader},
	}
	for _, test := range tests {
		s := start(t)
		is(t, test.target+": status", s.get(test.target).status, http.StatusOK)
		is(t, test.target+": status", s.get(test.target).status, http.StatusOK)
		is(t, test.target+": keys", len(s.calls), 1)
		for k, n := range s.calls {
			is(t, test.target+" asks for", k.String(), test.want)
			is(t, test.target+": calls", n, 1)
		}
	}
}

// A role that is none is refused in the words of each contract, and nothing is
// asked.
func TestBadRoles(t *testing.T) {
	t.Parallel()
	s := start(t)
	for _, role := range []string{
		"", "reader", "arn:aws:iam::123456789012:user/a", "arn:aws:iam::12345678901:role/a", "arn:aws:iam::123456789012:role/",
		"arn:aws:iam:eu-west-1:123456789012:role/a", "arn:evil:iam::123456789012:role/a", "arn:aws:iam::123456789012:role/a%20b",
		"arn:aws:iam::123456789012:role/a%26b", "arn:aws:sts::123456789012:assumed-role/a/b", secretARN,
	} {
		a := s.get("/v1/a?roleArn=" + role)
		is(t, role+" by the provider's contract: status", a.status, http.StatusBadRequest)
		is(t, role+" by the provider's contract", a.body, badRole)
		is(t, role+" by the provider's contract: Content-Type", a.header.Get("Content-Type"), "text/plain; charset=utf-8")
		for _, target := range []string{secretPath + "?secretId=a&roleArn=", parameterPath + "?name=/p&roleArn="} {
			a := s.get(target + role)
			is(t, target+role+": status", a.status, http.StatusBadRequest)
			is(t, target+role, a.body, "an unexpected error occurred while executing request")
			is(t, target+role+": Larder-Error", a.header.Get("Larder-Error"), "BadReference")
		}
		a = s.get("/value?ref=secretsmanager://a?role=" + role)
		is(t, role+" in a reference: status", a.status, http.StatusBadRequest)
		is(t, role+" in a reference: Larder-Error", a.header.Get("Larder-Error"), "BadReference")
	}
	for _, query := range []string{"roleARN=" + reader, "rolearn=" + reader + "&roleArn=" + reader, "roleArn=" + reader + "&roleArn=" + reader} {
		for _, path := range []string{secretPath + "?secretId=a&", parameterPath + "?name=/p&"} {
			is(t, path+query, s.get(path+query).status, http.StatusBadRequest)
		}
	}
	is(t, "another case by the provider's contract", s.get("/v1/a?roleARN="+reader).body, "unknown parameter: roleARN")
	is(t, "roleArn beside a reference", s.get("/value?ref=secretsmanager://a&roleArn="+reader).status, http.StatusBadRequest)
	is(t, "calls", len(s.asked()), 0)
}

// With LARDER_DECLARED_ONLY a role is used for what a reference names with it, and
// for nothing else.
func TestRolesDeclaredOnly(t *testing.T) {
	t.Parallel()
	s := start(t, environ("A=secretsmanager://a?role="+reader, "P=ssm:///p?role="+reader, "B=secretsmanager://b"), declaredOnly)
	paths := []struct {
		target, role string
		status       int // of what is not declared
	}{
		{secretPath + "?secretId=a", "&roleArn=", http.StatusBadRequest},
		{parameterPath + "?name=/p", "&roleArn=", http.StatusBadRequest},
		{"/v1/a", "?roleArn=", http.StatusForbidden},
		{"/value?ref=secretsmanager://a", "?role=", http.StatusForbidden},
	}
	for _, path := range paths {
		is(t, path.target+" as declared", s.get(path.target+path.role+reader).status, http.StatusOK)
		for _, target := range []string{path.target, path.target + path.role + strange} {
			a := s.get(target)
			is(t, target+": status", a.status, path.status)
			is(t, target+": Larder-Error", a.header.Get("Larder-Error"), "Undeclared")
		}
	}
	is(t, "a declared name with a role", s.get("/v1/b?roleArn="+reader).status, http.StatusForbidden)
	is(t, "what was asked for", len(s.asked()), 2)
}

// What can go wrong with a role has the statuses of every other failure.
func TestRoleFailures(t *testing.T) {
	t.Parallel()
	tests := []struct {
		failure  secret.Error
		ours     int
		provider int
	}{
		{secret.Error{Class: secret.Denied, Code: "AccessDenied", Status: 403, Action: secret.AssumeRole}, http.StatusForbidden, http.StatusForbidden},
		{secret.Error{Class: secret.Timeout}, http.StatusGatewayTimeout, http.StatusGatewayTimeout},
		{secret.Error{Class: secret.Unavailable}, http.StatusServiceUnavailable, http.StatusBadGateway},
		{secret.Error{Class: secret.BadReference}, http.StatusBadRequest, http.StatusBadRequest}, // one role too many
	}
	for _, test := range tests {
		s := start(t)
		s.fails("a", test.failure)
		word := test.failure.Word()
		a := s.get("/value?ref=secretsmanager://a?role=" + reader)
		is(t, word+" on our path", a.status, test.ours)
		is(t, word+": Larder-Action", a.header.Get("Larder-Action"), test.failure.Action)
		is(t, word+" on the provider's", s.get("/v1/a?roleArn="+reader).status, test.provider)
		is(t, word+" on AWS's", s.get(secretPath+"?secretId=a&roleArn="+reader).status, http.StatusBadRequest)
	}
}
