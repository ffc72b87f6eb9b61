package source_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"larder/internal/awstest"
	"larder/secret"
	"larder/source"
)

// TestDescribe: the KMS keys of everything that a key can name.
func TestDescribe(t *testing.T) {
	t.Parallel()
	const arn = "arn:aws:ssm:eu-west-1:123456789012:parameter"
	aws := awstest.Config{
		Secrets: map[string]awstest.Secret{
			"mine": {String: "v", KMSKey: "k-1"}, "amazon's": {Name: "amazons", String: "v"},
			"theirs": {Name: "mine", Account: "999999999999", String: "v", KMSKey: "k-9"},
		},
		Parameters: map[string]awstest.Parameter{
			"/open":        {Value: "v"},
			"/mine":        {Type: "SecureString", Value: "v", KMSKey: "k-2"},
			"/amazons":     {Type: "SecureString", Value: "v"},
			"bare":         {Type: "SecureString", Value: "v", KMSKey: "k-3"},
			"/tree/a":      {Type: "SecureString", Value: "v", KMSKey: "k-4"},
			"/tree/b":      {Value: "v"},
			"/tree/deep/c": {Type: "SecureString", Value: "v", KMSKey: "k-5"},
		},
		Roles: map[string]awstest.Role{auditor: {Trust: awstest.OneOrMany{account}}},
	}
	for n := range 120 { // three pages
		aws.Parameters[fmt.Sprint("/large/", n)] = awstest.Parameter{Type: "SecureString", Value: "v", KMSKey: fmt.Sprint("k-", n)}
	}
	tests := []struct {
		key  secret.Key
		want []string
	}{
		{secretKey(t, "mine"), []string{"k-1"}},
		{withRole(t, secretKey(t, "mine"), auditor), []string{"k-9"}},
		{secretKey(t, "amazons"), nil},
		{parameterKey(t, "/open"), nil},
		{parameterKey(t, "/mine"), []string{"k-2"}},
		{parameterKey(t, "/amazons"), []string{"alias/aws/ssm"}},
		{parameterKey(t, "bare"), []string{"k-3"}},
		{parameterKey(t, arn+"/mine"), []string{"k-2"}},
		{parameterKey(t, arn+"/bare"), []string{"k-3"}},
		{treeKey(t, "/tree/*"), []string{"k-4"}},
		{treeKey(t, "/tree/**"), []string{"k-4", "k-5"}},
		{parameterKey(t, "/aws/reference/secretsmanager/mine"), []string{"k-1"}},
	}
	play(t, aws, inFunction, func(t *testing.T, st *stand) {
		keys := []secret.Key{treeKey(t, "/large/*")}
		for _, tt := range tests {
			keys = append(keys, tt.key)
		}
		got := st.source.Describe(t.Context(), keys)
		if n := len(got[0].KMSKeys); n != 120 || got[0].Err != nil {
			t.Errorf("Describe of a large tree has %d keys and %v, want 120", n, got[0].Err)
		}
		for i, tt := range tests {
			d := got[i+1]
			if slices.Sort(d.KMSKeys); d.Key != tt.key || d.Err != nil || !slices.Equal(d.KMSKeys, tt.want) {
				t.Errorf("Describe of %v = %q, %v, want %q", tt.key, d.KMSKeys, d.Err, tt.want)
			}
		}
		if calls := st.counted(); strings.Contains(calls, "Value") || strings.Contains(calls, "GetParameter") {
			t.Errorf("calls: %s, want none that reads", calls)
		}
	})
}

// TestDescribeFails: each failure is that of its key, and names the action.
func TestDescribeFails(t *testing.T) {
	t.Parallel()
	aws := full()
	aws.Policy = denying("*:Describe*", "*")
	play(t, aws, nil, func(t *testing.T, st *stand) {
		for k, action := range map[secret.Key]string{
			secretKey(t, "a"):     "secretsmanager:DescribeSecret",
			parameterKey(t, "/a"): "ssm:DescribeParameters",
		} {
			d := st.source.Describe(t.Context(), []secret.Key{k})[0]
			if d.Err == nil || d.Err.Class != secret.Denied || d.Err.Action != action || d.Err.Key != k {
				t.Errorf("Describe of %v = %v, want it denied for lack of %s", k, d.Err, action)
			}
		}
		if err := st.SetPolicy(nil); err != nil {
			t.Fatal(err)
		}
		for _, k := range []secret.Key{secretKey(t, "none"), parameterKey(t, "/none"), treeKey(t, "/none/*")} {
			if d := st.source.Describe(t.Context(), []secret.Key{k})[0]; d.Err == nil || d.Err.Class != secret.NotFound {
				t.Errorf("Describe of %v = %v, want it not found", k, d.Err)
			}
		}
	})
}

// TestDescribeEnds: pages that do not end are a failure, be they the same or new ones.
func TestDescribeEnds(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name  string
		token func(page int) int // of the next page
		pages int
		want  string // how the failure begins
	}{
		{"as many as there may be", func(page int) int { return page }, 1000, ""},
		{"one more", func(page int) int { return page }, 1001, "there is no end of AWS's pages"},
		{"the same token again", func(int) int { return 0 }, 3, "AWS's pages go in a circle"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			var aws awstest.Config
			for page := range tt.pages - 1 {
				body := fmt.Sprintf(`{"Parameters":[{"Name":"/a"}],"NextToken":"t-%d"}`, tt.token(page))
				aws.Faults = append(aws.Faults, awstest.Fault{Body: &body, Times: 1})
			}
			aws.Faults = append(aws.Faults, awstest.Fault{Body: ptr(`{"Parameters":[{"Name":"/a"}]}`)})
			play(t, aws, nil, func(t *testing.T, st *stand) {
				d := st.source.Describe(t.Context(), []secret.Key{parameterKey(t, "/a")})[0]
				switch {
				case tt.want == "" && d.Err != nil:
					t.Errorf("Describe = %v, want none", d.Err)
				case tt.want != "" && (d.Err == nil || d.Err.Class != secret.BadAnswer || !strings.HasPrefix(d.Err.Message, tt.want)):
					t.Errorf("Describe = %v, want %q", d.Err, tt.want)
				}
			})
		})
	}
}

// TestIdentity: who the function is, which needs no permission.
func TestIdentity(t *testing.T) {
	t.Parallel()
	const answer = "<GetCallerIdentityResponse><GetCallerIdentityResult>%s</GetCallerIdentityResult></GetCallerIdentityResponse>"
	empty, garbage := "", "<html>"
	nameless, homeless := fmt.Sprintf(answer, "<Account>"+account+"</Account>"), fmt.Sprintf(answer, "<Arn>"+own+"</Arn>")
	tests := []struct {
		name  string
		fault *awstest.Fault
		want  secret.Class // zero: an identity
	}{
		{"as it is", nil, 0},
		{"throttled once", &awstest.Fault{Code: "Throttling", Times: 1}, 0},
		{"throttled", &awstest.Fault{Code: "Throttling"}, secret.Throttled},
		{"expired", &awstest.Fault{Code: "ExpiredToken", Status: 403}, secret.Credentials},
		{"an empty answer", &awstest.Fault{Body: &empty}, secret.BadAnswer},
		{"an answer without an ARN", &awstest.Fault{Body: &nameless}, secret.BadAnswer},
		{"an answer without an account", &awstest.Fault{Body: &homeless}, secret.BadAnswer},
		{"garbage", &awstest.Fault{Body: &garbage}, secret.BadAnswer},
		{"no answer", &awstest.Fault{Hang: true}, secret.Timeout},
		{"a broken connection", &awstest.Fault{Reset: true}, secret.Unavailable},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			play(t, awstest.Config{Policy: allowing("none:None")}, inFunction, func(t *testing.T, st *stand) {
				if tt.fault != nil {
					tt.fault.Action = "GetCallerIdentity"
					if err := st.AddFault(*tt.fault); err != nil {
						t.Fatal(err)
					}
				}
				got, failure := st.source.Identity(t.Context())
				switch {
				case tt.want == 0 && (failure != nil || *got != source.Identity{ARN: own, Account: account}):
					t.Errorf("Identity = %v, %v, want %s", got, failure, own)
				case tt.want != 0 && (failure == nil || failure.Class != tt.want):
					t.Errorf("Identity = %v, %v, want class %v", got, failure, tt.want)
				}
			})
		})
	}
}

// TestIdentityNowhere: without a Region there is no STS to ask.
func TestIdentityNowhere(t *testing.T) {
	t.Parallel()
	s := source.New(source.Config{})
	defer s.Close()
	if _, failure := s.Identity(t.Context()); failure == nil || !strings.HasPrefix(failure.Message, "AWS_REGION: ") {
		t.Errorf("Identity without a Region: %v, want AWS_REGION named", failure)
	}
}
