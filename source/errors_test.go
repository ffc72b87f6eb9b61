package source_test

import (
	"errors"
	"net"
	"net/http"
	"os"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"

	"larder/internal/awstest"
	"larder/secret"
	"larder/source"
)

// TestErrors: from AWS's code to what a reader can do about it.
func TestErrors(t *testing.T) {
	const noAction = ""
	s, p := secretKey(t, "a"), parameterKey(t, "/a")
	tests := []struct {
		key           secret.Key
		code, message string
		status        int
		class         secret.Class
		action        string
	}{
		{s, "ResourceNotFoundException", "Secrets Manager can't find the specified secret.", 400, secret.NotFound, noAction},
		{s, "InvalidRequestException", "it was marked for deletion.", 400, secret.NotFound, noAction},
		{p, "InvalidRequestException", "", 400, secret.Rejected, noAction},
		{p, "ParameterNotFound", "", 400, secret.NotFound, noAction},
		{p, "ParameterVersionNotFound", "", 400, secret.NotFound, noAction},
		{p, "ParameterVersionLabelNotFound", "", 400, secret.NotFound, noAction},
		{s, "AccessDeniedException", "User: x is not authorized to perform: secretsmanager:GetSecretValue on resource: y", 400, secret.Denied, "secretsmanager:GetSecretValue"},
		{s, "AccessDeniedException", "User: x is not authorized to perform: kms:Decrypt on resource: y", 400, secret.Denied, "kms:Decrypt"},
		{s, "AccessDeniedException", "User: x is not authorized to perform: <b>:\n on resource: y", 400, secret.Denied, "secretsmanager:GetSecretValue"},
		{s, "AccessDeniedException", "Access to KMS is not allowed", 400, secret.Denied, "kms:Decrypt"},
		{s, "AccessDeniedException", "", 400, secret.Denied, "secretsmanager:GetSecretValue"},
		{p, "AccessDeniedException", "The ciphertext refers to a customer master key that does not exist", 400, secret.Denied, "kms:Decrypt"},
		{p, "AccessDeniedException", "no", 400, secret.Denied, "ssm:GetParameter"},
		{s, "DecryptionFailure", "", 400, secret.Denied, "kms:Decrypt"},
		{p, "InvalidKeyId", "", 400, secret.Denied, "kms:Decrypt"},
		{p, "KMSAccessDeniedException", "", 400, secret.Denied, "kms:Decrypt"},
		{p, "KMSDisabledException", "", 400, secret.Denied, noAction},
		{s, "KMSInvalidStateException", "arn:aws:kms:eu-west-1:123456789012:key/k is pending deletion.", 400, secret.Denied, noAction},
		{s, "KMSNotFoundException", "", 400, secret.Denied, noAction},
		{s, "DecryptionFailure", "The key is pending deletion.", 400, secret.Denied, noAction},
		{p, "KMSThrottlingException", "", 400, secret.Throttled, noAction},
		{p, "ThrottlingException", "Rate exceeded", 400, secret.Throttled, noAction},
		{s, "LimitExceededException", "", 400, secret.Throttled, noAction},
		{s, "TooManyRequestsException", "", 429, secret.Throttled, noAction},
		{s, "SomethingNew", "", 429, secret.Throttled, noAction},
		{p, "SomethingNew", "", 500, secret.Unavailable, noAction},
		{p, "SomethingNew", "", 499, secret.Rejected, noAction},
		{s, "InternalServiceError", "", 500, secret.Unavailable, noAction},
		{p, "InternalServerError", "", 500, secret.Unavailable, noAction},
		{p, "SomethingNew", "", 503, secret.Unavailable, noAction},
		{s, "ExpiredTokenException", "", 400, secret.Credentials, noAction},
		{s, "UnrecognizedClientException", "", 400, secret.Credentials, noAction},
		{s, "InvalidSignatureException", "", 400, secret.Credentials, noAction},
		{s, "InvalidClientTokenId", "", 403, secret.Credentials, noAction},
		{s, "InvalidParameterException", "", 400, secret.Rejected, noAction},
		{p, "ValidationException", "", 400, secret.Rejected, noAction},
		{p, "SomethingNew", "", 400, secret.Rejected, noAction},
	}
	for _, tt := range tests {
		t.Run(tt.code+" "+tt.message, func(t *testing.T) {
			aws := awstest.Config{Faults: []awstest.Fault{{Code: tt.code, Message: tt.message, Status: tt.status}}}
			play(t, aws, nil, func(t *testing.T, st *stand) {
				e := fetch(t, t.Context(), st.source, tt.key)[tt.key].Err
				if e == nil || e.Class != tt.class || e.Action != tt.action || e.Code != tt.code || e.Status != tt.status {
					t.Fatalf("error = %+v, want class %v, code %s, status %d, action %q", e, tt.class, tt.code, tt.status, tt.action)
				}
				if strings.Contains(e.Message, "UnknownError") || tt.message != "" && e.Message != tt.message {
					t.Errorf("message %q, want AWS's %q", e.Message, tt.message)
				}
				again := e.Class == secret.Throttled || e.Class == secret.Unavailable ||
					e.Action == secret.GetParameter // GetParameters may be allowed
				if n := len(st.Calls()); (n > 1) != again {
					t.Errorf("%d calls for %s", n, tt.code)
				}
			})
		})
	}
}

// TestStrangeCodes: a code goes into headers and logs, hence it is a word or
// nothing.
func TestStrangeCodes(t *testing.T) {
	for _, code := range []string{"a b", "a\nX-Evil: 1", strings.Repeat("a", 101), "UnknownError", "é"} {
		body := `{"__type":` + quote(code) + `,"message":"canary"}`
		aws := awstest.Config{Faults: []awstest.Fault{{Body: &body, Status: 400}}}
		play(t, aws, nil, func(t *testing.T, st *stand) {
			k := secretKey(t, "a")
			e := fetch(t, t.Context(), st.source, k)[k].Err
			if e == nil || e.Code != "" || e.Class != secret.BadAnswer || strings.Contains(e.Error(), "canary") {
				t.Errorf("code %q: %+v, want class BadAnswer without a text of the answer's", code, e)
			}
		})
	}
}

func quote(s string) string {
	return `"` + strings.ReplaceAll(s, "\n", `\n`) + `"`
}

// TestNetworkTexts: what a reader can do about a network that fails, without the
// error's own text.
func TestNetworkTexts(t *testing.T) {
	dial := func(err error) error { return &net.OpError{Op: "dial", Net: "tcp", Err: err} }
	timeout := os.ErrDeadlineExceeded // says so itself, as the operating system's do
	tests := []struct {
		name  string
		err   error
		class secret.Class
		want  string
	}{
		{"refused", dial(os.NewSyscallError("connect", syscall.ECONNREFUSED)), secret.Unavailable, "VPC endpoint"},
		{"no way", dial(timeout), secret.Timeout, "VPC endpoint"},
		{"no such host", dial(&net.DNSError{Err: "no such host", Name: "canary", IsNotFound: true}), secret.Unavailable, "Region"},
		{"reset", &net.OpError{Op: "read", Net: "tcp", Err: syscall.ECONNRESET}, secret.Unavailable, "broke"},
		{"out of descriptors", dial(os.NewSyscallError("socket", syscall.EMFILE)), secret.Unavailable, "file descriptor"},
		{"the system is out of descriptors", dial(os.NewSyscallError("socket", syscall.ENFILE)), secret.Unavailable, "file descriptor"},
		{"proxy refused", &net.OpError{Op: "proxyconnect", Err: dial(syscall.ECONNREFUSED)}, secret.Unavailable, "HTTPS_PROXY"},
		{"no way to the proxy", &net.OpError{Op: "proxyconnect", Err: dial(timeout)}, secret.Unavailable, "HTTPS_PROXY"},
		{"something else", errors.New("canary"), secret.Unavailable, "broke"},
	}
	for _, tt := range tests {
		bubble(t, tt.name, func(t *testing.T) {
			s := source.New(source.Config{
				AccessKeyID: "AKIDEXAMPLE", SecretAccessKey: secret.NewValue([]byte("x")),
				Transport: roundTrip(func(*http.Request) (*http.Response, error) { return nil, tt.err }),
			})
			k := secretKey(t, "a")
			e := fetch(t, t.Context(), s, k)[k].Err
			if e == nil || e.Class != tt.class || !strings.Contains(e.Message, tt.want) || strings.Contains(e.Error(), "canary") {
				t.Errorf("Fetch = %v, want class %v and a word about %s", e, tt.class, tt.want)
			}
		})
	}
}

// TestKeysThatAreNone: the SDK builds host names from Regions. A key that
// package secret would not have made must not get as far as a connection.
func TestKeysThatAreNone(t *testing.T) {
	const arn = "arn:aws:secretsmanager:eu-west-1:123456789012:secret:db"
	keys := []secret.Key{
		{},
		{Service: secret.SecretsManager, Region: "", ID: "db"},
		{Service: secret.SecretsManager, Region: "evil.com/x", ID: "db"},
		{Service: secret.SecretsManager, Region: "evil.com#", ID: "db"},
		{Service: secret.SecretsManager, Region: "eu-west-1@evil.com", ID: "db"},
		{Service: secret.SecretsManager, Region: "us-west-2", ID: arn},
		{Service: secret.SecretsManager, Region: "evil.com/x", ID: "arn:aws:secretsmanager:evil.com/x:123456789012:secret:db"},
		{Service: secret.SecretsManager, Region: "eu-west-1", ID: "arn:evil:secretsmanager:eu-west-1:123456789012:secret:db"},
		{Service: secret.SecretsManager, Region: "eu-west-1", ID: "db", Decrypt: true},
		{Service: secret.SecretsManager, Region: "eu-west-1", ID: ""},
		{Service: secret.ParameterStore, Region: "evil.com/x", ID: "/p"},
		{Service: secret.ParameterStore, Region: "evil.com/x", ID: "/p/*", Decrypt: true},
		{Service: secret.ParameterStore, Region: "eu-west-1", ID: "/p:3"},
		{Service: secret.ParameterStore, Region: "eu-west-1", ID: "arn:aws:ssm:us-west-2:123456789012:parameter/p"},
		{Service: 9, Region: "eu-west-1", ID: "/p"},
		{Service: secret.SecretsManager, Region: "eu-west-1", ID: "db", Role: "reader"},
		{Service: secret.SecretsManager, Region: "eu-west-1", ID: "db", Role: "arn:aws:iam::123456789012:role/a&Action=x"},
	}
	hosts := new(recorder)
	s := source.New(source.Config{AccessKeyID: "AKIDEXAMPLE", SecretAccessKey: secret.NewValue([]byte("x")), Transport: hosts})
	for k, r := range fetch(t, t.Context(), s, keys...) {
		if r.Err == nil || r.Err.Class != secret.BadReference {
			t.Errorf("Fetch of %+v: %v, want class BadReference", k, r.Err)
		}
	}
	if seen := hosts.all(); len(seen) != 0 {
		t.Errorf("requests to %v, want none", seen)
	}
}

// TestAnswerTooLong: an answer without an end is not read to it.
func TestAnswerTooLong(t *testing.T) {
	endless := roundTrip(func(r *http.Request) (*http.Response, error) {
		return &http.Response{StatusCode: 200, Header: http.Header{}, Body: endlessBody{}, Request: r}, nil
	})
	synctest.Test(t, func(t *testing.T) {
		s := source.New(source.Config{AccessKeyID: "AKIDEXAMPLE", SecretAccessKey: secret.NewValue([]byte("x")), Transport: endless})
		k := secretKey(t, "a")
		if e := fetch(t, t.Context(), s, k)[k].Err; e == nil || e.Class != secret.BadAnswer {
			t.Errorf("Fetch = %v, want class BadAnswer", e)
		}
	})
}

type endlessBody struct{}

func (endlessBody) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = ' '
	}
	return len(p), nil
}

func (endlessBody) Close() error { return nil }
