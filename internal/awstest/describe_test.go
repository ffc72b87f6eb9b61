package awstest_test

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
	"github.com/aws/aws-sdk-go-v2/service/ssm/types"

	"larder/internal/awstest"
)

func TestDescribeSecret(t *testing.T) {
	t.Parallel()
	srv := start(t, awstest.Config{Secrets: map[string]awstest.Secret{
		"db": {Suffix: "AAAAAA", KMSKey: "k1", KMSDenied: true, Versions: []awstest.SecretVersion{
			{ID: "a", String: "canary"}, {ID: "b", Stages: []string{"AWSCURRENT", "x"}, String: "canary"}}},
		"empty": {Suffix: "BBBBBB"},
		"deleted": {Suffix: "CCCCCC", Deleted: true, Versions: []awstest.SecretVersion{
			{ID: "c", Stages: []string{"AWSCURRENT"}, String: "canary"}}},
	}})
	tests := []struct {
		id, arn, key string
		stages       map[string][]string
		deleted      bool
	}{
		{"db", arnOf(account, region, "db-AAAAAA"), "k1", map[string][]string{"b": {"AWSCURRENT", "x"}}, false},
		{arnOf(account, region, "db-AAAAAA"), arnOf(account, region, "db-AAAAAA"), "k1", map[string][]string{"b": {"AWSCURRENT", "x"}}, false},
		{"empty", arnOf(account, region, "empty-BBBBBB"), "", nil, false},
		{"deleted", arnOf(account, region, "deleted-CCCCCC"), "", map[string][]string{"c": {"AWSCURRENT"}}, true},
	}
	for _, tt := range tests {
		out, err := srv.secrets(region).DescribeSecret(t.Context(), &secretsmanager.DescribeSecretInput{SecretId: &tt.id})
		if err != nil {
			t.Errorf("DescribeSecret(%q): %v", tt.id, err)
			continue
		}
		if *out.ARN != tt.arn || aws.ToString(out.KmsKeyId) != tt.key || (out.DeletedDate != nil) != tt.deleted ||
			!maps.EqualFunc(out.VersionIdsToStages, tt.stages, slices.Equal) {
			t.Errorf("DescribeSecret(%q) = %s, key %q, versions %v, deleted %v; want %+v",
				tt.id, *out.ARN, aws.ToString(out.KmsKeyId), out.VersionIdsToStages, out.DeletedDate, tt)
		}
		if age := time.Since(*out.CreatedDate); age < 0 || age > time.Hour || out.LastChangedDate.Before(*out.CreatedDate) {
			t.Errorf("DescribeSecret(%q): made %v, changed %v", tt.id, out.CreatedDate, out.LastChangedDate)
		}
	}
	_, err := srv.secrets(region).DescribeSecret(t.Context(), &secretsmanager.DescribeSecretInput{SecretId: aws.String("none")})
	wantAPIError(t, "none", err, "ResourceNotFoundException", "Secrets Manager can't find the specified secret.")
	if call := srv.last(t); call.Action != "DescribeSecret" || !slices.Equal(call.IDs, []string{"none"}) {
		t.Errorf("recorded as %+v", call)
	}
}

func TestChangeKeepsCreatedDate(t *testing.T) {
	t.Parallel()
	srv := start(t, secrets(map[string]awstest.Secret{"s": {String: "one"}}))
	in := &secretsmanager.DescribeSecretInput{SecretId: aws.String("s")}
	before, err := srv.secrets(region).DescribeSecret(t.Context(), in)
	if err != nil {
		t.Fatal(err)
	}
	srv.change(t, secrets(map[string]awstest.Secret{"s": {String: "two"}}))
	after, err := srv.secrets(region).DescribeSecret(t.Context(), in)
	if err != nil || !after.CreatedDate.Equal(*before.CreatedDate) || len(after.VersionIdsToStages) != 2 {
		t.Errorf("after a rotation: made %v, versions %v (%v); want %v and two", after.CreatedDate, after.VersionIdsToStages, err, before.CreatedDate)
	}
}

func TestDescribeParameter(t *testing.T) {
	t.Parallel()
	srv := start(t, awstest.Config{Parameters: map[string]awstest.Parameter{
		"plain":  {Value: "v", DataType: "aws:ec2:image"},
		"/own":   {Type: "SecureString", Value: "canary"},
		"/key":   {Type: "SecureString", KMSKey: "alias/mine", Versions: []awstest.ParameterVersion{{Value: "canary"}, {Value: strings.Repeat("x", 4097)}}},
		"us":     {Name: "/us", Region: "us-east-1", Value: "v"},
		"theirs": {Name: "/theirs", Account: "222222222222", Value: "v"},
	}})
	out, err := srv.parameters(region).DescribeParameters(t.Context(), &ssm.DescribeParametersInput{})
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, p := range out.Parameters {
		got = append(got, fmt.Sprintln(*p.ARN, *p.Name, p.Type, aws.ToString(p.KeyId), p.Version, p.Tier, *p.DataType, len(p.Policies)))
		if age := time.Since(*p.LastModifiedDate); age < 0 || age > time.Hour {
			t.Errorf("%s was modified %v ago", *p.Name, age)
		}
	}
	arn := "arn:aws:ssm:" + region + ":" + account + ":parameter"
	want := []string{
		arn + "/key /key SecureString alias/mine 2 Advanced text 0\n",
		arn + "/own /own SecureString alias/aws/ssm 1 Standard text 0\n",
		arn + "/plain plain String  1 Standard aws:ec2:image 0\n",
	}
	if !slices.Equal(got, want) || out.NextToken != nil {
		t.Errorf("DescribeParameters =\n%q, want\n%q", got, want)
	}
}

// described is the names in all pages, and how many pages there are.
func described(t *testing.T, srv fixture, size int32, filters ...types.ParameterStringFilter) (names []string, pages int) {
	t.Helper()
	in := &ssm.DescribeParametersInput{ParameterFilters: filters}
	if size > 0 {
		in.MaxResults = &size
	}
	paginator := ssm.NewDescribeParametersPaginator(srv.parameters(region), in)
	for paginator.HasMorePages() {
		page, err := paginator.NextPage(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		pages++
		for _, p := range page.Parameters {
			names = append(names, *p.Name)
		}
	}
	return names, pages
}

func filter(key, option string, values ...string) types.ParameterStringFilter {
	f := types.ParameterStringFilter{Key: &key, Values: values}
	if option != "" {
		f.Option = &option
	}
	return f
}

func TestDescribeParametersFilters(t *testing.T) {
	t.Parallel()
	cfg := parameters(map[string]awstest.Parameter{"plain": {Value: "v"}, "/t": {Value: "v"}, "/t/deep/a": {Value: "v"}, "/tea": {Value: "v"}})
	for i := range 12 {
		cfg.Parameters[fmt.Sprintf("/t/p%02d", i)] = awstest.Parameter{Value: "v"}
	}
	srv := start(t, cfg)
	tests := []struct {
		size    int32
		filters []types.ParameterStringFilter
		found   int
		pages   int
		last    string
	}{
		{0, nil, 16, 2, "plain"},
		{50, nil, 16, 1, "plain"},
		{5, nil, 16, 4, "plain"},
		{0, []types.ParameterStringFilter{filter("Name", "", "plain", "/t/p03", "/none")}, 2, 2, "plain"},
		{0, []types.ParameterStringFilter{filter("Name", "Equals", "/plain")}, 0, 2, ""},
		{0, []types.ParameterStringFilter{filter("Path", "", "/t")}, 12, 2, "/t/p11"},
		{0, []types.ParameterStringFilter{filter("Path", "OneLevel", "/t/")}, 12, 2, "/t/p11"},
		{50, []types.ParameterStringFilter{filter("Path", "Recursive", "/t")}, 13, 1, "/t/p11"},
		{50, []types.ParameterStringFilter{filter("Path", "Recursive", "/t/deep", "/none")}, 1, 1, "/t/deep/a"},
		{50, []types.ParameterStringFilter{filter("Path", "Recursive", "/")}, 16, 1, "plain"},
		{50, []types.ParameterStringFilter{filter("Path", "", "/t"), filter("Name", "", "/t/p05", "/tea")}, 1, 1, "/t/p05"},
	}
	for _, tt := range tests {
		names, pages := described(t, srv, tt.size, tt.filters...)
		last := ""
		if len(names) > 0 {
			last = names[len(names)-1]
		}
		if len(names) != tt.found || pages != tt.pages || last != tt.last || !slices.IsSorted(names) {
			t.Errorf("filters %v: %q in %d pages, want %d in %d, %q last", tt.filters, names, pages, tt.found, tt.pages, tt.last)
		}
	}
	described(t, srv, 50, filter("Name", "", "/t/p00", "plain"))
	if call := srv.last(t); call.Action != "DescribeParameters" || !slices.Equal(call.IDs, []string{"/t/p00", "plain"}) {
		t.Errorf("recorded as %+v", call)
	}
}

func TestDescribeParametersRefuses(t *testing.T) {
	t.Parallel()
	srv := start(t, parameters(map[string]awstest.Parameter{"a": {Value: "v"}, "b": {Value: "v"}}))
	client := srv.parameters(region)
	first, err := client.DescribeParameters(t.Context(), &ssm.DescribeParametersInput{MaxResults: aws.Int32(1)})
	if err != nil || len(first.Parameters) != 1 || first.NextToken == nil {
		t.Fatalf("a page of 1: %v, or not one and a token", err)
	}
	filtered := func(f types.ParameterStringFilter) ssm.DescribeParametersInput {
		return ssm.DescribeParametersInput{ParameterFilters: []types.ParameterStringFilter{f}}
	}
	other := filtered(filter("Name", "", "a"))
	other.NextToken = first.NextToken
	tests := []struct {
		what string
		in   ssm.DescribeParametersInput
		code string
	}{
		{"pages of 51", ssm.DescribeParametersInput{MaxResults: aws.Int32(51)}, "ValidationException"},
		{"pages of 0", ssm.DescribeParametersInput{MaxResults: aws.Int32(0)}, "ValidationException"},
		{"another question's token", other, "InvalidNextToken"},
		{"a key that is not emulated", filtered(filter("Tier", "", "Standard")), "InvalidFilterKey"},
		{"an option of a name", filtered(filter("Name", "Recursive", "a")), "InvalidFilterOption"},
		{"an option of a path", filtered(filter("Path", "Equals", "/a")), "InvalidFilterOption"},
		{"a path without a slash", filtered(filter("Path", "", "a")), "ValidationException"},
		{"no values", filtered(filter("Name", "")), "InvalidFilterValue"},
	}
	for _, tt := range tests {
		_, err := client.DescribeParameters(t.Context(), &tt.in)
		if err == nil || code(t, err) != tt.code {
			t.Errorf("%s: %v, want %s", tt.what, err, tt.code)
		}
	}
}
