package policy

import (
	"maps"
	"slices"
	"strings"

	"larder/secret"
)

// Encryption is what is known of the KMS keys that encrypt something. The zero
// Encryption knows nothing, so that any key of the account may have to decrypt it.
type Encryption struct {
	// Known is set if Keys are all.
	Known bool
	// Keys are ids, ARNs or aliases of keys, as AWS tells them. AWS's own keys may
	// be among them or left out: they need no permission.
	Keys []string
}

// AWS's own keys, which everybody in the account may use through the service.
const (
	secretsManagerKey = "alias/aws/secretsmanager"
	parameterStoreKey = "alias/aws/ssm"
)

// decrypt allows to decrypt through a service what an encryption says. Which key
// an alias stands for is not known.
func (g *grants) decrypt(at place, service string, e Encryption) {
	var resources []string
	if !e.Known {
		resources = []string{at.arn("kms", "key/*")}
	}
	for _, key := range e.Keys {
		switch {
		case strings.HasSuffix(key, secretsManagerKey), strings.HasSuffix(key, parameterStoreKey):
		case IsAlias(key):
			resources = append(resources, at.arn("kms", "key/*"))
		case strings.HasPrefix(key, "arn:"):
			resources = append(resources, key)
		default:
			resources = append(resources, at.arn("kms", "key/"+key))
		}
	}
	if len(resources) > 0 {
		g.allow(secret.Decrypt, resources...)
		for _, suffix := range at.suffixes() {
			g.via[service+"."+at.region+"."+suffix] = true
		}
	}
}

// IsAlias reports whether the key is named by an alias that a policy cannot name:
// IAM knows keys by their ids only, and AWS's own aliases need no permission.
func IsAlias(key string) bool {
	return strings.Contains(key, "alias/") &&
		!strings.HasSuffix(key, secretsManagerKey) && !strings.HasSuffix(key, parameterStoreKey)
}

// onlyVia bounds a statement to what a service decrypts for the role, which gets
// no use of the keys by itself.
//
// Source: docs.aws.amazon.com/kms/latest/developerguide/conditions-kms.html
func (g *grants) onlyVia() map[string]map[string][]string {
	return map[string]map[string][]string{
		"StringEquals": {"kms:ViaService": slices.Sorted(maps.Keys(g.via))},
	}
}

// suffixes are how the names of the services may end that KMS tells of. In China that may
// be the suffix of the host names there, or that of everywhere: policies that are published
// for it have the latter.
func (p place) suffixes() []string {
	const everywhere = "amazonaws.com"
	switch {
	case p.partition == "aws-cn", strings.HasPrefix(p.region, "cn-"):
		return []string{everywhere, everywhere + ".cn"}
	case p.region == anyRegion:
		return []string{everywhere, anySuffix}
	}
	return []string{everywhere}
}
