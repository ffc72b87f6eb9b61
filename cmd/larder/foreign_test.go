package main

import (
	"net/url"
	"strings"
	"testing"

	"larder/internal/awstest"
)

// TestBinarySecretThroughParameterStore holds what each path says of it: AWS's has the
// bytes of AWS's layer, ours have those of the secret; and seen knows its version.
func TestBinarySecretThroughParameterStore(t *testing.T) {
	aws := awstest.Config{Secrets: map[string]awstest.Secret{"cert": {Binary: []byte{0, 255, 'a'}}}}
	inWhole(t, aws, func(t *testing.T, w *whole) {
		if err := w.init(t.Context()); err != nil {
			t.Fatalf("init = %v", err)
		}
		if calls := w.calls(); calls != 1 {
			t.Errorf("init made %d calls, want one", calls)
		}
		answer := w.read("/systemsmanager/parameters/get?name=/aws/reference/secretsmanager/cert&withDecryption=true")
		body := answer.Body.String()
		if answer.Code != 200 || !strings.Contains(body, `"SourceResult":"{`) || !strings.Contains(body, `"Type":"SecureString","Value":null,"Version":0},"ResultMetadata":{}}`) {
			t.Errorf("AWS's path: status %d, and %d bytes that are not those of AWS's layer", answer.Code, len(body))
		}
		answer = w.read("/env/CERT")
		if answer.Code != 200 || answer.Body.String() != "\x00\xffa" || answer.Header().Get("Content-Type") != "application/octet-stream" {
			t.Errorf("/env/CERT: status %d, %d bytes of type %s, want the secret's three", answer.Code, answer.Body.Len(), answer.Header().Get("Content-Type"))
		}
		version := answer.Header().Get("ETag")
		if len(version) < 10 {
			t.Errorf("the ETag is %s, want the version of the secret", version)
		}
		if err := w.aws.Change(awstest.Config{Region: "eu-west-1", Secrets: map[string]awstest.Secret{"cert": {Binary: []byte{2}}}}); err != nil {
			t.Fatal(err)
		}
		answer = w.read("/env/CERT?seen=" + url.QueryEscape(version))
		if answer.Body.String() != "\x02" || answer.Header().Get("ETag") == version {
			t.Error("/env/CERT with seen gives the old version")
		}
	}, "CERT=ssm:///aws/reference/secretsmanager/cert")
}
