package source_test

import (
	"fmt"
	"testing"

	"larder/internal/awstest"
	"larder/secret"
)

// stock is what the tests of this file ask for.
func stock() awstest.Config {
	return awstest.Config{
		Secrets: map[string]awstest.Secret{
			"db":        {String: "of db", Suffix: "AbCdEf"},
			"db-AbCdEf": {String: "of db-AbCdEf", Suffix: "GhIjKl"},
			"other db":  {Name: "db", Account: "999999999999", Suffix: "MnOpQr", String: "of the other account's db"},
			"db west":   {Name: "db", Region: "us-west-2", String: "of db in the west"},
			"gone":      {String: "x", Deleted: true},
			"locked":    {String: "x", KMSDenied: true},
			"rotating": {Versions: []awstest.SecretVersion{
				{ID: "11111111-1111-1111-1111-111111111111", Stages: []string{"AWSPREVIOUS"}, String: "old"},
				{ID: "22222222-2222-2222-2222-222222222222", Stages: []string{"AWSCURRENT"}, String: "now"},
				{ID: "33333333-3333-3333-3333-333333333333", Stages: []string{"AWSPENDING"}, String: "next"}}},
		},
		Parameters: map[string]awstest.Parameter{
			"plain":   {Value: "of plain"},
			"/a":      {Value: "of a"},
			"/safe":   {Type: "SecureString", Value: "of safe"},
			"/locked": {Type: "SecureString", Value: "x", KMSDenied: true},
			"/v":      {Versions: []awstest.ParameterVersion{{Value: "one", Labels: []string{"old"}}, {Value: "two"}}},
			"a west":  {Name: "/a", Region: "us-west-2", Value: "of a in the west"},
		},
	}
}

type want map[secret.Key]string // outcomes

// fetchTest is one Fetch, of all the keys in want, and the calls that it takes.
type fetchTest struct {
	name  string
	want  want
	calls string
}

func holdFetches(t *testing.T, tests []fetchTest) {
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			play(t, stock(), nil, func(t *testing.T, st *stand) {
				var keys []secret.Key
				for k := range tt.want { // in another order every time
					keys = append(keys, k)
				}
				keys = append(keys, keys...) // the same reference twice
				got := fetch(t, t.Context(), st.source, keys...)
				for k, want := range tt.want {
					if got := outcome(got[k]); got != want {
						t.Errorf("Fetch of %v = %q, want %q", k, got, want)
					}
				}
				if calls := st.counted(); calls != tt.calls {
					t.Errorf("calls: %s, want %s", calls, tt.calls)
				}
				if st.log.String() != "" {
					t.Errorf("log: %s", st.log)
				}
			})
		})
	}
}

func TestBatches(t *testing.T) {
	s := func(id string) secret.Key { return secretKey(t, id) }
	p := func(name string) secret.Key { return parameterKey(t, name) }
	holdFetches(t, []fetchTest{
		{"one secret alone needs no batch", want{s("db"): "of db"}, "GetSecretValue 1"},
		{"one parameter alone needs no batch", want{p("/a"): "of a"}, "GetParameter 1"},
		{"one is deleted, one locked and one unknown",
			want{s("db"): "of db", s("gone"): "!NotFound", s("locked"): "!AccessDenied", s("none"): "!NotFound", s("db-AbCdEf"): "of db-AbCdEf"},
			"BatchGetSecretValue 1"},
		{"an unknown parameter fails alone",
			want{p("/a"): "of a", p("/none"): "!NotFound", p("plain"): "of plain"}, "GetParameters 1"},
		{"a locked parameter is isolated",
			want{p("/a"): "of a", p("/locked"): "!AccessDenied", p("plain"): "of plain", p("/safe"): "of safe"},
			"GetParameter 4, GetParameters 1"},
		{"two Regions", want{s("db"): "of db", inRegion(s("db"), "us-west-2"): "of db in the west",
			p("/a"): "of a", inRegion(p("/a"), "us-west-2"): "of a in the west"}, "GetParameter 2, GetSecretValue 2"},
		{"decrypted and not are two batches",
			want{p("/a"): "of a", p("plain"): "of plain", encrypted(p("/a")): "of a", encrypted(p("plain")): "of plain"},
			"GetParameters 2"},
	})
}

// TestMatching: which value of a batch's answer belongs to which key.
func TestMatching(t *testing.T) {
	const (
		arn      = "arn:aws:secretsmanager:eu-west-1:123456789012:secret:"
		otherARN = "arn:aws:secretsmanager:eu-west-1:999999999999:secret:"
	)
	s := func(id string) secret.Key { return secretKey(t, id) }
	p := func(name string) secret.Key { return parameterKey(t, name) }
	holdFetches(t, []fetchTest{
		{"a name that looks like an ARN's end",
			want{s("db"): "of db", s("db-AbCdEf"): "of db-AbCdEf"}, "BatchGetSecretValue 1"},
		{"a name and its ARN leave the name open",
			want{s("db"): "of db", s("db-AbCdEf"): "of db-AbCdEf", s(arn + "db-AbCdEf-GhIjKl"): "of db-AbCdEf"},
			"BatchGetSecretValue 1, GetSecretValue 1"},
		{"ARNs without their last six characters",
			want{s(arn + "db"): "of db", s(otherARN + "db"): "of the other account's db"}, "BatchGetSecretValue 1"},
		{"two accounts' secrets of one name",
			want{s("db"): "of db", s(otherARN + "db-MnOpQr"): "of the other account's db"}, "BatchGetSecretValue 1"},
		{"two accounts' secrets of one name, by the short ARN",
			want{s("db"): "of db", s(otherARN + "db"): "of the other account's db"}, "BatchGetSecretValue 1"},
		{"a missing secret beside another account's",
			want{s("none"): "!NotFound", s(otherARN + "db-MnOpQr"): "of the other account's db"}, "BatchGetSecretValue 1"},
		{"parameters by name and ARN",
			want{p("/safe"): "of safe", p("arn:aws:ssm:eu-west-1:123456789012:parameter/a"): "of a",
				p("arn:aws:ssm:eu-west-1:123456789012:parameter/plain"): "of plain"},
			"GetParameters 1"},
	})
}

func TestSingles(t *testing.T) {
	s := func(version, stage string) secret.Key { return secretVersion(t, "rotating", version, stage) }
	p := func(name string) secret.Key { return parameterKey(t, name) }
	holdFetches(t, []fetchTest{
		{"versions and stages",
			want{s("", ""): "now", s("", "AWSPENDING"): "next", s("", "AWSPREVIOUS"): "old",
				s("11111111-1111-1111-1111-111111111111", ""): "old",
				s("99999999-1111-1111-1111-111111111111", ""): "!NotFound"},
			"GetSecretValue 5"},
		{"selectors",
			want{p("/v"): "two", p("/v:1"): "one", p("/v:old"): "one", p("/v:9"): "!NotFound", p("/v:none"): "!NotFound"},
			"GetParameter 5"},
		{"a secret through Parameter Store",
			want{p("/aws/reference/secretsmanager/db"): "of db", p("/a"): "of a", p("/safe"): "of safe"},
			"GetParameter 1, GetParameters 1"},
	})
}

func TestFetchMany(t *testing.T) {
	tests := []struct {
		name       string
		secrets    int
		parameters int
		calls      string
	}{
		{"as many as a batch holds", 20, 10, "BatchGetSecretValue 1, GetParameters 1"},
		{"one more than a batch holds", 21, 11, "BatchGetSecretValue 1, GetParameter 1, GetParameters 1, GetSecretValue 1"},
		{"several batches", 45, 25, "BatchGetSecretValue 3, GetParameters 3"},
		{"none", 0, 0, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			aws := awstest.Config{Secrets: map[string]awstest.Secret{}, Parameters: map[string]awstest.Parameter{}}
			want := make(map[secret.Key]string)
			var keys []secret.Key
			for i := range tt.secrets {
				name := fmt.Sprintf("s/%d", i)
				aws.Secrets[name] = awstest.Secret{String: "value of " + name}
				keys = append(keys, secretKey(t, name))
				want[secretKey(t, name)] = "value of " + name
			}
			for i := range tt.parameters {
				name := fmt.Sprintf("/p/%d", i)
				aws.Parameters[name] = awstest.Parameter{Value: "value of " + name}
				keys = append(keys, parameterKey(t, name))
				want[parameterKey(t, name)] = "value of " + name
			}
			play(t, aws, nil, func(t *testing.T, st *stand) {
				got := fetch(t, t.Context(), st.source, keys...)
				for k, want := range want {
					if got := outcome(got[k]); got != want {
						t.Errorf("Fetch of %v = %q, want %q", k, got, want)
					}
				}
				if calls := st.counted(); calls != tt.calls {
					t.Errorf("calls: %s, want %s", calls, tt.calls)
				}
			})
		})
	}
}

// TestStrangers: what answers at AWS_ENDPOINT_URL may answer about something
// else, which must not be served under the name that was asked for.
func TestStrangers(t *testing.T) {
	const (
		sARN = "arn:aws:secretsmanager:eu-west-1:123456789012:secret:"
		pARN = "arn:aws:ssm:eu-west-1:123456789012:parameter/"
	)
	s := func(id string) secret.Key { return secretKey(t, id) }
	p := func(name string) secret.Key { return parameterKey(t, name) }
	tests := []struct {
		key       secret.Key
		name, arn string
		good      bool
	}{
		{s("db"), "db", sARN + "db-AbCdEf", true},
		{s("db"), "other", sARN + "db-AbCdEf", false},
		{s("db"), "/db", sARN + "/db-AbCdEf", false},
		{s("db"), "DB", sARN + "DB-AbCdEf", false},
		{s(sARN + "db-AbCdEf"), "db", sARN + "db-AbCdEf", true},
		{s(sARN + "db"), "db", sARN + "db-AbCdEf", true},
		{s(sARN + "db"), "db-x", sARN + "db-x-AbCdEf", false},
		{s(sARN + "db-AbCdEf"), "db", sARN + "db-GhIjKl", false},
		{s(sARN + "db"), "db", "arn:aws:secretsmanager:eu-west-1:999999999999:secret:db-AbCdEf", false},
		{secretVersion(t, "db", "1", ""), "db", sARN + "db-AbCdEf", true},
		{secretVersion(t, "db", "2", ""), "db", sARN + "db-AbCdEf", false},
		{secretVersion(t, "db", "", "AWSPENDING"), "db", sARN + "db-AbCdEf", true},
		{p("/a/b"), "/a/b", pARN + "a/b", true},
		{p("/a/b"), "/a/c", pARN + "a/c", false},
		{p("/a/b"), "b", pARN + "b", false},
		{p("plain"), "plain", pARN + "plain", true},
		{p("plain"), "/plain", pARN + "plain", true},
		{p("/plain"), "plain", pARN + "plain", true},
		{p("/plain"), "other", pARN + "other", false},
		{p("/a:1"), "/a", pARN + "a", true},
		{p("/a:label"), "/a", pARN + "a", true},
		{p("/a:2"), "/a", pARN + "a", false},
		{p(pARN + "a"), "/a", pARN + "a", true},
		{p(pARN + "a:1"), "/a", pARN + "a", true},
		{p(pARN + "a"), pARN + "a", "", true},
		{p(pARN + "a"), "/a", pARN + "b", false},
		{p(pARN + "a"), "/a", "", false},
		{p("/aws/reference/secretsmanager/db"), "/aws/reference/secretsmanager/db", sARN + "db-AbCdEf", true},
		{p("/aws/reference/secretsmanager/db"), "db", sARN + "db-AbCdEf", true},
	}
	for _, tt := range tests {
		bubble(t, fmt.Sprintf("%s %s", tt.key, tt.name), func(t *testing.T) {
			body := fmt.Sprintf(`{"ARN":%q,"Name":%q,"VersionId":"1","SecretString":"v"}`, tt.arn, tt.name)
			if tt.key.Service == secret.ParameterStore {
				body = fmt.Sprintf(`{"Parameter":{"ARN":%q,"Name":%q,"Type":"String","Value":"v","Version":1}}`, tt.arn, tt.name)
			}
			want := "!BadAnswer"
			if tt.good {
				want = "v"
			}
			if got := outcome(fetch(t, t.Context(), answering([]byte(body)), tt.key)[tt.key]); got != want {
				t.Errorf("%v answered as %s, %s = %q, want %q", tt.key, tt.name, tt.arn, got, want)
			}
		})
	}
}
