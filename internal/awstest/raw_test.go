package awstest_test

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"

	"larder/internal/awstest"
)

// rawCall is a request made by hand. Its zero value is a right GetSecretValue
// of the secret "s".
type rawCall struct {
	method, path, target, contentType, body string
	service, region                         string
	key, secret, token                      string
	ago                                     time.Duration       // how long since it was signed
	tamper                                  func(*http.Request) // called after it was signed
}

// request makes and signs the request.
func (c rawCall) request(t *testing.T, f fixture) *http.Request {
	t.Helper()
	body := cmp.Or(c.body, `{"SecretId":"s"}`)
	r, err := http.NewRequestWithContext(t.Context(), cmp.Or(c.method, "POST"), f.url+cmp.Or(c.path, "/"), strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Content-Type", cmp.Or(c.contentType, "application/x-amz-json-1.1"))
	if c.contentType != formType {
		r.Header.Set("X-Amz-Target", cmp.Or(c.target, "secretsmanager.GetSecretValue"))
	}
	is, err := f.credentials(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	hash := sha256.Sum256([]byte(body))
	err = v4.NewSigner().SignHTTP(t.Context(), aws.Credentials{
		AccessKeyID: cmp.Or(c.key, is.AccessKeyID), SecretAccessKey: cmp.Or(c.secret, is.SecretAccessKey),
		SessionToken: cmp.Or(c.token, is.SessionToken),
	}, r, hex.EncodeToString(hash[:]), cmp.Or(c.service, "secretsmanager"), cmp.Or(c.region, region), time.Now().Add(-c.ago))
	if err != nil {
		t.Fatal(err)
	}
	if c.tamper != nil {
		c.tamper(r)
	}
	return r
}

func startSecret(t *testing.T, faults ...awstest.Fault) fixture {
	t.Helper()
	return start(t, awstest.Config{Faults: faults, Secrets: map[string]awstest.Secret{"s": {String: "v"}, "other": {String: "o"}}})
}

func TestRefusedRequests(t *testing.T) {
	t.Parallel()
	const mismatch = "InvalidSignatureException"
	drop := func(header string) func(*http.Request) {
		return func(r *http.Request) { r.Header.Del(header) }
	}
	set := func(header, value string) func(*http.Request) {
		return func(r *http.Request) { r.Header.Set(header, value) }
	}
	tests := []struct {
		what string
		call rawCall
		code string
	}{
		{"a right call", rawCall{}, ""},
		{"a charset", rawCall{contentType: "application/x-amz-json-1.1; charset=utf-8"}, ""},
		{"signed 14 minutes ago", rawCall{ago: 14 * time.Minute}, ""},
		{"signed in 14 minutes", rawCall{ago: -14 * time.Minute}, ""},

		{"no signature", rawCall{tamper: drop("Authorization")}, "MissingAuthenticationTokenException"},
		{"half a signature", rawCall{tamper: set("Authorization", "AWS4-HMAC-SHA256 Credential=a/b/c")}, "IncompleteSignatureException"},
		{"another scheme", rawCall{tamper: set("Authorization", "Bearer x")}, "IncompleteSignatureException"},
		{"unknown key", rawCall{key: "AKIAOTHER"}, "UnrecognizedClientException"},
		{"wrong session token", rawCall{token: "other"}, "UnrecognizedClientException"},
		{"no session token", rawCall{tamper: drop("X-Amz-Security-Token")}, "UnrecognizedClientException"},
		{"wrong secret key", rawCall{secret: "other"}, mismatch},
		{"another service's scope", rawCall{service: "ssm"}, mismatch},
		{"a Region that is none", rawCall{region: "evil.com"}, mismatch},
		{"signed 16 minutes ago", rawCall{ago: 16 * time.Minute}, mismatch},
		{"signed in 16 minutes", rawCall{ago: -16 * time.Minute}, mismatch},
		{"no date", rawCall{tamper: drop("X-Amz-Date")}, "IncompleteSignatureException"},
		{"changed target", rawCall{tamper: set("X-Amz-Target", "secretsmanager.BatchGetSecretValue")}, mismatch},
		{"changed body", rawCall{tamper: func(r *http.Request) {
			r.Body = io.NopCloser(bytes.NewReader([]byte(`{"SecretId":"t"}`)))
		}}, mismatch},
		{"changed host", rawCall{tamper: func(r *http.Request) { r.Host = "secretsmanager.example.com" }}, mismatch},
		{"added query", rawCall{tamper: func(r *http.Request) { r.URL.RawQuery = "a=b" }}, mismatch},

		{"GET", rawCall{method: "GET"}, "UnknownOperationException"},
		{"a path", rawCall{path: "/x"}, "UnknownOperationException"},
		{"no Content-Type", rawCall{tamper: drop("Content-Type")}, "UnknownOperationException"},
		{"another Content-Type", rawCall{contentType: "application/json"}, "UnknownOperationException"},
		{"no target", rawCall{tamper: drop("X-Amz-Target")}, "UnknownOperationException"},
		{"another service's target", rawCall{target: "AmazonSSM.GetSecretValue"}, "UnknownOperationException"},
		{"an action that is not emulated", rawCall{target: "secretsmanager.ListSecrets"}, "UnknownOperationException"},

		{"a body that is no JSON", rawCall{body: "SecretId=s"}, "SerializationException"},
		{"a field of another type", rawCall{body: `{"SecretId":1}`}, "SerializationException"},
		{"a field that is not known", rawCall{body: `{"SecretId":"s","Filters":[]}`}, "SerializationException"},
		{"two bodies", rawCall{body: `{"SecretId":"s"}{}`}, "SerializationException"},
		{"no id", rawCall{body: `{}`}, "ValidationException"},
		{"no ids", rawCall{target: "secretsmanager.BatchGetSecretValue", body: `{}`}, "ValidationException"},
		{"no name", rawCall{target: "AmazonSSM.GetParameter", service: "ssm", body: `{}`}, "ValidationException"},
		{"no names", rawCall{target: "AmazonSSM.GetParameters", service: "ssm", body: `{}`}, "ValidationException"},
		{"no path to read", rawCall{target: "AmazonSSM.GetParametersByPath", service: "ssm", body: `{}`}, "ValidationException"},
		{"an ARN of something else", rawCall{target: "AmazonSSM.GetParameter", service: "ssm",
			body: `{"Name":"arn:aws:s3:::bucket"}`}, "ValidationException"},
	}
	srv := startSecret(t)
	for _, tt := range tests {
		resp, err := http.DefaultClient.Do(tt.call.request(t, srv))
		if err != nil {
			t.Errorf("%s: %v", tt.what, err)
			continue
		}
		var got struct {
			Type string `json:"__type"`
		}
		err = json.NewDecoder(resp.Body).Decode(&got)
		resp.Body.Close()
		want := 400
		if tt.code == "" {
			want = 200
		}
		if err != nil || resp.StatusCode != want || got.Type != tt.code {
			t.Errorf("%s: status %d %q (%v), want %d %q", tt.what, resp.StatusCode, got.Type, err, want, tt.code)
		}
		if len(resp.Header.Get("X-Amzn-Requestid")) != 36 || resp.Header.Get("Content-Type") != "application/x-amz-json-1.1" {
			t.Errorf("%s: the answer's headers are %v", tt.what, resp.Header)
		}
		if call := srv.last(t); call.Code != tt.code || call.Status != want {
			t.Errorf("%s: recorded as %d %q, want %d %q", tt.what, call.Status, call.Code, want, tt.code)
		}
	}
	if got := len(srv.Calls()); got != len(tests) {
		t.Errorf("%d calls were recorded, want %d", got, len(tests))
	}
}

func TestErrorBodies(t *testing.T) {
	t.Parallel()
	srv := startSecret(t)
	tests := []struct {
		call rawCall
		want string
	}{
		{rawCall{body: `{"SecretId":"none"}`},
			`{"Message":"Secrets Manager can't find the specified secret.","__type":"ResourceNotFoundException"}`},
		{rawCall{target: "AmazonSSM.GetParameter", service: "ssm", body: `{"Name":"none"}`}, `{"__type":"ParameterNotFound"}`},
		{rawCall{key: "AKIAOTHER"},
			`{"__type":"UnrecognizedClientException","message":"The security token included in the request is invalid."}`},
	}
	for _, tt := range tests {
		resp, err := http.DefaultClient.Do(tt.call.request(t, srv))
		if err != nil {
			t.Fatal(err)
		}
		got, err := io.ReadAll(resp.Body)
		resp.Body.Close()
		if err != nil || string(got) != tt.want {
			t.Errorf("got %s (%v), want %s", got, err, tt.want)
		}
	}
}

func TestRenewedCredentials(t *testing.T) {
	t.Parallel()
	srv := startSecret(t)
	old := srv.parameters(region).Options().Credentials
	before, err := old.Retrieve(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	key, _, token := srv.RenewCredentials()
	if key == before.AccessKeyID || token == before.SessionToken {
		t.Error("RenewCredentials gave the old key or token")
	}
	resp, err := http.DefaultClient.Do(rawCall{key: before.AccessKeyID, secret: before.SecretAccessKey,
		token: before.SessionToken}.request(t, srv))
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if got := srv.last(t).Code; got != "ExpiredTokenException" {
		t.Errorf("the old key gets %q, want ExpiredTokenException", got)
	}
	if _, err := srv.secrets(region).GetSecretValue(t.Context(), get("s")); err != nil {
		t.Errorf("the new key gets %v", err)
	}
}
