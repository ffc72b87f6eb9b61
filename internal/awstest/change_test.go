package awstest_test

import (
	"errors"
	"slices"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
	"github.com/aws/smithy-go"

	"larder/internal/awstest"
)

// seen is what a client gets for a secret or a parameter.
type seen struct{ arn, version, value, code string }

func (f fixture) secret(t *testing.T, id, stage string) seen {
	t.Helper()
	in := &secretsmanager.GetSecretValueInput{SecretId: &id}
	if stage != "" {
		in.VersionStage = &stage
	}
	out, err := f.secrets(region).GetSecretValue(t.Context(), in)
	if err != nil {
		return seen{code: code(t, err)}
	}
	return seen{arn: *out.ARN, version: *out.VersionId, value: *out.SecretString}
}

func (f fixture) parameter(t *testing.T, name string) (value seen, kind string, version int64) {
	t.Helper()
	decrypt := true
	out, err := f.parameters(region).GetParameter(t.Context(), &ssm.GetParameterInput{Name: &name, WithDecryption: &decrypt})
	if err != nil {
		return seen{code: code(t, err)}, "", 0
	}
	return seen{arn: *out.Parameter.ARN, value: *out.Parameter.Value}, string(out.Parameter.Type), out.Parameter.Version
}

func code(t *testing.T, err error) string {
	t.Helper()
	api, ok := errors.AsType[smithy.APIError](err)
	if !ok {
		t.Fatalf("%v, want an error of the API", err)
	}
	return api.ErrorCode()
}

func (f fixture) change(t *testing.T, cfg awstest.Config) {
	t.Helper()
	if err := f.Change(cfg); err != nil {
		t.Fatalf("Change: %v", err)
	}
}

func secrets(entries map[string]awstest.Secret) awstest.Config {
	return awstest.Config{Secrets: entries}
}

func parameters(entries map[string]awstest.Parameter) awstest.Config {
	return awstest.Config{Parameters: entries}
}

func TestChangeRotatesSecret(t *testing.T) {
	t.Parallel()
	srv := start(t, secrets(map[string]awstest.Secret{"s": {String: "one", Suffix: "AbCdEf"}, "same": {String: "v"}}))
	first, same := srv.secret(t, "s", ""), srv.secret(t, "same", "")
	srv.change(t, secrets(map[string]awstest.Secret{"s": {String: "two"}, "same": {String: "v"}}))

	current, previous := srv.secret(t, "s", ""), srv.secret(t, "s", "AWSPREVIOUS")
	if current.value != "two" || current.arn != first.arn || current.version == first.version {
		t.Errorf("after the change: %s %s with another value (%t), want a new version of %s",
			current.arn, current.version, current.value != "two", first.arn)
	}
	if previous != first {
		t.Errorf("AWSPREVIOUS is %s, want the version before, %s", previous.version, first.version)
	}
	if got := srv.secret(t, "same", ""); got != same {
		t.Errorf("what did not change is version %s now, was %s", got.version, same.version)
	}

	pending := awstest.Secret{Versions: []awstest.SecretVersion{
		{ID: "b", Stages: []string{"AWSCURRENT"}, String: "two"}, {ID: "c", Stages: []string{"AWSPENDING"}, String: "three"}}}
	for range 2 { // the second one says nothing new
		srv.change(t, secrets(map[string]awstest.Secret{"s": pending}))
		if got := srv.secret(t, "s", "AWSPENDING"); got.value != "three" || got.version != "c" || got.arn != first.arn {
			t.Errorf("AWSPENDING is %s of %s, want c of %s", got.version, got.arn, first.arn)
		}
	}
	if got := srv.secret(t, "same", ""); got.code != "ResourceNotFoundException" {
		t.Errorf("a secret that is not in the change: %q, want ResourceNotFoundException", got.code)
	}
}

func TestChangeMakesSecretAnew(t *testing.T) {
	t.Parallel()
	entry := awstest.Secret{String: "v"}
	suffixed := awstest.Secret{String: "v", Suffix: "AbCdEf"}
	tests := []struct {
		what  string
		steps []awstest.Config
	}{
		{"another suffix", []awstest.Config{secrets(map[string]awstest.Secret{"s": suffixed})}},
		{"deleted in between", []awstest.Config{{}, secrets(map[string]awstest.Secret{"s": entry})}},
		{"another entry of the name", []awstest.Config{secrets(map[string]awstest.Secret{"t": {Name: "s", String: "v"}})}},
	}
	for _, tt := range tests {
		srv := start(t, secrets(map[string]awstest.Secret{"s": entry}))
		first := srv.secret(t, "s", "")
		for _, step := range tt.steps {
			srv.change(t, step)
		}
		got := srv.secret(t, "s", "")
		if got.arn == first.arn || got.version == first.version || got.code != "" {
			t.Errorf("%s: version %s of %s (%s), want another one of another ARN than %s", tt.what, got.version, got.arn, got.code, first.arn)
		}
		if old := srv.secret(t, first.arn, ""); old.code != "ResourceNotFoundException" {
			t.Errorf("%s: the old ARN gives %q, want ResourceNotFoundException", tt.what, old.code)
		}
		if previous := srv.secret(t, "s", "AWSPREVIOUS"); previous.code != "ResourceNotFoundException" {
			t.Errorf("%s: AWSPREVIOUS gives %q, want ResourceNotFoundException", tt.what, previous.code)
		}
	}
}

func TestChangeParameters(t *testing.T) {
	t.Parallel()
	srv := start(t, parameters(map[string]awstest.Parameter{
		"/next": {Value: "one"}, "/same": {Value: "v", Labels: []string{"l"}}, "/type": {Value: "v"}, "/gone": {Value: "v"}}))
	srv.change(t, parameters(map[string]awstest.Parameter{
		"/next": {Value: "two"}, "/same": {Value: "v", Labels: []string{"l"}}, "/type": {Value: "v2", Type: "SecureString"}, "/new": {Value: "v"}}))
	tests := []struct {
		name, value, kind, code string
		version                 int64
	}{
		{name: "/next", value: "two", kind: "String", version: 2},
		{name: "/next:1", value: "one", kind: "String", version: 1},
		{name: "/same:l", value: "v", kind: "String", version: 1},
		{name: "/type", value: "v2", kind: "SecureString", version: 1},
		{name: "/new", value: "v", kind: "String", version: 1},
		{name: "/gone", code: "ParameterNotFound"},
		{name: "/same:2", code: "ParameterVersionNotFound"},
	}
	for _, tt := range tests {
		got, kind, version := srv.parameter(t, tt.name)
		if got.value != tt.value || kind != tt.kind || version != tt.version || got.code != tt.code {
			t.Errorf("%s is version %d, a %s (%s), its value right: %t; want version %d, a %s (%s)",
				tt.name, version, kind, got.code, got.value == tt.value, tt.version, tt.kind, tt.code)
		}
	}
}

func TestChangeReplacesPolicyAndFaults(t *testing.T) {
	t.Parallel()
	srv := start(t, awstest.Config{
		Secrets: map[string]awstest.Secret{"s": {String: "v"}},
		Policy:  &awstest.Policy{Statement: []awstest.Statement{{Effect: "Deny", Action: []string{"*"}, Resource: []string{"*"}}}},
		Faults:  []awstest.Fault{{Code: "ThrottlingException"}},
	})
	want := []string{"ThrottlingException", "InternalServiceError", ""}
	got := []string{srv.secret(t, "s", "").code}
	srv.change(t, awstest.Config{
		Secrets: map[string]awstest.Secret{"s": {String: "v"}},
		Faults:  []awstest.Fault{{Times: 1, Code: "InternalServiceError", Status: 500}},
	})
	got = append(got, srv.secret(t, "s", "").code, srv.secret(t, "s", "").code)
	if !slices.Equal(got, want) {
		t.Errorf("the calls end with %q, want %q", got, want)
	}
}

func TestChangeThatFails(t *testing.T) {
	t.Parallel()
	srv := start(t, awstest.Config{
		Secrets:    map[string]awstest.Secret{"s": {String: "v"}},
		Parameters: map[string]awstest.Parameter{"/p": {Value: "v"}},
	})
	before := srv.secret(t, "s", "")
	for what, cfg := range map[string]awstest.Config{
		"a bad secret":    {Secrets: map[string]awstest.Secret{"s": {String: "new"}, "bad": {String: "v", Suffix: "-"}}},
		"a bad parameter": {Parameters: map[string]awstest.Parameter{"/p": {Value: "new"}, "/bad": {}}},
		"a bad fault":     {Faults: []awstest.Fault{{}}},
		"a bad role":      {Roles: map[string]awstest.Role{"r": {}}},
		"a bad policy":    {Policy: &awstest.Policy{Statement: []awstest.Statement{{Effect: "Maybe"}}}},
		"another account": {Account: "999999999999"},
		"another region":  {Region: "us-west-2"},
	} {
		if srv.Change(cfg) == nil {
			t.Errorf("%s: no error", what)
		}
		if got := srv.secret(t, "s", ""); got != before {
			t.Errorf("%s: version %s (%s), want %s still", what, got.version, got.code, before.version)
		}
		if got, _, version := srv.parameter(t, "/p"); got.value != "v" || version != 1 {
			t.Errorf("%s: the parameter is version %d (%s), want 1 still", what, version, got.code)
		}
	}
}
