package main

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
)

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
		{"SnapStart", []string{"AWS_REGION=eu-west-1", "AWS_CONTAINER_CREDENTIALS_FULL_URI=http://169.254.100.1:9001/2021-04-23/credentials", "AWS_CONTAINER_AUTHORIZATION_TOKEN=t"}, "eu-west-1", nil},
		{"SnapStart without its token", []string{"AWS_REGION=eu-west-1", "AWS_CONTAINER_CREDENTIALS_FULL_URI=http://127.0.0.1", "AWS_CONTAINER_AUTHORIZATION_TOKEN= "}, "eu-west-1", []string{"AWS_CONTAINER_AUTHORIZATION_TOKEN"}},
		{"SnapStart without its address", []string{"AWS_REGION=eu-west-1", "AWS_CONTAINER_AUTHORIZATION_TOKEN=t"}, "eu-west-1", []string{"AWS_SESSION_TOKEN"}},
		{"SnapStart beside keys", []string{"AWS_REGION=eu-west-1", "AWS_ACCESS_KEY_ID=i", "AWS_SECRET_ACCESS_KEY=k", "AWS_CONTAINER_CREDENTIALS_FULL_URI=http://x", "AWS_CONTAINER_AUTHORIZATION_TOKEN=t"}, "eu-west-1", []string{"AWS_SESSION_TOKEN"}},
		{"SnapStart at no address", []string{"AWS_REGION=eu-west-1", "AWS_CONTAINER_CREDENTIALS_FULL_URI=169.254.100.1:9001", "AWS_CONTAINER_AUTHORIZATION_TOKEN=t"}, "eu-west-1", []string{"AWS_CONTAINER_CREDENTIALS_FULL_URI"}},
		{"bad words", []string{
			"AWS_REGION=eu-west-1", "AWS_SESSION_TOKEN=t",
			"AWS_USE_FIPS_ENDPOINT=1", "AWS_USE_DUALSTACK_ENDPOINT=yes", "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS=x",
		}, "eu-west-1", []string{"AWS_USE_FIPS_ENDPOINT", "AWS_USE_DUALSTACK_ENDPOINT", "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS"}},
	}
	for _, test := range tests {
		s, warnings, mistakes := readSettings(test.environ)
		if s.region != test.region || !slices.Equal(names(mistakes), test.mistakes) || len(warnings) > 0 {
			t.Errorf("%s: Region %q, mistakes %q, warnings %q, want %q and %v", test.name, s.region, text(mistakes), text(warnings), test.region, test.mistakes)
		}
	}
}

func TestVariants(t *testing.T) {
	t.Parallel()
	s, _, mistakes := readSettings(function("AWS_USE_FIPS_ENDPOINT=TRUE", "AWS_USE_DUALSTACK_ENDPOINT=true"))
	if !s.sdk.fips || !s.sdk.dualStack || len(mistakes) > 0 {
		t.Errorf("FIPS %t, dual stack %t, mistakes %q, want both and no mistake", s.sdk.fips, s.sdk.dualStack, text(mistakes))
	}
}

func TestEndpoints(t *testing.T) {
	t.Parallel()
	const all, secrets, ssm, sts = "AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_SECRETS_MANAGER", "AWS_ENDPOINT_URL_SSM", "AWS_ENDPOINT_URL_STS"
	each := []string{all + "=http://all.test", secrets + "=https://secrets.test:8443/path", ssm + "=HTTP://[::1]:4566", sts + "=http://sts.test"}
	values := [...]string{"http://all.test", "https://secrets.test:8443/path", "HTTP://[::1]:4566", "http://sts.test"}
	tests := []struct {
		name     string
		environ  []string
		want     [4]string
		mistakes []string // the variables
	}{
		{"one each", each, values, nil},
		{"not ignored", append([]string{"AWS_IGNORE_CONFIGURED_ENDPOINT_URLS=false"}, each...), values, nil},
		{"ignored", append([]string{"AWS_IGNORE_CONFIGURED_ENDPOINT_URLS=TRUE"}, each...), [4]string{}, nil},
		{"empty", []string{all + "=", secrets + "=", ssm + "=", sts + "="}, [4]string{}, nil},
		{"with FIPS", append([]string{"AWS_USE_FIPS_ENDPOINT=true"}, each...), values, []string{all, secrets, ssm, sts}},
		{"one with dual stack", []string{"AWS_USE_DUALSTACK_ENDPOINT=true", ssm + "=http://x"}, [4]string{2: "http://x"}, []string{ssm}},
		{"ignored with FIPS", []string{"AWS_USE_FIPS_ENDPOINT=true", "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS=true", all + "=http://x"}, [4]string{}, nil},
		{"bad ones, ignored", []string{"AWS_IGNORE_CONFIGURED_ENDPOINT_URLS=true", all + "=x"}, [4]string{}, nil},
		{"bad ones", []string{all + "=localhost:4566", secrets + "=ftp://x", ssm + "=http://", sts + "=sts.test"},
			[4]string{"localhost:4566", "ftp://x", "http://", "sts.test"}, []string{all, secrets, ssm, sts}},
		{"worse ones", []string{all + "=http://%zz", secrets + "=https:/x", ssm + "=http://:80"},
			[4]string{"http://%zz", "https:/x", "http://:80"}, []string{all, secrets, ssm}},
	}
	for _, test := range tests {
		s, _, mistakes := readSettings(function(test.environ...))
		if got := [...]string{s.sdk.endpoint, s.sdk.secretsManager, s.sdk.ssm, s.sdk.sts}; got != test.want || !slices.Equal(names(mistakes), test.mistakes) {
			t.Errorf("%s: endpoints %q, mistakes %q, want %q and %q", test.name, got, text(mistakes), test.want, test.mistakes)
		}
	}
}

// TestCABundle checks that a file that cannot be read is told at once, and that
// looking at it waits for nobody.
func TestCABundle(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	pipe, file, link := filepath.Join(folder, "pipe"), filepath.Join(folder, "file"), filepath.Join(folder, "link")
	if err := syscall.Mkfifo(pipe, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(file, link); err != nil {
		t.Fatal(err)
	}
	locked := filepath.Join(folder, "locked")
	if err := os.WriteFile(locked, nil, 0); err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		path, mistake string // part of it; empty for none
	}{
		{"", ""}, {file, ""}, {link, ""},
		{filepath.Join(folder, "missing"), "no such file"}, {filepath.Join(file, "x"), "not a directory"},
		{folder, "not a regular file"}, {pipe, "not a regular file"},
	}
	if os.Getuid() != 0 { // whom permissions do not stop
		tests = append(tests, struct{ path, mistake string }{locked, "permission denied"})
	}
	for _, test := range tests {
		s, _, mistakes := readSettings(function("AWS_CA_BUNDLE=" + test.path))
		if s.sdk.caBundle != test.path {
			t.Errorf("AWS_CA_BUNDLE=%s is read as %q", test.path, s.sdk.caBundle)
		}
		if said := text(mistakes); (said == "") != (test.mistake == "") || !strings.Contains(said, test.mistake) || strings.Contains(said, folder) {
			t.Errorf("AWS_CA_BUNDLE=%s: mistakes %q, want %q, without the path", test.path, said, test.mistake)
		}
	}
}

// Every setting reaches the package that asks AWS.
func TestSourceConfig(t *testing.T) {
	t.Parallel()
	s, _, mistakes := readSettings(function(
		"AWS_ACCESS_KEY_ID=id", "AWS_SECRET_ACCESS_KEY=key", "AWS_SESSION_TOKEN=token",
		"AWS_CONTAINER_CREDENTIALS_FULL_URI=http://container", "AWS_CONTAINER_AUTHORIZATION_TOKEN=authorization",
		"AWS_ENDPOINT_URL=http://all", "AWS_ENDPOINT_URL_SECRETS_MANAGER=http://secrets", "AWS_ENDPOINT_URL_SSM=http://parameters", "AWS_ENDPOINT_URL_STS=http://sts", "AWS_LAMBDA_FUNCTION_NAME=orders",
		"PARAMETERS_SECRETS_EXTENSION_MAX_CONNECTIONS=7", "SECRETS_MANAGER_TIMEOUT_MILLIS=100", "SSM_PARAMETER_STORE_TIMEOUT_MILLIS=200",
	))
	if len(mistakes) > 0 {
		t.Fatalf("mistakes: %v", mistakes)
	}
	got := s.source()
	for name, ok := range map[string]bool{
		"AccessKeyID":            got.AccessKeyID == "id",
		"SecretAccessKey":        string(got.SecretAccessKey.Reveal()) == "key",
		"SessionToken":           string(got.SessionToken.Reveal()) == "token",
		"ContainerURI":           got.ContainerURI == "http://container",
		"ContainerToken":         string(got.ContainerToken.Reveal()) == "authorization",
		"Region":                 got.Region == "eu-west-1",
		"FunctionName":           got.FunctionName == "orders",
		"Endpoint":               got.Endpoint == "http://all",
		"SecretsManagerEndpoint": got.SecretsManagerEndpoint == "http://secrets",
		"ParameterStoreEndpoint": got.ParameterStoreEndpoint == "http://parameters",
		"STSEndpoint":            got.STSEndpoint == "http://sts",
		"Proxy":                  got.Proxy != nil,
		"MaxConnections":         got.MaxConnections == 7,
		"SecretsManagerTimeout":  got.SecretsManagerTimeout == 100*time.Millisecond,
		"ParameterStoreTimeout":  got.ParameterStoreTimeout == 200*time.Millisecond,
	} {
		if !ok {
			t.Errorf("%s is not what the environment says", name)
		}
	}
	bundle := filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(bundle, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	s, _, _ = readSettings(function("AWS_USE_FIPS_ENDPOINT=true", "AWS_USE_DUALSTACK_ENDPOINT=true", "AWS_CA_BUNDLE="+bundle))
	if got.Ephemeral {
		t.Error("Ephemeral without SnapStart")
	}
	if s, _, _ := readSettings(function("AWS_LAMBDA_INITIALIZATION_TYPE=snap-start")); !s.source().Ephemeral {
		t.Error("not Ephemeral with SnapStart")
	}
	if got := s.source(); !got.FIPS || !got.DualStack || got.CABundle != bundle {
		t.Errorf("FIPS = %t, DualStack = %t, CABundle = %q, want what the environment says", got.FIPS, got.DualStack, got.CABundle)
	}
}
