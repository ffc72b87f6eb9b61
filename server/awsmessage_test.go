package server_test

import (
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"larder/secret"
	"larder/server"
)

// message returns the header Larder-Message, and fails the test unless it is there, in
// visible ASCII and not long, and shows nothing of what is in hidden.
func message(t *testing.T, what string, a answer, hidden ...string) string {
	t.Helper()
	got := a.header.Values("Larder-Message")
	is(t, what+": lines of Larder-Message", len(got), 1)
	text := strings.Join(got, "")
	is(t, what+": Larder-Message is there and no longer than 1 KB", text != "" && len(text) <= 1<<10, true)
	if strings.ContainsFunc(text, func(r rune) bool { return r < ' ' || r > '~' }) {
		t.Errorf("%s: Larder-Message %q, want visible ASCII", what, text)
	}
	for _, h := range hidden {
		if strings.Contains(text, h) {
			t.Errorf("%s: Larder-Message %q shows %q", what, text, h)
		}
	}
	return text
}

// On AWS's paths the body says nothing; a header says what is wrong with the request.
func TestAWSMessageOfRequests(t *testing.T) {
	t.Parallel()
	s := start(t)
	tests := []struct{ target, want string }{
		{secretPath, "the parameter secretId is missing"},
		{secretPath + "?secretId=", "the parameter secretId is missing"},
		{secretPath + "?name=x", "the parameter secretId is missing"},
		{secretPath + "?SecretId=x", "the parameter secretId is missing: one is written in another case"},
		{secretPath + "?secretid=x", "the parameter secretId is missing: one is written in another case"},
		{parameterPath + "?Name=/x", "the parameter name is missing: one is written in another case"},
		{secretPath + "?secretId=%252Fa", "secretId is percent-encoded twice"},
		{secretPath + "?secretId=arn%253Aaws", "secretId is percent-encoded twice"},
		{parameterPath + "?name=%252Fa%252Fb", "name is percent-encoded twice"},
		{parameterPath + "?name=l/x", "the name of a parameter with a path begins with '/', which is missing here"},
		{parameterPath + "?name=l%2Fx:3&withDecryption=true", "the name of a parameter with a path begins with '/', which is missing here"},
		{parameterPath + "?name=l/x%20y", "a parameter's name has only letters, digits and _.-/"},
		{parameterPath + "?name=/x&withDecryption=maybe", "withDecryption is true or false"},
		{parameterPath + "?name=/x&refreshNow=maybe", "refreshNow is true, 1, false or 0"},
		{secretPath + "?secretId=%zz", "the query has a '%' that starts no percent-encoding"},
		{secretPath + "?secretId=a&rolearn=" + reader, "the parameter rolearn is written roleArn"},
	}
	for _, test := range tests {
		a := s.get(test.target)
		is(t, test.target+": Larder-Message", message(t, test.target, a), test.want)
		is(t, test.target+": Larder-Error", a.header.Get("Larder-Error"), "BadReference")
		is(t, test.target+": status", a.status, http.StatusBadRequest)
		is(t, test.target+": body", a.body, "an unexpected error occurred while executing request")
	}
	is(t, "calls", len(s.asked()), 0)
	is(t, "Larder-Message with a value", s.get(secretPath+"?secretId=a").header.Get("Larder-Message"), "")
}

// Nothing of a request comes back, wherever it has what it should not have.
func TestAWSMessageShowsNothing(t *testing.T) {
	t.Parallel()
	s := start(t)
	for _, text := range []string{
		"Zq7canary", planted, token, "Zq7canary\r\nX-Evil: 1", "Zq7canary\n", "Zq7canaryé\u2028", "\xffZq7canary", "/Zq7canary/%2F", "Zq7canary/x",
		"/Zq7canary/*", "Zq7canary:3", "arn:aws:secretsmanager:eu-west-1:Zq7canary:secret:a", "arn:Zq7canary:ssm", "arn:aws:iam::Zq7canary:role/x",
		"arn:aws:iam::123456789012:role/" + strings.Repeat("Zq7canary", 300), strings.Repeat("Zq7canary ", 500),
	} {
		for _, query := range []string{
			"secretId=%s&name=%[1]s", "secretId=a&name=/a&versionId=%s&version=%[1]s", "secretId=a&name=/a&versionStage=%s&label=%[1]s",
			"secretId=a&name=/a&roleArn=%s", "secretId=a&name=/a&refreshNow=%s", "secretId=a&name=/a&withDecryption=%s", "%s", "%s=a",
			"SecretId=%s&Name=%[1]s", "secretId=a&name=/a&ROLEARN=%s", "secretId=%%zz%s&name=%%zz%[1]s",
		} {
			for _, escape := range []func(string) string{url.QueryEscape, url.PathEscape, func(s string) string { return url.QueryEscape(url.QueryEscape(s)) }} {
				for _, path := range []string{secretPath, parameterPath} {
					target := path + "?" + fmt.Sprintf(query, escape(text))
					a := s.get(target)
					if a.status == http.StatusOK {
						continue // it was legal, or ignored
					}
					message(t, target, a, "Zq7", "canary", "Evil", token[:8])
					is(t, target+": a header of the request's", a.header.Get("X-Evil"), "")
				}
			}
		}
	}
}

// No text of any package makes a header that is not one.
func TestVisible(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"":                               "",
		" a~b ":                          " a~b ",
		"a\r\nX-Evil: 1\x00\t\x7f":       "a??X-Evil: 1???",
		"é “x” \u2028\xff":               "? ?x? ??",
		strings.Repeat("x", 2000):        strings.Repeat("x", 1<<10),
		strings.Repeat("é", 2000) + "\n": strings.Repeat("?", 1<<10),
	} {
		is(t, "visible("+text+")", server.Visible(text), want)
	}
}

// Of a failure of AWS the header has our words, its action and its Region, and none of
// AWS's.
func TestAWSMessageOfFailures(t *testing.T) {
	t.Parallel()
	for _, test := range classCases() {
		s := start(t)
		e := test.err
		e.Message = "Zq7canary of AWS\r\nX-Evil: é"
		s.fails("x", e)
		for _, target := range []string{secretPath + "?secretId=x", parameterPath + "?name=x"} {
			what := e.Class.String() + " at " + target
			text := message(t, what, s.get(target), "Zq7", "Evil", "?", "secretId")
			if e.Class != secret.Canceled && !strings.Contains(text, region) {
				t.Errorf("%s: Larder-Message %q, want the Region in it", what, text)
			}
			if !strings.Contains(text, e.Action) {
				t.Errorf("%s: Larder-Message %q, want %s in it", what, text, e.Action)
			}
		}
	}
	s := start(t)
	s.fails("x", secret.Error{Class: secret.Denied, Code: "AccessDeniedException", Action: secret.Decrypt, Policy: "VPC endpoint policy", Message: "Zq7canary"})
	is(t, "of another policy", message(t, "of another policy", s.get(secretPath+"?secretId=x"), "Zq7"), "kms:Decrypt is denied in eu-west-1 by the VPC endpoint policy")
	s = start(t, declaredOnly)
	target := secretPath + "?secretId=Zq7canary"
	if text := message(t, target, s.get(target), "Zq7"); !strings.Contains(text, "LARDER_DECLARED_ONLY") {
		t.Errorf("Larder-Message %q, want LARDER_DECLARED_ONLY in it", text)
	}
}

// What the guard refuses says so, too.
func TestAWSMessageOfRefusals(t *testing.T) {
	t.Parallel()
	s := start(t)
	for _, target := range []string{secretPath + "?secretId=Zq7canary", parameterPath + "?name=Zq7canary"} {
		for header, want := range map[string]string{
			"X-Vault-Token: Zq7canary":   "AWS_SESSION_TOKEN",
			"Host: Zq7canary":            "Host",
			"X-Forwarded-For: Zq7canary": "X-Forwarded-For",
		} {
			if text := message(t, header, s.get(target, header), "Zq7", token[:8]); !strings.Contains(text, want) {
				t.Errorf("%s: Larder-Message %q, want %s in it", header, text, want)
			}
		}
		message(t, "POST", s.send("POST "+target+" HTTP/1.1"), "Zq7")
	}
}

// Wrong tokens are a warning at once, and then one a minute with their number; none
// of them shows a token.
func TestRefusalsAreTold(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := start(t, environ("A=secretsmanager://a"), func(c *setup) { c.level = slog.LevelInfo })
		told := func() string {
			var counts []string
			for line := range strings.Lines(s.logged()) {
				_, count, ok := strings.Cut(line, "count=")
				is(t, "a warning of it: "+line, ok && strings.Contains(line, `level=WARN msg="requests refused" problem="`), true)
				counts = append(counts, strings.TrimSpace(count))
			}
			return strings.Join(counts, " ")
		}
		wrong := func() { s.get(secretPath+"?secretId=a", "X-Vault-Token: Zq7canary") }
		wrong()
		is(t, "the first", told(), "1")
		for range 59 {
			for _, c := range contracts() {
				s.get(c.path, "X-Vault-Token: Zq7canary")
			}
			time.Sleep(time.Second)
		}
		is(t, "within a minute", told(), "1")
		time.Sleep(time.Second)
		is(t, "without another", told(), "1")
		wrong()
		is(t, "a minute later", told(), fmt.Sprint("1 ", 59*len(contracts())+1))
		s.get("/env", "X-Forwarded-For: x")
		s.send("POST /env HTTP/1.1")
		time.Sleep(time.Hour)
		wrong()
		is(t, "an hour later", told(), fmt.Sprint("1 ", 59*len(contracts())+1, " 1"))
		is(t, "a token in the log", strings.Contains(s.logged(), "Zq7") || strings.Contains(s.logged(), token), false)
	})
}
