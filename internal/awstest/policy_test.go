package awstest_test

import (
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/aws-sdk-go-v2/service/ssm"

	"larder/internal/awstest"
)

// allow and deny make a statement of "action action | resource resource".
func allow(text string) awstest.Statement { return statement("Allow", text) }
func deny(text string) awstest.Statement  { return statement("Deny", text) }

func statement(effect, text string) awstest.Statement {
	actions, resources, _ := strings.Cut(text, "|")
	return awstest.Statement{Effect: effect, Action: strings.Fields(actions), Resource: strings.Fields(resources)}
}

// TestPolicy has each action read under each policy.
func TestPolicy(t *testing.T) {
	t.Parallel()
	const key = "arn:aws:kms:" + region + ":" + account + ":key/k1"
	srv := start(t, awstest.Config{
		Secrets: map[string]awstest.Secret{"a": {String: "va", Suffix: "AAAAAA"}, "k": {String: "vk", KMSKey: "k1", Suffix: "KKKKKK"}},
		Parameters: map[string]awstest.Parameter{
			"/t/a": {Value: "v"}, "/t/k": {Type: "SecureString", Value: "v", KMSKey: key}, "plain": {Value: "v"}},
	})
	secrets, parameters := srv.secrets(region), srv.parameters(region)
	reads := map[string]func() error{
		"secret a":       func() error { _, err := secrets.GetSecretValue(t.Context(), get("a")); return err },
		"secret k":       func() error { _, err := secrets.GetSecretValue(t.Context(), get("k")); return err },
		"missing secret": func() error { _, err := secrets.GetSecretValue(t.Context(), get("none")); return err },
		"batch": func() error {
			_, err := secrets.BatchGetSecretValue(t.Context(), &secretsmanager.BatchGetSecretValueInput{SecretIdList: []string{"a"}})
			return err
		},
		"describe": func() error {
			_, err := secrets.DescribeSecret(t.Context(), &secretsmanager.DescribeSecretInput{SecretId: aws.String("k")})
			return err
		},
		"describe all": func() error {
			_, err := parameters.DescribeParameters(t.Context(), &ssm.DescribeParametersInput{})
			return err
		},
		"one": func() error { _, err := parameters.GetParameter(t.Context(), parameter("plain", true)); return err },
		"k":   func() error { _, err := parameters.GetParameter(t.Context(), parameter("/t/k", true)); return err },
		"two": func() error {
			_, err := parameters.GetParameters(t.Context(), &ssm.GetParametersInput{Names: []string{"plain", "/t/a"}})
			return err
		},
		"tree": func() error {
			_, err := parameters.GetParametersByPath(t.Context(), &ssm.GetParametersByPathInput{Path: aws.String("/t")})
			return err
		},
		"reference": func() error {
			_, err := parameters.GetParameter(t.Context(), parameter("/aws/reference/secretsmanager/a", true))
			return err
		},
	}
	const par = "arn:aws:ssm:" + region + ":" + account + ":parameter/"
	sec := arnOf(account, region, "")
	denied := func(action, resource string) string {
		return "User: arn:aws:sts::" + account + ":assumed-role/function-role/function is not authorized to perform: " + action +
			" on resource: " + resource + " because no identity-based policy allows the " + action + " action"
	}
	explicitly := func(action, resource string) string {
		before, _, _ := strings.Cut(denied(action, resource), " because")
		return before + " with an explicit deny in an identity-based policy"
	}
	const getSecret = "secretsmanager:GetSecretValue"
	tests := []struct {
		read   string
		policy []awstest.Statement
		want   string // the message; empty: allowed
	}{
		{"secret a", nil, denied(getSecret, sec+"a-AAAAAA")},
		{"secret a", []awstest.Statement{allow("secretsmanager:GetSecretValue | *")}, ""},
		{"secret a", []awstest.Statement{allow("SecretsManager:getsecretvalue | " + sec + "a-??????")}, ""},
		{"secret a", []awstest.Statement{allow("secretsmanager:Get* | " + sec + "b*" + " " + sec + "a*")}, ""},
		{"secret a", []awstest.Statement{allow("*|*")}, ""},
		{"secret a", []awstest.Statement{allow("secretsmanager:GetSecretValue | " + sec + "a")}, denied(getSecret, sec+"a-AAAAAA")},
		{"secret a", []awstest.Statement{allow("ssm:* | *")}, denied(getSecret, sec+"a-AAAAAA")},
		{"secret a", []awstest.Statement{deny("*|" + sec + "a*"), allow("*|*")}, explicitly(getSecret, sec+"a-AAAAAA")},
		{"secret a", []awstest.Statement{allow("*|*"), deny("*|" + sec + "A*")}, ""},
		{"missing secret", []awstest.Statement{allow("*|" + sec + "a*")}, denied(getSecret, sec+"none")},
		{"missing secret", []awstest.Statement{allow("*|*")}, "Secrets Manager can't find the specified secret."},
		{"secret k", []awstest.Statement{allow("secretsmanager:* | *")}, "Access to KMS is not allowed"},
		{"secret k", []awstest.Statement{allow("secretsmanager:* | *"), allow("kms:Decrypt | " + key)}, ""},
		{"describe", []awstest.Statement{allow("secretsmanager:Get* | *")}, denied("secretsmanager:DescribeSecret", sec+"k-KKKKKK")},
		{"describe", []awstest.Statement{allow("secretsmanager:DescribeSecret | " + sec + "k-??????")}, ""},
		{"describe all", []awstest.Statement{allow("ssm:* | " + par + "*")}, denied("ssm:DescribeParameters", "*")},
		{"describe all", []awstest.Statement{allow("ssm:DescribeParameters | *")}, ""},
		{"batch", []awstest.Statement{allow("secretsmanager:GetSecretValue | *")},
			denied("secretsmanager:BatchGetSecretValue", "*")},
		{"batch", []awstest.Statement{allow("secretsmanager:* | " + sec + "*")},
			denied("secretsmanager:BatchGetSecretValue", "*")},
		{"batch", []awstest.Statement{allow("secretsmanager:BatchGetSecretValue | *")}, ""},
		{"one", []awstest.Statement{allow("ssm:GetParameter | " + par + "plain")}, ""},
		{"one", []awstest.Statement{allow("ssm:GetParameters | *")}, denied("ssm:GetParameter", par+"plain")},
		{"k", []awstest.Statement{allow("ssm:* | *")}, ciphertextDenied},
		{"k", []awstest.Statement{allow("ssm:* kms:Decrypt | *")}, ""},
		{"two", []awstest.Statement{allow("ssm:GetParameters | " + par + "plain")}, denied("ssm:GetParameters", par+"t/a")},
		{"two", []awstest.Statement{allow("ssm:GetParameters | " + par + "*")}, ""},
		{"tree", []awstest.Statement{allow("ssm:GetParameter* | " + par + "t/*")}, denied("ssm:GetParametersByPath", par+"t")},
		{"tree", []awstest.Statement{allow("ssm:GetParametersByPath | " + par + "t")}, ""},
		{"reference", []awstest.Statement{allow("ssm:GetParameter | *")}, "An error occurred (AccessDeniedException) when " +
			"referencing Secrets Manager: " + denied(getSecret, sec+"a-AAAAAA")},
		{"reference", []awstest.Statement{allow("secretsmanager:* | *")}, denied("ssm:GetParameter", par+"aws/reference/secretsmanager/a")},
		{"reference", []awstest.Statement{allow("secretsmanager:* ssm:* | *")}, ""},
	}
	for _, tt := range tests {
		if err := srv.SetPolicy(&awstest.Policy{Statement: tt.policy}); err != nil {
			t.Fatal(err)
		}
		err := reads[tt.read]()
		switch {
		case tt.want == "" && err != nil:
			t.Errorf("%s under %v: %v", tt.read, tt.policy, err)
		case tt.want != "" && tt.read == "missing secret" && strings.HasPrefix(tt.want, "Secrets"):
			wantAPIError(t, tt.read, err, "ResourceNotFoundException", tt.want)
		case tt.want != "":
			wantAPIError(t, tt.read, err, "AccessDeniedException", tt.want)
		}
	}
	if err := srv.SetPolicy(nil); err != nil {
		t.Fatal(err)
	}
	for what, read := range reads {
		if err := read(); err != nil && what != "missing secret" {
			t.Errorf("%s without a policy: %v", what, err)
		}
	}
}

func TestBatchAsksForEachSecret(t *testing.T) {
	t.Parallel()
	srv := start(t, awstest.Config{
		Secrets: map[string]awstest.Secret{"a": {String: "va"}, "b": {String: "vb"}},
		Policy: &awstest.Policy{Statement: []awstest.Statement{
			allow("secretsmanager:BatchGetSecretValue | *"),
			allow("secretsmanager:GetSecretValue | " + arnOf(account, region, "a-??????")),
		}},
	})
	out, err := srv.secrets(region).BatchGetSecretValue(t.Context(),
		&secretsmanager.BatchGetSecretValueInput{SecretIdList: []string{"a", "b"}})
	if err != nil {
		t.Fatal(err)
	}
	if len(out.SecretValues) != 1 || *out.SecretValues[0].Name != "a" || len(out.Errors) != 1 ||
		*out.Errors[0].SecretId != "b" || *out.Errors[0].ErrorCode != "AccessDeniedException" {
		t.Errorf("got %d values and %d errors, want a's value and b denied", len(out.SecretValues), len(out.Errors))
	}
}
