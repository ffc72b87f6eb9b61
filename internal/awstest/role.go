package awstest

import (
	"errors"
	"fmt"
	"path"
	"slices"
	"strings"
)

// Role is a role that can be assumed. That takes two permissions: the caller's
// policy allows sts:AssumeRole on the role's ARN, and the role trusts the caller.
// Within one account IAM is content with a trust that names the caller itself.
// Here both are always asked for, so that what works here works there.
type Role struct {
	// Policy is the role's identity policy. Zero: everything is allowed.
	Policy *Policy `yaml:"policy"`
	// Trust lists the principals that may assume the role, as a trust policy of
	// IAM does: an account, as its number or as its root's ARN; the ARN of a
	// role or of one session; or "*" for everybody. As with IAM, there are no
	// other patterns. Zero: Config.Account.
	Trust OneOrMany `yaml:"trust"`
}

// identity is a session of a role: of the function's own one, or of one that
// was assumed.
type identity struct {
	account string
	role    string // its ARN
	session string
}

// arn is the session's name in messages about missing permissions. It has
// nothing of the role's path.
func (i identity) arn() string {
	return strings.Replace(i.root(), ":iam:", ":sts:", 1) + "assumed-role/" + path.Base(i.role) + "/" + i.session
}

// root begins the ARNs of what is the account's.
func (i identity) root() string {
	return i.role[:strings.LastIndex(i.role, ":")+1]
}

// function is who signs with the keys of Credentials.
func (s *Server) function() identity {
	return identity{s.account, "arn:" + partition(s.region) + ":iam::" + s.account + ":role/function-role", "function"}
}

// roleAccount is the account in a role's ARN, and empty if the text is none.
func roleAccount(arn string) string {
	parts := strings.Split(arn, ":")
	if len(parts) != 6 || parts[0] != "arn" || !only(parts[1], letters+"-") || parts[2] != "iam" || parts[3] != "" {
		return ""
	}
	name, isRole := strings.CutPrefix(parts[5], "role/")
	if !isRole || !only(name, letters+digits+"_+=,.@-/") || strings.HasSuffix(name, "/") || len(path.Base(name)) > 64 ||
		!accountPattern(parts[4]) {
		return ""
	}
	return parts[4]
}

// SetRole makes or replaces a role. Sessions that there are have the new policy
// at once. The policy is the server's from then on and must not be changed.
func (s *Server) SetRole(arn string, role Role) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.setRoleLocked(arn, role)
}

func (s *Server) setRoleLocked(arn string, role Role) error {
	err := errors.Join(role.Policy.validate(), checkTrust(role.Trust))
	switch {
	case roleAccount(arn) == "":
		err = errors.New("want an ARN like arn:aws:iam::123456789012:role/name")
	case arn == s.function().role:
		err = errors.New("this is the function's own role: its policy is the one outside of roles")
	}
	if err != nil {
		return fmt.Errorf("role %q: %w", arn, err)
	}
	if len(role.Trust) == 0 {
		role.Trust = OneOrMany{s.account}
	}
	s.roles[arn] = role
	return nil
}

// setFunctionPolicyLocked makes the function's own role. It is one that Lambda
// assumes, and nobody else.
func (s *Server) setFunctionPolicyLocked(p *Policy) {
	s.roles[s.function().role] = Role{Policy: p, Trust: OneOrMany{"lambda.amazonaws.com"}}
}

func checkTrust(trust OneOrMany) error {
	for _, principal := range trust {
		arn := strings.HasPrefix(principal, "arn:") && !strings.ContainsAny(principal, "*?")
		if principal != "*" && !arn && !accountPattern(principal) {
			return fmt.Errorf("trust %q: want an account, a whole ARN, or *", principal)
		}
	}
	return nil
}

// trusts reports whether the role's trust names the caller in one of the ways
// that IAM has; see docs.aws.amazon.com/IAM/latest/UserGuide/
// reference_policies_elements_principal.html.
func (r Role) trusts(i identity) bool {
	return slices.ContainsFunc(r.Trust, func(principal string) bool {
		return slices.Contains([]string{"*", i.account, i.root() + "root", i.role, i.arn()}, principal)
	})
}

// policyLocked is the policy of the caller's role. A role that is not there any
// more may do nothing.
func (s *Server) policyLocked(c caller) *Policy {
	role, ok := s.roles[c.role]
	if !ok {
		return &Policy{}
	}
	return role.Policy
}
