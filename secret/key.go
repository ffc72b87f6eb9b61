package secret

import (
	"cmp"
	"fmt"
	"sort"
	"strings"
)

// Service is the AWS service that keeps a secret or parameter.
type Service uint8

// The services that Larder reads from.
const (
	SecretsManager Service = iota + 1 // scheme secretsmanager://
	ParameterStore                    // scheme ssm://
)

// Scheme returns the URI scheme that names the service in a reference, without
// the "://".
func (s Service) Scheme() string {
	switch s {
	case SecretsManager:
		return "secretsmanager"
	case ParameterStore:
		return "ssm"
	}
	return "unknown"
}

// String returns the scheme.
func (s Service) String() string { return s.Scheme() }

// Key identifies one thing that AWS can be asked for. Keys are comparable: two
// spellings that certainly mean the same thing make equal keys, and nothing
// else does. That a name and an ARN are the same secret is not certain until AWS
// has said so, hence those are two keys.
//
// Make keys with [SecretKey], [ParameterKey], [TreeKey], [Key.WithRole] or
// [Reference.Key], which validate every part: the SDK builds host names from the
// Region.
type Key struct {
	// Service keeps the secret or parameter.
	Service Service
	// Region is where it is asked for. Never empty.
	Region string
	// ID is a name or an ARN; for a tree the path with its /* or /**.
	ID string
	// Version is the version id of a secret or the version number of a
	// parameter. Empty means the one that Stage selects.
	Version string
	// Stage is the version stage of a secret or the label of a parameter. Empty
	// means AWSCURRENT, or the newest version of a parameter.
	Stage string
	// Decrypt asks Parameter Store for the plain text of a SecureString. Always
	// false for secrets.
	Decrypt bool
	// Role is the ARN of the role to read it with. Empty means the function's own.
	Role string
}

// defaultStage is the version stage that Secrets Manager reads when none is
// given.
const defaultStage = "AWSCURRENT"

// SecretKey returns the key of a secret that is named by its name or ARN. An ARN
// decides the Region; region is used for a name. The error says which part is
// not legal.
func SecretKey(region, id, version, stage string) (Key, error) {
	if isARN(id) {
		a, err := parseARN(id, "secretsmanager")
		if err != nil {
			return Key{}, err
		}
		name, ok := strings.CutPrefix(a.resource, "secret:")
		if !ok {
			return Key{}, fmt.Errorf("the ARN of a secret goes on with :secret:NAME after the account")
		}
		if err := checkSecretName(name, maxSecretName+maxSecretSuffix); err != nil {
			return Key{}, err
		}
		region = a.region
	} else if err := checkSecretName(id, maxSecretName); err != nil {
		return Key{}, err
	}
	if err := CheckRegion(region); err != nil {
		return Key{}, err
	}
	if err := checkStage(stage); err != nil {
		return Key{}, err
	}
	if err := checkVersionID(version); err != nil {
		return Key{}, err
	}
	if stage == defaultStage && version == "" {
		stage = ""
	}
	return Key{Service: SecretsManager, Region: region, ID: id, Version: version, Stage: stage}, nil
}

// ParameterKey returns the key of one parameter that is named by its name or
// ARN. Parameter Store's own selector (":3", ":label") may stand at the end of
// the name, but then version and label must be empty. A path with a wildcard is
// not a parameter: see [TreeKey]. A secret that is read through Parameter Store is
// named by its path, not by an ARN.
func ParameterKey(region, name, version, label string, decrypt bool) (Key, error) {
	id, sel, selected := cutSelector(name)
	if selected {
		if version != "" || label != "" {
			return Key{}, fmt.Errorf("a selector at the end of the name and a version or label exclude each other")
		}
		if isNumber(sel) {
			version = sel
		} else {
			label = sel
		}
	}
	if version != "" && label != "" {
		return Key{}, fmt.Errorf("version and label exclude each other")
	}
	if isARN(id) {
		a, err := parseARN(id, "ssm")
		if err != nil {
			return Key{}, err
		}
		path, ok := strings.CutPrefix(a.resource, "parameter/")
		if !ok {
			return Key{}, fmt.Errorf("the ARN of a parameter goes on with :parameter/NAME after the account")
		}
		if strings.HasPrefix("/"+path, secretReference) {
			return Key{}, fmt.Errorf("a secret has no ARN in Parameter Store: write secretsmanager://NAME, or the secret's own ARN in place of NAME")
		}
		if err := checkParameterName("/" + path); err != nil {
			return Key{}, err
		}
		region = a.region
	} else if err := checkParameterName(id); err != nil {
		return Key{}, err
	}
	if err := CheckRegion(region); err != nil {
		return Key{}, err
	}
	if err := checkParameterVersion(version); err != nil {
		return Key{}, err
	}
	if selected && label == "" && version == "" {
		return Key{}, fmt.Errorf("nothing follows the ':' of the selector")
	}
	if err := checkLabel(label); err != nil {
		return Key{}, err
	}
	return Key{Service: ParameterStore, Region: region, ID: id, Version: version, Stage: label, Decrypt: decrypt}, nil
}

// TreeKey returns the key of all parameters beneath a path: "/p/*" for one level,
// "/p/**" for all levels. Trees are always decrypted.
func TreeKey(region, pattern string) (Key, error) {
	path, _ := CutTree(pattern)
	switch {
	case path == "", !strings.HasPrefix(pattern, "/"):
		return Key{}, fmt.Errorf("a tree is named by a path that starts with '/' and ends in /* or /**")
	case strings.Contains(pattern, "//"): // also in front of the wildcard
		return Key{}, errEmptyPart
	case strings.HasPrefix(path+"/", secretReference):
		return Key{}, fmt.Errorf("secrets cannot be listed through Parameter Store: name each of them")
	}
	if path != "/" {
		if err := checkParameterName(path); err != nil {
			return Key{}, err
		}
	}
	if err := CheckRegion(region); err != nil {
		return Key{}, err
	}
	return Key{Service: ParameterStore, Region: region, ID: pattern, Decrypt: true}, nil
}

// CutTree splits the id of a tree into the path that Parameter Store is asked
// for and whether the levels below it count, too. It returns "" when id names
// one parameter.
func CutTree(id string) (path string, recursive bool) {
	if p, ok := strings.CutSuffix(id, "/**"); ok {
		return rootOr(p), true
	}
	if p, ok := strings.CutSuffix(id, "/*"); ok {
		return rootOr(p), false
	}
	return "", false
}

func rootOr(path string) string {
	if path == "" {
		return "/"
	}
	return path
}

// IsARN reports whether the key names what it means by its ARN.
func (k Key) IsARN() bool { return isARN(k.ID) }

// Names returns the keys by name that the ARN in k may be another spelling of; none
// where k has a name itself. AWS adds a hyphen and six characters to the name of a
// secret, and an ARN may be written without them; the parameters p and /p have one ARN.
//
// Source: docs.aws.amazon.com/secretsmanager/latest/userguide/whats-in-a-secret.html
func (k Key) Names() []Key {
	var ids []string
	if _, name, ok := strings.Cut(k.ID, ":secret:"); ok && k.IsARN() {
		ids = append(ids, name)
		if end := len(name) - maxSecretSuffix; end > 0 && name[end] == '-' {
			ids = append(ids, name[:end])
		}
	} else if _, path, ok := strings.Cut(k.ID, ":parameter/"); ok && k.IsARN() {
		ids = append(ids, "/"+path)
		if !strings.Contains(path, "/") {
			ids = append(ids, path)
		}
	}
	keys := make([]Key, len(ids))
	for i, id := range ids {
		keys[i] = k
		keys[i].ID = id
	}
	return keys
}

// IsTree reports whether the key names all parameters beneath a path.
func (k Key) IsTree() bool {
	path, _ := CutTree(k.ID)
	return k.Service == ParameterStore && path != ""
}

// IsPublic reports whether AWS publishes the parameter, or the tree of them, for
// everybody: it has no account.
func (k Key) IsPublic() bool {
	name := k.ID
	if k.IsARN() {
		_, name, _ = strings.Cut(k.ID, ":parameter")
	}
	return k.Service == ParameterStore && strings.HasPrefix(name, publicPath)
}

// ReferredSecret returns the name of the secret that the key reads through
// Parameter Store, which takes the permissions of both services; ok is false for
// every other key.
//
// Source: docs.aws.amazon.com/systems-manager/latest/userguide/integration-ps-secretsmanager.html
func (k Key) ReferredSecret() (name string, ok bool) {
	if name, ok = strings.CutPrefix(k.ID, secretReference); ok && k.Service == ParameterStore {
		return name, true
	}
	return "", false
}

// Covers reports whether the tree k reads what member names: the current version
// of a parameter beneath the tree's path, in the same Region and with the same
// role. Trees are decrypted, so of a SecureString they hold the plain text only. A
// secret that is read through Parameter Store is in no tree.
func (k Key) Covers(member Key) bool {
	_, referred := member.ReferredSecret()
	if !k.IsTree() || member.IsTree() || member.Service != k.Service || member.Region != k.Region ||
		member.Role != k.Role || member.Version != "" || member.Stage != "" || referred {
		return false
	}
	path, recursive := CutTree(k.ID)
	rest, ok := strings.CutPrefix(member.ID, strings.TrimSuffix(path, "/")+"/")
	return ok && rest != "" && (recursive || !strings.Contains(rest, "/"))
}

// SortKeys puts keys into an order of theirs, so that the same set makes the same
// calls. It does so by sort.Slice, as every type that slices.SortFunc sorts costs the
// layer some 10 KB of code.
func SortKeys(keys []Key) {
	sort.Slice(keys, func(i, j int) bool {
		a, b := keys[i], keys[j]
		return cmp.Or(cmp.Compare(a.Service, b.Service), cmp.Compare(a.Region, b.Region), cmp.Compare(a.String(), b.String())) < 0
	})
}

// Selector returns what stands behind the name in Parameter Store's own syntax:
// ":3", ":label", or "".
func (k Key) Selector() string {
	switch {
	case k.Service != ParameterStore:
		return ""
	case k.Version != "":
		return ":" + k.Version
	case k.Stage != "":
		return ":" + k.Stage
	}
	return ""
}

// Reference returns the reference that names the key, without a Region: it is the
// ARN's or the function's, or the caller sets it.
func (k Key) Reference() Reference {
	return Reference{Service: k.Service, ID: k.ID, Version: k.Version, Stage: k.Stage, Role: k.Role}
}

// String returns the reference that names the key, without its Region: a log
// line or an error names the Region beside it.
func (k Key) String() string { return k.Reference().String() }
