package main

import (
	"bytes"
	"context"
	"encoding/json"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"

	"larder/internal/awstest"
	"larder/internal/canary"
	"larder/policy"
)

const (
	checkedRegion  = "eu-west-1"
	checkedAccount = "111111111111"
	checkedRole    = "arn:aws:iam::222222222222:role/team/reader"
	plainValue     = "CANARY-plain-e01c" // of a variable that is none of our business
	keyOne         = "11111111-aaaa-bbbb-cccc-000000000001"
	keyTwo         = "11111111-aaaa-bbbb-cccc-000000000002"
)

// checked is a function and the AWS that larder check asks about it.
type checked struct {
	*awstest.Server
	environ []string
	values  []string // of what AWS holds: none may come out
}

// declared names one of each kind.
func declared() []string {
	return []string{
		"DB_PASSWORD=secretsmanager://prod/db#password",
		"DB_USER=secretsmanager://prod/db#user",
		"OTHER=secretsmanager://prod/other",
		"ABSENT=secretsmanager://prod/absent?optional",
		"KEY=ssm:///prod/key",
		"FLAG=ssm:///prod/flag?ttl=60",
		"TREE=ssm:///prod/tree/*",
		"THEIRS=secretsmanager://prod/theirs?role=" + checkedRole,
		"PLAIN=" + plainValue,
	}
}

// newChecked has a value for everything that is declared; some of them are
// encrypted with customer managed keys.
func newChecked(t *testing.T, environ ...string) *checked {
	t.Helper()
	const password, other, key, flag, leaf, theirs, aliased = "CANARY-password-9d1f", "CANARY-other-77ab", "CANARY-key-51c0", "CANARY-flag-02ee", "CANARY-leaf-ab12", "CANARY-theirs-c44d", "CANARY-aliased-6b1d"
	c := newCheckedAt(t, awstest.Config{
		Account: checkedAccount, Region: checkedRegion,
		Secrets: map[string]awstest.Secret{
			"prod/db":      {String: `{"user":"app-user","password":"` + password + `"}`},
			"prod/other":   {String: other, KMSKey: keyOne},
			"prod/aliased": {String: aliased, KMSKey: "alias/mine"},
			"prod/theirs":  {String: theirs, Account: "222222222222", KMSKey: keyTwo},
		},
		Parameters: map[string]awstest.Parameter{
			"/prod/key":      {Type: "SecureString", Value: key, KMSKey: keyTwo},
			"/prod/flag":     {Value: flag},
			"/prod/tree/one": {Type: "SecureString", Value: leaf},
			"/prod/tree/two": {Value: leaf},
		},
		Roles: map[string]awstest.Role{checkedRole: {Trust: awstest.OneOrMany{checkedAccount}}},
	}, environ...)
	c.values = append(c.values, password, other, key, flag, leaf, theirs, aliased, plainValue)
	return c
}

// newCheckedAt has an AWS of its own.
func newCheckedAt(t *testing.T, config awstest.Config, environ ...string) *checked {
	t.Helper()
	server, err := awstest.New(config)
	if err != nil {
		t.Fatal(err)
	}
	aws := httptest.NewServer(server)
	t.Cleanup(func() {
		server.Close()
		aws.Close()
	})
	_, secret, token := server.Credentials()
	return &checked{
		Server:  server,
		environ: environOf(server, aws.URL, append([]string{"AWS_REGION=" + config.Region}, environ...)...),
		values:  []string{secret, token},
	}
}

// environOf is the environment of a function that finds the server at an endpoint.
func environOf(server *awstest.Server, endpoint string, more ...string) []string {
	id, secret, token := server.Credentials()
	return append([]string{
		"AWS_REGION=" + checkedRegion, "AWS_ENDPOINT_URL=" + endpoint,
		"AWS_ACCESS_KEY_ID=" + id, "AWS_SECRET_ACCESS_KEY=" + secret, "AWS_SESSION_TOKEN=" + token,
	}, more...)
}

// run runs larder with arguments, and checks that nothing secret comes out.
func (c *checked) run(t *testing.T, args ...string) (code int, stdout string) {
	t.Helper()
	return c.runUntil(t, t.Context(), args...)
}

// runUntil is run until ctx ends.
func (c *checked) runUntil(t *testing.T, ctx context.Context, args ...string) (code int, stdout string) {
	t.Helper()
	var out, problems bytes.Buffer
	code = run(ctx, args, c.environ, &out, &problems)
	for _, value := range c.values {
		for _, output := range [][]byte{out.Bytes(), problems.Bytes()} {
			if form, found := canary.Find(output, []byte(value)); found {
				t.Errorf("larder %s: a value is in the output, %s", strings.Join(args, " "), form)
			}
		}
	}
	if problems.Len() > 0 {
		t.Errorf("larder %s: stderr has %q, want nothing", strings.Join(args, " "), &problems)
	}
	return code, out.String()
}

// report runs larder check with arguments and reads its JSON.
func (c *checked) report(t *testing.T, args ...string) report {
	t.Helper()
	code, stdout := c.run(t, append([]string{"check", "--json"}, args...)...)
	var r report
	decoder := json.NewDecoder(strings.NewReader(stdout))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&r); err != nil || decoder.More() {
		t.Fatalf("larder check --json printed something else than one object (%v):\n%s", err, stdout)
	}
	if r.ExitCode != code {
		t.Errorf("exitCode is %d, want that of the program, %d", r.ExitCode, code)
	}
	return r
}

// entry returns what the report says of a variable.
func (r *report) entry(t *testing.T, variable string) entry {
	t.Helper()
	for _, e := range r.References {
		if e.Variable == variable {
			return e
		}
	}
	t.Fatalf("the report has no %s: %v", variable, r.References)
	return entry{}
}

// enforce has AWS allow what the policies say, and nothing else.
func (c *checked) enforce(t *testing.T, own policy.Document, roles map[string]policy.Document) {
	t.Helper()
	if err := c.SetPolicy(enforceable(t, own)); err != nil {
		t.Fatal(err)
	}
	for arn, document := range roles {
		role := awstest.Role{Policy: enforceable(t, document), Trust: awstest.OneOrMany{checkedAccount}}
		if err := c.SetRole(arn, role); err != nil {
			t.Fatal(err)
		}
	}
}

// enforceable reads a policy as AWS does: from its JSON.
func enforceable(t *testing.T, document policy.Document) *awstest.Policy {
	t.Helper()
	text, err := json.Marshal(document)
	if err != nil {
		t.Fatal(err)
	}
	p := new(awstest.Policy)
	if err := yaml.Unmarshal(text, p); err != nil {
		t.Fatal(err)
	}
	return p
}

// actionsOf returns the actions that a policy allows.
func actionsOf(d policy.Document) (actions []string) {
	for _, s := range d.Statement {
		actions = append(actions, s.Action...)
	}
	return actions
}

// without returns the document without one of its actions.
func without(d policy.Document, action string) policy.Document {
	var rest []policy.Statement
	for _, s := range d.Statement {
		s.Action = slices.DeleteFunc(slices.Clone(s.Action), func(a string) bool { return a == action })
		if len(s.Action) > 0 {
			rest = append(rest, s)
		}
	}
	d.Statement = rest
	return d
}

// write makes a file of lines.
func write(t *testing.T, lines ...string) (path string) {
	t.Helper()
	path = filepath.Join(t.TempDir(), "function.env")
	if err := os.WriteFile(path, []byte(strings.Join(lines, "\n")), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}
