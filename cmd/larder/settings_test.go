package main

import (
	"errors"
	"fmt"
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

// names returns the variables that mistakes begin with.
func names(mistakes []error) []string {
	var names []string
	for _, m := range mistakes {
		name, _, _ := strings.Cut(m.Error(), ":")
		names = append(names, name)
	}
	return names
}

// TestAllMistakes checks that one start is enough to see all that is wrong.
func TestAllMistakes(t *testing.T) {
	t.Parallel()
	_, _, mistakes := readSettings([]string{
		"AWS_REGION=evil.com/x", "AWS_USE_FIPS_ENDPOINT=maybe", "AWS_ENDPOINT_URL=localhost", "AWS_CA_BUNDLE=/no/such/file",
		"LARDER_SCAN_ENV=yes", "LARDER_INIT_TIMEOUT=soon", "LARDER_ON_INIT_FAILURE=x", "LARDER_MAX_STALE=never", "LARDER_CACHE_BYTES=lots", "LARDER_DECLARED_ONLY=x",
		"LARDER_PREFETCH=secretsmanager://a b ssm://c/d",
		"DB=secretsmanager://a b", "API_KEY=ssm:///x?colour=red",
	})
	want := []string{
		"LARDER_SCAN_ENV", "LARDER_INIT_TIMEOUT", "LARDER_ON_INIT_FAILURE", "LARDER_MAX_STALE", "LARDER_CACHE_BYTES", "LARDER_DECLARED_ONLY",
		"AWS_REGION", "AWS_USE_FIPS_ENDPOINT", "AWS_ENDPOINT_URL", "AWS_CA_BUNDLE", "AWS_SESSION_TOKEN",
		"API_KEY", "DB", "LARDER_PREFETCH, item 2", "LARDER_PREFETCH, item 3",
	}
	if got := names(mistakes); !slices.Equal(got, want) {
		t.Errorf("the mistakes are those of %q, want %q", got, want)
	}
}

// TestNoEcho checks that no value is repeated: somebody may have put a secret
// into the wrong variable.
func TestNoEcho(t *testing.T) {
	t.Parallel()
	const canary = "hunter2-Tr0ub4dor"
	names := []string{
		"AWS_REGION", "AWS_USE_FIPS_ENDPOINT", "AWS_USE_DUALSTACK_ENDPOINT", "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS",
		"AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_SECRETS_MANAGER", "AWS_ENDPOINT_URL_SSM", "AWS_ENDPOINT_URL_STS", "AWS_CA_BUNDLE",
		"PARAMETERS_AND_SECRETS_EXTENSION_CACHE_SIZE", "LARDER_UNKNOWN",
	}
	for _, v := range variables() {
		names = append(names, v.name)
	}
	for _, name := range names {
		for _, value := range []string{canary, "5" + canary, "%" + canary, canary + "5", "5m " + canary, "true," + canary} {
			_, warnings, mistakes := readSettings(function(name + "=" + value))
			if len(warnings)+len(mistakes) == 0 && name != "LARDER_NEXT_WRAPPER" { // which may have any name
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

func TestTooManyRoles(t *testing.T) {
	t.Parallel()
	environ := func(roles int) []string {
		all := function("OWN=secretsmanager://a", "LARDER_PREFETCH=ssm:///a?role=arn:aws:iam::123456789012:role/0")
		for n := range roles {
			all = append(all, fmt.Sprintf("S%d=secretsmanager://a?role=arn:aws:iam::123456789012:role/%d", n, n))
		}
		return all
	}
	if _, _, mistakes := readSettings(environ(20)); len(mistakes) > 0 {
		t.Errorf("20 roles: %q, want no mistake", text(mistakes))
	}
	_, _, mistakes := readSettings(environ(21))
	if len(mistakes) != 1 || !strings.Contains(text(mistakes), "the references name 21 roles, and one environment can use 20") {
		t.Errorf("21 roles: %q, want the numbers", text(mistakes))
	}
}
