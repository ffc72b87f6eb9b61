package awstest_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
	"github.com/aws/aws-sdk-go-v2/service/ssm/types"

	"larder/internal/awstest"
)

const ciphertextDenied = "The ciphertext refers to a customer master key that does not exist, " +
	"does not exist in this region, or you are not allowed to access."

func parameter(name string, decrypt bool) *ssm.GetParameterInput {
	return &ssm.GetParameterInput{Name: &name, WithDecryption: &decrypt}
}

func TestParameterIsFoundByEachOfItsNames(t *testing.T) {
	t.Parallel()
	srv := start(t, awstest.Config{Parameters: map[string]awstest.Parameter{
		"plain": {Value: "p"},
		"/a/b":  {Value: "ab", Versions: nil, Type: "StringList", DataType: "aws:ec2:image"},
		"/v": {Versions: []awstest.ParameterVersion{
			{Value: "v1", Labels: []string{"old"}}, {Value: "v2", Labels: []string{"live", "blue"}}, {Value: "v3"}}},
		"us":      {Name: "plain", Region: "us-east-1", Value: "american"},
		"foreign": {Name: "/a/b", Account: "222222222222", Value: "foreign"},
	}})
	arn := "arn:aws:ssm:" + region + ":" + account + ":parameter/"
	tests := []struct {
		region, asked     string
		name, value, sel  string
		version           int64
		code, description string
	}{
		{region: region, asked: "plain", name: "plain", value: "p", version: 1},
		{region: region, asked: "/a/b", name: "/a/b", value: "ab", version: 1},
		{region: region, asked: "/v", name: "/v", value: "v3", version: 3},
		{region: region, asked: "/v:1", name: "/v", value: "v1", sel: ":1", version: 1},
		{region: region, asked: "/v:live", name: "/v", value: "v2", sel: ":live", version: 2},
		{region: region, asked: arn + "v:blue", name: "/v", value: "v2", sel: ":blue", version: 2},
		{region: region, asked: arn + "plain", name: "plain", value: "p", version: 1},
		{region: "us-east-1", asked: "plain", name: "plain", value: "american", version: 1},
		{region: region, asked: strings.Replace(arn, account, "222222222222", 1) + "a/b",
			name: "/a/b", value: "foreign", version: 1},
		{region: region, asked: "/plain", code: "ParameterNotFound"},
		{region: "us-east-1", asked: "/a/b", code: "ParameterNotFound"},
		{region: region, asked: "/v:4", code: "ParameterVersionNotFound",
			description: "Systems Manager could not find version 4 of /v. Verify the version and try again."},
		{region: region, asked: "/v:new", code: "ParameterVersionNotFound",
			description: "Systems Manager could not find version new of /v. Verify the version and try again."},
		{region: region, asked: "a/b", code: "ValidationException",
			description: "Parameter name must be a fully qualified name."},
	}
	for _, tt := range tests {
		out, err := srv.parameters(tt.region).GetParameter(t.Context(), parameter(tt.asked, true))
		if tt.code != "" {
			wantAPIError(t, tt.asked, err, tt.code, tt.description)
			continue
		}
		if err != nil {
			t.Errorf("GetParameter(%q): %v", tt.asked, err)
			continue
		}
		got := out.Parameter
		if *got.Name != tt.name || *got.Value != tt.value || aws.ToString(got.Selector) != tt.sel || got.Version != tt.version {
			t.Errorf("GetParameter(%q) = %q %q version %d, want %q %q version %d (or the value differs)",
				tt.asked, *got.Name, aws.ToString(got.Selector), got.Version, tt.name, tt.sel, tt.version)
		}
	}
	out, err := srv.parameters(region).GetParameter(t.Context(), parameter("/a/b", false))
	if err != nil || out.Parameter.Type != types.ParameterTypeStringList ||
		*out.Parameter.DataType != "aws:ec2:image" || *out.Parameter.ARN != arn+"a/b" || out.Parameter.LastModifiedDate == nil {
		t.Errorf("GetParameter(/a/b): %v, or wrong details", err)
	}
}

func TestSetParameterMakesVersions(t *testing.T) {
	t.Parallel()
	srv := start(t, awstest.Config{Parameters: map[string]awstest.Parameter{
		"/p": {Type: "SecureString", Value: "one", Labels: []string{"live"}}}})
	if err := srv.SetParameter("/p", awstest.Parameter{Value: "two", Labels: []string{"live"}}); err != nil {
		t.Fatal(err)
	}
	for asked, want := range map[string]string{"/p": "two", "/p:1": "one", "/p:2": "two", "/p:live": "two"} {
		out, err := srv.parameters(region).GetParameter(t.Context(), parameter(asked, true))
		if err != nil || *out.Parameter.Value != want || out.Parameter.Type != types.ParameterTypeSecureString {
			t.Errorf("GetParameter(%q): %v, or the wrong version or type", asked, err)
		}
	}
	srv.DeleteParameter("/p")
	_, err := srv.parameters(region).GetParameter(t.Context(), parameter("/p", true))
	wantAPIError(t, "after DeleteParameter", err, "ParameterNotFound", "")
}

func TestSecureString(t *testing.T) {
	t.Parallel()
	const canary = "canary-7f3a"
	srv := start(t, awstest.Config{Parameters: map[string]awstest.Parameter{
		"/s":      {Type: "SecureString", Value: canary},
		"/denied": {Type: "SecureString", Value: canary, KMSDenied: true},
		"/plain":  {Value: "p"},
	}})
	client := srv.parameters(region)
	if out, err := client.GetParameter(t.Context(), parameter("/s", true)); err != nil || *out.Parameter.Value != canary {
		t.Errorf("decrypted: %v, or another value", err)
	}
	first := ""
	for range 2 {
		out, err := client.GetParameter(t.Context(), parameter("/s", false))
		if err != nil {
			t.Fatal(err)
		}
		value := *out.Parameter.Value
		if len(value) < 100 || strings.Contains(value, canary) || first != "" && value != first {
			t.Error("not decrypted: want the same long ciphertext each time, without the value")
		}
		first = value
	}
	if _, err := client.GetParameter(t.Context(), parameter("/denied", false)); err != nil {
		t.Errorf("not decrypted needs no KMS: %v", err)
	}
	_, err := client.GetParameter(t.Context(), parameter("/denied", true))
	wantAPIError(t, "decrypted without KMS", err, "AccessDeniedException", ciphertextDenied)
	_, err = client.GetParameters(t.Context(), &ssm.GetParametersInput{
		Names: []string{"/plain", "/denied"}, WithDecryption: aws.Bool(true)})
	wantAPIError(t, "one of two without KMS", err, "AccessDeniedException", ciphertextDenied)
}

func TestGetParameters(t *testing.T) {
	t.Parallel()
	cfg := awstest.Config{Parameters: map[string]awstest.Parameter{}}
	var names []string
	for i := range 11 {
		name := fmt.Sprintf("/p%02d", i)
		names = append(names, name)
		cfg.Parameters[name] = awstest.Parameter{Value: "value of " + name}
	}
	srv := start(t, cfg)
	client := srv.parameters(region)
	out, err := client.GetParameters(t.Context(), &ssm.GetParametersInput{Names: []string{
		"/p01", "/none", "/p02:1", "/p03:9", "arn:aws:ssm:" + region + ":" + account + ":parameter/p04"}})
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, p := range out.Parameters {
		got = append(got, *p.Name+aws.ToString(p.Selector))
		if *p.Value != "value of "+*p.Name {
			t.Errorf("GetParameters gives another parameter's value for %q", *p.Name)
		}
	}
	if want := []string{"/p04", "/p02:1", "/p01"}; !slices.Equal(got, want) {
		t.Errorf("GetParameters = %q, want %q", got, want)
	}
	if want := []string{"/p03:9", "/none"}; !slices.Equal(out.InvalidParameters, want) {
		t.Errorf("InvalidParameters = %q, want %q", out.InvalidParameters, want)
	}
	_, err = client.GetParameters(t.Context(), &ssm.GetParametersInput{Names: names})
	wantAPIError(t, "11 names", err, "ValidationException", "1 validation error detected: Value '["+
		strings.Join(names, ", ")+"]' at 'names' failed to satisfy constraint: Member must have length less than or equal to 10")
	_, err = client.GetParameters(t.Context(), &ssm.GetParametersInput{Names: []string{"/p01", "/p02", "/p01"}})
	wantAPIError(t, "a name twice", err, "ValidationException", "Duplicate parameter names are not allowed: /p01")
}

func TestParameterThatIsASecret(t *testing.T) {
	t.Parallel()
	srv := start(t, awstest.Config{Secrets: map[string]awstest.Secret{
		"db/x": {Suffix: "AAAAAA", Versions: []awstest.SecretVersion{
			{ID: "0123-old", Stages: []string{"AWSPREVIOUS"}, String: "before"},
			{ID: "0123-new", Stages: []string{"AWSCURRENT"}, String: "now"}}},
		"deleted": {String: "v", Deleted: true},
	}})
	client := srv.parameters(region)
	const reference = "/aws/reference/secretsmanager/db/x"
	for asked, want := range map[string]string{
		reference: "now", reference + ":AWSPREVIOUS": "before", reference + ":0123-old": "before"} {
		out, err := client.GetParameter(t.Context(), parameter(asked, true))
		if err != nil {
			t.Errorf("GetParameter(%q): %v", asked, err)
			continue
		}
		p := out.Parameter
		if *p.Value != want || *p.Name != reference || *p.ARN != arnOf(account, region, "db/x-AAAAAA") ||
			p.Type != types.ParameterTypeSecureString || p.Version != 0 {
			t.Errorf("GetParameter(%q) is about %q, %q, version %d, or another value", asked, *p.Name, *p.ARN, p.Version)
		}
		var source struct{ ARN, SecretString string }
		if err := json.Unmarshal([]byte(*p.SourceResult), &source); err != nil || source.SecretString != want || source.ARN != *p.ARN {
			t.Errorf("GetParameter(%q): SourceResult is not the secret: %v", asked, err)
		}
	}
	out, err := client.GetParameters(t.Context(), &ssm.GetParametersInput{
		Names: []string{reference, reference[:len(reference)-1] + "y"}, WithDecryption: aws.Bool(true)})
	if err != nil || len(out.Parameters) != 1 || len(out.InvalidParameters) != 1 {
		t.Errorf("GetParameters: %v, want one secret and one invalid name", err)
	}
	_, err = client.GetParameter(t.Context(), parameter(reference, false))
	wantAPIError(t, "not decrypted", err, "ValidationException",
		"WithDecryption flag must be True for retrieving a Secret Manager secret.")
	_, err = client.GetParameter(t.Context(), parameter(strings.Replace(reference, "db/x", "deleted", 1), true))
	wantAPIError(t, "deleted", err, "ValidationException", "An error occurred (InvalidRequestException) when referencing "+
		"Secrets Manager: You can't perform this operation on the secret because it was marked for deletion.")
}

func TestGetParametersByPath(t *testing.T) {
	t.Parallel()
	cfg := awstest.Config{Parameters: map[string]awstest.Parameter{
		"/tree": {Value: "the path itself"}, "/treehouse/x": {Value: "beside it"}, "plain": {Value: "p"},
		"us": {Name: "/tree/elsewhere", Region: "us-east-1", Value: "american"},
	}}
	var all, level []string
	for i := range 25 {
		name := fmt.Sprintf("/tree/p%02d", i)
		if i%2 == 1 {
			name = fmt.Sprintf("/tree/deep/p%02d", i)
		} else {
			level = append(level, name)
		}
		all = append(all, name)
		cfg.Parameters[name] = awstest.Parameter{Type: "SecureString", Value: "value of " + name}
	}
	slices.Sort(all)
	srv := start(t, cfg)
	tests := []struct {
		path      string
		recursive bool
		pages     int
		want      []string
	}{
		{"/tree", true, 3, all},
		{"/tree/", true, 3, all},
		{"/tree", false, 3, level}, // the first page is empty: /tree/deep comes before
		{"/none", true, 1, nil},
		{"/tree/deep/p01", true, 1, nil},
		{"/", false, 3, []string{"/tree", "plain"}},
	}
	for _, tt := range tests {
		pages := ssm.NewGetParametersByPathPaginator(srv.parameters(region), &ssm.GetParametersByPathInput{
			Path: &tt.path, Recursive: &tt.recursive, WithDecryption: aws.Bool(true)})
		var got []string
		count := 0
		for pages.HasMorePages() {
			page, err := pages.NextPage(t.Context())
			if err != nil {
				t.Fatalf("%s: %v", tt.path, err)
			}
			count++
			if len(page.Parameters) > 10 {
				t.Errorf("%s: a page has %d parameters", tt.path, len(page.Parameters))
			}
			for _, p := range page.Parameters {
				got = append(got, *p.Name)
			}
		}
		if count != tt.pages || !slices.Equal(got, tt.want) {
			t.Errorf("%s recursive %t: %q in %d pages, want %q in %d", tt.path, tt.recursive, got, count, tt.want, tt.pages)
		}
	}
}

func TestGetParametersByPathRefuses(t *testing.T) {
	t.Parallel()
	cfg := awstest.Config{Parameters: map[string]awstest.Parameter{}}
	for i := range 3 {
		cfg.Parameters[fmt.Sprintf("/a/%d", i)] = awstest.Parameter{Value: "v"}
	}
	srv := start(t, cfg)
	client := srv.parameters(region)
	first, err := client.GetParametersByPath(t.Context(), &ssm.GetParametersByPathInput{
		Path: aws.String("/a"), MaxResults: aws.Int32(2)})
	if err != nil || len(first.Parameters) != 2 || first.NextToken == nil {
		t.Fatalf("a page of 2: %v, or not two and a token", err)
	}
	tests := []struct {
		what          string
		in            ssm.GetParametersByPathInput
		code, message string
	}{
		{"pages of 11", ssm.GetParametersByPathInput{Path: aws.String("/a"), MaxResults: aws.Int32(11)}, "ValidationException",
			"1 validation error detected: Value '11' at 'maxResults' failed to satisfy constraint: Member must have value less than or equal to 10"},
		{"pages of 0", ssm.GetParametersByPathInput{Path: aws.String("/a"), MaxResults: aws.Int32(0)}, "ValidationException",
			"1 validation error detected: Value '0' at 'maxResults' failed to satisfy constraint: Member must have value greater than or equal to 1"},
		{"no slash", ssm.GetParametersByPathInput{Path: aws.String("a")}, "ValidationException",
			`The parameter doesn't meet the parameter name requirements. The parameter name must begin with a forward slash "/".`},
		{"another path's token", ssm.GetParametersByPathInput{Path: aws.String("/b"), NextToken: first.NextToken},
			"InvalidNextToken", "The specified token isn't valid."},
	}
	for _, tt := range tests {
		_, err := client.GetParametersByPath(t.Context(), &tt.in)
		wantAPIError(t, tt.what, err, tt.code, tt.message)
	}
}
