package secret

import (
	"errors"
	"fmt"
	"strings"
)

// Limits of the services: the longest secret name, parameter name, ARN, version
// id, version stage and label that AWS accepts, in characters.
const (
	maxSecretName    = 512
	maxSecretSuffix  = 7    // "-AbCdEf": what AWS puts behind the name in an ARN
	maxParameterName = 2048 // an ARN or a reference to a secret may be this long
	maxStage         = 256
	maxLabel         = 100
	maxVersionID     = 64
	maxVersionDigits = 19 // of a parameter's version, a 64-bit number
)

// CheckRegion reports why a text cannot be an AWS Region. Regions are checked
// by form, not against a list, so that new ones work.
func CheckRegion(region string) error {
	if region == "" {
		return fmt.Errorf("no Region: set AWS_REGION or write ?region=")
	}
	if len(region) > 63 || !only(region, "-", false) {
		return fmt.Errorf("a Region has only lower-case letters, digits and '-', at most 63 of them")
	}
	return nil
}

func checkSecretName(name string, longest int) error {
	switch {
	case name == "":
		return fmt.Errorf("the name is empty")
	case len(name) > longest:
		return fmt.Errorf("the name has %d characters, a secret's has at most %d", len(name), longest)
	case !only(name, "/_+=.@-!", true): // '!' in those that AWS makes itself, such as rds!db-…
		return fmt.Errorf("a secret's name has only letters, digits and /_+=.@-! in it")
	}
	return nil
}

// secretReference is the path under which Parameter Store reads secrets; what
// follows it is a secret's name. See Key.ReferredSecret.
const secretReference = "/aws/reference/secretsmanager/"

// errEmptyPart is what parameters and trees are refused for alike.
var errEmptyPart = errors.New("the name has an empty part between two '/'")

func checkParameterName(name string) error {
	if secret, ok := strings.CutPrefix(name, secretReference); ok {
		return checkSecretName(secret, maxSecretName)
	}
	switch {
	case name == "" || name == "/":
		return fmt.Errorf("the name is empty")
	case len(name) > maxParameterName:
		return fmt.Errorf("the name has %d characters, a parameter's has at most %d", len(name), maxParameterName)
	case strings.Contains(name, "*"):
		return fmt.Errorf("a wildcard stands alone at the end of a path, as /* or /**")
	case !only(name, "_.-/", true):
		return fmt.Errorf("a parameter's name has only letters, digits and _.-/")
	case strings.HasSuffix(name, "/"):
		return fmt.Errorf("the name ends in '/': a tree is written with /* or /**")
	case strings.Contains(name, "//"):
		return errEmptyPart
	case !strings.HasPrefix(name, "/") && strings.Contains(name, "/"): // last, so that what it suggests is legal
		return fmt.Errorf("a name with a path starts with '/': did you mean ssm:///%s", name)
	}
	return nil
}

func checkStage(stage string) error {
	if len(stage) > maxStage || !only(stage, "/_+=.@-", true) {
		return fmt.Errorf("a version stage has only letters, digits and /_+=.@-, at most %d of them", maxStage)
	}
	return nil
}

// checkParameterVersion allows one spelling of a number, so that two spellings of
// one version do not make two keys.
func checkParameterVersion(version string) error {
	if version != "" && (!isNumber(version) || version[0] == '0' || len(version) > maxVersionDigits) {
		return fmt.Errorf("the version of a parameter is a number from 1 on, without leading zeros")
	}
	return nil
}

// checkLabel refuses a number, too: Parameter Store has no such labels, and in a
// selector it would mean a version.
func checkLabel(label string) error {
	if isNumber(label) {
		return fmt.Errorf("a label is not a number: for a version write ?version=")
	}
	if len(label) > maxLabel || !only(label, "_.-", true) {
		return fmt.Errorf("a label has only letters, digits and _.-, at most %d of them", maxLabel)
	}
	return nil
}

// CheckVersionID reports why a text cannot be the version id of a secret.
func CheckVersionID(version string) error {
	if version == "" {
		return fmt.Errorf("the version id is empty")
	}
	return checkVersionID(version)
}

func checkVersionID(version string) error {
	if len(version) > maxVersionID || !only(version, "-_", true) {
		return fmt.Errorf("a version id has only letters, digits, '-' and '_', at most %d of them", maxVersionID)
	}
	return nil
}

// arn is the part of an ARN that decides where it is asked for.
type arn struct {
	region   string
	resource string // everything behind the account
}

func isARN(id string) bool { return strings.HasPrefix(id, "arn:") }

// parseARN takes apart the ARN of a resource of the given service.
func parseARN(text, service string) (arn, error) {
	parts := strings.SplitN(text, ":", 6)
	switch {
	case len(text) > maxParameterName:
		return arn{}, fmt.Errorf("the ARN has more than %d characters", maxParameterName)
	case len(parts) < 6:
		return arn{}, fmt.Errorf("an ARN has six parts: arn:PARTITION:%s:REGION:ACCOUNT:RESOURCE", service)
	case !isPartition(parts[1]):
		return arn{}, errPartition
	case parts[2] != service:
		return arn{}, fmt.Errorf("the ARN is of another service: this scheme reads %s", service)
	case parts[3] == "":
		return arn{}, fmt.Errorf("the ARN names no Region")
	case CheckRegion(parts[3]) != nil:
		return arn{}, fmt.Errorf("the ARN's Region: %w", CheckRegion(parts[3]))
	case parts[4] == "" && strings.HasPrefix(parts[5], "parameter"+publicPath): // nobody's
	case !isAccount(parts[4]):
		return arn{}, errAccount
	}
	return arn{region: parts[3], resource: parts[5]}, nil
}

// What an ARN of any service is refused for.
var (
	errPartition = errors.New("the partition of the ARN is not aws, aws-cn, aws-us-gov or the like")
	errAccount   = errors.New("the account in the ARN is not twelve digits")
)

// publicPath is where AWS publishes parameters for everybody.
//
// Source: docs.aws.amazon.com/systems-manager/latest/userguide/parameter-store-public-parameters.html
const publicPath = "/aws/service/"

func isPartition(text string) bool { return strings.HasPrefix(text, "aws") && only(text, "-", false) }

func isAccount(text string) bool { return len(text) == 12 && isNumber(text) }

// cutSelector splits Parameter Store's selector off a name or ARN.
func cutSelector(name string) (id, selector string, found bool) {
	start := 0
	if isARN(name) { // the first five colons belong to the ARN
		for range 5 {
			i := strings.IndexByte(name[start:], ':')
			if i < 0 {
				return name, "", false
			}
			start += i + 1
		}
	}
	i := strings.IndexByte(name[start:], ':')
	if i < 0 {
		return name, "", false
	}
	return name[:start+i], name[start+i+1:], true
}

// only reports whether s is made of lower-case letters, digits, the characters in
// extra and, if upper is set, upper-case letters.
func only(s, extra string, upper bool) bool {
	for i := range len(s) {
		switch c := s[i]; {
		case 'a' <= c && c <= 'z', '0' <= c && c <= '9', upper && 'A' <= c && c <= 'Z':
		case strings.IndexByte(extra, c) >= 0:
		default:
			return false
		}
	}
	return true
}

func isNumber(s string) bool {
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' {
			return false
		}
	}
	return s != ""
}
