package policy

import (
	"strings"

	"larder/secret"
)

// CloudFormation's pseudo parameters, for what is not known.
//
// Source: docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/pseudo-parameter-reference.html
const (
	anyPartition = "${AWS::Partition}"
	anyRegion    = "${AWS::Region}"
	anyAccount   = "${AWS::AccountId}"
	anySuffix    = "${AWS::URLSuffix}"
)

// place is where a key is read, in the words of an ARN.
type place struct{ partition, region, account string }

// placeOf returns the place that the key's own ARN names; else it is the account
// of the role that the key is read with, or the function's.
func placeOf(home Home, k secret.Key) place {
	if k.IsARN() {
		parts := strings.SplitN(k.ID, ":", 6)
		return place{partition: parts[1], region: parts[3], account: parts[4]}
	}
	at := place{partition: home.Partition, region: k.Region, account: home.Account}
	if home.Account == "" {
		at.partition, at.account = anyPartition, anyAccount
		if k.Region == home.Region {
			at.region = anyRegion
		}
	}
	if k.Role != "" {
		parts := strings.SplitN(k.Role, ":", 6)
		at.partition, at.account = parts[1], parts[4]
	}
	return at
}

func (p place) arn(service, resource string) string {
	return strings.Join([]string{"arn", p.partition, service, p.region, p.account, resource}, ":")
}

// suffix is the six characters that AWS puts behind a secret's name in its ARN.
// A '*' would let in the secrets whose names begin like this one's.
const suffix = "-??????"

// secrets returns the resources of a secret.
func (p place) secrets(r Read) []string {
	switch id := r.Key.ID; {
	case !r.Key.IsARN():
		return p.named(id, r.Optional)
	case r.Whole:
		return []string{id}
	default:
		return []string{id, id + suffix}
	}
}

// named returns the resources of a secret by its name. Of one that does not exist
// AWS knows no suffix, so the bare name is what the role has to be allowed.
func (p place) named(name string, optional bool) []string {
	bare := p.arn("secretsmanager", "secret:"+name)
	if optional {
		return []string{bare, bare + suffix}
	}
	return []string{bare + suffix}
}

// parameter returns the resource of a parameter. Selectors are no part of it, and
// "p" and "/p" have the same one.
func (p place) parameter(k secret.Key) string {
	if k.IsARN() {
		return k.ID
	}
	if k.IsPublic() {
		p.account = ""
	}
	return p.arn("ssm", "parameter/"+strings.TrimPrefix(k.ID, "/"))
}

// tree returns the resources of a path and of all beneath it.
func (p place) tree(k secret.Key) []string {
	path, _ := secret.CutTree(k.ID)
	if k.IsPublic() {
		p.account = ""
	}
	beneath := p.arn("ssm", "parameter"+strings.TrimSuffix(path, "/")+"/*")
	if path == "/" {
		return []string{beneath}
	}
	return []string{p.arn("ssm", "parameter"+path), beneath}
}
