package secret_test

import (
	"strings"
	"testing"

	"larder/internal/canary"
	"larder/secret"
)

// leak stands in refused references where it is, or is part of, what makes them
// illegal: no error may repeat it.
const leak = "Canary7f3aXw"

// refused are illegal references with a piece of what the user is told.
var refused = []struct{ text, want string }{
	// Names.
	{"secretsmanager://", "the name is empty"},
	{"ssm://", "the name is empty"},
	{"ssm:///", "the name is empty"},
	{"ssm://?version=1", "the name is empty"},
	{"ssm:///aws/reference/secretsmanager/", "the name is empty"},
	{"secretsmanager://" + leak + " b", "a secret's name has only"},
	{"secretsmanager://" + leak + "%2Fdb", "a secret's name has only"}, // no percent decoding
	{"secretsmanager://" + leak + ":db", "a secret's name has only"},
	{"secretsmanager://" + leak + "*", "a secret's name has only"},
	{"secretsmanager://" + leak + "é", "a secret's name has only"},
	{"secretsmanager://" + leak + "\x00", "a secret's name has only"},
	{"secretsmanager://" + leak + strings.Repeat("n", 512), "at most 512"},
	{"ssm:///" + leak + "%2Fdb", "a parameter's name has only"},
	{"ssm:///" + leak + "@host", "a parameter's name has only"},
	{"ssm://" + leak + "@host/b", "a parameter's name has only"},
	{"ssm:///" + leak + "//b", "empty part"},
	{"ssm:///" + leak + "/", "ends in '/'"},
	{"ssm:///" + leak + strings.Repeat("n", 2048), "at most 2048"},
	{"ssm:///aws/reference/secretsmanager/" + leak + "*", "a secret's name has only"},
	{"ssm://a/b", "did you mean ssm:///a/b"},
	{"ssm://a/b:3?ttl=1#f", "did you mean ssm:///a/b"},
	{"ssm://" + leak + "/b/", "ends in '/'"},
	{"ssm://" + leak + "//b", "empty part"},

	// Fields.
	{"secretsmanager://db#", "nothing follows the '#'"},
	{"secretsmanager://" + leak + "?ttl=5#", "nothing follows the '#'"},
	{"secretsmanager://db#/" + leak + "~", "in a JSON Pointer '~' is written ~0"},
	{"secretsmanager://db#/" + leak + "~2", "in a JSON Pointer '~' is written ~0"},

	// Options.
	{"ssm:///p?", "unknown option"},
	{"ssm:///p?ttl=5&", "unknown option"},
	{"ssm:///p?=" + leak, "unknown option"},
	{"ssm:///p?" + leak, "unknown option"},
	{"ssm:///p?" + leak + "=1", "unknown option"},
	{"ssm:///p?(unknown)", "unknown option; there are stage, version, label, region, role, ttl and optional"},
	{"ssm:///p?TTL=" + leak, "unknown option"},
	{"ssm:///p?tt%6C=" + leak, "unknown option"},
	{"ssm:///p?ttl=5?" + leak, "not a duration"},
	{"ssm:///p?ttl=5&ttl=6", "the option ttl stands twice"},
	{"ssm:///p?optional&optional=false", "the option optional stands twice"},
	{"ssm:///p?ttl", "the option ttl has no value"},
	{"ssm:///p?ttl=", "the option ttl has no value"},
	{"ssm:///p?version", "the option version has no value"},
	{"ssm:///p?label=", "the option label has no value"},
	{"ssm:///p?region=", "the option region has no value"},
	{"secretsmanager://db?stage=", "the option stage has no value"},
	{"ssm:///p?optional=", "optional is true or false"},
	{"ssm:///p?optional=" + leak, "optional is true or false"},
	{"ssm:///p?stage=" + leak, "stage is for secrets"},
	{"secretsmanager://db?label=" + leak, "label is for parameters"},
	{"ssm:///p?ttl=" + leak, "not a duration"},
	{"ssm:///p?ttl=-5", `"-5" is negative`},
	{"ssm:///p?ttl=366d", "not a duration"},
	{"ssm:///p?version=" + leak, "the version of a parameter is a number"},
	{"ssm:///p?version=-1", "the version of a parameter is a number"},
	{"ssm:///p?version=0", "the version of a parameter is a number"},
	{"ssm:///p?version=03", "the version of a parameter is a number"},
	{"ssm:///p:03", "the version of a parameter is a number"},
	{"ssm:///p?label=" + leak + "@", "a label has only"},
	{"ssm:///p?label=" + leak + strings.Repeat("l", 100), "a label has only"},
	{"ssm:///p?label=3", "write ?version="},
	{"ssm:///p?version=3&label=" + leak, "exclude each other"},
	{"secretsmanager://db?version=" + leak + "@", "a version id has only"},
	{"secretsmanager://db?version=" + leak + strings.Repeat("v", 64), "a version id has only"},
	{"secretsmanager://db?stage=" + leak + "%", "a version stage has only"},
	{"secretsmanager://db?stage=" + leak + strings.Repeat("s", 256), "a version stage has only"},

	// Regions, before they become part of a host name.
	{"ssm:///p?region=evil.com/x", "a Region has only"},
	{"ssm:///p?region=" + leak, "a Region has only"},
	{"ssm:///p?region=EU-WEST-1", "a Region has only"},
	{"ssm:///p?region=eu-west-1\n", "a Region has only"},
	{"ssm:///p?region=eu_west_1", "a Region has only"},
	{"ssm:///p?region=" + strings.Repeat("r", 64), "a Region has only"},
	{"secretsmanager://arn:aws:secretsmanager:evil.com/x:123456789012:secret:db", "the ARN's Region: a Region has only"},
	{"ssm://arn:aws:ssm:" + leak + ":123456789012:parameter/p", "the ARN's Region: a Region has only"},
	{"ssm://arn:aws:ssm:" + strings.Repeat("r", 64) + ":123456789012:parameter/p", "the ARN's Region: a Region has only"},
	{"ssm://arn:aws:ssm::123456789012:parameter/p?region=eu-west-1", "the ARN names no Region"},
	{"secretsmanager://" + secretARN + "?region=eu-west-2", "the ARN and ?region= name different Regions"},
	{"ssm://" + paramARN + "?region=eu-west-2", "the ARN and ?region= name different Regions"},

	// Roles, before STS is asked for them.
	{"ssm:///p?role=", "the option role has no value"},
	{"ssm:///p?role", "the option role has no value"},
	{"ssm:///p?role=" + roleARN + "&role=" + roleARN, "the option role stands twice"},
	{"ssm:///p?role=" + leak, "role: a role is named by its ARN: arn:aws:iam::ACCOUNT:role/NAME"},
	{"ssm:///p?role=" + secretARN, "role: a role is named by its ARN"},
	{"ssm:///p?role=arn:aws:iam:eu-west-1:123456789012:role/" + leak, "role: a role is named by its ARN"},
	{"ssm:///p?role=arn:aws:sts::123456789012:assumed-role/" + leak, "role: a role is named by its ARN"},
	{"ssm:///p?role=ARN:aws:iam::123456789012:role/" + leak, "role: a role is named by its ARN"},
	{"ssm:///p?role=arn:" + leak + ":iam::123456789012:role/a", "role: the partition of the ARN"},
	{"ssm:///p?role=arn:aws:iam::12345678901:role/" + leak, "role: the account in the ARN is not twelve digits"},
	{"ssm:///p?role=arn:aws:iam:::role/" + leak, "role: the account in the ARN is not twelve digits"},
	{"ssm:///p?role=arn:aws:iam::123456789012:user/" + leak, "goes on with :role/NAME"},
	{"ssm:///p?role=arn:aws:iam::123456789012:role/", "the role's name is empty"},
	{"ssm:///p?role=arn:aws:iam::123456789012:role/" + leak + "/", "the role's name is empty"},
	{"ssm:///p?role=arn:aws:iam::123456789012:role/" + leak + "%2Fb", "a role's path and name have only"},
	{"ssm:///p?role=arn:aws:iam::123456789012:role/" + leak + ":a", "a role's path and name have only"},
	{"ssm:///p?role=arn:aws:iam::123456789012:role/*", "a role's path and name have only"},
	{"ssm:///p?role=arn:aws:iam::123456789012:role/" + leak + "\n", "a role's path and name have only"},
	{"ssm:///p?role=" + longestRole + "n", "at most 64"},
	{"ssm:///p?role=arn:aws:iam::123456789012:role/" + leak + strings.Repeat("p", 511-len(leak)) + "/n", "at most 512"},

	// ARNs.
	{"secretsmanager://arn:" + leak, "an ARN has six parts: arn:PARTITION:secretsmanager:"},
	{"ssm://arn:aws:ssm:eu-west-1:" + leak, "an ARN has six parts: arn:PARTITION:ssm:"},
	{"ssm://arn:" + leak + ":ssm:eu-west-1:123456789012:parameter/p", "the partition of the ARN"},
	{"ssm://arn:aws" + leak + ":ssm:eu-west-1:123456789012:parameter/p", "the partition of the ARN"},
	{"secretsmanager://" + paramARN, "the ARN is of another service: this scheme reads secretsmanager"},
	{"ssm://" + secretARN, "the ARN is of another service: this scheme reads ssm"},
	{"ssm://arn:aws:" + leak + ":eu-west-1:123456789012:parameter/p", "the ARN is of another service"},
	{"ssm://arn:aws:ssm:eu-west-1:12345678901:parameter/p", "the account in the ARN is not twelve digits"},
	{"ssm://arn:aws:ssm:eu-west-1::parameter/p", "the account in the ARN is not twelve digits"},
	{"ssm://arn:aws:ssm:eu-west-1:" + leak + ":parameter/p", "the account in the ARN is not twelve digits"},
	{"ssm://arn:aws:ssm:eu-west-1:123456789012:" + leak, "goes on with :parameter/NAME"},
	{"ssm://arn:aws:ssm:eu-west-1:123456789012:parameter/", "the name is empty"},
	{"ssm://arn:aws:ssm:eu-west-1:123456789012:parameter//" + leak, "empty part"},
	{"ssm://arn:aws:ssm:eu-west-1:123456789012:parameter/" + leak + "@", "a parameter's name has only"},
	{"ssm://arn:aws:ssm:eu-west-1:123456789012:parameter/" + leak + strings.Repeat("n", 2048), "more than 2048"},
	{"ssm://arn:aws:ssm:eu-west-1:123456789012:parameter/aws/reference/secretsmanager/" + leak, "write secretsmanager://NAME, or the secret's own ARN"},
	{"ssm://arn:aws:ssm:eu-west-1:123456789012:parameter/aws/reference/secretsmanager/" + leak + ":3", "write secretsmanager://NAME"},
	{"ssm://arn:aws:ssm:eu-west-1:123456789012:parameter/aws/reference/secretsmanager/", "write secretsmanager://NAME"},
	{"secretsmanager://arn:aws:secretsmanager:eu-west-1:123456789012:" + leak, "goes on with :secret:NAME"},
	{"secretsmanager://arn:aws:secretsmanager:eu-west-1:123456789012:secret:", "the name is empty"},
	{"secretsmanager://arn:aws:secretsmanager:eu-west-1:123456789012:secret:" + leak + "%", "a secret's name has only"},
	{"secretsmanager://" + longestARN + "x", "at most 519"},

	// The tail of ECS, and selectors.
	{"secretsmanager://" + secretARN + ":" + leak, "three parts or none"},
	{"secretsmanager://" + secretARN + ":" + leak + ":", "three parts or none"},
	{"secretsmanager://" + secretARN + ":::" + leak + ":", "three parts or none"},
	{"secretsmanager://" + secretARN + "::" + leak + "%:", "a version stage has only"},
	{"secretsmanager://" + secretARN + ":::" + leak + "%", "a version id has only"},
	{"secretsmanager://" + secretARN + ":" + leak + "::#b", "exclude each other"},
	{"secretsmanager://" + secretARN + "::" + leak + ":?stage=b", "exclude each other"},
	{"secretsmanager://" + secretARN + ":::" + leak + "?version=b", "exclude each other"},
	{"ssm:///p:", "nothing follows the ':'"},
	{"ssm:///p:3:" + leak, "a label has only"},
	{"ssm:///p:" + leak + "@", "a label has only"},
	{"ssm:///p:3?version=3", "exclude each other"},
	{"ssm:///p:" + leak + "?label=prod", "exclude each other"},

	// Trees.
	{"ssm:///" + leak + "*", "a wildcard stands alone"},
	{"ssm:///" + leak + "/*/b", "a wildcard stands alone"},
	{"ssm:///" + leak + "/*/**", "a wildcard stands alone"},
	{"ssm:///" + leak + "/***", "a wildcard stands alone"},
	{"ssm:///" + leak + "//*", "empty part"},
	{"ssm:////**", "empty part"},
	{"ssm:////*", "empty part"},
	{"ssm://" + leak + "/*", "starts with '/' and ends in /* or /**"},
	{"ssm:///p/*:3", "a wildcard stands alone"},
	{"ssm:///p/*?version=3", "a tree has no version or label"},
	{"ssm:///p/**?label=" + leak, "a tree has no version or label"},
	{"ssm://" + paramARN + "/**", "a tree is named by its path"},
	{"ssm:///aws/reference/secretsmanager/**", "cannot be listed"},
	{"ssm:///aws/reference/secretsmanager/" + leak + "/*", "cannot be listed"},
}

func TestParseReferenceRefuses(t *testing.T) {
	t.Parallel()
	for _, test := range refused {
		r, err := secret.ParseReference(test.text)
		if err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("ParseReference(%q) = %+v, %v, want an error with %q", test.text, r, err, test.want)
			continue
		}
		if form, found := canary.Find([]byte(err.Error()), []byte(leak)); found {
			t.Errorf("ParseReference(%q): the error repeats the text (%s): %v", test.text, form, err)
		}
		if r != (secret.Reference{}) {
			t.Errorf("ParseReference(%q) = %+v beside an error, want nothing", test.text, r)
		}
	}
}

// The one text that an error repeats is a suggestion, and it can be followed.
func TestSuggestionParses(t *testing.T) {
	t.Parallel()
	for _, text := range []string{"ssm://a/b", "ssm://a/b/c.d_e-f", "ssm://a/b:3", "ssm://aws/reference/secretsmanager/db"} {
		_, err := secret.ParseReference(text)
		if err == nil {
			t.Errorf("ParseReference(%q): no error", text)
			continue
		}
		_, suggestion, _ := strings.Cut(err.Error(), "did you mean ")
		if _, err := secret.ParseReference(suggestion); err != nil {
			t.Errorf("ParseReference(%q), suggested for %q: %v", suggestion, text, err)
		}
	}
}

// What parses prints a text that parses to the same, and names no Region that
// could change a host name.
func FuzzParseReference(f *testing.F) {
	seeds := 0
	for _, test := range accepted {
		f.Add(test.text)
		seeds++
	}
	for _, test := range refused {
		f.Add(test.text)
		seeds++
	}
	if seeds == 0 {
		f.Fatal("no seeds")
	}
	f.Fuzz(func(t *testing.T, text string) {
		r, err := secret.ParseReference(text)
		if err != nil {
			if r != (secret.Reference{}) {
				t.Errorf("ParseReference(%q) = %+v beside the error %v", text, r, err)
			}
			return
		}
		printed := r.String()
		again, err := secret.ParseReference(printed)
		if err != nil || again != r {
			t.Errorf("ParseReference(%q) = %+v, printed as %q, parses to %+v, %v", text, r, printed, again, err)
		}
		if again.String() != printed {
			t.Errorf("%q prints as %q and then as %q", text, printed, again.String())
		}
		k, err := r.Key(home)
		if err != nil {
			t.Fatalf("ParseReference(%q).Key(%q): %v", text, home, err)
		}
		if k.Region == "" || len(k.Region) > 63 || strings.Trim(k.Region, "abcdefghijklmnopqrstuvwxyz0123456789-") != "" {
			t.Errorf("ParseReference(%q).Key(%q) has the Region %q", text, home, k.Region)
		}
		if strings.ContainsAny(k.Role, "?#& \t\r\n%*") {
			t.Errorf("ParseReference(%q).Key(%q) has the role %q", text, home, k.Role)
		}
		if strings.ContainsAny(k.ID, "?#&, \t\r\n%") {
			t.Errorf("ParseReference(%q).Key(%q) has the id %q", text, home, k.ID)
		}
	})
}
