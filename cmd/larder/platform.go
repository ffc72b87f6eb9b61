package main

import (
	"errors"
	"fmt"
	"io"
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
	containerURI                     string
	containerToken                   secret.Value
	token                            secret.Value // of AWS_TOKEN
	endpoint                         string
	secretsManager, ssm, sts         string // endpoints that come before it
	fips, dualStack, ignoreEndpoints bool
	caBundle                         string
}

// readPlatform reads what is not ours: variables of Lambda and of the SDK.
func (s *settings) readPlatform(env map[string]string) (warnings, mistakes []error) {
	s.runtimeAPI = env["AWS_LAMBDA_RUNTIME_API"]
	s.functionName = env["AWS_LAMBDA_FUNCTION_NAME"]
	s.version = env["AWS_LAMBDA_FUNCTION_VERSION"]
	s.memory, _ = number(env["AWS_LAMBDA_FUNCTION_MEMORY_SIZE"], 0, maxMemory)
	s.json = strings.EqualFold(env["AWS_LAMBDA_LOG_FORMAT"], "JSON")
	if s.region = env["AWS_REGION"]; s.region == "" {
		s.region = env["AWS_DEFAULT_REGION"]
	}
	if err := secret.CheckRegion(s.region); err != nil {
		mistakes = append(mistakes, fmt.Errorf("AWS_REGION: %w", err))
		s.region = "unknown" // lets the references be checked all the same
	}
	mistakes = append(mistakes, s.sdk.read(env)...)
	warning, mistake := s.sdk.readToken(env[tokenVariable])
	mistakes = add(mistakes, mistake)
	return add(warnings, warning), add(mistakes, s.sdk.checkToken())
}

func (s *sdkSettings) read(env map[string]string) (mistakes []error) {
	s.accessKeyID = env["AWS_ACCESS_KEY_ID"]
	s.secretAccessKey = secret.NewValue([]byte(env["AWS_SECRET_ACCESS_KEY"]))
	s.sessionToken = secret.NewValue([]byte(env["AWS_SESSION_TOKEN"]))
	s.containerToken = secret.NewValue([]byte(env["AWS_CONTAINER_AUTHORIZATION_TOKEN"]))
	if s.containerURI = env["AWS_CONTAINER_CREDENTIALS_FULL_URI"]; s.containerURI != "" {
		mistakes = add(mistakes, checkURL("AWS_CONTAINER_CREDENTIALS_FULL_URI", s.containerURI))
	}
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
		{"AWS_ENDPOINT_URL_STS", &s.sts},
	} {
		if *v.into = env[v.name]; *v.into == "" {
			continue
		}
		err := checkURL(v.name, *v.into)
		if err == nil && (s.fips || s.dualStack) {
			err = fmt.Errorf("%s: an endpoint excludes AWS_USE_FIPS_ENDPOINT and AWS_USE_DUALSTACK_ENDPOINT: unset it or them", v.name)
		}
		mistakes = add(mistakes, err)
	}
	return mistakes
}

// checkURL looks at what is called over HTTP, and never repeats it: it may hold a
// password.
func checkURL(variable, text string) error {
	if u, err := url.Parse(text); err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Hostname() == "" {
		return fmt.Errorf("%s: write a URL that starts with http:// or https:// and has a host", variable)
	}
	return nil
}

// checkFile reports why a file cannot be read, without its path. What it holds is
// looked at after register.
func checkFile(path string) error {
	file, err := openRegular(path)
	if err != nil {
		return err
	}
	return file.Close()
}

// readRegular returns what a file holds. Its errors are without the path.
func readRegular(path string, most int64) ([]byte, error) {
	file, err := openRegular(path)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	content, err := io.ReadAll(io.LimitReader(file, most+1))
	switch {
	case err != nil:
		return nil, errors.New("the file cannot be read")
	case int64(len(content)) > most:
		return nil, fmt.Errorf("the file has more than %d bytes", most)
	}
	return content, nil
}

func openRegular(path string) (*os.File, error) {
	info, err := os.Stat(path)
	switch {
	case err != nil:
	case !info.Mode().IsRegular(): // opening a pipe would wait for who writes to it
		return nil, errors.New("it is not a regular file")
	default:
		var file *os.File
		if file, err = os.Open(path); err == nil {
			return file, nil
		}
	}
	if e, ok := errors.AsType[*fs.PathError](err); ok {
		err = e.Err
	}
	return nil, fmt.Errorf("the file cannot be opened: %w", err)
}

// source returns what package source needs of the settings.
func (s *settings) source() source.Config {
	return source.Config{
		AccessKeyID:            s.sdk.accessKeyID,
		SecretAccessKey:        s.sdk.secretAccessKey,
		SessionToken:           s.sdk.sessionToken,
		ContainerURI:           s.sdk.containerURI,
		ContainerToken:         s.sdk.containerToken,
		Token:                  s.sdk.token,
		Ephemeral:              s.mode == snapStart,
		Region:                 s.region,
		FunctionName:           s.functionName,
		Roles:                  roles(s.declarations),
		Endpoint:               s.sdk.endpoint,
		SecretsManagerEndpoint: s.sdk.secretsManager,
		ParameterStoreEndpoint: s.sdk.ssm,
		STSEndpoint:            s.sdk.sts,
		FIPS:                   s.sdk.fips,
		DualStack:              s.sdk.dualStack,
		CABundle:               s.sdk.caBundle,
		Proxy:                  http.ProxyFromEnvironment,
		MaxConnections:         s.maxConnections,
		SecretsManagerTimeout:  s.timeout[secret.SecretsManager],
		ParameterStoreTimeout:  s.timeout[secret.ParameterStore],
	}
}
