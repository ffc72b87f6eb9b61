package awstest_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"

	"larder/internal/awstest"
)

func get(id string) *secretsmanager.GetSecretValueInput {
	return &secretsmanager.GetSecretValueInput{SecretId: &id}
}

func TestSecretIsFoundByEachOfItsNames(t *testing.T) {
	t.Parallel()
	const other = "222222222222"
	srv := start(t, awstest.Config{Secrets: map[string]awstest.Secret{
		"db":        {String: "plain", Suffix: "AbCdEf"},
		"db-AbCdEf": {String: "lookalike", Suffix: "XXXXXX"},
		"us":        {Name: "db", Region: "us-east-1", String: "american", Suffix: "UUUUUU"},
		"foreign":   {Name: "db", Account: other, String: "foreign", Suffix: "FFFFFF"},
	}})
	tests := []struct{ region, id, want string }{
		{region, "db", "plain"},
		{region, "db-AbCdEf", "lookalike"},
		{"us-east-1", "db", "american"},
		{region, arnOf(account, region, "db-AbCdEf"), "plain"},
		{region, arnOf(account, region, "db-AbCdEf-XXXXXX"), "lookalike"},
		{region, arnOf(account, region, "db"), "plain"},
		{region, arnOf(other, region, "db-FFFFFF"), "foreign"},
		{region, arnOf(other, region, "db"), "foreign"},
		{region, arnOf(other, region, "db-AbCdEf"), ""},
		{region, arnOf(account, "us-east-1", "db-UUUUUU"), ""},
		{"us-east-1", "db-AbCdEf", ""},
		{region, "foreign", ""},
	}
	for _, tt := range tests {
		out, err := srv.secrets(tt.region).GetSecretValue(t.Context(), get(tt.id))
		if tt.want == "" {
			wantAPIError(t, tt.region+" "+tt.id, err, "ResourceNotFoundException",
				"Secrets Manager can't find the specified secret.")
			continue
		}
		if err != nil {
			t.Errorf("GetSecretValue(%q) in %s: %v", tt.id, tt.region, err)
			continue
		}
		if *out.SecretString != tt.want {
			t.Errorf("GetSecretValue(%q) in %s gave the wrong secret, %s", tt.id, tt.region, *out.ARN)
		}
	}
}

func TestSecretAnswer(t *testing.T) {
	t.Parallel()
	bytes := []byte{0, 1, 0xff, '"'}
	long := strings.Repeat("x", 65_536)
	srv := start(t, awstest.Config{Secrets: map[string]awstest.Secret{
		"text":   {String: "<&>\u2028\x00\n\"=é", Suffix: "AAAAAA"},
		"binary": {Binary: bytes},
		"long":   {String: long},
	}})
	client := srv.secrets(region)
	out, err := client.GetSecretValue(t.Context(), get("text"))
	if err != nil {
		t.Fatal(err)
	}
	if *out.SecretString != "<&>\u2028\x00\n\"=é" || out.SecretBinary != nil {
		t.Error("the text came back changed, or as binary too")
	}
	if *out.ARN != arnOf(account, region, "text-AAAAAA") || *out.Name != "text" || len(*out.VersionId) != 36 ||
		!slices.Equal(out.VersionStages, []string{"AWSCURRENT"}) {
		t.Errorf("the answer is about %q %q, version %q %q", *out.ARN, *out.Name, *out.VersionId, out.VersionStages)
	}
	if age := time.Since(*out.CreatedDate); age < 0 || age > time.Hour {
		t.Errorf("CreatedDate is %v ago", age)
	}
	if out, err := client.GetSecretValue(t.Context(), get("binary")); err != nil ||
		!slices.Equal(out.SecretBinary, bytes) || out.SecretString != nil {
		t.Errorf("the binary came back changed, or as text too: %v", err)
	}
	if out, err := client.GetSecretValue(t.Context(), get("long")); err != nil || *out.SecretString != long {
		t.Errorf("the long text came back changed: %v", err)
	}
}

func TestSecretRotation(t *testing.T) {
	t.Parallel()
	srv := start(t, awstest.Config{Secrets: map[string]awstest.Secret{"s": {String: "one", Suffix: "AAAAAA"}}})
	client := srv.secrets(region)
	first, err := client.GetSecretValue(t.Context(), get("s"))
	if err != nil {
		t.Fatal(err)
	}
	for _, value := range []string{"two", "three"} {
		if err := srv.SetSecret("s", awstest.Secret{String: value}); err != nil {
			t.Fatal(err)
		}
	}
	tests := []struct {
		what, id, stage    string
		want, code, reason string
	}{
		{what: "current", want: "three"},
		{what: "current by name", stage: "AWSCURRENT", want: "three"},
		{what: "previous", stage: "AWSPREVIOUS", want: "two"},
		{what: "without a stage", id: *first.VersionId, want: "one"},
		{what: "both", id: *first.VersionId, stage: "AWSCURRENT", code: "InvalidRequestException",
			reason: "You provided a VersionStage that is not associated to the provided VersionId."},
		{what: "no stage", stage: "AWSPENDING", code: "ResourceNotFoundException",
			reason: "Secrets Manager can't find the specified secret value for staging label: AWSPENDING"},
		{what: "no version", id: strings.Repeat("0", 36), code: "ResourceNotFoundException",
			reason: "Secrets Manager can't find the specified secret value for VersionId: " + strings.Repeat("0", 36)},
	}
	for _, tt := range tests {
		in := get("s")
		if tt.id != "" {
			in.VersionId = &tt.id
		}
		if tt.stage != "" {
			in.VersionStage = &tt.stage
		}
		out, err := client.GetSecretValue(t.Context(), in)
		switch {
		case tt.code != "":
			wantAPIError(t, tt.what, err, tt.code, tt.reason)
		case err != nil:
			t.Errorf("%s: %v", tt.what, err)
		case *out.SecretString != tt.want || *out.ARN != *first.ARN:
			t.Errorf("%s: got the wrong version, %s of %s", tt.what, *out.VersionId, *out.ARN)
		}
	}
}

func TestSecretThatCannotBeRead(t *testing.T) {
	t.Parallel()
	srv := start(t, awstest.Config{Secrets: map[string]awstest.Secret{
		"deleted": {String: "v", Deleted: true},
		"kms":     {String: "v", KMSDenied: true},
		"empty":   {},
		"gone":    {String: "v"},
	}})
	srv.DeleteSecret("gone")
	tests := []struct{ id, code, message string }{
		{"deleted", "InvalidRequestException",
			"You can't perform this operation on the secret because it was marked for deletion."},
		{"kms", "AccessDeniedException", "Access to KMS is not allowed"},
		{"empty", "ResourceNotFoundException",
			"Secrets Manager can't find the specified secret value for staging label: AWSCURRENT"},
		{"gone", "ResourceNotFoundException", "Secrets Manager can't find the specified secret."},
		{"no good", "ValidationException", "Invalid name. Must be a valid name containing alphanumeric " +
			"characters, or any of the following: -/_+=.@!"},
	}
	for _, tt := range tests {
		_, err := srv.secrets(region).GetSecretValue(t.Context(), get(tt.id))
		wantAPIError(t, tt.id, err, tt.code, tt.message)
		call := srv.last(t)
		if call.Status != 400 || call.Code != tt.code || !slices.Equal(call.IDs, []string{tt.id}) ||
			call.Service != "secretsmanager" || call.Action != "GetSecretValue" || call.Region != region {
			t.Errorf("%s was recorded as %+v", tt.id, call)
		}
	}
	if err := srv.SetSecret("kms", awstest.Secret{}); err != nil {
		t.Fatal(err)
	}
	if out, err := srv.secrets(region).GetSecretValue(t.Context(), get("kms")); err != nil || *out.SecretString != "v" {
		t.Errorf("after KMS works again: %v, want the value it had", err)
	}
}

func TestSecretBatch(t *testing.T) {
	t.Parallel()
	srv := start(t, awstest.Config{Secrets: map[string]awstest.Secret{
		"a": {String: "va", Suffix: "AAAAAA"}, "b": {Binary: []byte("vb")}, "c": {String: "vc"},
		"deleted": {String: "v", Deleted: true},
	}})
	ids := []string{"a", "missing", "b", "a", arnOf(account, region, "a-AAAAAA"), "deleted", "c"}
	out, err := srv.secrets(region).BatchGetSecretValue(t.Context(),
		&secretsmanager.BatchGetSecretValueInput{SecretIdList: ids})
	if err != nil {
		t.Fatal(err)
	}
	var names, failures []string
	for _, value := range out.SecretValues {
		names = append(names, *value.Name)
		if got := aws.ToString(value.SecretString) + string(value.SecretBinary); got != "v"+*value.Name {
			t.Errorf("the batch gives another secret's value for %q", *value.Name)
		}
	}
	if want := []string{"c", "a", "b"}; !slices.Equal(names, want) {
		t.Errorf("the batch gives %q, want %q", names, want)
	}
	for _, e := range out.Errors {
		failures = append(failures, *e.SecretId+" "+*e.ErrorCode)
	}
	if want := []string{"deleted InvalidRequestException", "missing ResourceNotFoundException"}; !slices.Equal(failures, want) {
		t.Errorf("the batch's errors are %q, want %q", failures, want)
	}
	if got := srv.last(t).IDs; !slices.Equal(got, ids) {
		t.Errorf("the call was recorded with %q, want %q", got, ids)
	}
}

func TestSecretBatchLimit(t *testing.T) {
	t.Parallel()
	srv := start(t, awstest.Config{})
	for _, n := range []int{20, 21} {
		ids := make([]string, n)
		for i := range ids {
			ids[i] = fmt.Sprint("s", i)
		}
		out, err := srv.secrets(region).BatchGetSecretValue(t.Context(),
			&secretsmanager.BatchGetSecretValueInput{SecretIdList: ids})
		if n == 20 {
			if err != nil || len(out.Errors) != 20 {
				t.Errorf("20 ids: %v, want 20 errors in an answer", err)
			}
			continue
		}
		wantAPIError(t, "21 ids", err, "ValidationException", "1 validation error detected: Value '["+
			strings.Join(ids, ", ")+"]' at 'secretIdList' failed to satisfy constraint: Member must have length less than or equal to 20")
	}
}
