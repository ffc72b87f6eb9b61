package main

import (
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"net/url"
	"os"
	"strings"

	"larder/secret"
	"larder/source"
)

// sdkSettings are the SDK's own variables, under the SDK's names and meaning.
type sdkSettings struct {
	accessKeyID                      string
	secretAccessKey, sessionToken    secret.Value
	endpoint, secretsManager, ssm    string
	fips, dualStack, ignoreEndpoints bool
	caBundle                         string
}

// readPlatform reads what is not ours: variables of Lambda and of the SDK.
func (s *settings) readPlatform(env map[string]string) (mistakes []error) {
	s.runtimeAPI = env["AWS_LAMBDA_RUNTIME_API"]
	s.json = strings.EqualFold(env["AWS_LAMBDA_LOG_FORMAT"], "JSON")
	if s.region = env["AWS_REGION"]; s.region == "" {
		s.region = env["AWS_DEFAULT_REGION"]
	}
	if err := secret.CheckRegion(s.region); err != nil {
		mistakes = append(mistakes, fmt.Errorf("AWS_REGION: %w", err))
		s.region = "unknown" // lets the references be checked all the same
	}
	if strings.TrimSpace(env["AWS_SESSION_TOKEN"]) == "" {
		mistakes = append(mistakes, errors.New("AWS_SESSION_TOKEN: it is empty, so no reader could prove that it is the function"))
	}
	return append(mistakes, s.sdk.read(env)...)
}

func (s *sdkSettings) read(env map[string]string) (mistakes []error) {
	s.accessKeyID = env["AWS_ACCESS_KEY_ID"]
	s.secretAccessKey = secret.NewValue([]byte(env["AWS_SECRET_ACCESS_KEY"]))
	s.sessionToken = secret.NewValue([]byte(env["AWS_SESSION_TOKEN"]))
	for _, v := range []struct {
		name string
		into *bool
	}{
		{"AWS_USE_FIPS_ENDPOINT", &s.fips},
		{"AWS_USE_DUALSTACK_ENDPOINT", &s.dualStack},
		{"AWS_IGNORE_CONFIGURED_ENDPOINT_URLS", &s.ignoreEndpoints},
	} {
		if text := env[v.name]; text != "" {
			var err error
			if *v.into, err = truth(text); err != nil {
				mistakes = append(mistakes, fmt.Errorf("%s: %w", v.name, err))
			}
		}
	}
	if !s.ignoreEndpoints {
		mistakes = append(mistakes, s.readEndpoints(env)...)
	}
	if s.caBundle = env["AWS_CA_BUNDLE"]; s.caBundle != "" {
		if err := checkFile(s.caBundle); err != nil {
			mistakes = append(mistakes, fmt.Errorf("AWS_CA_BUNDLE: %w", err))
		}
	}
	return mistakes
}

// readEndpoints reads the endpoints that replace AWS's. The SDK refuses them
// together with a variant of AWS's own, but not before the first call.
func (s *sdkSettings) readEndpoints(env map[string]string) (mistakes []error) {
	for _, v := range []struct {
		name string
		into *string
	}{
		{"AWS_ENDPOINT_URL", &s.endpoint},
		{"AWS_ENDPOINT_URL_SECRETS_MANAGER", &s.secretsManager},
		{"AWS_ENDPOINT_URL_SSM", &s.ssm},
	} {
		if *v.into = env[v.name]; *v.into == "" {
			continue
		}
		u, err := url.Parse(*v.into)
		switch {
		case err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Hostname() == "": // err repeats the value
			mistakes = append(mistakes, fmt.Errorf("%s: write a URL that starts with http:// or https:// and has a host", v.name))
		case s.fips || s.dualStack:
			mistakes = append(mistakes, fmt.Errorf("%s: an endpoint excludes AWS_USE_FIPS_ENDPOINT and AWS_USE_DUALSTACK_ENDPOINT: unset it or them", v.name))
		}
	}
	return mistakes
}

// checkFile reports why a file cannot be read, without its path. What it holds is
// looked at after register.
func checkFile(path string) error {
	info, err := os.Stat(path)
	switch {
	case err != nil:
	case !info.Mode().IsRegular(): // opening a pipe would wait for who writes to it
		return errors.New("it is not a regular file")
	default:
		var file *os.File
		if file, err = os.Open(path); err == nil {
			return file.Close()
		}
	}
	if e, ok := errors.AsType[*fs.PathError](err); ok {
		err = e.Err
	}
	return fmt.Errorf("the file cannot be opened: %w", err)
}

// source returns what package source needs of the settings.
func (s *settings) source() source.Config {
	return source.Config{
		AccessKeyID:            s.sdk.accessKeyID,
		SecretAccessKey:        s.sdk.secretAccessKey,
		SessionToken:           s.sdk.sessionToken,
		Endpoint:               s.sdk.endpoint,
		SecretsManagerEndpoint: s.sdk.secretsManager,
		ParameterStoreEndpoint: s.sdk.ssm,
		FIPS:                   s.sdk.fips,
		DualStack:              s.sdk.dualStack,
		CABundle:               s.sdk.caBundle,
		Proxy:                  http.ProxyFromEnvironment,
		MaxConnections:         s.maxConnections,
		SecretsManagerTimeout:  s.timeout[secret.SecretsManager],
		ParameterStoreTimeout:  s.timeout[secret.ParameterStore],
	}
}
