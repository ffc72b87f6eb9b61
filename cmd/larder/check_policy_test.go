package main

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"unicode"

	"larder/internal/awstest"
	"larder/policy"
)

// TestPrintedPolicy applies the policies that check prints: with them all is
// right, and each action of theirs is missed by its name when it is gone.
func TestPrintedPolicy(t *testing.T) {
	t.Parallel()
	placeholders := strings.NewReplacer("${AWS::Partition}", "aws", "${AWS::Region}", checkedRegion,
		"${AWS::AccountId}", checkedAccount, "${AWS::URLSuffix}", "amazonaws.com")
	for _, flag := range []string{"offline", "--online", "--describe"} {
		c := newChecked(t, declared()...)
		_, stdout := c.run(t, append([]string{"check"}, strings.Fields(strings.TrimPrefix(flag, "offline"))...)...)
		stdout = placeholders.Replace(stdout)
		own, theirs := printed(t, stdout, "the function's role"), printed(t, stdout, checkedRole)
		roles := func(d policy.Document) map[string]policy.Document { return map[string]policy.Document{checkedRole: d} }

		c.enforce(t, own, roles(theirs))
		if r := c.report(t, "--online"); r.ExitCode != exitRight || len(r.Warnings) > 0 {
			t.Errorf("%s: with the printed policy: exit code %d, warnings %q, references %+v", flag, r.ExitCode, r.Warnings, r.References)
		}
		for _, action := range actionsOf(own) {
			c.enforce(t, without(own, action), roles(theirs))
			c.wantMissed(t, flag+", the function's role", action)
		}
		for _, action := range actionsOf(theirs) {
			c.enforce(t, own, roles(without(theirs, action)))
			c.wantMissed(t, flag+", the other role", action)
		}
	}
}

// printed finds a policy in the output for people.
func printed(t *testing.T, stdout, whose string) (d policy.Document) {
	t.Helper()
	_, text, found := strings.Cut(stdout, "IAM policy of "+whose+"\n")
	if err := json.NewDecoder(strings.NewReader(text)).Decode(&d); !found || err != nil || len(d.Statement) == 0 {
		t.Fatalf("there is no policy of %s (%v) in\n%s", whose, err, stdout)
	}
	return d
}

// wantMissed checks that larder check misses the action.
func (c *checked) wantMissed(t *testing.T, where, action string) {
	t.Helper()
	code, stdout := c.run(t, "check", "--online")
	stdout, _, _ = strings.Cut(stdout, "AWS calls of") // what follows names every action
	if code == exitRight && !strings.Contains(stdout, "warning: ") {
		t.Errorf("%s: without %s all is right, want it missed", where, action)
	}
	if !mentions(stdout, action) {
		t.Errorf("%s: without %s that is not named in\n%s", where, action, stdout)
	}
}

// mentions reports whether the text has the action in it, and not only a longer one.
func mentions(text, action string) bool {
	return slices.Contains(strings.FieldsFunc(text, func(r rune) bool { return r != ':' && !unicode.IsLetter(r) }), action)
}

// TestMissingAction checks what is said when one action is denied.
func TestMissingAction(t *testing.T) {
	t.Parallel()
	const none = "" // no variable
	tests := []struct {
		action, resource string
		ofRole           bool // it is the role's policy that denies
		variable         string
		code             int
	}{
		{"secretsmanager:GetSecretValue", "*prod/other*", false, "OTHER", exitWrong},
		{"secretsmanager:GetSecretValue", "*", true, "THEIRS", exitWrong},
		{"secretsmanager:BatchGetSecretValue", "*", false, none, exitRight},
		{"ssm:GetParameter", "*", false, none, exitRight},
		{"ssm:GetParameters", "*", false, none, exitRight},
		{"ssm:GetParametersByPath", "*", false, "TREE", exitWrong},
		{"kms:Decrypt", "*" + keyOne, false, "OTHER", exitWrong},
		{"kms:Decrypt", "*" + keyTwo, false, "KEY", exitWrong},
		{"kms:Decrypt", "*", true, "THEIRS", exitWrong},
		{"sts:AssumeRole", "*", false, "THEIRS", exitWrong},
		{"secretsmanager:DescribeSecret", "*", false, none, exitRight},
		{"secretsmanager:DescribeSecret", "*", true, none, exitRight},
		{"ssm:DescribeParameters", "*", false, none, exitRight},
	}
	for _, test := range tests {
		c := newChecked(t, declared()...)
		p := &awstest.Policy{Statement: []awstest.Statement{
			{Effect: "Allow", Action: awstest.OneOrMany{"*"}, Resource: awstest.OneOrMany{"*"}},
			{Effect: "Deny", Action: awstest.OneOrMany{test.action}, Resource: awstest.OneOrMany{test.resource}},
		}}
		err := c.SetPolicy(p)
		if test.ofRole {
			err = c.SetPolicy(nil)
			if err == nil {
				err = c.SetRole(checkedRole, awstest.Role{Policy: p, Trust: awstest.OneOrMany{checkedAccount}})
			}
		}
		if err != nil {
			t.Fatal(err)
		}
		r := c.report(t, "--describe")
		said := strings.Join(append(r.Mistakes, r.Warnings...), "\n")
		if test.variable != none {
			e := r.entry(t, test.variable)
			said = e.Problem
			if e.Action != test.action || e.State != wrong {
				t.Errorf("without %s: %s is %s and misses %q, want wrong, and that action", test.action, e.Variable, e.State, e.Action)
			}
		}
		if r.ExitCode != test.code || !mentions(said, test.action) {
			t.Errorf("without %s: exit code %d, want %d, and what is said is %q, want the action", test.action, r.ExitCode, test.code, said)
		}
		if who := "the role " + checkedRole; test.ofRole && !strings.Contains(said, who) {
			t.Errorf("without %s: what is said is %q, want it to be about %s", test.action, said, who)
		}
	}
}

// TestDescribe checks that the policy names the keys that there are, and no more
// if it is not known which.
func TestDescribe(t *testing.T) {
	t.Parallel()
	const anyKey = "arn:aws:kms:eu-west-1:111111111111:key/*"
	one, two := strings.Replace(anyKey, "*", keyOne, 1), strings.Replace(anyKey, "*", keyTwo, 1)
	tests := []struct {
		environ []string
		flag    string
		want    []string
		warning string
	}{
		{[]string{"A=secretsmanager://prod/other", "B=ssm:///prod/key"}, "--online", []string{anyKey}, ""},
		{[]string{"A=secretsmanager://prod/other", "B=ssm:///prod/key"}, "--describe", []string{one, two}, ""},
		{[]string{"A=secretsmanager://prod/db", "B=ssm:///prod/flag"}, "--describe", nil, ""},
		{[]string{"A=ssm:///prod/flag"}, "--online", nil, ""}, // not encrypted
		{[]string{"A=ssm:///prod/tree/*"}, "--describe", nil, ""},
		{[]string{"A=ssm:///prod/**"}, "--describe", []string{two}, ""},
		{[]string{"A=ssm:///aws/reference/secretsmanager/prod/other"}, "--describe", []string{one}, ""},
		{[]string{"A=ssm://arn:aws:ssm:eu-west-1:111111111111:parameter/prod/key"}, "--describe", []string{two}, ""},
		{[]string{"A=secretsmanager://prod/other?stage=AWSCURRENT"}, "--describe", []string{one}, ""},
		{[]string{"A=ssm:///prod/key:1"}, "--describe", []string{anyKey, two}, ""}, // that version may have had another key
		{[]string{"A=secretsmanager://prod/aliased"}, "--describe", []string{anyKey}, "alias/mine"},
	}
	for _, test := range tests {
		c := newChecked(t, test.environ...)
		r := c.report(t, test.flag)
		var got []string
		for _, s := range r.Policy.Statement {
			if s.Sid == policy.KeyStatement {
				got = s.Resource
			}
		}
		if r.ExitCode != exitRight || !slices.Equal(got, test.want) {
			t.Errorf("%q with %s: exit code %d, the keys are %q, want %q; %+v", test.environ, test.flag, r.ExitCode, got, test.want, r.References)
		}
		if said := strings.Join(r.Warnings, "\n"); (said == "") != (test.warning == "") || !strings.Contains(said, test.warning) {
			t.Errorf("%q with %s: warnings %q, want %q", test.environ, test.flag, said, test.warning)
		}
	}
}

// TestPartitions checks that in every partition the policy is one that works there.
func TestPartitions(t *testing.T) {
	t.Parallel()
	for region, partition := range map[string]string{"cn-north-1": "aws-cn", "us-gov-west-1": "aws-us-gov", "eu-west-1": "aws"} {
		c := newCheckedAt(t, awstest.Config{
			Account: checkedAccount, Region: region,
			Secrets:    map[string]awstest.Secret{"prod/other": {String: "CANARY-other-2c9e", KMSKey: keyOne}},
			Parameters: map[string]awstest.Parameter{"/prod/key": {Type: "SecureString", Value: "CANARY-key-b7d0", KMSKey: keyTwo}},
		}, "OTHER=secretsmanager://prod/other", "KEY=ssm:///prod/key")
		c.values = append(c.values, "CANARY-other-2c9e", "CANARY-key-b7d0")
		for _, flag := range []string{"--online", "--describe"} {
			if err := c.SetPolicy(nil); err != nil {
				t.Fatal(err)
			}
			r := c.report(t, flag)
			for _, s := range r.Policy.Statement {
				for _, resource := range s.Resource {
					if !strings.HasPrefix(resource, "arn:"+partition+":") {
						t.Errorf("%s %s: the policy has %s, want the partition %s", region, flag, resource, partition)
					}
				}
			}
			c.enforce(t, *r.Policy, nil)
			if again := c.report(t, "--online"); again.ExitCode != exitRight || len(again.Warnings) > 0 {
				t.Errorf("%s %s: with the printed policy: exit code %d, warnings %q, references %+v", region, flag, again.ExitCode, again.Warnings, again.References)
			}
		}
	}
}

// TestARNs checks what is allowed of a secret that is named by its ARN: that and
// nothing else once AWS has answered. Of an ARN that lacks AWS's six characters the
// form does not tell.
func TestARNs(t *testing.T) {
	t.Parallel()
	const bare = "arn:aws:secretsmanager:eu-west-1:111111111111:secret:prod/plain"
	const whole = bare + "-AbCdEf"
	tests := []struct {
		arn, flag string
		want      []string
	}{
		{whole, "--json", []string{whole, whole + "-??????"}},
		{whole, "--online", []string{whole}},
		{bare, "--json", []string{bare, bare + "-??????"}},
		{bare, "--online", []string{bare, bare + "-??????"}},
	}
	for _, test := range tests {
		c := newChecked(t, "A=secretsmanager://"+test.arn)
		if err := c.SetSecret("prod/plain", awstest.Secret{String: "v", Suffix: "AbCdEf"}); err != nil {
			t.Fatal(err)
		}
		r := c.report(t, test.flag)
		if got := r.Policy.Statement[0].Resource; !slices.Equal(got, test.want) {
			t.Errorf("%s with %s: the policy has %q, want %q", test.arn, test.flag, got, test.want)
		}
		c.enforce(t, *r.Policy, nil)
		if again := c.report(t, "--online"); again.ExitCode != exitRight || again.entry(t, "A").State != found {
			t.Errorf("%s with %s: with the printed policy: exit code %d, %+v", test.arn, test.flag, again.ExitCode, again.References)
		}
	}
}
