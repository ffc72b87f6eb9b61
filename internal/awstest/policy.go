package awstest

import (
	"fmt"
	"strings"

	"go.yaml.in/yaml/v3"
)

// Policy is an identity policy: what the caller may do. It has IAM's own
// field names, so a policy document can be pasted as it is, in JSON too, which
// YAML has room for. Principals, the Not… elements and most conditions are not
// emulated, and ReadConfig refuses them rather than ignore them.
type Policy struct {
	// Version is the policy language's version; it changes nothing here.
	Version string `yaml:"Version"`
	// Statement lists the statements. Zero: nothing is allowed.
	Statement []Statement `yaml:"Statement"`
}

// Statement allows or denies actions on resources. An explicit Deny wins.
type Statement struct {
	// Sid names the statement; it changes nothing.
	Sid string `yaml:"Sid"`
	// Effect is Allow or Deny; nothing else is valid.
	Effect string `yaml:"Effect"`
	// Action holds patterns like ssm:Get*, in any case. At least one.
	Action OneOrMany `yaml:"Action"`
	// Resource holds patterns of ARNs, or "*". At least one.
	Resource OneOrMany `yaml:"Resource"`
	// Condition says when the statement counts. Zero: always.
	Condition Condition `yaml:"Condition"`
}

// OneOrMany is a list that a policy document may write as a single string.
type OneOrMany []string

// UnmarshalYAML reads a string or a list of strings.
func (o *OneOrMany) UnmarshalYAML(n *yaml.Node) error {
	if n.Kind == yaml.ScalarNode {
		*o = OneOrMany{n.Value}
		return nil
	}
	var many []string
	if err := n.Decode(&many); err != nil {
		return err
	}
	*o = many
	return nil
}

func (p *Policy) validate() error {
	if p == nil {
		return nil
	}
	for i, st := range p.Statement {
		if st.Effect != "Allow" && st.Effect != "Deny" {
			return fmt.Errorf("policy statement %d: Effect is %q: write Allow or Deny", i+1, st.Effect)
		}
		if len(st.Action) == 0 || len(st.Resource) == 0 {
			return fmt.Errorf("policy statement %d: name at least one Action and one Resource", i+1)
		}
		if err := st.Condition.validate(); err != nil {
			return fmt.Errorf("policy statement %d: %w", i+1, err)
		}
	}
	return nil
}

// request is what a policy is asked about.
type request struct {
	action, resource string
	viaService       string // kms:ViaService; empty: the request has no such key
}

// check reports whether the policy allows a request, and else IAM's reason, as
// it stands in the services' messages.
func (p *Policy) check(r request) (reason string, allowed bool) {
	if p == nil {
		return "", true
	}
	for _, st := range p.Statement {
		if !st.covers(r) {
			continue
		}
		if st.Effect == "Deny" {
			return "with an explicit deny in an identity-based policy", false
		}
		allowed = true
	}
	if !allowed {
		reason = "because no identity-based policy allows the " + r.action + " action"
	}
	return reason, allowed
}

func (st Statement) covers(r request) bool {
	return st.Action.matches(strings.ToLower(r.action), strings.ToLower) &&
		st.Resource.matches(r.resource, verbatim) &&
		st.Condition.holds(r.viaService)
}

// verbatim is the fold of what has to match in its own case.
func verbatim(pattern string) string { return pattern }

func (o OneOrMany) matches(text string, fold func(string) string) bool {
	for _, pattern := range o {
		if matches(fold(pattern), text) {
			return true
		}
	}
	return false
}

// matches reports whether the whole text matches the pattern, in which a *
// stands for any text, slashes and colons included, and a ? for one byte.
// That is IAM's rule; path.Match stops at slashes.
func matches(pattern, text string) bool {
	star, retry := -1, 0
	p, t := 0, 0
	for t < len(text) {
		switch {
		case p < len(pattern) && pattern[p] == '*':
			star, retry = p, t
			p++
		case p < len(pattern) && (pattern[p] == '?' || pattern[p] == text[t]):
			p++
			t++
		case star >= 0: // let the last star swallow one byte more
			retry++
			p, t = star+1, retry
		default:
			return false
		}
	}
	return strings.Trim(pattern[p:], "*") == ""
}

// authorizeLocked asks the caller's policy, and words the refusal as IAM does.
func (s *Server) authorizeLocked(c caller, action, resource string) error {
	reason, allowed := s.policyLocked(c).check(request{action: action, resource: resource})
	if allowed {
		return nil
	}
	return &apiError{code: "AccessDeniedException", capital: true, message: fmt.Sprintf(
		"User: %s is not authorized to perform: %s on resource: %s %s", c.arn(), action, resource, reason)}
}
