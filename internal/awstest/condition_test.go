package awstest_test

import (
	"encoding/json"
	"fmt"
	"testing"

	"go.yaml.in/yaml/v3"

	"larder/internal/awstest"
)

// TestViaService decrypts for both services under conditions.
func TestViaService(t *testing.T) {
	t.Parallel()
	const (
		sm, ssm = "secretsmanager.eu-west-1.amazonaws.com", "ssm.eu-west-1.amazonaws.com"
		equals  = "StringEquals"
		like    = "StringLike"
	)
	tests := []struct {
		operator          string
		values            []string
		secret, parameter bool
	}{
		{equals, []string{sm, ssm}, true, true},
		{equals, []string{sm}, true, false},
		{equals, []string{ssm}, false, true},
		{equals, []string{"*"}, false, false},
		{equals, []string{"secretsmanager.us-east-1.amazonaws.com", "ssm.eu-west-1.amazonaws.com.cn"}, false, false},
		{equals, nil, false, false},
		{like, []string{"ssm.*.amazonaws.com"}, false, true},
		{like, []string{"*.eu-west-1.amazonaws.com"}, true, true},
		{like, []string{"*.eu-west-1.amazonaws"}, false, false},
	}
	srv := start(t, awstest.Config{
		Secrets:    map[string]awstest.Secret{"s": {String: "v", KMSKey: "k"}},
		Parameters: map[string]awstest.Parameter{"p": {Type: "SecureString", Value: "v", KMSKey: "k"}},
	})
	for _, tt := range tests {
		decrypt := allow("kms:Decrypt | arn:aws:kms:eu-west-1:" + account + ":key/k")
		decrypt.Condition = awstest.Condition{tt.operator: {"kms:ViaService": tt.values}}
		setPolicy(t, srv, allow("secretsmanager:* ssm:* | *"), decrypt)
		got := srv.secret(t, "s", "")
		parameter, _, _ := srv.parameter(t, "p")
		if (got.code == "") != tt.secret || (parameter.code == "") != tt.parameter {
			t.Errorf("%s %q: the secret %q, the parameter %q; want them to be read: %t, %t",
				tt.operator, tt.values, got.code, parameter.code, tt.secret, tt.parameter)
		}
	}
}

func TestConditionsThatAreNotEmulated(t *testing.T) {
	t.Parallel()
	srv := start(t, awstest.Config{})
	for _, c := range []awstest.Condition{
		{"StringNotEquals": {"kms:ViaService": {"x"}}}, {"StringEquals": {"aws:SourceAccount": {account}}}, {"Null": nil},
	} {
		st := allow("* | *")
		st.Condition = c
		if srv.SetPolicy(&awstest.Policy{Statement: []awstest.Statement{st}}) == nil {
			t.Errorf("SetPolicy accepts the condition %v", c)
		}
	}
}

func setPolicy(t *testing.T, srv fixture, statements ...awstest.Statement) {
	t.Helper()
	if err := srv.SetPolicy(&awstest.Policy{Statement: statements}); err != nil {
		t.Fatal(err)
	}
}

// TestConditionOfOtherActions has the key of KMS where there is none.
func TestConditionOfOtherActions(t *testing.T) {
	t.Parallel()
	srv := start(t, awstest.Config{Secrets: map[string]awstest.Secret{"s": {String: "v"}}})
	anything := awstest.Condition{"StringLike": {"kms:viaservice": {"*"}}}
	allowed, denied := allow("* | *"), deny("* | *")
	allowed.Condition = anything
	setPolicy(t, srv, allowed)
	if got := srv.secret(t, "s", ""); got.code != "AccessDeniedException" {
		t.Errorf("allowed if KMS is used through something: %q, want AccessDeniedException", got.code)
	}
	denied.Condition = anything
	setPolicy(t, srv, allow("* | *"), denied)
	if got := srv.secret(t, "s", ""); got.value != "v" {
		t.Errorf("denied if KMS is used through something: %q, want the value", got.code)
	}
}

func TestViaServiceInChina(t *testing.T) {
	t.Parallel()
	const china = "cn-north-1"
	srv := start(t, awstest.Config{Region: china, Secrets: map[string]awstest.Secret{"s": {String: "v", KMSKey: "k"}}})
	for service, want := range map[string]bool{"secretsmanager.cn-north-1.amazonaws.com": true, "secretsmanager.cn-north-1.amazonaws.com.cn": true, "secretsmanager.cn-northwest-1.amazonaws.com": false} {
		decrypt := allow("kms:Decrypt | *")
		decrypt.Condition = awstest.Condition{"StringEquals": {"kms:ViaService": {service}}}
		setPolicy(t, srv, allow("secretsmanager:* | *"), decrypt)
		if _, err := srv.secrets(china).GetSecretValue(t.Context(), get("s")); (err == nil) != want {
			t.Errorf("via %s: %v, want it to be read: %t", service, err, want)
		}
	}
}

// TestKeyBehindAlias has no policy name a key by its alias.
func TestKeyBehindAlias(t *testing.T) {
	t.Parallel()
	const kms = "arn:aws:kms:" + region + ":" + account + ":"
	srv := start(t, awstest.Config{Secrets: map[string]awstest.Secret{
		"name": {String: "v", KMSKey: "alias/mine"}, "arn": {String: "v", KMSKey: kms + "alias/mine"}}})
	for resource, want := range map[string]string{kms + "alias/mine": "AccessDeniedException", kms + "key/*": ""} {
		setPolicy(t, srv, allow("secretsmanager:* | *"), allow("kms:Decrypt | "+resource))
		for _, id := range []string{"name", "arn"} {
			if got := srv.secret(t, id, ""); got.code != want {
				t.Errorf("the key by its %s under a policy for %s: %q, want %q", id, resource, got.code, want)
			}
		}
	}
}

// TestPolicyInJSON reads a document as encoding/json writes one.
func TestPolicyInJSON(t *testing.T) {
	t.Parallel()
	document := map[string]any{
		"Version": "2012-10-17",
		"Statement": []any{
			map[string]any{"Sid": "Read", "Effect": "Allow", "Action": "secretsmanager:GetSecretValue", "Resource": "*"},
			map[string]any{"Sid": "OnlyForCustomerManagedKeys", "Effect": "Allow", "Action": []string{"kms:Decrypt"},
				"Resource":  []string{"arn:aws:kms:eu-west-1:" + account + ":key/*"},
				"Condition": map[string]any{"StringEquals": map[string]any{"kms:ViaService": []string{"secretsmanager.eu-west-1.amazonaws.com"}}}},
		},
	}
	srv := start(t, awstest.Config{Secrets: map[string]awstest.Secret{"s": {String: "v", KMSKey: "k"}}})
	for _, indent := range []string{"", "  ", "    ", "\t"} {
		text, err := json.MarshalIndent(document, "", indent)
		if err != nil {
			t.Fatal(err)
		}
		var policy awstest.Policy
		if err := yaml.Unmarshal(text, &policy); err != nil {
			t.Errorf("with the indent %q: %v", indent, err)
			continue
		}
		setPolicy(t, srv, policy.Statement...)
		if got := srv.secret(t, "s", ""); got.value != "v" {
			t.Errorf("with the indent %q the secret is %q, want its value", indent, got.code)
		}
	}
	var policy awstest.Policy
	err := yaml.Unmarshal([]byte(`{"Statement": [{"Condition": {"Bool": {"aws:SecureTransport": "true"}}}]}`), &policy)
	if want := `line 1: the condition operator "Bool" is not emulated: want StringEquals or StringLike`; fmt.Sprint(err) != want {
		t.Errorf("another condition: %v, want %q", err, want)
	}
}
