package awstest_test

import (
	"encoding/xml"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"

	"larder/internal/awstest"
)

const (
	formType = "application/x-www-form-urlencoded"
	other    = "222222222222"
	reader   = "arn:aws:iam::" + other + ":role/team/reader"
	function = "arn:aws:sts::" + account + ":assumed-role/function-role/function"
)

// stsAnswer is what any answer of STS may say.
type stsAnswer struct {
	XMLName xml.Name

	AccessKeyID     string `xml:"AssumeRoleResult>Credentials>AccessKeyId"`
	SecretAccessKey string `xml:"AssumeRoleResult>Credentials>SecretAccessKey"`
	SessionToken    string `xml:"AssumeRoleResult>Credentials>SessionToken"`
	Expiration      string `xml:"AssumeRoleResult>Credentials>Expiration"`
	AssumedARN      string `xml:"AssumeRoleResult>AssumedRoleUser>Arn"`
	AssumedID       string `xml:"AssumeRoleResult>AssumedRoleUser>AssumedRoleId"`

	ARN     string `xml:"GetCallerIdentityResult>Arn"`
	UserID  string `xml:"GetCallerIdentityResult>UserId"`
	Account string `xml:"GetCallerIdentityResult>Account"`

	ResponseID string `xml:"ResponseMetadata>RequestId"`
	ErrorID    string `xml:"RequestId"`
	Type       string `xml:"Error>Type"`
	Code       string `xml:"Error>Code"`
	Message    string `xml:"Error>Message"`
}

func (a stsAnswer) credentials() aws.Credentials {
	return aws.Credentials{AccessKeyID: a.AccessKeyID, SecretAccessKey: a.SecretAccessKey, SessionToken: a.SessionToken}
}

// stsCall is a call of STS whose form has the fields name=value.
func stsCall(action string, fields ...string) rawCall {
	form := url.Values{"Action": {action}, "Version": {"2011-06-15"}}
	for _, field := range fields {
		name, value, _ := strings.Cut(field, "=")
		form.Set(name, value)
	}
	return rawCall{service: "sts", contentType: formType, body: form.Encode()}
}

// ask makes a call of STS and checks what every answer has.
func (f fixture) ask(t *testing.T, call rawCall) (answer stsAnswer, status int) {
	t.Helper()
	resp, err := http.DefaultClient.Do(call.request(t, f))
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if err := xml.NewDecoder(resp.Body).Decode(&answer); err != nil {
		t.Fatal(err)
	}
	id := answer.ResponseID + answer.ErrorID
	if answer.XMLName.Space != "https://sts.amazonaws.com/doc/2011-06-15/" || len(id) != 36 ||
		resp.Header.Get("X-Amzn-Requestid") != id || resp.Header.Get("Content-Type") != "text/xml" {
		t.Errorf("the answer %v has the headers %v and the id %q", answer.XMLName, resp.Header, id)
	}
	if call := f.last(t); call.Code != answer.Code || call.Status != resp.StatusCode {
		t.Errorf("%d %q is recorded as %+v", resp.StatusCode, answer.Code, call)
	}
	return answer, resp.StatusCode
}

// assume is the server for a session of a role.
func (f fixture) assume(t *testing.T, role string) fixture {
	t.Helper()
	answer, status := f.ask(t, stsCall("AssumeRole", "RoleArn="+role, "RoleSessionName=larder-fn"))
	if status != http.StatusOK {
		t.Fatalf("AssumeRole of %s: %s: %s", role, answer.Code, answer.Message)
	}
	return f.as(answer.credentials())
}

func roles(arns ...string) awstest.Config {
	cfg := awstest.Config{Roles: map[string]awstest.Role{}}
	for _, arn := range arns {
		cfg.Roles[arn] = awstest.Role{}
	}
	return cfg
}

func TestAssumeRole(t *testing.T) {
	t.Parallel()
	srv := start(t, roles(reader))
	before := time.Now()
	answer, status := srv.ask(t, stsCall("AssumeRole", "RoleArn="+reader, "RoleSessionName=larder-fn", "DurationSeconds=900"))
	session := "arn:aws:sts::" + other + ":assumed-role/reader/larder-fn"
	if status != http.StatusOK || answer.XMLName.Local != "AssumeRoleResponse" || answer.AssumedARN != session ||
		!regexp.MustCompile(`^AROA[A-Z0-9]{17}:larder-fn$`).MatchString(answer.AssumedID) {
		t.Errorf("status %d %s %s is %q, want 200 %s", status, answer.XMLName.Local, answer.AssumedID, answer.AssumedARN, session)
	}
	if !regexp.MustCompile(`^ASIA[A-Z0-9]{16}$`).MatchString(answer.AccessKeyID) ||
		len(answer.SecretAccessKey) != 40 || len(answer.SessionToken) < 40 {
		t.Error("the credentials have not the form that they have on AWS")
	}
	expires, err := time.Parse("2006-01-02T15:04:05Z", answer.Expiration)
	if lasts := expires.Sub(before); err != nil || lasts < 899*time.Second || lasts > 930*time.Second {
		t.Errorf("the session lasts until %q (%v), want about 900 s", answer.Expiration, err)
	}
	call := srv.last(t)
	if call.Service != "sts" || call.Action != "AssumeRole" || call.Region != region || call.Caller != function || !slices.Equal(call.IDs, []string{reader}) {
		t.Errorf("recorded as %+v", call)
	}

	who, _ := srv.as(answer.credentials()).ask(t, stsCall("GetCallerIdentity"))
	if who.XMLName.Local != "GetCallerIdentityResponse" || who.ARN != session || who.UserID != answer.AssumedID || who.Account != other {
		t.Errorf("the session is %q, %q of %q", who.ARN, who.UserID, who.Account)
	}
	if call := srv.last(t); call.Caller != session || call.IDs != nil {
		t.Errorf("recorded as %+v", call)
	}
}

func TestCallerIdentityNeedsNoPermission(t *testing.T) {
	t.Parallel()
	srv := start(t, awstest.Config{Policy: &awstest.Policy{Statement: []awstest.Statement{deny("*|*")}}})
	if who, status := srv.ask(t, stsCall("GetCallerIdentity")); status != http.StatusOK || who.ARN != function || who.Account != account {
		t.Errorf("status %d, %q of %q; want %q", status, who.ARN, who.Account, function)
	}
}

// TestSTSRefuses has the code, the status and the words of STS.
func TestSTSRefuses(t *testing.T) {
	t.Parallel()
	const role, session = "RoleArn=" + reader, "RoleSessionName=fn"
	const constraint = "1 validation error detected: Value %s failed to satisfy constraint: Member must "
	violated := func(value, rule string) string { return strings.Replace(constraint, "%s", value, 1) + rule }
	with := func(c rawCall, change func(*rawCall)) rawCall {
		change(&c)
		return c
	}
	identity := stsCall("GetCallerIdentity")
	long := strings.Repeat("x", 65)
	tests := []struct {
		what    string
		call    rawCall
		status  int
		code    string
		message string // empty: any
	}{
		{"no role", stsCall("AssumeRole", session), 400, "ValidationError", violated("null at 'roleArn'", "not be null")},
		{"a short role", stsCall("AssumeRole", "RoleArn=r", session), 400, "ValidationError",
			violated("'r' at 'roleArn'", "have length greater than or equal to 20")},
		{"a user", stsCall("AssumeRole", "RoleArn=arn:aws:iam::123456789012:user/u", session), 400, "ValidationError",
			"arn:aws:iam::123456789012:user/u is invalid"},
		{"no account", stsCall("AssumeRole", "RoleArn=arn:aws:iam::1234:role/reader", session), 400, "ValidationError",
			"arn:aws:iam::1234:role/reader is invalid"},
		{"a Region", stsCall("AssumeRole", "RoleArn=arn:aws:iam:eu-west-1:123456789012:role/r", session), 400, "ValidationError",
			"arn:aws:iam:eu-west-1:123456789012:role/r is invalid"},
		{"no session", stsCall("AssumeRole", role), 400, "ValidationError", violated("null at 'roleSessionName'", "not be null")},
		{"a short session", stsCall("AssumeRole", role, "RoleSessionName=f"), 400, "ValidationError",
			violated("'f' at 'roleSessionName'", "have length greater than or equal to 2")},
		{"a long session", stsCall("AssumeRole", role, "RoleSessionName="+long), 400, "ValidationError",
			violated("'"+long+"' at 'roleSessionName'", "have length less than or equal to 64")},
		{"a session with a colon", stsCall("AssumeRole", role, "RoleSessionName=a:b"), 400, "ValidationError",
			violated("'a:b' at 'roleSessionName'", `satisfy regular expression pattern: [\w+=,.@-]*`)},
		{"a short time", stsCall("AssumeRole", role, session, "DurationSeconds=899"), 400, "ValidationError",
			violated("'899' at 'durationSeconds'", "have value greater than or equal to 900")},
		{"a long time", stsCall("AssumeRole", role, session, "DurationSeconds=43201"), 400, "ValidationError",
			violated("'43201' at 'durationSeconds'", "have value less than or equal to 43200")},
		{"more than an hour", stsCall("AssumeRole", role, session, "DurationSeconds=3601"), 400, "ValidationError",
			"The requested DurationSeconds exceeds the 1 hour session limit for roles assumed by role chaining."},
		{"no number", stsCall("AssumeRole", role, session, "DurationSeconds=1h"), 400, "MalformedInput", ""},
		{"what is not emulated", stsCall("AssumeRole", role, session, "ExternalId=x"), 400, "MalformedInput", `json: unknown field "ExternalId"`},
		{"another action", stsCall("GetSessionToken"), 400, "InvalidAction", ""},
		{"another service's version", stsCall("GetCallerIdentity", "Version=2010-05-08"), 400, "InvalidAction", ""},
		{"another path", with(identity, func(c *rawCall) { c.path = "/x" }), 400, "InvalidAction", ""},

		{"no signature", with(identity, func(c *rawCall) { c.tamper = func(r *http.Request) { r.Header.Del("Authorization") } }),
			403, "MissingAuthenticationToken", ""},
		{"half a signature", with(identity, func(c *rawCall) {
			c.tamper = func(r *http.Request) { r.Header.Set("Authorization", "AWS4-HMAC-SHA256 Credential=a") }
		}), 400, "IncompleteSignature", ""},
		{"an unknown key", with(identity, func(c *rawCall) { c.key = "AKIAOTHER" }), 403, "InvalidClientTokenId",
			"The security token included in the request is invalid."},
		{"a wrong secret key", with(identity, func(c *rawCall) { c.secret = "other" }), 403, "SignatureDoesNotMatch", ""},
		{"another service's scope", with(identity, func(c *rawCall) { c.service = "ssm" }), 403, "SignatureDoesNotMatch", ""},
		{"another body", with(stsCall("AssumeRole", role, session), func(c *rawCall) {
			c.tamper = func(r *http.Request) {
				r.Body = io.NopCloser(strings.NewReader(strings.Replace(c.body, "=fn", "=fx", 1)))
			}
		}), 403, "SignatureDoesNotMatch", ""},
	}
	srv := start(t, roles(reader))
	for _, tt := range tests {
		answer, status := srv.ask(t, tt.call)
		if status != tt.status || answer.Code != tt.code || answer.Type != "Sender" || tt.message != "" && answer.Message != tt.message {
			t.Errorf("%s: %d %s %s %q, want %d Sender %s %q", tt.what,
				status, answer.Type, answer.Code, answer.Message, tt.status, tt.code, tt.message)
		}
	}
}

func TestSTSErrorBody(t *testing.T) {
	t.Parallel()
	srv := start(t, awstest.Config{})
	resp, err := http.DefaultClient.Do(stsCall("AssumeRole", "RoleArn="+reader, "RoleSessionName=fn").request(t, srv))
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	got, err := io.ReadAll(resp.Body)
	want := `<ErrorResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/">
  <Error>
    <Type>Sender</Type>
    <Code>AccessDenied</Code>
    <Message>User: ` + function + ` is not authorized to perform: sts:AssumeRole on resource: ` + reader + `</Message>
  </Error>
  <RequestId>` + resp.Header.Get("X-Amzn-Requestid") + `</RequestId>
</ErrorResponse>
`
	if err != nil || resp.StatusCode != http.StatusForbidden || string(got) != want {
		t.Errorf("status %d (%v)\n%s\nwant 403\n%s", resp.StatusCode, err, got, want)
	}
}

func TestSTSFaults(t *testing.T) {
	t.Parallel()
	cut, body := 100, "<html>"
	srv := start(t, roles(reader))
	assume := stsCall("AssumeRole", "RoleArn="+reader, "RoleSessionName=fn")
	for _, f := range []awstest.Fault{
		{Action: "AssumeRole", ID: reader, Times: 1, Code: "Throttling", Message: "Rate exceeded"},
		{Action: "AssumeRole", Times: 1, Code: "ServiceUnavailable", Status: 503},
		{Action: "AssumeRole", Times: 1, Body: &body},
		{Action: "AssumeRole", Times: 1, Cut: &cut},
	} {
		if err := srv.AddFault(f); err != nil {
			t.Fatal(err)
		}
	}
	if answer, _ := srv.ask(t, stsCall("GetCallerIdentity")); answer.Code != "" {
		t.Errorf("a call of another action: %s", answer.Code)
	}
	if answer, status := srv.ask(t, assume); status != 400 || answer.Code != "Throttling" || answer.Message != "Rate exceeded" || answer.Type != "Sender" {
		t.Errorf("throttled: %d %s %s %q", status, answer.Type, answer.Code, answer.Message)
	}
	if answer, status := srv.ask(t, assume); status != 503 || answer.Code != "ServiceUnavailable" || answer.Type != "Receiver" {
		t.Errorf("unavailable: %d %s %s", status, answer.Type, answer.Code)
	}
	for _, want := range []struct {
		kind  string
		bytes int
		err   error
	}{{"body", len(body), nil}, {"cut", cut, io.ErrUnexpectedEOF}} {
		resp, err := http.DefaultClient.Do(assume.request(t, srv))
		if err != nil {
			t.Fatal(err)
		}
		got, err := io.ReadAll(resp.Body)
		resp.Body.Close()
		if call := srv.last(t); len(got) != want.bytes || err != want.err || call.Fault != want.kind || resp.Header.Get("Content-Type") != "text/xml" {
			t.Errorf("%s: %d bytes (%v), recorded as %q", want.kind, len(got), err, call.Fault)
		}
	}
	srv.assume(t, reader)
}
