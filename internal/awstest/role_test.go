package awstest_test

import (
	"net/http"
	"strings"
	"testing"

	"larder/internal/awstest"
)

// TestWhoMayAssume asks for both halves of the permission.
func TestWhoMayAssume(t *testing.T) {
	t.Parallel()
	const local = "arn:aws:iam::" + account + ":role/local"
	const functionRole = "arn:aws:iam::" + account + ":role/function-role"
	allows := []awstest.Statement{allow("sts:AssumeRole | " + reader + " " + local + " " + functionRole)}
	everything := []awstest.Statement{allow("*|*")}
	tests := []struct {
		what   string
		role   string
		policy []awstest.Statement
		trust  []string
		want   bool
	}{
		{"by default the function's account", reader, allows, nil, true},
		{"and in the same account", local, allows, nil, true},
		{"the account", reader, allows, []string{account}, true},
		{"the account's root", reader, allows, []string{"arn:aws:iam::" + account + ":root"}, true},
		{"the role", reader, allows, []string{other, functionRole}, true},
		{"the session", reader, allows, []string{function}, true},
		{"everybody", reader, allows, []string{"*"}, true},
		{"another account", reader, allows, []string{other}, false},
		{"another role", reader, allows, []string{local}, false},
		{"another session", reader, allows, []string{function + "2"}, false},
		{"no policy", local, nil, []string{functionRole}, false},
		{"another action", reader, []awstest.Statement{allow("sts:Get* ssm:* | *")}, nil, false},
		{"another resource", reader, []awstest.Statement{allow("sts:* | " + local)}, nil, false},
		{"an explicit deny", reader, append(everything, deny("sts:AssumeRole | *")), nil, false},
		{"any action", reader, everything, nil, true},
		{"a role that is not there", "arn:aws:iam::" + other + ":role/reader", everything, nil, false},
		{"the function's own role", functionRole, everything, nil, false},
	}
	for _, tt := range tests {
		srv := start(t, awstest.Config{
			Policy: &awstest.Policy{Statement: tt.policy},
			Roles:  map[string]awstest.Role{reader: {Trust: tt.trust}, local: {Trust: tt.trust}},
		})
		answer, status := srv.ask(t, stsCall("AssumeRole", "RoleArn="+tt.role, "RoleSessionName=fn"))
		want := "User: " + function + " is not authorized to perform: sts:AssumeRole on resource: " + tt.role
		switch {
		case tt.want && status != http.StatusOK:
			t.Errorf("%s: %d %s %s, want a session", tt.what, status, answer.Code, answer.Message)
		case !tt.want && (status != http.StatusForbidden || answer.Code != "AccessDenied" || answer.Message != want):
			t.Errorf("%s: %d %s %s, want 403 AccessDenied %s", tt.what, status, answer.Code, answer.Message, want)
		}
	}
}

// TestRolesInAChain has a role assume another one, which trusts nobody else.
func TestRolesInAChain(t *testing.T) {
	t.Parallel()
	const second = "arn:aws:iam::333333333333:role/second"
	const byDefault = "arn:aws:iam::333333333333:role/default"
	srv := start(t, awstest.Config{Roles: map[string]awstest.Role{reader: {}, byDefault: {}, second: {Trust: []string{reader}}}})
	if answer, _ := srv.ask(t, stsCall("AssumeRole", "RoleArn="+second, "RoleSessionName=fn")); answer.Code != "AccessDenied" {
		t.Errorf("the function gets %q for the second role, want AccessDenied", answer.Code)
	}
	role := srv.assume(t, reader)
	if answer, _ := role.ask(t, stsCall("AssumeRole", "RoleArn="+byDefault, "RoleSessionName=fn")); answer.Code != "AccessDenied" {
		t.Errorf("a role of another account gets %q for one that trusts the function's, want AccessDenied", answer.Code)
	}
	who, _ := role.assume(t, second).ask(t, stsCall("GetCallerIdentity"))
	if want := "arn:aws:sts::333333333333:assumed-role/second/larder-fn"; who.ARN != want {
		t.Errorf("at the end of the chain is %q, want %q", who.ARN, want)
	}
}

// TestRoleReads has the function and a role in another account read the same
// names, each under its own policy.
func TestRoleReads(t *testing.T) {
	t.Parallel()
	only := func(text string) *awstest.Policy { return &awstest.Policy{Statement: []awstest.Statement{allow(text)}} }
	secrets := "secretsmanager:GetSecretValue | arn:aws:secretsmanager:*:" + other + ":secret:"
	srv := start(t, awstest.Config{
		Secrets: map[string]awstest.Secret{"db": {String: "mine"}, "theirs": {Name: "db", Account: other, String: "theirs"},
			"closed": {Account: other, String: "closed", Suffix: "AAAAAA"}},
		Parameters: map[string]awstest.Parameter{"/p": {Value: "mine"}, "theirs": {Name: "/p", Account: other, Value: "theirs"}},
		Policy:     only("secretsmanager:* ssm:* sts:* | *"),
		Roles:      map[string]awstest.Role{reader: {Policy: only(secrets + "db-?????? arn:aws:ssm:*:*:parameter/none")}},
	})
	role := srv.assume(t, reader)
	if got := srv.secret(t, "db", ""); got.value != "mine" {
		t.Errorf("the function reads another secret (%s)", got.code)
	}
	if got := role.secret(t, "db", ""); got.value != "theirs" {
		t.Errorf("the role reads another secret (%s)", got.code)
	}
	session := "arn:aws:sts::" + other + ":assumed-role/reader/larder-fn"
	_, err := role.secrets(region).GetSecretValue(t.Context(), get("closed"))
	denied := "User: " + session + " is not authorized to perform: secretsmanager:GetSecretValue on resource: " +
		arnOf(other, region, "closed-AAAAAA") + " because no identity-based policy allows the secretsmanager:GetSecretValue action"
	wantAPIError(t, "what the role may not read", err, "AccessDeniedException", denied)
	if call := srv.last(t); call.Caller != session {
		t.Errorf("recorded as a call by %q, want %q", call.Caller, session)
	}
	if got, _, _ := role.parameter(t, "/p"); got.code != "AccessDeniedException" {
		t.Errorf("the role reads a parameter: %q, want AccessDeniedException", got.code)
	}
	if err := srv.SetRole(reader, awstest.Role{}); err != nil {
		t.Fatal(err)
	}
	if got, _, _ := role.parameter(t, "/p"); got.value != "theirs" {
		t.Errorf("with another policy the role reads another parameter (%s)", got.code)
	}
	srv.change(t, awstest.Config{Secrets: map[string]awstest.Secret{"theirs": {Name: "db", Account: other, String: "theirs"}}})
	if got := role.secret(t, "db", ""); got.code != "AccessDeniedException" {
		t.Errorf("a role that is gone gets %q, want AccessDeniedException", got.code)
	}
}

func TestRolesElsewhere(t *testing.T) {
	t.Parallel()
	const role = "arn:aws-cn:iam::" + other + ":role/reader"
	srv := start(t, awstest.Config{Region: "cn-north-1", Roles: map[string]awstest.Role{role: {Trust: []string{
		"arn:aws-cn:iam::" + account + ":root"}}}})
	who, _ := srv.assume(t, role).ask(t, stsCall("GetCallerIdentity"))
	if want := "arn:aws-cn:sts::" + other + ":assumed-role/reader/larder-fn"; who.ARN != want {
		t.Errorf("in China the session is %q, want %q", who.ARN, want)
	}
	if got := srv.Calls()[0].Caller; !strings.HasPrefix(got, "arn:aws-cn:sts::"+account) {
		t.Errorf("in China the function is %q", got)
	}
}
