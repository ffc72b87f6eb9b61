package secret_test

import (
	"strings"
	"testing"
	"time"

	"larder/secret"
)

const (
	home      = "eu-central-1" // the function's own Region
	secretARN = "arn:aws:secretsmanager:eu-west-1:123456789012:secret:prod/db-AbCdEf"
	paramARN  = "arn:aws:ssm:us-gov-west-1:123456789012:parameter/prod/key"
	roleARN   = "arn:aws:iam::123456789012:role/reader"
	pathRole  = "arn:aws-us-gov:iam::210987654321:role/team/a/A_z+0=9,.@-"
)

// accepted are legal references with what they mean.
var accepted = []struct {
	text string
	want secret.Reference
	key  secret.Key
}{
	// Names.
	{"secretsmanager://prod/db", ref(sm, "prod/db"), key(sm, home, "prod/db")},
	{"secretsmanager:///prod/db", ref(sm, "/prod/db"), key(sm, home, "/prod/db")},
	{"ssm:///prod/api-key", ref(ps, "/prod/api-key"), key(ps, home, "/prod/api-key")},
	{"ssm://plain-name", ref(ps, "plain-name"), key(ps, home, "plain-name")},
	{"secretsmanager://a+b=c@d.e_f-g/h", ref(sm, "a+b=c@d.e_f-g/h"), key(sm, home, "a+b=c@d.e_f-g/h")},
	{"secretsmanager://rds!db-1a2b", ref(sm, "rds!db-1a2b"), key(sm, home, "rds!db-1a2b")}, // made by AWS itself
	{"ssm:///aws/reference/secretsmanager/a+b=c@d", ref(ps, "/aws/reference/secretsmanager/a+b=c@d"),
		key(ps, home, "/aws/reference/secretsmanager/a+b=c@d")},
	{"secretsmanager://" + strings.Repeat("n", 512), ref(sm, strings.Repeat("n", 512)), key(sm, home, strings.Repeat("n", 512))},

	// The field: everything behind the first '#', verbatim.
	{"secretsmanager://prod/db#password", ref(sm, "prod/db", field("password")), key(sm, home, "prod/db")},
	{"secretsmanager://db#a#b", ref(sm, "db", field("a#b")), key(sm, home, "db")},
	{"secretsmanager://db#a?ttl=5", ref(sm, "db", field("a?ttl=5")), key(sm, home, "db")},
	{"secretsmanager://db?ttl=5#a?b&c=d", ref(sm, "db", ttl(5*time.Second), field("a?b&c=d")), key(sm, home, "db")},
	{"secretsmanager://db# a b,\n%41+=@:", ref(sm, "db", field(" a b,\n%41+=@:")), key(sm, home, "db")},
	{"secretsmanager://db#/a/b~0c~1d", ref(sm, "db", field("/a/b~0c~1d")), key(sm, home, "db")},
	{"secretsmanager://db#a/~", ref(sm, "db", field("a/~")), key(sm, home, "db")},
	{"secretsmanager://db#/", ref(sm, "db", field("/")), key(sm, home, "db")},

	// Options, in any order.
	{"secretsmanager://db?stage=AWSPREVIOUS", ref(sm, "db", stage("AWSPREVIOUS")), key(sm, home, "db", atStage("AWSPREVIOUS"))},
	{"secretsmanager://db?stage=a=b+c@d", ref(sm, "db", stage("a=b+c@d")), key(sm, home, "db", atStage("a=b+c@d"))},
	{"secretsmanager://db?stage=AWSCURRENT", ref(sm, "db"), key(sm, home, "db")},
	{"secretsmanager://db?version=0a1b-2c", ref(sm, "db", version("0a1b-2c")), key(sm, home, "db", atVersion("0a1b-2c"))},
	{"secretsmanager://db?stage=AWSCURRENT&version=v1", ref(sm, "db", version("v1"), stage("AWSCURRENT")),
		key(sm, home, "db", atVersion("v1"), atStage("AWSCURRENT"))},
	{"ssm:///p?version=3", ref(ps, "/p", version("3")), key(ps, home, "/p", atVersion("3"))},
	{"ssm:///p?label=Prod_1.0", ref(ps, "/p", stage("Prod_1.0")), key(ps, home, "/p", atStage("Prod_1.0"))},
	{"ssm:///p?region=us-gov-west-1", ref(ps, "/p", region("us-gov-west-1")), key(ps, "us-gov-west-1", "/p")},
	{"ssm:///p?region=" + strings.Repeat("r", 63), ref(ps, "/p", region(strings.Repeat("r", 63))), key(ps, strings.Repeat("r", 63), "/p")},
	{"ssm:///p?ttl=30", ref(ps, "/p", ttl(30*time.Second)), key(ps, home, "/p")},
	{"ssm:///p?ttl=5m", ref(ps, "/p", ttl(5*time.Minute)), key(ps, home, "/p")},
	{"ssm:///p?ttl=0", ref(ps, "/p", ttl(0)), key(ps, home, "/p")},
	{"ssm:///p?optional", ref(ps, "/p", optional()), key(ps, home, "/p")},
	{"ssm:///p?optional=true", ref(ps, "/p", optional()), key(ps, home, "/p")},
	{"ssm:///p?optional=false", ref(ps, "/p"), key(ps, home, "/p")},
	{"ssm:///p?optional&ttl=1h&region=eu-west-1&version=7#f",
		ref(ps, "/p", version("7"), region("eu-west-1"), ttl(time.Hour), optional(), field("f")), key(ps, "eu-west-1", "/p", atVersion("7"))},

	// Roles.
	{"secretsmanager://db?role=" + roleARN, ref(sm, "db", role(roleARN)), key(sm, home, "db", withRole(roleARN))},
	{"ssm:///p:3?role=" + pathRole + "&region=eu-west-1#f", ref(ps, "/p", version("3"), region("eu-west-1"), role(pathRole), field("f")),
		key(ps, "eu-west-1", "/p", atVersion("3"), withRole(pathRole))},
	{"ssm:///p/**?role=" + roleARN, ref(ps, "/p/**", role(roleARN)), key(ps, home, "/p/**", withRole(roleARN))},
	{"secretsmanager://" + secretARN + ":f::?role=" + roleARN, ref(sm, secretARN, field("f"), role(roleARN)),
		key(sm, "eu-west-1", secretARN, withRole(roleARN))},
	{"ssm:///p?role=" + longestRole, ref(ps, "/p", role(longestRole)), key(ps, home, "/p", withRole(longestRole))},

	// ARNs decide the Region.
	{"secretsmanager://" + secretARN + "#password", ref(sm, secretARN, field("password")), key(sm, "eu-west-1", secretARN)},
	{"secretsmanager://" + secretARN + "?region=eu-west-1", ref(sm, secretARN, region("eu-west-1")), key(sm, "eu-west-1", secretARN)},
	{"secretsmanager://arn:aws-cn:secretsmanager:cn-north-1:123456789012:secret:db", // without AWS's six characters
		ref(sm, "arn:aws-cn:secretsmanager:cn-north-1:123456789012:secret:db"),
		key(sm, "cn-north-1", "arn:aws-cn:secretsmanager:cn-north-1:123456789012:secret:db")},
	{"secretsmanager://" + longestARN, ref(sm, longestARN), key(sm, "eu-west-1", longestARN)},
	{"ssm://" + paramARN, ref(ps, paramARN), key(ps, "us-gov-west-1", paramARN)},

	// The tail that ECS allows behind a secret's ARN.
	{"secretsmanager://" + secretARN + ":password::", ref(sm, secretARN, field("password")), key(sm, "eu-west-1", secretARN)},
	{"secretsmanager://" + secretARN + ":::", ref(sm, secretARN), key(sm, "eu-west-1", secretARN)},
	{"secretsmanager://" + secretARN + "::AWSPREVIOUS:", ref(sm, secretARN, stage("AWSPREVIOUS")),
		key(sm, "eu-west-1", secretARN, atStage("AWSPREVIOUS"))},
	{"secretsmanager://" + secretARN + "::AWSCURRENT:", ref(sm, secretARN), key(sm, "eu-west-1", secretARN)},
	{"secretsmanager://" + secretARN + ":user:st:v-1", ref(sm, secretARN, field("user"), stage("st"), version("v-1")),
		key(sm, "eu-west-1", secretARN, atStage("st"), atVersion("v-1"))},
	{"secretsmanager://" + secretARN + ":/a~b::", ref(sm, secretARN, field("/~1a~0b")), key(sm, "eu-west-1", secretARN)}, // a plain name there
	{"secretsmanager://" + secretARN + "::st:?ttl=9#f", ref(sm, secretARN, stage("st"), ttl(9*time.Second), field("f")),
		key(sm, "eu-west-1", secretARN, atStage("st"))},

	// Parameter Store's own selectors.
	{"ssm:///p:3", ref(ps, "/p", version("3")), key(ps, home, "/p", atVersion("3"))},
	{"ssm:///p:prod", ref(ps, "/p", stage("prod")), key(ps, home, "/p", atStage("prod"))},
	{"ssm://plain:3?ttl=1#f", ref(ps, "plain", version("3"), ttl(time.Second), field("f")), key(ps, home, "plain", atVersion("3"))},
	{"ssm://" + paramARN + ":12", ref(ps, paramARN, version("12")), key(ps, "us-gov-west-1", paramARN, atVersion("12"))},
	{"ssm://" + paramARN + ":prod", ref(ps, paramARN, stage("prod")), key(ps, "us-gov-west-1", paramARN, atStage("prod"))},
	{"ssm:///aws/reference/secretsmanager/db:0a1b-2c", ref(ps, "/aws/reference/secretsmanager/db", stage("0a1b-2c")),
		key(ps, home, "/aws/reference/secretsmanager/db", atStage("0a1b-2c"))},

	// Trees.
	{"ssm:///prod/app/*", ref(ps, "/prod/app/*"), key(ps, home, "/prod/app/*")},
	{"ssm:///prod/app/**", ref(ps, "/prod/app/**"), key(ps, home, "/prod/app/**")},
	{"ssm:///*", ref(ps, "/*"), key(ps, home, "/*")},
	{"ssm:///**?ttl=1m&region=eu-west-1#a/b", ref(ps, "/**", ttl(time.Minute), region("eu-west-1"), field("a/b")), key(ps, "eu-west-1", "/**")},
}

var longestRole = "arn:aws:iam::123456789012:role/" + strings.Repeat("p", 510) + "/" + strings.Repeat("n", 64)

var longestARN = "arn:aws:secretsmanager:eu-west-1:123456789012:secret:" + strings.Repeat("n", 512) + "-AbCdEf"

func TestParseReference(t *testing.T) {
	t.Parallel()
	for _, test := range accepted {
		got, err := secret.ParseReference(test.text)
		if err != nil || got != test.want {
			t.Errorf("ParseReference(%q) = %+v, %v, want %+v", test.text, got, err, test.want)
			continue
		}
		if !secret.IsReference(test.text) {
			t.Errorf("IsReference(%q) = false, want true", test.text)
		}
		if k, err := got.Key(home); err != nil || k != test.key {
			t.Errorf("ParseReference(%q).Key(%q) = %+v, %v, want %+v", test.text, home, k, err, test.key)
		}
		if again, err := secret.ParseReference(got.String()); err != nil || again != got {
			t.Errorf("ParseReference(%q), printed from %q, = %+v, %v, want %+v", got.String(), test.text, again, err, got)
		}
	}
}

func TestReferenceString(t *testing.T) {
	t.Parallel()
	tests := []struct{ text, want string }{
		{"secretsmanager://db", "secretsmanager://db"},
		{"ssm:///p:3", "ssm:///p?version=3"},
		{"ssm:///p:prod", "ssm:///p?label=prod"},
		{"ssm:///p?optional=true&ttl=300&region=eu-west-1&label=l#a?b", "ssm:///p?label=l&region=eu-west-1&ttl=5m0s&optional#a?b"},
		{"ssm:///p?ttl=0&optional=false", "ssm:///p?ttl=0s"},
		{"ssm:///p?optional&role=" + roleARN + "&region=eu-west-1&ttl=5#f", "ssm:///p?region=eu-west-1&role=" + roleARN + "&ttl=5s&optional#f"},
		{"secretsmanager://" + secretARN + ":/a:st:v1", "secretsmanager://" + secretARN + "?version=v1&stage=st#/~1a"},
	}
	for _, test := range tests {
		r, err := secret.ParseReference(test.text)
		if err != nil || r.String() != test.want {
			t.Errorf("ParseReference(%q).String() = %q, %v, want %q", test.text, r, err, test.want)
		}
	}
}

func TestIsReference(t *testing.T) {
	t.Parallel()
	for _, text := range []string{"", "ssm", "ssm:", "ssm:/", "ssm:/a", "SSM:///a", " ssm:///a", "secretsmanager:db", "secrets://db",
		"https://ssm://a", secretARN, "postgres://user@host/db"} {
		if secret.IsReference(text) {
			t.Errorf("IsReference(%q) = true, want false", text)
		}
		if _, err := secret.ParseReference(text); err == nil || !strings.Contains(err.Error(), "starts with secretsmanager:// or ssm://") {
			t.Errorf("ParseReference(%q): %v, want the two schemes", text, err)
		}
	}
}

func TestReferenceKeyNeedsRegion(t *testing.T) {
	t.Parallel()
	tests := []struct{ text, region, want string }{
		{"ssm:///p", "", "no Region"},
		{"ssm:///p/**", "", "no Region"},
		{"secretsmanager://db", "", "no Region"},
		{"secretsmanager://db", "evil.com/x", "a Region has only"},
		{"ssm:///p", "evil.com/x", "a Region has only"},
		{"ssm:///p/*", "evil.com/x", "a Region has only"},
	}
	for _, test := range tests {
		r, err := secret.ParseReference(test.text)
		if err != nil {
			t.Fatalf("ParseReference(%q): %v", test.text, err)
		}
		if k, err := r.Key(test.region); err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("ParseReference(%q).Key(%q) = %+v, %v, want an error with %q", test.text, test.region, k, err, test.want)
		}
	}
	for _, text := range []string{"ssm:///p?region=eu-west-1", "ssm://" + paramARN, "secretsmanager://" + secretARN} {
		r, err := secret.ParseReference(text)
		if err != nil {
			t.Fatalf("ParseReference(%q): %v", text, err)
		}
		if k, err := r.Key(""); err != nil || k.Region == "" {
			t.Errorf("ParseReference(%q).Key(\"\") = %+v, %v, want the Region that it names", text, k, err)
		}
	}
}

func TestReferredSecret(t *testing.T) {
	t.Parallel()
	tests := []struct {
		text, name string // empty: none
	}{
		{"ssm:///aws/reference/secretsmanager/prod/db", "prod/db"},
		{"ssm:///aws/reference/secretsmanager/db:0a1b-2c", "db"},
		{"ssm:///aws/reference/secretsmanager", ""},
		{"ssm:///p/aws/reference/secretsmanager/db", ""},
		{"ssm://" + paramARN, ""},
		{"ssm:///aws/**", ""},
		{"secretsmanager:///aws/reference/secretsmanager/db", ""}, // a secret may have that name
	}
	for _, test := range tests {
		if name, ok := mustKey(t, test.text).ReferredSecret(); name != test.name || ok != (test.name != "") {
			t.Errorf("the key of %q refers to %q, %v, want %q", test.text, name, ok, test.name)
		}
	}
}
