package main

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"larder/manifest"
)

// function is the least environment that there is no mistake in, with more.
func function(more ...string) []string {
	return append([]string{
		"AWS_LAMBDA_RUNTIME_API=127.0.0.1:9001",
		"AWS_REGION=eu-west-1",
		"AWS_ACCESS_KEY_ID=AKIDEXAMPLE",
		"AWS_SECRET_ACCESS_KEY=example/key",
		"AWS_SESSION_TOKEN=token/with+signs==",
	}, more...)
}

// text joins errors, so that a test can look for words in all of them.
func text(errs []error) string {
	if err := errors.Join(errs...); err != nil {
		return err.Error()
	}
	return ""
}

func TestPlatform(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name     string
		environ  []string
		region   string
		mistakes []string // the variables
	}{
		{"as on Lambda", []string{"AWS_REGION=eu-west-1", "AWS_DEFAULT_REGION=us-east-1", "AWS_SESSION_TOKEN=t"}, "eu-west-1", nil},
		{"the other name of the Region", []string{"AWS_DEFAULT_REGION=us-east-1", "AWS_SESSION_TOKEN=t"}, "us-east-1", nil},
		{"an empty Region", []string{"AWS_REGION=", "AWS_DEFAULT_REGION=us-east-1", "AWS_SESSION_TOKEN=t"}, "us-east-1", nil},
		{"no Region", []string{"AWS_SESSION_TOKEN=t"}, "unknown", []string{"AWS_REGION"}},
		{"a Region that is a host", []string{"AWS_REGION=evil.com/x", "AWS_SESSION_TOKEN=t"}, "unknown", []string{"AWS_REGION"}},
		{"no token", []string{"AWS_REGION=eu-west-1"}, "eu-west-1", []string{"AWS_SESSION_TOKEN"}},
		{"an empty token", []string{"AWS_REGION=eu-west-1", "AWS_SESSION_TOKEN="}, "eu-west-1", []string{"AWS_SESSION_TOKEN"}},
		{"a token that no header can hold", []string{"AWS_REGION=eu-west-1", "AWS_SESSION_TOKEN= \t"}, "eu-west-1", []string{"AWS_SESSION_TOKEN"}},
		{"nothing", nil, "unknown", []string{"AWS_REGION", "AWS_SESSION_TOKEN"}},
		{"bad words", []string{
			"AWS_REGION=eu-west-1", "AWS_SESSION_TOKEN=t",
			"AWS_USE_FIPS_ENDPOINT=1", "AWS_USE_DUALSTACK_ENDPOINT=yes", "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS=x",
		}, "eu-west-1", []string{"AWS_USE_FIPS_ENDPOINT", "AWS_USE_DUALSTACK_ENDPOINT", "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS"}},
	}
	for _, test := range tests {
		s, warnings, mistakes := readSettings(test.environ)
		var names []string
		for _, m := range mistakes {
			name, _, _ := strings.Cut(m.Error(), ":")
			names = append(names, name)
		}
		if s.region != test.region || !slices.Equal(names, test.mistakes) || len(warnings) > 0 {
			t.Errorf("%s: Region %q, mistakes %q, warnings %q, want %q and %v", test.name, s.region, text(mistakes), text(warnings), test.region, test.mistakes)
		}
	}
}

func TestEndpoints(t *testing.T) {
	t.Parallel()
	endpoints := []string{
		"AWS_ENDPOINT_URL=http://all.test", "AWS_ENDPOINT_URL_SECRETS_MANAGER=http://secrets.test", "AWS_ENDPOINT_URL_SSM=http://ssm.test",
		"AWS_USE_FIPS_ENDPOINT=TRUE", "AWS_USE_DUALSTACK_ENDPOINT=true", "AWS_CA_BUNDLE=/ca.pem",
	}
	for _, ignore := range []string{"", "false", "true", "TRUE"} {
		s, _, mistakes := readSettings(function(append(endpoints, "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS="+ignore)...))
		want := [...]string{"http://all.test", "http://secrets.test", "http://ssm.test"}
		if strings.EqualFold(ignore, "true") {
			want = [...]string{"", "", ""}
		}
		if got := [...]string{s.sdk.endpoint, s.sdk.secretsManager, s.sdk.ssm}; got != want || len(mistakes) > 0 {
			t.Errorf("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS=%s: endpoints %q, mistakes %q, want %q", ignore, got, text(mistakes), want)
		}
		if !s.sdk.fips || !s.sdk.dualStack || s.sdk.caBundle != "/ca.pem" {
			t.Errorf("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS=%s: FIPS %t, dual stack %t, bundle %q", ignore, s.sdk.fips, s.sdk.dualStack, s.sdk.caBundle)
		}
	}
}

// TestAllMistakes checks that one start is enough to see all that is wrong.
func TestAllMistakes(t *testing.T) {
	t.Parallel()
	_, _, mistakes := readSettings([]string{
		"AWS_REGION=evil.com/x", "AWS_USE_FIPS_ENDPOINT=maybe",
		"LARDER_SCAN_ENV=yes", "LARDER_INIT_TIMEOUT=soon", "LARDER_ON_INIT_FAILURE=x", "LARDER_CACHE_BYTES=lots", "LARDER_DECLARED_ONLY=x",
		"LARDER_PREFETCH=secretsmanager://a b ssm://c/d",
		"DB=secretsmanager://a b", "API_KEY=ssm:///x?colour=red",
	})
	want := []string{
		"LARDER_SCAN_ENV", "LARDER_INIT_TIMEOUT", "LARDER_ON_INIT_FAILURE", "LARDER_CACHE_BYTES", "LARDER_DECLARED_ONLY",
		"AWS_REGION", "AWS_SESSION_TOKEN", "AWS_USE_FIPS_ENDPOINT",
		"API_KEY", "DB", "LARDER_PREFETCH, item 2", "LARDER_PREFETCH, item 3",
	}
	var names []string
	for _, m := range mistakes {
		name, _, _ := strings.Cut(m.Error(), ":")
		names = append(names, name)
	}
	if !slices.Equal(names, want) {
		t.Errorf("the mistakes are those of %q, want %q", names, want)
	}
}

// TestNoEcho checks that no value is repeated: somebody may have put a secret
// into the wrong variable.
func TestNoEcho(t *testing.T) {
	t.Parallel()
	const canary = "hunter2-Tr0ub4dor"
	names := []string{
		"AWS_REGION", "AWS_USE_FIPS_ENDPOINT", "AWS_USE_DUALSTACK_ENDPOINT", "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS",
		"PARAMETERS_AND_SECRETS_EXTENSION_CACHE_SIZE", "LARDER_UNKNOWN",
	}
	for _, v := range variables() {
		names = append(names, v.name)
	}
	for _, name := range names {
		for _, value := range []string{canary, "5" + canary, canary + "5", "5m " + canary, "true," + canary} {
			_, warnings, mistakes := readSettings(function(name + "=" + value))
			if len(warnings)+len(mistakes) == 0 {
				t.Errorf("%s with a text that means nothing gives neither a warning nor a mistake", name)
			}
			if strings.Contains(text(warnings)+text(mistakes), canary) {
				t.Errorf("%s: the value is in the warnings or mistakes", name)
			}
		}
	}
}

func TestTooManyDeclared(t *testing.T) {
	t.Parallel()
	const three = "LARDER_PREFETCH=secretsmanager://a secretsmanager://a#x secretsmanager://b ssm:///c"
	tests := []struct {
		environ []string
		ok      bool
	}{
		{[]string{three, "PARAMETERS_SECRETS_EXTENSION_CACHE_SIZE=3"}, true}, // two fields of one secret take one place
		{[]string{three, "PARAMETERS_SECRETS_EXTENSION_CACHE_SIZE=2"}, false},
		{[]string{three, "PARAMETERS_SECRETS_EXTENSION_CACHE_SIZE=2", "X=ssm:///d"}, false},
		{[]string{three, "PARAMETERS_SECRETS_EXTENSION_CACHE_SIZE=0"}, true}, // nothing is kept, so nothing has to fit
		{[]string{three, "PARAMETERS_SECRETS_EXTENSION_CACHE_SIZE=2", "PARAMETERS_SECRETS_EXTENSION_CACHE_ENABLED=false"}, true},
	}
	for _, test := range tests {
		s, _, mistakes := readSettings(function(test.environ...))
		if ok := len(mistakes) == 0; ok != test.ok || !ok && !strings.Contains(text(mistakes), "CACHE_SIZE") {
			t.Errorf("%q: mistakes %q, want none: %t", test.environ, text(mistakes), test.ok)
		}
		if n := len(manifest.Keys(s.declarations)); n < 3 {
			t.Errorf("%q: %d keys, want three or more", test.environ, n)
		}
	}
}
