// Package policy writes the least IAM policy that lets a function read what it
// declares: what the extension asks for, and nothing else.
package policy

import (
	"maps"
	"slices"

	"larder/secret"
)

// Home is where the function runs. In the zero Home nothing is known: its policy
// has CloudFormation's pseudo parameters (${AWS::Partition}, ${AWS::Region},
// ${AWS::AccountId}, ${AWS::URLSuffix}) where they belong, and Fn::Sub fills them
// in.
type Home struct {
	// Partition is that of the function's ARN, such as "aws". Empty: not known.
	Partition string
	// Region is the function's own, as it stands in the keys. It is written only
	// if Account is known.
	Region string
	// Account is the function's, twelve digits. Empty: not known.
	Account string
}

// Read is one thing that the function reads.
type Read struct {
	// Key is what AWS is asked for.
	Key secret.Key
	// Optional is set where it may be absent: AWS says that something is not there
	// only to those who may read it.
	Optional bool
	// Whole is set where the Key is a secret's ARN that is known to end in AWS's six
	// characters. Its form alone does not tell.
	Whole bool
	// Batched is set where a call may ask for it together with others. It is asked
	// for alone, too: by a refresh of nothing else, and after a batch that failed.
	Batched bool
	// Encryption is what is known of the keys that encrypt it.
	Encryption Encryption
}

// Document is a policy in IAM's own form.
type Document struct {
	// Version is that of IAM's policy language.
	Version string
	// Statement lists what is allowed; empty if nothing is needed.
	Statement []Statement
}

// Statement allows actions on resources.
type Statement struct {
	// Sid names the statement: always the same for the same purpose.
	Sid string
	// Effect is Allow.
	Effect string
	// Action lists the actions.
	Action []string
	// Resource lists the resources, sorted.
	Resource []string
	// Condition bounds the statement; nil if nothing does.
	Condition map[string]map[string][]string `json:",omitempty"`
}

// KeyStatement is the Sid of the statement about KMS. AWS's own keys need none.
const KeyStatement = "OnlyForCustomerManagedKeys"

// version is that of the language, which has not changed since.
const version = "2012-10-17"

// Documents returns the policies of the roles that reads are made with, by the
// role's ARN; that of the function's own role by "".
func Documents(home Home, reads []Read) map[string]Document {
	byRole := map[string]*grants{"": newGrants()}
	for _, r := range reads {
		role := r.Key.Role
		if byRole[role] == nil {
			byRole[role] = newGrants()
			byRole[""].allow(secret.AssumeRole, role)
		}
		byRole[role].add(placeOf(home, r.Key), r)
	}
	documents := make(map[string]Document, len(byRole))
	for role, g := range byRole {
		documents[role] = g.document()
	}
	return documents
}

// grants collects what one role is allowed.
type grants struct {
	resources map[string]map[string]bool // by action
	via       map[string]bool            // the services that may decrypt for the role
}

func newGrants() *grants {
	return &grants{resources: make(map[string]map[string]bool), via: make(map[string]bool)}
}

func (g *grants) allow(action string, resources ...string) {
	if g.resources[action] == nil {
		g.resources[action] = make(map[string]bool)
	}
	for _, r := range resources {
		g.resources[action][r] = true
	}
}

// add allows what one read needs.
func (g *grants) add(at place, r Read) {
	switch {
	case r.Key.Service == secret.SecretsManager:
		g.allow(secret.GetSecretValue, at.secrets(r)...)
		if r.Batched {
			g.allow(secret.BatchGetSecretValue, "*") // it knows no resources, and returns only what GetSecretValue may
		}
		g.decrypt(at, "secretsmanager", r.Encryption)
		return
	case r.Key.IsTree():
		g.allow(secret.GetParametersByPath, at.tree(r.Key)...)
	default:
		g.allow(secret.GetParameter, at.parameter(r.Key))
		if r.Batched {
			g.allow(secret.GetParameters, at.parameter(r.Key))
		}
		if name, ok := r.Key.ReferredSecret(); ok {
			g.allow(secret.GetSecretValue, at.named(name, r.Optional)...)
			g.decrypt(at, "secretsmanager", r.Encryption)
			return
		}
	}
	if !r.Key.IsPublic() && r.Key.Decrypt {
		g.decrypt(at, "ssm", r.Encryption)
	}
}

// document writes the statements in a fixed order. What is allowed on the same
// resources under the same condition shares a statement.
func (g *grants) document() Document {
	d := Document{Version: version, Statement: []Statement{}}
	for _, s := range []Statement{
		{Sid: "ReadSecrets", Action: []string{secret.GetSecretValue}},
		{Sid: "ReadSecretsInBatches", Action: []string{secret.BatchGetSecretValue}},
		{Sid: "ReadParameters", Action: []string{secret.GetParameter}},
		{Sid: "ReadParametersInBatches", Action: []string{secret.GetParameters}},
		{Sid: "ReadTrees", Action: []string{secret.GetParametersByPath}},
		{Sid: "AssumeRoles", Action: []string{secret.AssumeRole}},
		{Sid: KeyStatement, Action: []string{secret.Decrypt}, Condition: g.onlyVia()},
	} {
		s.Effect = "Allow"
		s.Resource = slices.Sorted(maps.Keys(g.resources[s.Action[0]]))
		last := len(d.Statement) - 1
		switch {
		case len(s.Resource) == 0:
		case last >= 0 && s.Condition == nil && slices.Equal(s.Resource, d.Statement[last].Resource):
			d.Statement[last].Action = append(d.Statement[last].Action, s.Action...)
		default:
			d.Statement = append(d.Statement, s)
		}
	}
	return d
}
