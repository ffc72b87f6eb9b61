package source_test

import (
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"larder/secret"
	"larder/source"
)

// TestSTSEndpoints: where STS is asked. Nothing is asked where that is not known.
func TestSTSEndpoints(t *testing.T) {
	tests := []struct {
		name   string
		config source.Config
		want   string
		err    string // the variable to look at
	}{
		{"default", source.Config{Region: "eu-west-1"}, "https://sts.eu-west-1.amazonaws.com", ""},
		{"China", source.Config{Region: "cn-north-1"}, "https://sts.cn-north-1.amazonaws.com.cn", ""},
		{"a Region of tomorrow", source.Config{Region: "xx-new-9"}, "https://sts.xx-new-9.amazonaws.com", ""},
		{"FIPS", source.Config{Region: "us-east-1", FIPS: true}, "https://sts-fips.us-east-1.amazonaws.com", ""},
		{"FIPS in GovCloud", source.Config{Region: "us-gov-west-1", FIPS: true}, "https://sts.us-gov-west-1.amazonaws.com", ""},
		{"dual stack", source.Config{Region: "us-east-1", DualStack: true}, "https://sts.us-east-1.api.aws", ""},
		{"one's own", source.Config{Region: "eu-west-1", Endpoint: "http://own.test:4566"}, "http://own.test:4566", ""},
		{"one's own for STS", source.Config{Region: "eu-west-1", Endpoint: "http://own.test", STSEndpoint: "http://sts.test/base"}, "http://sts.test/base", ""},
		{"one's own for others", source.Config{Region: "eu-west-1", SecretsManagerEndpoint: "http://sm.test"}, "https://sts.eu-west-1.amazonaws.com", ""},
		{"FIPS excludes one's own", source.Config{Region: "eu-west-1", FIPS: true, STSEndpoint: "http://sts.test"}, "", "AWS_ENDPOINT_URL"},
		{"no Region", source.Config{}, "", "AWS_REGION"},
		{"a Region that is a host", source.Config{Region: "evil.com/x"}, "", "AWS_REGION"},
		{"no URL", source.Config{Region: "eu-west-1", STSEndpoint: "::"}, "", "AWS_ENDPOINT_URL"},
	}
	for _, tt := range tests {
		bubble(t, tt.name, func(t *testing.T) {
			hosts := new(recorder)
			tt.config.AccessKeyID = "AKIDEXAMPLE"
			tt.config.SecretAccessKey = secret.NewValue([]byte("x"))
			tt.config.Transport = hosts
			k := withRole(t, secretKey(t, "a"), reader)
			e := fetch(t, t.Context(), source.New(tt.config), k)[k].Err
			var want []string
			if tt.want != "" {
				want = []string{tt.want}
			}
			if got := hosts.all(); !slices.Equal(got, want) {
				t.Errorf("requests to %v, want %v", got, want)
			}
			switch {
			case tt.err == "" && (e == nil || e.Class != secret.Unavailable):
				t.Errorf("Fetch = %v, want class Unavailable", e)
			case tt.err != "" && (e == nil || e.Class != secret.Rejected || !strings.HasPrefix(e.Message, tt.err+": ")):
				t.Errorf("Fetch = %v, want class Rejected and %s in front", e, tt.err)
			}
		})
	}
}

// TestSessionName: CloudTrail shows who has used a role.
func TestSessionName(t *testing.T) {
	for function, want := range map[string]string{
		"":                           "larder",
		"orders":                     "larder-orders",
		"A_z-9":                      "larder-A_z-9",
		"a b/c:$LATEST":              "larder-a-b-c--LATEST",
		strings.Repeat("f", 64):      "larder-" + strings.Repeat("f", 57),
		strings.Repeat("\u00e9", 64): "larder-" + strings.Repeat("-", 57),
	} {
		synctest.Test(t, func(t *testing.T) {
			var form url.Values
			s := source.New(source.Config{
				AccessKeyID: "AKIDEXAMPLE", SecretAccessKey: secret.NewValue([]byte("x")), Region: home, FunctionName: function,
				Transport: roundTrip(func(r *http.Request) (*http.Response, error) {
					body, _ := io.ReadAll(r.Body)
					form, _ = url.ParseQuery(string(body))
					return &http.Response{StatusCode: 403, Header: http.Header{}, Body: http.NoBody, Request: r}, nil
				}),
			})
			k := withRole(t, secretKey(t, "a"), reader)
			fetch(t, t.Context(), s, k)
			if got := form.Encode(); got != (url.Values{"Action": {"AssumeRole"}, "Version": {"2011-06-15"}, "RoleArn": {reader}, "RoleSessionName": {want}}).Encode() {
				t.Errorf("STS is asked for %s, want a session named %s of the role, and no more", got, want)
			}
		})
	}
}

// TestSTSClockSkew: a sandbox whose clock is an hour off asks STS by AWS's, too, and
// once.
func TestSTSClockSkew(t *testing.T) {
	const maxSkew = 5 * time.Minute
	for _, off := range []time.Duration{time.Hour, -time.Hour, time.Minute} {
		synctest.Test(t, func(t *testing.T) {
			var signed []string
			s := source.New(source.Config{
				AccessKeyID: "AKIDEXAMPLE", SecretAccessKey: secret.NewValue([]byte("x")), Region: home,
				Transport: roundTrip(func(r *http.Request) (*http.Response, error) {
					now := time.Now().Add(off).UTC()
					resp := &http.Response{StatusCode: 403, Request: r, Body: io.NopCloser(strings.NewReader(
						"<ErrorResponse><Error><Code>SignatureDoesNotMatch</Code><Message>Signature expired</Message></Error></ErrorResponse>")),
						Header: http.Header{"Date": {now.Format(http.TimeFormat)}}}
					at, err := time.Parse("20060102T150405Z", r.Header.Get("X-Amz-Date"))
					if err != nil {
						t.Error(err)
					}
					signed = append(signed, at.Sub(now).Round(time.Second).String())
					return resp, nil
				}),
			})
			k := withRole(t, secretKey(t, "a"), reader)
			if e := fetch(t, t.Context(), s, k)[k].Err; e == nil || e.Class != secret.Credentials {
				t.Errorf("Fetch = %v, want class Credentials: STS refuses it in any case", e)
			}
			want := []string{(-off).String(), "0s"}
			if off.Abs() < maxSkew {
				want = want[:1]
			}
			if !slices.Equal(signed, want) {
				t.Errorf("with AWS's clock %v ahead the requests are off by %v, want %v", off, signed, want)
			}
		})
	}
}
