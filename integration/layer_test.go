//go:build integration

package integration_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"reflect"
	"slices"
	"strings"
	"testing"

	"larder/internal/awstest"
	"larder/internal/lambdatest"
)

func TestLayer(t *testing.T) {
	t.Parallel()
	moto, values := startMoto(t), exampleValues(t)
	seed(t, moto, values)
	moto.signAs("id", "key", token)
	f, err := startFunction(t, moto)
	if err != nil {
		t.Fatalf("%v\n%s", err, f.printed())
	}
	checkAnswer(t, f, wholeAnswer(t, values))
	checkReads(t, f, values)
	f.finish(t, values)
}

// TestMany prefetches more than one call can ask for: 20 secrets, 10 parameters, 10 to a page of a tree.
func TestMany(t *testing.T) {
	t.Parallel()
	moto, values := startMoto(t), exampleValues(t)
	want := make(map[string]string) // value by reference
	secret := func(name, value string) {
		values.Secrets[name] = awstest.Secret{String: value}
		want["secretsmanager://"+name] = value
	}
	for i := range 21 {
		secret(fmt.Sprintf("many/secret-%02d", i), fmt.Sprintf("CANARY secret %02d", i))
	}
	secret("db", "CANARY of db")
	secret("db-AbCdEf", "CANARY of a secret that is named like the end of an ARN")
	secret("odd", "CANARY \"quoted\" 'a'=b\r\n\t<>&\u2028\x00 "+strings.Repeat("64 KiB ", 9000))
	for i := range 11 {
		name, value := fmt.Sprintf("/many/parameter-%02d", i), fmt.Sprintf("CANARY parameter %02d", i)
		values.Parameters[name] = awstest.Parameter{Value: value, Type: "SecureString"}
		want["ssm://"+name] = value
	}
	tree := make(map[string]string)
	for i := range 25 {
		name, value := fmt.Sprintf("leaf-%02d", i), fmt.Sprintf("CANARY leaf %02d", i)
		values.Parameters["/tree/"+name] = awstest.Parameter{Value: value}
		tree[name] = value
	}
	seed(t, moto, values)
	moto.signAs("id", "key", token)

	references := append(slices.Collect(maps.Keys(want)), "ssm:///tree/*")
	f, err := startFunction(t, moto, "LARDER_PREFETCH="+strings.Join(references, ", "))
	if err != nil {
		t.Fatalf("%v\n%s", err, f.printed())
	}
	for reference, value := range want {
		if status, body := f.get(t, "/value?ref="+reference); status != http.StatusOK || string(body) != value {
			t.Errorf("%s = %d with %d bytes, want 200 and its value of %d bytes", reference, status, len(body), len(value))
		}
	}
	var leaves map[string]string
	if _, body := f.get(t, "/value?ref=ssm:///tree/*"); json.Unmarshal(body, &leaves) != nil || !maps.Equal(leaves, tree) {
		t.Errorf("the tree has %d names, want its %d with their values", len(leaves), len(tree))
	}
	f.finish(t, values)
}

// TestVerifiedSignatures has moto check every signature, session token and
// action against a role's policy. It knows all resources by "*" alone.
func TestVerifiedSignatures(t *testing.T) {
	t.Parallel()
	moto := startMoto(t, "INITIAL_NO_AUTH_ACTION_COUNT=1000000")
	values := exampleValues(t)
	seed(t, moto, values)
	all := assumeRole(t, moto, "all", "secretsmanager:GetSecretValue", "secretsmanager:BatchGetSecretValue",
		"ssm:GetParameter", "ssm:GetParameters", "ssm:GetParametersByPath")
	secretsOnly := assumeRole(t, moto, "secrets-only", "secretsmanager:GetSecretValue", "secretsmanager:BatchGetSecretValue")
	moto.enforce(t, true)

	moto.signAs(all.AccessKeyID, all.SecretAccessKey, all.SessionToken)
	f, err := startFunction(t, moto)
	if err != nil {
		t.Fatalf("%v\n%s", err, f.printed())
	}
	checkAnswer(t, f, wholeAnswer(t, values))
	checkReads(t, f, values)
	f.finish(t, values)

	// What moto refuses shows that it did look.
	refused := map[string]credentials{
		"a wrong secret key":       {all.AccessKeyID, "wrong" + all.SecretAccessKey[5:], all.SessionToken},
		"a wrong session token":    {all.AccessKeyID, all.SecretAccessKey, "wrong" + all.SessionToken[5:]},
		"an access key of no role": {"ASIAIOSFODNN7EXAMPLE", all.SecretAccessKey, all.SessionToken},
	}
	for name, keys := range refused {
		moto.signAs(keys.AccessKeyID, keys.SecretAccessKey, keys.SessionToken)
		_, err := startFunction(t, moto)
		if initErr := (*lambdatest.InitError)(nil); !errors.As(err, &initErr) {
			t.Errorf("%s: init ended with %v, want it to fail", name, err)
		}
	}

	// Moto's refusals are not in the form of AWS's, so that they do not fail init: they might pass.
	moto.signAs(secretsOnly.AccessKeyID, secretsOnly.SecretAccessKey, secretsOnly.SessionToken)
	if f, err = startFunction(t, moto); err != nil {
		t.Fatalf("%v\n%s", err, f.printed())
	}
	if status, body := f.get(t, "/env/SESSION_KEY"); status != http.StatusOK || string(body) != values.Secrets["demo/session-key"].String {
		t.Errorf("a secret that the role may read = %d with %d bytes, want 200 and its value", status, len(body))
	}
	if status, _ := f.get(t, "/env/API_KEY"); status < 400 {
		t.Errorf("a parameter that the role must not read = %d, want an error", status)
	}
}

// answer is what the example functions answer: lengths in bytes, and names.
type answer struct {
	SessionKey, Password, APIKey, Cert int
	Flags                              []string
}

// wholeAnswer returns what a function answers that has read all values.
func wholeAnswer(t *testing.T, values awstest.Config) answer {
	t.Helper()
	want := answer{
		SessionKey: len(values.Secrets["demo/session-key"].String),
		Password:   len(password(t, values)),
		APIKey:     len(values.Parameters["/demo/api-key"].Value),
		Cert:       len(values.Secrets["demo/cert"].Binary),
	}
	for name := range values.Parameters {
		if flag, ok := strings.CutPrefix(name, "/demo/flags/"); ok {
			want.Flags = append(want.Flags, flag)
		}
	}
	slices.Sort(want.Flags)
	return want
}

// checkAnswer invokes the function and compares its answer.
func checkAnswer(t *testing.T, f *function, want answer) {
	t.Helper()
	response, err := f.Invoke(t.Context(), []byte("{}"))
	if err != nil {
		t.Fatalf("%v\n%s", err, f.printed())
	}
	var got answer
	if err := json.Unmarshal(response.Payload, &got); err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("the function's answer = %+v, want %+v", got, want)
	}
}

// checkReads reads values by every path. Failures tell lengths: the values are secrets.
func checkReads(t *testing.T, f *function, values awstest.Config) {
	t.Helper()
	key, binary := values.Secrets["demo/session-key"].String, string(values.Secrets["demo/cert"].Binary)
	apiKey := values.Parameters["/demo/api-key"].Value
	reads := []struct {
		path  string
		value func(body []byte) string // nil: the body is the value
		want  string
	}{
		{"/ping", nil, "healthy"},
		{"/secretsmanager/get?secretId=demo/session-key", secretString, key},
		{"/secretsmanager/get/?secretId=demo%2Fsession-key&versionStage=AWSCURRENT", secretString, key},
		{"/secretsmanager/get?secretId=demo/cert", secretBinary, binary},
		{"/v1/demo/session-key", secretString, key},
		{"/systemsmanager/parameters/get?name=/demo/api-key&withDecryption=true", parameterValue, apiKey},
		{"/systemsmanager/parameters/get/?name=%2Fdemo%2Fflags%2Fcheckout", parameterValue, values.Parameters["/demo/flags/checkout"].Value},
		{"/value?ref=secretsmanager://demo/cert", nil, binary},
		{"/value?ref=secretsmanager://demo/db&field=password", nil, password(t, values)},
		{"/value?ref=ssm:///demo/api-key", nil, apiKey},
		{"/value?ref=ssm:///demo/flags/regions:1", nil, values.Parameters["/demo/flags/regions"].Value},
		{"/env/DB_PASSWORD", nil, password(t, values)},
		{"/env/CERT", nil, binary},
	}
	for _, read := range reads {
		status, body := f.get(t, read.path)
		got := string(body)
		if read.value != nil {
			got = read.value(body)
		}
		if status != http.StatusOK || got != read.want {
			t.Errorf("GET %s = %d with %d bytes, want 200 and the value of %d bytes", read.path, status, len(got), len(read.want))
		}
	}
	if status, _ := f.get(t, "/value?ref=secretsmanager://demo/none"); status == http.StatusOK {
		t.Errorf("GET of a secret that does not exist = %d", status)
	}
}

func secretString(body []byte) string {
	var secret struct{ SecretString string }
	_ = json.Unmarshal(body, &secret)
	return secret.SecretString
}

func secretBinary(body []byte) string {
	var secret struct{ SecretBinary []byte }
	_ = json.Unmarshal(body, &secret)
	return string(secret.SecretBinary)
}

func parameterValue(body []byte) string {
	var answer struct{ Parameter struct{ Value string } }
	_ = json.Unmarshal(body, &answer)
	return answer.Parameter.Value
}

func password(t *testing.T, values awstest.Config) string {
	t.Helper()
	var db struct{ Password string }
	if err := json.Unmarshal([]byte(values.Secrets["demo/db"].String), &db); err != nil {
		t.Fatal("demo/db is not JSON")
	}
	return db.Password
}

// credentials are those of a role.
type credentials struct{ AccessKeyID, SecretAccessKey, SessionToken string }

// assumeRole makes a role that may do actions, and returns its credentials.
func assumeRole(t *testing.T, moto *aws, name string, actions ...string) credentials {
	t.Helper()
	moto.cli(t, "iam", "create-role", "--role-name", name, "--assume-role-policy-document", "{}")
	putPolicy(t, moto, name, actions...)
	answer := moto.cli(t, "sts", "assume-role", "--role-arn", "arn:aws:iam::123456789012:role/"+name, "--role-session-name", "function")
	var assumed struct{ Credentials credentials }
	if err := json.Unmarshal([]byte(answer), &assumed); err != nil {
		t.Fatal(err)
	}
	return assumed.Credentials
}

// putPolicy makes actions all that a role may do, and GetCallerIdentity, which everybody may.
func putPolicy(t *testing.T, moto *aws, role string, actions ...string) {
	t.Helper()
	policy, err := json.Marshal(map[string]any{
		"Version":   "2012-10-17",
		"Statement": []any{map[string]any{"Effect": "Allow", "Action": append(actions, "sts:GetCallerIdentity"), "Resource": "*"}},
	})
	if err != nil {
		t.Fatal(err)
	}
	moto.cli(t, "iam", "put-role-policy", "--role-name", role, "--policy-name", "inline", "--policy-document", string(policy))
}
