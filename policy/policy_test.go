package policy_test

import (
	"encoding/json"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"larder/policy"
	"larder/secret"
)

const (
	region = "eu-west-1"
	role   = "arn:aws:iam::222222222222:role/reader"
)

// home is a function whose place is known.
func home() policy.Home {
	return policy.Home{Partition: "aws", Region: region, Account: "111111111111"}
}

// read returns what a reference needs, of which nothing is known.
func read(t *testing.T, reference string) policy.Read {
	t.Helper()
	ref, err := secret.ParseReference(reference)
	if err != nil {
		t.Fatalf("ParseReference(%q): %v", reference, err)
	}
	key, err := ref.Key(region)
	if err != nil {
		t.Fatalf("%q has no key: %v", reference, err)
	}
	return policy.Read{Key: key, Optional: ref.Optional}
}

// TestResources looks at each action's resources for one reference.
func TestResources(t *testing.T) {
	t.Parallel()
	const (
		sm  = "arn:aws:secretsmanager:eu-west-1:111111111111:secret:"
		ssm = "arn:aws:ssm:eu-west-1:111111111111:parameter"
		arn = "arn:aws:secretsmanager:us-east-1:333333333333:secret:prod/db-AbCdEf"
	)
	tests := []struct {
		reference string
		want      map[string][]string // by action, without kms:Decrypt
	}{
		{"secretsmanager://prod/db#password", map[string][]string{"secretsmanager:GetSecretValue": {sm + "prod/db-??????"}}},
		{"secretsmanager://prod/db?stage=AWSPREVIOUS", map[string][]string{"secretsmanager:GetSecretValue": {sm + "prod/db-??????"}}},
		{"secretsmanager://prod/db?optional", map[string][]string{"secretsmanager:GetSecretValue": {sm + "prod/db", sm + "prod/db-??????"}}},
		{"secretsmanager://prod/db?region=us-east-1", map[string][]string{"secretsmanager:GetSecretValue": {"arn:aws:secretsmanager:us-east-1:111111111111:secret:prod/db-??????"}}},
		{"secretsmanager://" + arn + ":password::", map[string][]string{"secretsmanager:GetSecretValue": {arn, arn + "-??????"}}},
		{"ssm:///prod/key", map[string][]string{"ssm:GetParameter": {ssm + "/prod/key"}}},
		{"ssm://plain", map[string][]string{"ssm:GetParameter": {ssm + "/plain"}}},
		{"ssm:///prod/key:3", map[string][]string{"ssm:GetParameter": {ssm + "/prod/key"}}},
		{"ssm:///prod/key?label=live", map[string][]string{"ssm:GetParameter": {ssm + "/prod/key"}}},
		{"ssm://arn:aws-cn:ssm:cn-north-1:333333333333:parameter/p", map[string][]string{"ssm:GetParameter": {"arn:aws-cn:ssm:cn-north-1:333333333333:parameter/p"}}},
		{"ssm:///prod/app/*", map[string][]string{"ssm:GetParametersByPath": {ssm + "/prod/app", ssm + "/prod/app/*"}}},
		{"ssm:///prod/app/**", map[string][]string{"ssm:GetParametersByPath": {ssm + "/prod/app", ssm + "/prod/app/*"}}},
		{"ssm:///**", map[string][]string{"ssm:GetParametersByPath": {ssm + "/*"}}},
		{"ssm:///aws/service/ami/latest", map[string][]string{"ssm:GetParameter": {"arn:aws:ssm:eu-west-1::parameter/aws/service/ami/latest"}}},
		{"ssm://arn:aws:ssm:us-east-1::parameter/aws/service/ami/latest", map[string][]string{"ssm:GetParameter": {"arn:aws:ssm:us-east-1::parameter/aws/service/ami/latest"}}},
		{"ssm:///aws/service/ami/*", map[string][]string{"ssm:GetParametersByPath": {"arn:aws:ssm:eu-west-1::parameter/aws/service/ami", "arn:aws:ssm:eu-west-1::parameter/aws/service/ami/*"}}},
		{"ssm:///aws/reference/secretsmanager/prod/db", map[string][]string{
			"ssm:GetParameter":              {ssm + "/aws/reference/secretsmanager/prod/db"},
			"secretsmanager:GetSecretValue": {sm + "prod/db-??????"},
		}},
	}
	for _, test := range tests {
		got := make(map[string][]string)
		for _, s := range policy.Documents(home(), []policy.Read{read(t, test.reference)})[""].Statement {
			if s.Sid != policy.KeyStatement {
				got[strings.Join(s.Action, "+")] = s.Resource
			}
		}
		if !maps.EqualFunc(got, test.want, slices.Equal) {
			t.Errorf("%s needs %q, want %q", test.reference, got, test.want)
		}
	}
}

// TestWhole checks that an ARN that is known to be whole allows nothing else.
func TestWhole(t *testing.T) {
	t.Parallel()
	const arn = "arn:aws-us-gov:secretsmanager:us-gov-west-1:333333333333:secret:prod/db-AbCdEf"
	r := read(t, "secretsmanager://"+arn+"?optional")
	r.Whole = true
	got := policy.Documents(home(), []policy.Read{r})[""].Statement[0].Resource
	if want := []string{arn}; !slices.Equal(got, want) {
		t.Errorf("%s needs %q, want %q", r.Key, got, want)
	}
}

// TestKeys looks at the statement about KMS.
func TestKeys(t *testing.T) {
	t.Parallel()
	const kms = "arn:aws:kms:eu-west-1:111111111111:key/"
	tests := []struct {
		name       string
		home       policy.Home
		reference  string
		encryption policy.Encryption
		want       []string // resources; nil: no statement
		via        string
	}{
		{"a secret, nothing known", home(), "secretsmanager://a", policy.Encryption{}, []string{kms + "*"}, "secretsmanager.eu-west-1.amazonaws.com"},
		{"a parameter, nothing known", home(), "ssm:///a", policy.Encryption{}, []string{kms + "*"}, "ssm.eu-west-1.amazonaws.com"},
		{"a tree, nothing known", home(), "ssm:///a/*", policy.Encryption{}, []string{kms + "*"}, "ssm.eu-west-1.amazonaws.com"},
		{"a secret through Parameter Store", home(), "ssm:///aws/reference/secretsmanager/a", policy.Encryption{}, []string{kms + "*"}, "secretsmanager.eu-west-1.amazonaws.com"},
		{"a public parameter", home(), "ssm:///aws/service/a", policy.Encryption{}, nil, ""},
		{"a public parameter by ARN", home(), "ssm://arn:aws:ssm:us-east-1::parameter/aws/service/a", policy.Encryption{}, nil, ""},
		{"not encrypted", home(), "ssm:///a", policy.Encryption{Known: true}, nil, ""},
		{"AWS's own key", home(), "ssm:///a", policy.Encryption{Known: true, Keys: []string{"alias/aws/ssm"}}, nil, ""},
		{"AWS's own key by ARN", home(), "secretsmanager://a", policy.Encryption{Known: true, Keys: []string{"arn:aws:kms:eu-west-1:111111111111:alias/aws/secretsmanager"}}, nil, ""},
		{"a key id", home(), "ssm:///a", policy.Encryption{Known: true, Keys: []string{"k-1"}}, []string{kms + "k-1"}, "ssm.eu-west-1.amazonaws.com"},
		{"a key's ARN", home(), "secretsmanager://a", policy.Encryption{Known: true, Keys: []string{"arn:aws:kms:eu-west-1:9:key/k"}}, []string{"arn:aws:kms:eu-west-1:9:key/k"}, "secretsmanager.eu-west-1.amazonaws.com"},
		{"an alias", home(), "secretsmanager://a", policy.Encryption{Known: true, Keys: []string{"alias/mine"}}, []string{kms + "*"}, "secretsmanager.eu-west-1.amazonaws.com"},
		{"several keys of a tree", home(), "ssm:///a/*", policy.Encryption{Known: true, Keys: []string{"k-2", "k-1", "alias/aws/ssm"}}, []string{kms + "k-1", kms + "k-2"}, "ssm.eu-west-1.amazonaws.com"},
		{"another account's secret", home(), "secretsmanager://arn:aws:secretsmanager:us-east-1:333333333333:secret:a-AbCdEf", policy.Encryption{}, []string{"arn:aws:kms:us-east-1:333333333333:key/*"}, "secretsmanager.us-east-1.amazonaws.com"},
		{"China", policy.Home{Partition: "aws-cn", Region: region, Account: "1"}, "ssm:///a?region=cn-north-1", policy.Encryption{}, []string{"arn:aws-cn:kms:cn-north-1:1:key/*"}, "ssm.cn-north-1.amazonaws.com ssm.cn-north-1.amazonaws.com.cn"},
		{"GovCloud", policy.Home{Partition: "aws-us-gov", Region: region, Account: "1"}, "ssm:///a?region=us-gov-west-1", policy.Encryption{}, []string{"arn:aws-us-gov:kms:us-gov-west-1:1:key/*"}, "ssm.us-gov-west-1.amazonaws.com"},
		{"offline", policy.Home{Region: region}, "ssm:///a", policy.Encryption{}, []string{"arn:${AWS::Partition}:kms:${AWS::Region}:${AWS::AccountId}:key/*"}, "ssm.${AWS::Region}.${AWS::URLSuffix} ssm.${AWS::Region}.amazonaws.com"},
		{"offline, another Region", policy.Home{Region: region}, "ssm:///a?region=us-east-1", policy.Encryption{}, []string{"arn:${AWS::Partition}:kms:us-east-1:${AWS::AccountId}:key/*"}, "ssm.us-east-1.amazonaws.com"},
	}
	for _, test := range tests {
		r := read(t, test.reference)
		r.Encryption = test.encryption
		var resources, via []string
		for _, s := range policy.Documents(test.home, []policy.Read{r})[""].Statement {
			if s.Sid == policy.KeyStatement {
				resources, via = s.Resource, s.Condition["StringEquals"]["kms:ViaService"]
			}
		}
		if !slices.Equal(resources, test.want) || strings.Join(via, " ") != test.via {
			t.Errorf("%s: the keys are %q via %q, want %q via %q", test.name, resources, via, test.want, test.via)
		}
	}
}

// TestDocuments holds whole policies against the files in testdata.
func TestDocuments(t *testing.T) {
	t.Parallel()
	batched := func(references ...string) []policy.Read {
		var reads []policy.Read
		for _, reference := range references {
			r := read(t, reference)
			r.Batched = true
			reads = append(reads, r)
		}
		return reads
	}
	tests := []struct {
		name  string
		home  policy.Home
		reads []policy.Read
	}{
		{"nothing", home(), nil},
		{"offline", policy.Home{Region: region}, append(batched("secretsmanager://b", "secretsmanager://a", "ssm:///p", "ssm:///q"), read(t, "ssm:///tree/**"))},
		{"versions", home(), append(batched("ssm:///p", "ssm:///q"), read(t, "ssm:///p:3"), read(t, "ssm:///r?label=live"))},
		{"role", home(), append(batched("secretsmanager://a?role="+role, "secretsmanager://b?role="+role), read(t, "secretsmanager://a"))},
	}
	for _, test := range tests {
		got, err := json.MarshalIndent(policy.Documents(test.home, test.reads), "", "  ")
		if err != nil {
			t.Fatal(err)
		}
		want, err := os.ReadFile(filepath.Join("testdata", test.name+".json"))
		if err != nil {
			t.Fatal(err)
		}
		if string(got) != strings.TrimSpace(string(want)) {
			t.Errorf("%s: the policies are\n%s\nwant\n%s", test.name, got, want)
		}
		slices.Reverse(test.reads)
		if again, err := json.MarshalIndent(policy.Documents(test.home, test.reads), "", "  "); err != nil || string(again) != string(got) {
			t.Errorf("%s: the policies differ with the order of the reads: %v", test.name, err)
		}
	}
}
