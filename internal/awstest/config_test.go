package awstest_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"larder/internal/awstest"
)

func write(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "secrets.yaml")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestReadConfig(t *testing.T) {
	t.Parallel()
	cfg, err := awstest.ReadConfig(write(t, `
account: "123456789012"
region: eu-west-1
access-key-id: ASIAEXAMPLE
secret-access-key: k
session-token: t
secrets:
  prod/db: {string: '{"user":"app","password":"x"}', kms-key: k1}
  prod/cert: {binary: AAEC/w==}
  old/x: {string: s, deleted: true, kms-denied: true, suffix: AbCdEf}
  us: {name: prod/db, region: us-east-1, account: "210987654321", versions: [{id: v1, stages: [AWSCURRENT], string: s}]}
parameters:
  /prod/api-key: {type: SecureString, value: x, kms-key: k1}
  plain: {value: v, labels: [live], data-type: text}
  /v: {versions: [{value: a}, {value: b, labels: [live]}]}
policy:
  Version: "2012-10-17"
  Statement:
    - {Sid: Read, Effect: Allow, Action: ["secretsmanager:GetSecretValue"], Resource: "*"}
    - {Effect: Deny, Action: "ssm:*", Resource: ["a", "b"]}
    - {Effect: Allow, Action: "kms:Decrypt", Resource: "*", Condition: {StringLike: {kms:ViaService: "ssm.*"}}}
roles:
  "arn:aws:iam::210987654321:role/team/reader":
    trust: ["123456789012"]
    policy: {Statement: [{Effect: Allow, Action: "*", Resource: "*"}]}
  "arn:aws:iam::210987654321:role/open": {}
faults:
  - {action: GetSecretValue, id: prod/db, times: 2, after: 1, code: ThrottlingException, status: 400, delay: 100ms}
  - {body: ""}
  - {cut: 0}
  - {hang: true}
  - {reset: true}
`))
	if err != nil {
		t.Fatal(err)
	}
	srv, err := awstest.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	if id, key, token := srv.Credentials(); id != "ASIAEXAMPLE" || key != "k" || token != "t" {
		t.Errorf("Credentials = %q and another key or token", id)
	}
	if got := string(cfg.Secrets["prod/cert"].Binary); got != "\x00\x01\x02\xff" {
		t.Errorf("the binary is %q", got)
	}
	if got := cfg.Policy.Statement; len(got) != 3 || got[0].Resource[0] != "*" || got[1].Action[0] != "ssm:*" || len(got[1].Resource) != 2 ||
		got[2].Condition["StringLike"]["kms:ViaService"][0] != "ssm.*" {
		t.Errorf("the policy is %+v", got)
	}
	role := cfg.Roles["arn:aws:iam::210987654321:role/team/reader"]
	if len(cfg.Roles) != 2 || role.Trust[0] != "123456789012" || role.Policy.Statement[0].Effect != "Allow" {
		t.Errorf("the roles are %+v", cfg.Roles)
	}
	f := cfg.Faults
	if len(f) != 5 || f[0].Delay != 100*time.Millisecond || f[0].Times != 2 || f[1].Body == nil || f[2].Cut == nil || !f[3].Hang || !f[4].Reset {
		t.Errorf("the faults are %+v", f)
	}
	if cfg, err := awstest.ReadConfig(write(t, "")); err != nil || cfg.Secrets != nil {
		t.Errorf("an empty file: %v, want the zero Config", err)
	}
}

// TestBadFiles also looks for the value of a secret in each error.
func TestBadFiles(t *testing.T) {
	t.Parallel()
	tests := []struct{ what, text, want string }{
		{"unknown key", "secrets:\n  a: {text: hunter2}", "line 2: field text not found"},
		{"unknown top key", "secret: {}", "field secret not found"},
		{"a value for an entry", "secrets:\n  a: hunter2", "line 2"},
		{"an alias", "secrets:\n  a: {string: *hunter2}", "unknown anchor"},
		{"no base64", "secrets:\n  a: {binary: hunter2}", "line 2: binary is not base64"},
		{"a condition", "policy: {Statement: [{Effect: Allow, Condition: {Null: {}}}]}",
			`line 1: the condition operator "Null" is not emulated: want StringEquals or StringLike`},
		{"a key of a condition", "policy: {Statement: [\n{Effect: Allow, Condition: {StringLike: {aws:SourceIp: '*'}}}]}",
			`line 2: the condition key "aws:SourceIp" is not emulated: want kms:ViaService`},
		{"a principal", "policy: {Statement: [{Effect: Allow, Principal: '*'}]}", "field Principal not found"},
		{"no YAML", "secrets: [", "line 1"},
		{"a key twice", "secrets:\n  a: {string: hunter2}\n  a: {string: hunter2}", "line 3"},
		{"number for a word", "secrets:\n  a: {deleted: hunter2}", "line 2"},

		{"no account", "account: 12", `account "12": want twelve digits`},
		{"no region", "region: evil.com/x", `region "evil.com/x"`},
		{"no region of an entry", "secrets: {a: {region: A, string: hunter2}}", `secret "a": region "A"`},
		{"no name", "secrets: {'a b': {string: hunter2}}", `secret "a b": the name is not valid`},
		{"suffix", "secrets: {a: {suffix: abc, string: hunter2}}", `secret "a": suffix "abc"`},
		{"two values", "secrets: {a: {string: hunter2, binary: AA==}}", "either a string or a binary"},
		{"empty binary", "secrets: {a: {binary: ''}}", "it is not empty"},
		{"value and versions", "secrets: {a: {string: hunter2, versions: [{string: hunter2}]}}", "either string, binary or versions"},
		{"empty version", "secrets: {a: {versions: [{id: v}]}}", "it is not empty"},
		{"ids twice", "secrets: {a: {versions: [{id: v, string: hunter2}, {id: v, string: hunter2}]}}", `have the id "v"`},
		{"stages twice", "secrets: {a: {versions: [{stages: [S], string: hunter2}, {stages: [S], string: hunter2}]}}", `have the stage "S"`},
		{"two of one name", "secrets: {a: {string: hunter2}, b: {name: a, string: hunter2}}", `secret "b": the entry "a" has the same name`},
		{"too long", "secrets: {a: {string: " + strings.Repeat("hunter2", 9363) + "}}", "longer than 65536 bytes"},
		{"type", "parameters: {a: {type: Text, value: hunter2}}", `parameter "a": type "Text"`},
		{"path", "parameters: {a/b: {value: hunter2}}", "fully qualified"},
		{"no value", "parameters: {a: {}}", "value is not empty"},
		{"parameter too long", "parameters: {a: {value: " + strings.Repeat("hunter2", 1171) + "}}", "longer than 8192 bytes"},
		{"key of a String", "parameters: {a: {value: hunter2, kms-key: k}}", "only a SecureString"},
		{"two of one ARN", "parameters: {a: {value: hunter2}, /a: {value: hunter2}}", "has the same ARN"},
		{"effect", "policy: {Statement: [{Effect: allow, Action: a, Resource: b}]}", `Effect is "allow"`},
		{"no resource", "policy: {Statement: [{Effect: Allow, Action: a}]}", "at least one Action and one Resource"},
		{"no role", "roles: {reader: {}}", `role "reader": want an ARN like arn:aws:iam::123456789012:role/name`},
		{"a user", "roles: {'arn:aws:iam::123456789012:user/u': {}}", `want an ARN like arn:aws:iam::123456789012:role/name`},
		{"the function's role", "roles: {'arn:aws:iam::123456789012:role/function-role': {}}", "this is the function's own role"},
		{"a role's policy", "roles: {'arn:aws:iam::123456789012:role/r': {policy: {Statement: [{Effect: No}]}}}", `Effect is "No"`},
		{"part of a principal", "roles: {'arn:aws:iam::123456789012:role/r': {trust: 'arn:aws:iam::123456789012:role/*'}}",
			`trust "arn:aws:iam::123456789012:role/*": want an account, a whole ARN, or *`},
		{"a principal that is none", "roles: {'arn:aws:iam::123456789012:role/r': {trust: [123]}}", `trust "123": want an account`},
		{"fault", "faults: [{code: X}, {times: 1}]", "fault 2: a fault must say what happens"},
	}
	for _, tt := range tests {
		cfg, err := awstest.ReadConfig(write(t, tt.text))
		if err == nil {
			_, err = awstest.New(cfg)
		}
		if err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: error = %v, want one with %q", tt.what, err, tt.want)
			continue
		}
		if strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%s: the error repeats the value", tt.what)
		}
	}
	if _, err := awstest.ReadConfig(filepath.Join(t.TempDir(), "none")); !os.IsNotExist(err) {
		t.Errorf("no file: %v", err)
	}
}

func TestValuesAreNotPrinted(t *testing.T) {
	t.Parallel()
	cfg := awstest.Config{
		Secrets: map[string]awstest.Secret{"a": {String: "hunter2"}, "b": {Binary: []byte("hunter2")},
			"c": {Versions: []awstest.SecretVersion{{String: "hunter2"}}}},
		Parameters: map[string]awstest.Parameter{"a": {Value: "hunter2"},
			"b": {Versions: []awstest.ParameterVersion{{Value: "hunter2"}}}},
	}
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q"} {
		got := fmt.Sprintf(verb, cfg)
		if strings.Contains(got, "hunter2") || strings.Contains(got, "104 117 110") {
			t.Errorf("%s prints a value", verb)
		}
	}
}
