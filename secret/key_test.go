package secret_test

import (
	"slices"
	"strings"
	"testing"

	"larder/secret"
)

func mustKey(t *testing.T, text string) secret.Key {
	t.Helper()
	r, err := secret.ParseReference(text)
	if err != nil {
		t.Fatalf("ParseReference(%q): %v", text, err)
	}
	k, err := r.Key(home)
	if err != nil {
		t.Fatalf("ParseReference(%q).Key(%q): %v", text, home, err)
	}
	return k
}

func TestKeyEquality(t *testing.T) {
	t.Parallel()
	tests := []struct {
		a, b string
		want bool
	}{
		{"secretsmanager://db", "secretsmanager://db?stage=AWSCURRENT", true},
		{"secretsmanager://db#a?b", "secretsmanager://db?ttl=5&optional#c", true}, // one fetch for all fields
		{"secretsmanager://db", "secretsmanager://db?region=" + home, true},
		{"secretsmanager://" + secretARN, "secretsmanager://" + secretARN + "::AWSCURRENT:", true},
		{"secretsmanager://" + secretARN + "?stage=s&version=v", "secretsmanager://" + secretARN + "::s:v", true},
		{"ssm:///p:3", "ssm:///p?version=3", true},
		{"ssm:///p:prod", "ssm:///p?label=prod", true},
		{"ssm://" + paramARN + ":3", "ssm://" + paramARN + "?version=3&region=us-gov-west-1", true},

		{"secretsmanager://db", "secretsmanager://db?stage=AWSPREVIOUS", false},
		{"secretsmanager://db", "secretsmanager://db?stage=awscurrent", false},
		{"secretsmanager://db", "secretsmanager://db?version=v", false},
		{"secretsmanager://db?version=v", "secretsmanager://db?stage=v", false},
		{"secretsmanager://db", "secretsmanager://db?region=eu-west-1", false},
		{"secretsmanager://db", "secretsmanager://db?role=" + roleARN, false},
		{"secretsmanager://db?role=" + pathRole, "secretsmanager://db?role=" + roleARN, false},
		{"secretsmanager://db#a?role=x", "secretsmanager://db", true}, // a field's name
		{"secretsmanager://db", "secretsmanager://db-AbCdEf", false},
		{"secretsmanager://db", "secretsmanager:///db", false},
		{"secretsmanager://db", "ssm://db", false},
		{"secretsmanager://prod/db?region=eu-west-1", "secretsmanager://" + secretARN, false}, // only AWS knows
		{"secretsmanager://arn:aws:secretsmanager:eu-west-1:123456789012:secret:db-AbCdEf",
			"secretsmanager://arn:aws:secretsmanager:eu-west-1:210987654321:secret:db-AbCdEf", false},
		{"ssm:///p", "ssm://p", false},
		{"ssm:///p", "ssm:///P", false},
		{"ssm:///p", "ssm:///p:1", false},
		{"ssm:///p/*", "ssm:///p/**", false},
	}
	for _, test := range tests {
		if a, b := mustKey(t, test.a), mustKey(t, test.b); (a == b) != test.want {
			t.Errorf("keys of %q and %q: %+v == %+v is %v, want %v", test.a, test.b, a, b, a == b, test.want)
		}
	}
}

func TestSecretKey(t *testing.T) {
	t.Parallel()
	tests := []struct {
		id, version, stage string
		want               secret.Key
		err                string
	}{
		{id: "prod/db", want: key(sm, home, "prod/db")},
		{id: "a+b", stage: "AWSCURRENT", want: key(sm, home, "a+b")},
		{id: "db", version: "v", stage: "AWSCURRENT", want: key(sm, home, "db", atVersion("v"), atStage("AWSCURRENT"))},
		{id: secretARN, stage: "s", want: key(sm, "eu-west-1", secretARN, atStage("s"))},
		{id: "", err: "the name is empty"},
		{id: "db#f", err: "a secret's name has only"},
		{id: "db?ttl=1", err: "a secret's name has only"},
		{id: "db name", err: "a secret's name has only"},
		{id: "db\xff", err: "a secret's name has only"},
		{id: secretARN + "::AWSCURRENT:", err: "a secret's name has only"}, // the tail belongs to references
		{id: paramARN, err: "another service"},
		{id: "arn:", err: "six parts"},
		{id: "db", version: "v&x", err: "a version id has only"},
		{id: "db", stage: "s#", err: "a version stage has only"},
	}
	for _, test := range tests {
		got, err := secret.SecretKey(home, test.id, test.version, test.stage)
		checkKey(t, "SecretKey", test.id, got, err, test.want, test.err)
	}
}

func TestParameterKey(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name, version, label string
		encrypted            bool
		want                 secret.Key
		err                  string
	}{
		{name: "/p", want: key(ps, home, "/p")},
		{name: "/p", encrypted: true, want: key(ps, home, "/p", encrypted())},
		{name: "p", version: "3", want: key(ps, home, "p", atVersion("3"))},
		{name: "/p", label: "l", want: key(ps, home, "/p", atStage("l"))},
		{name: "/p:3", want: key(ps, home, "/p", atVersion("3"))},
		{name: "/p:l", want: key(ps, home, "/p", atStage("l"))},
		{name: paramARN + ":l", encrypted: true, want: key(ps, "us-gov-west-1", paramARN, atStage("l"), encrypted())},
		{name: publicARN, want: key(ps, "us-east-1", publicARN)},
		{name: publicARN + ":3", want: key(ps, "us-east-1", publicARN, atVersion("3"))},
		{name: "arn:aws:ssm:us-east-1::parameter/p", err: "twelve digits"},
		{name: "arn:aws:ssm:us-east-1::parameter/aws/services/a", err: "twelve digits"},
		{name: "arn:aws:ssm:us-east-1:1:parameter/aws/service/a", err: "twelve digits"},
		{name: "/p", version: strings.Repeat("9", 19), want: key(ps, home, "/p", atVersion(strings.Repeat("9", 19)))},
		{name: "", err: "the name is empty"},
		{name: ":3", err: "the name is empty"},
		{name: "/p/*", err: "a wildcard stands alone"}, // a tree is another kind of key
		{name: "/p/**", err: "a wildcard stands alone"},
		{name: "a/b", err: "did you mean ssm:///a/b"},
		{name: "/a%2Fb", err: "a parameter's name has only"},
		{name: "/p?ttl=1", err: "a parameter's name has only"},
		{name: "/p#f", err: "a parameter's name has only"},
		{name: secretARN, err: "another service"},
		{name: "arn:aws:ssm", err: "six parts"},
		{name: "/p", version: "x", err: "a number"},
		{name: "/p", version: strings.Repeat("9", 20), err: "a number"},
		{name: "/p", label: "7", err: "a label is not a number"},
		{name: "/p", version: "3", label: "l", err: "exclude each other"},
		{name: "/p:3", version: "3", err: "exclude each other"},
		{name: "/p:", err: "nothing follows"},
	}
	for _, test := range tests {
		got, err := secret.ParameterKey(home, test.name, test.version, test.label, !test.encrypted)
		checkKey(t, "ParameterKey", test.name, got, err, test.want, test.err)
	}
}

const publicARN = "arn:aws:ssm:us-east-1::parameter/aws/service/ami/latest"

func TestIsPublic(t *testing.T) {
	t.Parallel()
	for id, want := range map[string]bool{
		"/aws/service/a": true, publicARN: true, "/aws/service/*": true, "/aws/reference/secretsmanager/a": false,
		"/aws/services/a": false, "/prod/aws/service/a": false, "arn:aws:ssm:us-east-1:123456789012:parameter/prod/aws/service/a": false,
	} {
		if got := (secret.Key{Service: secret.ParameterStore, Region: home, ID: id}).IsPublic(); got != want {
			t.Errorf("IsPublic of %s = %t, want %t", id, got, want)
		}
	}
	if (secret.Key{Service: secret.SecretsManager, Region: home, ID: "/aws/service/a"}).IsPublic() {
		t.Error("a secret is public")
	}
}

func TestTreeKey(t *testing.T) {
	t.Parallel()
	tests := []struct {
		pattern string
		err     string // empty: legal
	}{
		{"/p/*", ""}, {"/p/q/**", ""}, {"/*", ""}, {"/**", ""}, {"/aws/service/ami/*", ""},
		{"", "starts with '/' and ends in"},
		{"/p", "starts with '/' and ends in"},
		{"/", "starts with '/' and ends in"},
		{"*", "starts with '/' and ends in"},
		{"p/*", "starts with '/' and ends in"},
		{paramARN + "/*", "starts with '/' and ends in"},
		{"/p//**", "empty part"},
		{"/p#/*", "a parameter's name has only"},
	}
	for _, test := range tests {
		got, err := secret.TreeKey(home, test.pattern)
		checkKey(t, "TreeKey", test.pattern, got, err, key(ps, home, test.pattern), test.err)
	}
}

// checkKey compares what a constructor returned with want or, unless wantErr is
// empty, with an error that has wantErr in it.
func checkKey(t *testing.T, constructor, id string, got secret.Key, err error, want secret.Key, wantErr string) {
	t.Helper()
	switch {
	case wantErr == "" && (err != nil || got != want):
		t.Errorf("%s(%q) = %+v, %v, want %+v", constructor, id, got, err, want)
	case wantErr != "" && (err == nil || !strings.Contains(err.Error(), wantErr)):
		t.Errorf("%s(%q) = %+v, %v, want an error with %q", constructor, id, got, err, wantErr)
	case wantErr != "" && got != secret.Key{}:
		t.Errorf("%s(%q) = %+v beside an error, want nothing", constructor, id, got)
	}
}

func TestKeysNeedRegion(t *testing.T) {
	t.Parallel()
	for _, region := range []string{"", "evil.com/x", "EU-WEST-1", "a.b", strings.Repeat("r", 64)} {
		if k, err := secret.SecretKey(region, "db", "", ""); err == nil {
			t.Errorf("SecretKey in %q = %+v, want an error", region, k)
		}
		if k, err := secret.ParameterKey(region, "/p", "", "", true); err == nil {
			t.Errorf("ParameterKey in %q = %+v, want an error", region, k)
		}
		if k, err := secret.TreeKey(region, "/p/*"); err == nil {
			t.Errorf("TreeKey in %q = %+v, want an error", region, k)
		}
	}
}

func TestCutTree(t *testing.T) {
	t.Parallel()
	tests := []struct {
		id, path  string
		recursive bool
	}{
		{"/p/*", "/p", false},
		{"/p/q/**", "/p/q", true},
		{"/*", "/", false},
		{"/**", "/", true},
		{"/p", "", false},
		{"/p*", "", false},
		{"*", "", false},
		{"", "", false},
	}
	for _, test := range tests {
		if path, recursive := secret.CutTree(test.id); path != test.path || recursive != test.recursive {
			t.Errorf("CutTree(%q) = %q, %v, want %q, %v", test.id, path, recursive, test.path, test.recursive)
		}
		k := secret.Key{Service: ps, Region: home, ID: test.id}
		if k.IsTree() != (test.path != "") {
			t.Errorf("%+v.IsTree() = %v, want %v", k, k.IsTree(), test.path != "")
		}
		if k.Service = sm; k.IsTree() {
			t.Errorf("%+v.IsTree() = true of a secret", k)
		}
	}
}

func TestCovers(t *testing.T) {
	t.Parallel()
	tests := []struct {
		tree, member string
		want         bool
	}{
		{"ssm:///p/*", "ssm:///p/a", true},
		{"ssm:///p/*", "ssm:///p/a#field", true},
		{"ssm:///p/**", "ssm:///p/a", true},
		{"ssm:///p/**", "ssm:///p/a/b", true},
		{"ssm:///*", "ssm:///a", true},
		{"ssm:///**", "ssm:///a/b", true},
		{"ssm:///p/*", "ssm:///p/a/b", false},
		{"ssm:///p/**", "ssm:///p", false},
		{"ssm:///p/**", "ssm:///pq/a", false},
		{"ssm:///*", "ssm:///a/b", false},
		{"ssm:///p/*", "ssm:///p/a:3", false},
		{"ssm:///p/*", "ssm:///p/a?label=l", false},
		{"ssm:///p/*", "ssm:///p/a?region=eu-west-1", false},
		{"ssm:///p/*", "ssm:///p/a?role=" + roleARN, false},
		{"ssm:///p/*?role=" + roleARN, "ssm:///p/a", false},
		{"ssm:///p/*?role=" + roleARN, "ssm:///p/a?role=" + roleARN, true},
		{"ssm:///p/**", "ssm:///p/q/*", false},
		{"ssm:///p/**", "ssm:///p/**", false},
		{"ssm:///p", "ssm:///p/a", false},
		{"ssm:///**", "ssm://" + paramARN + "?region=us-gov-west-1", false},
		{"ssm:///**", "secretsmanager:///a", false},
		{"ssm:///**", "ssm:///aws/reference/secretsmanager/db", false},
		{"ssm:///aws/**", "ssm:///aws/reference/secretsmanager/db", false},
	}
	for _, test := range tests {
		if got := mustKey(t, test.tree).Covers(mustKey(t, test.member)); got != test.want {
			t.Errorf("%q covers %q: %v, want %v", test.tree, test.member, got, test.want)
		}
	}
	plain := key(ps, home, "/p/a", encrypted()) // of a String the decrypt flag changes nothing
	if tree := mustKey(t, "ssm:///p/*"); !tree.Covers(plain) {
		t.Errorf("%q covers %+v: false, want true", tree, plain)
	}
}

// A role changes nothing else of a key, and the function's own is none.
func TestWithRole(t *testing.T) {
	t.Parallel()
	plain := mustKey(t, "ssm:///p:3")
	k, err := plain.WithRole(roleARN)
	if want := mustKey(t, "ssm:///p:3?role="+roleARN); err != nil || k != want {
		t.Errorf("WithRole = %+v, %v, want %+v", k, err, want)
	}
	if again, err := k.WithRole(""); err != nil || again != plain {
		t.Errorf(`WithRole("") = %+v, %v, want %+v`, again, err, plain)
	}
	if k, err := plain.WithRole("reader"); err == nil || k != (secret.Key{}) {
		t.Errorf(`WithRole("reader") = %+v, %v, want an error and nothing`, k, err)
	}
}

func TestNames(t *testing.T) {
	t.Parallel()
	const account = ":eu-west-1:123456789012:"
	tests := []struct {
		arn  string
		want []string
	}{
		{"secretsmanager://db", nil},
		{"ssm:///p", nil},
		{"secretsmanager://arn:aws:secretsmanager" + account + "secret:prod/db-AbCdEf?stage=AWSPENDING",
			[]string{"secretsmanager://prod/db-AbCdEf?stage=AWSPENDING", "secretsmanager://prod/db?stage=AWSPENDING"}},
		{"secretsmanager://arn:aws:secretsmanager" + account + "secret:db", []string{"secretsmanager://db"}},
		{"secretsmanager://arn:aws:secretsmanager" + account + "secret:-AbCdEf", []string{"secretsmanager://-AbCdEf"}},
		{"ssm://arn:aws:ssm" + account + "parameter/p?version=3", []string{"ssm:///p?version=3", "ssm://p?version=3"}},
		{"ssm://arn:aws:ssm" + account + "parameter/a/b", []string{"ssm:///a/b"}},
	}
	for _, test := range tests {
		var want []secret.Key
		for _, text := range test.want {
			key := mustKey(t, text)
			key.Region = "eu-west-1" // the ARN's
			want = append(want, key)
		}
		if got := mustKey(t, test.arn).Names(); !slices.Equal(got, want) {
			t.Errorf("the names of %q = %v, want %v", test.arn, got, want)
		}
	}
}

func TestSelector(t *testing.T) {
	t.Parallel()
	tests := []struct{ text, want string }{
		{"ssm:///p", ""},
		{"ssm:///p?version=3", ":3"},
		{"ssm:///p?label=prod", ":prod"},
		{"secretsmanager://db?version=3", ""},
		{"secretsmanager://db?stage=s", ""},
	}
	for _, test := range tests {
		if got := mustKey(t, test.text).Selector(); got != test.want {
			t.Errorf("the selector of %q = %q, want %q", test.text, got, test.want)
		}
	}
}

func TestKeyString(t *testing.T) {
	t.Parallel()
	tests := []struct{ text, want string }{
		{"secretsmanager://db?region=eu-west-1&ttl=5#f", "secretsmanager://db"},
		{"ssm:///p:3", "ssm:///p?version=3"},
		{"ssm:///p/**", "ssm:///p/**"},
		{"ssm:///p/**?region=eu-west-1&role=" + roleARN, "ssm:///p/**?role=" + roleARN},
		{"secretsmanager://" + secretARN + "::s:", "secretsmanager://" + secretARN + "?stage=s"},
	}
	for _, test := range tests {
		if got := mustKey(t, test.text).String(); got != test.want {
			t.Errorf("the key of %q prints as %q, want %q", test.text, got, test.want)
		}
	}
}
