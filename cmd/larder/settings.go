package main

import (
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"time"

	"larder/manifest"
	"larder/secret"
)

// settings is everything that the environment says, validated. Nothing else
// reads the environment.
type settings struct {
	// The settings of the tables in variables.go.
	cacheEnabled   bool
	entries        int
	port           int
	level          slog.Level
	maxConnections int
	ttl            map[secret.Service]time.Duration
	timeout        map[secret.Service]time.Duration
	scan           bool
	initTimeout    time.Duration
	warn           bool
	cacheBytes     int
	declaredOnly   bool

	// What Lambda and the SDK's users set.
	runtimeAPI string
	region     string
	json       bool
	sdk        sdkSettings

	declarations []manifest.Declaration
}

// sdkSettings are the SDK's own variables, under the SDK's names and meaning.
type sdkSettings struct {
	accessKeyID                      string
	secretAccessKey, sessionToken    secret.Value
	endpoint, secretsManager, ssm    string
	fips, dualStack, ignoreEndpoints bool
	caBundle                         string
}

// readSettings reads the environment. Warnings are about values that were
// replaced, mistakes about values that nothing can be made of: with one of those
// the extension must not start.
func readSettings(environ []string) (s settings, warnings, mistakes []error) {
	env := make(map[string]string, len(environ))
	for _, item := range environ {
		name, value, _ := strings.Cut(item, "=")
		env[name] = value
	}
	s.ttl = make(map[secret.Service]time.Duration)
	s.timeout = make(map[secret.Service]time.Duration)
	for _, v := range variables() {
		warning, mistake := v.read(&s, env)
		warnings, mistakes = add(warnings, warning), add(mistakes, mistake)
	}
	for _, name := range slices.Sorted(maps.Keys(env)) {
		warnings = add(warnings, unknownVariable(name))
	}
	mistakes = append(mistakes, s.readPlatform(env)...)

	var wrong []error
	s.declarations, wrong = manifest.Find(environ, s.scan, s.region)
	mistakes = append(mistakes, wrong...)
	if !s.cacheEnabled {
		s.entries = 0
	}
	if n := len(manifest.Keys(s.declarations)); s.entries > 0 && n > s.entries {
		mistakes = append(mistakes, fmt.Errorf("%sCACHE_SIZE: %d secrets and parameters are declared, and the cache has room for %d", awsPrefix, n, s.entries))
	}
	return s, warnings, mistakes
}

func add(list []error, err error) []error {
	if err == nil {
		return list
	}
	return append(list, err)
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
	s.sdk = sdkSettings{
		accessKeyID:     env["AWS_ACCESS_KEY_ID"],
		secretAccessKey: secret.NewValue([]byte(env["AWS_SECRET_ACCESS_KEY"])),
		sessionToken:    secret.NewValue([]byte(env["AWS_SESSION_TOKEN"])),
		endpoint:        env["AWS_ENDPOINT_URL"],
		secretsManager:  env["AWS_ENDPOINT_URL_SECRETS_MANAGER"],
		ssm:             env["AWS_ENDPOINT_URL_SSM"],
		caBundle:        env["AWS_CA_BUNDLE"],
	}
	for _, v := range []struct {
		name string
		into *bool
	}{
		{"AWS_USE_FIPS_ENDPOINT", &s.sdk.fips},
		{"AWS_USE_DUALSTACK_ENDPOINT", &s.sdk.dualStack},
		{"AWS_IGNORE_CONFIGURED_ENDPOINT_URLS", &s.sdk.ignoreEndpoints},
	} {
		if text := env[v.name]; text != "" {
			var err error
			if *v.into, err = truth(text); err != nil {
				mistakes = append(mistakes, fmt.Errorf("%s: %w", v.name, err))
			}
		}
	}
	if s.sdk.ignoreEndpoints {
		s.sdk.endpoint, s.sdk.secretsManager, s.sdk.ssm = "", "", ""
	}
	return mistakes
}
