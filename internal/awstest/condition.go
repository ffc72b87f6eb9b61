package awstest

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"
)

// viaServiceKey is the one condition key that is emulated.
const viaServiceKey = "kms:ViaService"

// Condition says when a statement counts: it holds values by operator and key,
// and one value of each key must match. Emulated are StringEquals and StringLike
// on kms:ViaService. A request has that key only when a service decrypts with a
// customer managed key, and what it has not matches nothing. See
// docs.aws.amazon.com/kms/latest/developerguide/conditions-kms.html.
type Condition map[string]map[string]OneOrMany

// UnmarshalYAML refuses what is not emulated, rather than ignore it.
func (c *Condition) UnmarshalYAML(n *yaml.Node) error {
	for i := 0; i+1 < len(n.Content); i += 2 {
		n.Content[i].Tag = "!!str" // or IAM's operator Null would be YAML's null, and skipped
	}
	var read map[string]map[string]OneOrMany
	if err := n.Decode(&read); err != nil {
		return err
	}
	*c = read
	if err := c.validate(); err != nil {
		return fmt.Errorf("line %d: %w", n.Line, err)
	}
	return nil
}

func (c Condition) validate() error {
	for _, operator := range slices.Sorted(maps.Keys(c)) {
		if operator != "StringEquals" && operator != "StringLike" {
			return fmt.Errorf("the condition operator %q is not emulated: want StringEquals or StringLike", operator)
		}
		for _, key := range slices.Sorted(maps.Keys(c[operator])) {
			if !strings.EqualFold(key, viaServiceKey) {
				return fmt.Errorf("the condition key %q is not emulated: want %s", key, viaServiceKey)
			}
		}
	}
	return nil
}

// holds reports whether the condition is met; viaService is empty where the
// request has no such key.
func (c Condition) holds(viaService string) bool {
	for operator, keys := range c {
		for _, values := range keys {
			met := slices.Contains(values, viaService)
			if operator == "StringLike" {
				met = values.matches(viaService, verbatim)
			}
			if viaService == "" || !met {
				return false
			}
		}
	}
	return true
}

// viaServices are what kms:ViaService may be when a service decrypts in a Region. What it
// is in China no public source settles: policies that are published for it have the suffix
// of everywhere.
func viaServices(service, region string) []string {
	name := service + "." + region + ".amazonaws.com"
	if partition(region) == "aws-cn" {
		return []string{name, name + ".cn"}
	}
	return []string{name}
}

// mayDecryptLocked asks the caller's policy about a customer managed key that a
// service decrypts with. AWS's own keys are for everybody in the account.
func (s *Server) mayDecryptLocked(c caller, service string, at place, key string) bool {
	if key == "" {
		return true
	}
	return slices.ContainsFunc(viaServices(service, at.region), func(via string) bool {
		_, allowed := s.policyLocked(c).check(request{action: "kms:Decrypt", resource: keyARN(at, key), viaService: via})
		return allowed
	})
}

// keyARN is the ARN of a key that is named by its id, its alias or an ARN. In a
// policy an alias is a resource of its own and does not mean the key. The id of
// the key behind an alias is made up.
func keyARN(at place, key string) string {
	switch {
	case strings.HasPrefix(key, "arn:"):
	case strings.HasPrefix(key, "alias/"):
		key = at.arn("kms", key)
	default:
		key = at.arn("kms", "key/"+key)
	}
	if owner, _, isAlias := strings.Cut(key, ":alias/"); isAlias {
		return owner + ":key/" + formatUUID([16]byte(digest("key", key)))
	}
	return key
}
