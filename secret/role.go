package secret

import (
	"fmt"
	"strings"
)

// Limits of IAM for a role, in characters: the path counts with both its slashes.
//
// Source: docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html
const (
	maxRolePath = 512
	maxRoleName = 64
)

// WithRole returns the key of the same thing, read with the role of the given
// ARN; an empty one is the function's own. The error says which part of the ARN is
// not legal.
func (k Key) WithRole(role string) (Key, error) {
	if role != "" {
		if err := CheckRole(role); err != nil {
			return Key{}, fmt.Errorf("role: %w", err)
		}
	}
	k.Role = role
	return k, nil
}

// CheckRole reports why a text is not the ARN of a role. They have no Region: IAM is one for a whole
// partition.
func CheckRole(role string) error {
	parts := strings.SplitN(role, ":", 6)
	if len(parts) < 6 || parts[0] != "arn" || parts[2] != "iam" || parts[3] != "" {
		return fmt.Errorf("a role is named by its ARN: arn:aws:iam::ACCOUNT:role/NAME")
	}
	resource, found := strings.CutPrefix(parts[5], "role/")
	slash := strings.LastIndexByte(resource, '/')
	path, name := "/"+resource[:slash+1], resource[slash+1:]
	switch {
	case !isPartition(parts[1]):
		return errPartition
	case !isAccount(parts[4]):
		return errAccount
	case !found:
		return fmt.Errorf("the ARN of a role goes on with :role/NAME after the account")
	case name == "":
		return fmt.Errorf("the role's name is empty")
	case len(name) > maxRoleName:
		return fmt.Errorf("the role's name has %d characters, a role's has at most %d", len(name), maxRoleName)
	case len(path) > maxRolePath:
		return fmt.Errorf("the role's path has %d characters, a role's has at most %d", len(path), maxRolePath)
	case !only(resource, "_+=,.@/-", true):
		return fmt.Errorf("a role's path and name have only letters, digits and _+=,.@/- in them")
	}
	return nil
}
