package server_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"larder/secret"
)

func TestProviderBody(t *testing.T) {
	t.Parallel()
	s := start(t)
	full := &secret.Record{
		Service: secret.SecretsManager, ARN: secretARN, Name: "n", Version: "EXAMPLE1-90ab", Stages: []string{"AWSCURRENT"},
		Created: time.UnixMilli(1569534789046), Value: secret.NewValue([]byte(`{"a":"<&>"}`)),
	}
	s.has("full", full)
	a := s.get("/v1/full")
	isBody(t, "a secret", a, `{"ARN":"`+secretARN+`","Name":"n","VersionId":"EXAMPLE1-90ab","SecretString":"{\"a\":\"<&>\"}",`+
		`"VersionStages":["AWSCURRENT"],"CreatedDate":"1569534789.046"}`)
	is(t, "Content-Type", a.header.Get("Content-Type"), "application/json")
	is(t, "ETag", a.header.Get("ETag"), `"EXAMPLE1-90ab"`)
	is(t, "Age", a.header.Get("Age"), "0")

	binary := *full
	binary.Binary, binary.Stages, binary.Created, binary.Value = true, nil, time.Time{}, secret.NewValue([]byte{0, 255, 'a'})
	s.has("binary", &binary)
	isBody(t, "a binary secret, absent fields", s.get("/v1/binary"),
		`{"ARN":"`+secretARN+`","Name":"n","VersionId":"EXAMPLE1-90ab","SecretBinary":"AP9h"}`)

	stages := binary
	stages.Stages = []string{}
	s.has("stages", &stages)
	isBody(t, "an empty list of stages", s.get("/v1/stages"),
		`{"ARN":"`+secretARN+`","Name":"n","VersionId":"EXAMPLE1-90ab","SecretBinary":"AP9h","VersionStages":[]}`)

	for ms, want := range map[int64]string{1569534789000: "1569534789", 1569534789500: "1569534789.5", 1: "0.001", 253402300799999: "253402300799.999"} {
		r := *full
		r.Created = time.UnixMilli(ms)
		id := fmt.Sprint("date", ms)
		s.has(id, &r)
		var body struct{ CreatedDate string }
		if err := json.Unmarshal([]byte(s.get("/v1/"+id).body), &body); err != nil {
			t.Fatal(err)
		}
		is(t, "CreatedDate", body.CreatedDate, want)
	}
}

// A value comes back as it was, whatever is in it.
func TestProviderValues(t *testing.T) {
	t.Parallel()
	s := start(t)
	for i, text := range texts {
		if !utf8.ValidString(text) {
			continue // no SecretString is like that
		}
		id := fmt.Sprint("x", i)
		s.value(id, text)
		var body struct{ SecretString *string }
		a := s.get("/v1/" + id)
		if err := json.Unmarshal([]byte(a.body), &body); err != nil || body.SecretString == nil {
			t.Errorf("%.10q: no SecretString: %v", text, err)
			continue
		}
		is(t, "the value comes back", *body.SecretString == text, true)
	}
}

// What a path asks AWS for.
func TestProviderIDs(t *testing.T) {
	t.Parallel()
	arn := "arn:aws:secretsmanager:us-east-2:123456789012:secret:a/b-AbCdEf"
	tests := []struct{ target, want string }{
		{"/v1/a", "secretsmanager://a"},
		{"/v1/a/b/c", "secretsmanager://a/b/c"},
		{"/v1/a%2Fb", "secretsmanager://a/b"},
		{"/v1/a+b", "secretsmanager://a+b"},
		{"/v1/a%2Bb=@", "secretsmanager://a+b=@"},
		{"/v1/" + arn, "secretsmanager://" + arn},
		{"/v1/arn%3Aaws%3Asecretsmanager%3Aus-east-2%3A123456789012%3Asecret%3Aa%2Fb-AbCdEf", "secretsmanager://" + arn},
		{"/v1//a", "secretsmanager:///a"},
		{"/v1/a//b", "secretsmanager://a//b"},
		{"/v1/a/", "secretsmanager://a/"},
		{"/v1/a/../b", "secretsmanager://a/../b"},
		{"/v1/../value", "secretsmanager://../value"},
		{"/v1/%2e%2e/ping", "secretsmanager://../ping"},
		{"/v1/./a", "secretsmanager://./a"},
		{"/v1/v1/a", "secretsmanager://v1/a"},
		{"/v1/a?versionStage=AWSCURRENT&versionId=", "secretsmanager://a"},
		{"/v1/a?versionStage=AWSPENDING", "secretsmanager://a?stage=AWSPENDING"},
		{"/v1/a?versionId=1-2&refreshNow=FALSE", "secretsmanager://a?version=1-2"},
		{"/v1/a?versionStage=x&versionStage=AWSPENDING", "secretsmanager://a?stage=AWSPENDING"}, // the last counts
		{"/v1/a?versionId=1&versionId=2&refreshNow=1&refreshNow=0", "secretsmanager://a?version=2"},
		{"/v1/a?roleArn=" + strange + "&roleArn=" + reader, "secretsmanager://a?role=" + reader},
		{"http://localhost:2773/v1/a/b", "secretsmanager://a/b"},
	}
	for _, test := range tests {
		s := start(t)
		is(t, test.target+": status", s.get(test.target).status, http.StatusOK)
		is(t, test.target+": calls", len(s.calls), 1)
		for k := range s.calls {
			is(t, test.target+" asks for", k.String(), test.want)
		}
	}
}

const badRole = "invalid roleArn format, expected arn:<partition>:iam::<account>:role/<name>"

func TestProviderBadRequests(t *testing.T) {
	t.Parallel()
	s := start(t)
	tests := []struct{ target, want string }{
		{"/v1/", "missing secret ID"},
		{"/v1/?versionId=1", "missing secret ID"},
		{"/v1/a?refreshNow=yes", "invalid refreshNow value"},
		{"/v1/a?refreshNow=", "invalid refreshNow value"},
		{"/v1/a?refreshNow", "invalid refreshNow value"},
		{"/v1/a?x=1", "unknown parameter: x"},
		{"/v1/a?secretId=b", "unknown parameter: secretId"},
		{"/v1/a?refreshNow=yes&%78", "invalid refreshNow value"}, // in the order of the URL
		{"/v1/a?%78&refreshNow=yes", "unknown parameter: x"},
		{"/v1/a?roleArn=a&refreshNow=yes", badRole},
		{"/v1/a?refreshNow=yes&refreshNow=true", "invalid refreshNow value"},
		{"/v1/a?VersionId=1", "unknown parameter: VersionId"},
		{"/v1/a?x=%zz", "the query has a '%' that starts no percent-encoding"},
	}
	for _, test := range tests {
		a := s.get(test.target)
		is(t, test.target+": status", a.status, http.StatusBadRequest)
		is(t, test.target, a.body, test.want)
		is(t, test.target+": Content-Type", a.header.Get("Content-Type"), "text/plain; charset=utf-8")
	}
	for _, target := range []string{"/v1/a%20b", "/v1/a%00", "/v1/a%252Fb", "/v1/" + parameterARN, "/v1/arn:aws:secretsmanager", "/v1/a?versionStage=%20"} {
		a := s.get(target)
		is(t, target+": status", a.status, http.StatusBadRequest)
		is(t, target+": type", strings.HasPrefix(a.body, `{"__type":"ValidationException","message":"`), true)
	}
	is(t, "calls", len(s.asked()), 0)
}

func TestProviderRefreshNow(t *testing.T) {
	t.Parallel()
	s := start(t)
	for i, text := range []string{"refreshNow=true", "refreshNow=TRUE", "refreshNow=1", "refreshNow=%31"} {
		id := fmt.Sprint("a", i) // each its own: a secret is forced once a second
		is(t, text, s.get("/v1/"+id).status, http.StatusOK)
		is(t, text, s.get("/v1/"+id+"?"+text).status, http.StatusOK)
		is(t, text+": calls", s.asked()[id], 2)
	}
	for _, text := range []string{"", "?refreshNow=false", "?refreshNow=False", "?refreshNow=0"} {
		is(t, text, s.get("/v1/b"+text).status, http.StatusOK)
	}
	is(t, "calls", s.asked()["b"], 1)
}

func TestPing(t *testing.T) {
	t.Parallel()
	s := start(t)
	for _, lines := range [][]string{
		{"GET /ping HTTP/1.1"},
		{"GET /ping HTTP/1.1", "X-Aws-Parameters-Secrets-Token: wrong"},
		{"GET /ping HTTP/1.1", "X-Forwarded-For: 10.0.0.1", "Host: evil.com"},
		{"GET /ping?x HTTP/1.0", "X-Vault-Token:"},
	} {
		a := s.send(lines...)
		isBody(t, lines[0], a, "healthy")
		is(t, "Content-Type", a.header.Get("Content-Type"), "text/plain; charset=utf-8")
	}
	a := s.send("POST /ping HTTP/1.1")
	is(t, "POST", a.status, http.StatusMethodNotAllowed)
	is(t, "POST", a.body, "Not allowed")
}
