package source_test

import (
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"larder/secret"
	"larder/source"
)

func TestNoCredentials(t *testing.T) {
	tests := []struct {
		name   string
		config source.Config
	}{
		{"none", source.Config{}},
		{"no key", source.Config{AccessKeyID: "AKIDEXAMPLE"}},
		{"no id", source.Config{SecretAccessKey: secret.NewValue([]byte("canary"))}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			hosts := new(recorder)
			tt.config.Transport = hosts
			k := secretKey(t, "a")
			e := fetch(t, t.Context(), source.New(tt.config), k)[k].Err
			if e == nil || e.Class != secret.Credentials || !strings.Contains(e.Message, "AWS_ACCESS_KEY_ID") {
				t.Errorf("Fetch = %v, want class Credentials and the variables to set", e)
			}
			if urls := hosts.all(); len(urls) != 0 {
				t.Errorf("requests to %v, want none", urls)
			}
		})
	}
}

// TestExpired: a second attempt with the same credentials is in vain, and the
// text says what becomes of them.
func TestExpired(t *testing.T) {
	play(t, full(), nil, func(t *testing.T, st *stand) {
		st.RenewCredentials()
		k := secretKey(t, "a")
		if e := fetch(t, t.Context(), st.source, k)[k].Err; e == nil || e.Class != secret.Credentials || e.Code != "ExpiredTokenException" {
			t.Errorf("Fetch = %v, want ExpiredTokenException of class Credentials", e)
		} else if !strings.Contains(e.Error(), "ExpiredTokenException: the function's credentials have expired") {
			t.Errorf("Fetch = %v, want AWS's code and plain words", e)
		}
		if n := len(st.Calls()); n != 1 {
			t.Errorf("%d calls, want 1", n)
		}
	})
}

// TestClockSkew: a sandbox whose clock is an hour late signs by AWS's, from the
// second request on.
func TestClockSkew(t *testing.T) {
	const (
		late = `{"__type":"InvalidSignatureException","message":"Signature expired"}`
		good = `{"ARN":"arn","Name":"a","VersionId":"1","SecretString":"v"}`
	)
	synctest.Test(t, func(t *testing.T) {
		var signed []string
		s := source.New(source.Config{
			AccessKeyID: "AKIDEXAMPLE", SecretAccessKey: secret.NewValue([]byte("x")),
			Transport: roundTrip(func(r *http.Request) (*http.Response, error) {
				now := time.Now().Add(time.Hour).UTC()
				resp := &http.Response{StatusCode: 200, Request: r, Body: io.NopCloser(strings.NewReader(good)),
					Header: http.Header{"Date": {now.Format(http.TimeFormat)}}}
				date := r.Header.Get("X-Amz-Date")
				signed = append(signed, date)
				if date < now.Add(-15*time.Minute).Format("20060102T150405Z") {
					resp.StatusCode, resp.Body = 400, io.NopCloser(strings.NewReader(late))
				}
				return resp, nil
			}),
		})
		k := secretKey(t, "a")
		for range 2 {
			if got := outcome(fetch(t, t.Context(), s, k)[k]); got != "v" {
				t.Errorf("Fetch with a late clock = %q, want a value", got)
			}
		}
		if len(signed) != 3 {
			t.Errorf("requests signed at %v, want one too early and two good ones", signed)
		}
	})
}
