package secret

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// Reference is what a user writes to name a secret, a parameter or one field of
// it: the whole value of an environment variable, or an item of LARDER_PREFETCH.
//
//	secretsmanager://prod/db#password      one field of a JSON secret
//	ssm:///prod/api-key?ttl=30             a parameter, decrypted
//	ssm:///prod/app/**                     a tree
type Reference struct {
	// Service is the one that the scheme names.
	Service Service
	// ID is a name or an ARN; for a tree the path with its /* or /**.
	ID string
	// Version is a version id or version number. Empty: see Stage.
	Version string
	// Stage is a version stage or, for a parameter, a label. Empty means the
	// current version.
	Stage string
	// Region is set by ?region=. Empty means the ARN's, else the function's.
	Region string
	// Role is set by ?role=: the ARN of the role to read with. Empty means the
	// function's own.
	Role string
	// Field picks a part of a JSON value: the name of a top-level field, or a JSON
	// Pointer when it starts with '/'. Empty means the whole value.
	Field string
	// TTL is how long a value is fresh, if HasTTL; else the service's setting.
	TTL    time.Duration
	HasTTL bool
	// Optional lets the secret be absent.
	Optional bool
}

// IsReference reports whether text has one of the two schemes that are ours. Any
// other text is none of our business.
func IsReference(text string) bool {
	_, _, ok := cutScheme(text)
	return ok
}

func cutScheme(text string) (Service, string, bool) {
	for _, s := range []Service{SecretsManager, ParameterStore} {
		if rest, ok := strings.CutPrefix(text, s.Scheme()+"://"); ok {
			return s, rest, true
		}
	}
	return 0, "", false
}

// ParseReference reads a reference. The error says what is wrong without
// echoing the text, which might be a value that only looks like a reference.
func ParseReference(text string) (Reference, error) {
	service, rest, ok := cutScheme(text)
	if !ok {
		return Reference{}, fmt.Errorf("a reference starts with secretsmanager:// or ssm://")
	}
	r := Reference{Service: service}
	// First the field, then the options: a field's name may hold a '?'.
	rest, field, hasField := strings.Cut(rest, "#")
	if hasField && field == "" {
		return Reference{}, fmt.Errorf("nothing follows the '#': leave it out to get the whole value")
	}
	r.Field = field
	name, options, hasOptions := strings.Cut(rest, "?")
	r.ID = name
	if hasOptions {
		if err := r.parseOptions(options); err != nil {
			return Reference{}, err
		}
	}
	if err := r.cutTail(); err != nil {
		return Reference{}, err
	}
	if err := r.check(); err != nil {
		return Reference{}, err
	}
	return r, nil
}

// parseOptions reads what stands between '?' and '#'.
func (r *Reference) parseOptions(text string) error {
	seen := make(map[string]bool)
	for _, option := range strings.Split(text, "&") {
		name, value, hasValue := strings.Cut(option, "=")
		switch {
		case !isOption(name): // the errors below name it: they never repeat another text of the user's
			return fmt.Errorf("unknown option; there are stage, version, label, region, role, ttl and optional")
		case seen[name]:
			return fmt.Errorf("the option %s stands twice", name)
		case value == "" && name != "optional":
			return fmt.Errorf("the option %s has no value", name)
		}
		seen[name] = true
		if err := r.setOption(name, value, hasValue); err != nil {
			return err
		}
	}
	return nil
}

func (r *Reference) setOption(name, value string, hasValue bool) error {
	switch name {
	case "version":
		r.Version = value
	case "stage":
		if r.Service != SecretsManager {
			return fmt.Errorf("stage is for secrets; a parameter has a label")
		}
		r.Stage = value
	case "label":
		if r.Service != ParameterStore {
			return fmt.Errorf("label is for parameters; a secret has a stage")
		}
		r.Stage = value
	case "region":
		if err := CheckRegion(value); err != nil {
			return err
		}
		r.Region = value
	case "role":
		r.Role = value
	case "ttl":
		ttl, err := ParseDuration(value)
		if err != nil {
			return fmt.Errorf("ttl: %w", err)
		}
		r.TTL, r.HasTTL = ttl, true
	case "optional":
		if hasValue && value != "true" && value != "false" {
			return fmt.Errorf("optional is true or false")
		}
		r.Optional = value != "false"
	}
	return nil
}

func isOption(name string) bool {
	switch name {
	case "stage", "version", "label", "region", "role", "ttl", "optional":
		return true
	}
	return false
}

// cutTail understands the tail that Amazon ECS allows behind a secret's ARN:
// :json-key:version-stage:version-id, each part of which may be empty.
func (r *Reference) cutTail() error {
	const parts = 7 // of a secret's ARN
	split := strings.Split(r.ID, ":")
	if r.Service != SecretsManager || !isARN(r.ID) || len(split) <= parts {
		return nil
	}
	if len(split) != parts+3 {
		return fmt.Errorf("behind a secret's ARN stand three parts or none: :JSON-KEY:VERSION-STAGE:VERSION-ID, each may be empty")
	}
	key, stage, version := split[parts], split[parts+1], split[parts+2]
	if key != "" && r.Field != "" || stage != "" && r.Stage != "" || version != "" && r.Version != "" {
		return fmt.Errorf("the tail behind the ARN and the reference's own #field, stage or version exclude each other")
	}
	r.ID = strings.Join(split[:parts], ":")
	if strings.HasPrefix(key, "/") { // a plain name here, not a JSON Pointer
		key = "/" + escapePointer(key)
	}
	r.Field += key
	r.Stage += stage
	r.Version += version
	return nil
}

// check validates everything that can be validated without the function's own
// Region, and brings a parameter's selector and a default stage into one form.
func (r *Reference) check() error {
	const anyRegion = "region" // stands for the function's; valid by form
	region := r.Region
	if region == "" {
		region = anyRegion
	}
	k, err := r.Key(region)
	if err != nil {
		return err
	}
	if r.Region != "" && k.Region != r.Region {
		return fmt.Errorf("the ARN and ?region= name different Regions")
	}
	r.ID, r.Version, r.Stage = k.ID, k.Version, k.Stage
	return checkPointer(r.Field)
}

// Key returns what AWS is asked for. region is the function's own, used where
// neither an ARN nor ?region= names another.
func (r Reference) Key(region string) (Key, error) {
	k, err := r.plainKey(region)
	if err != nil {
		return Key{}, err
	}
	return k.WithRole(r.Role)
}

// plainKey returns the key without its role.
func (r Reference) plainKey(region string) (Key, error) {
	if r.Region != "" {
		region = r.Region
	}
	if r.Service == SecretsManager {
		return SecretKey(region, r.ID, r.Version, r.Stage)
	}
	if path, _ := CutTree(r.ID); path != "" {
		if r.Version != "" || r.Stage != "" {
			return Key{}, fmt.Errorf("a tree has no version or label")
		}
		if isARN(r.ID) {
			return Key{}, fmt.Errorf("a tree is named by its path, not by an ARN: Parameter Store reads trees of the own account only")
		}
		return TreeKey(region, r.ID)
	}
	return ParameterKey(region, r.ID, r.Version, r.Stage, true)
}

// String writes the reference in its one canonical form; parsing that gives the
// same Reference again.
func (r Reference) String() string {
	var b strings.Builder
	b.WriteString(r.Service.Scheme() + "://" + r.ID)
	sep := byte('?')
	option := func(text string) {
		b.WriteByte(sep)
		b.WriteString(text)
		sep = '&'
	}
	if r.Version != "" {
		option("version=" + r.Version)
	}
	if r.Stage != "" && r.Service == SecretsManager {
		option("stage=" + r.Stage)
	}
	if r.Stage != "" && r.Service == ParameterStore {
		option("label=" + r.Stage)
	}
	if r.Region != "" {
		option("region=" + r.Region)
	}
	if r.Role != "" {
		option("role=" + r.Role)
	}
	if r.HasTTL {
		option("ttl=" + r.TTL.String())
	}
	if r.Optional {
		option("optional")
	}
	if r.Field != "" {
		b.WriteString("#" + r.Field)
	}
	return b.String()
}

// maxDuration bounds every duration that a user can set, so that sums of times
// and durations cannot overflow.
const maxDuration = 365 * 24 * time.Hour

// ParseDuration reads a duration as seconds ("300") or in Go's syntax ("5m").
func ParseDuration(text string) (time.Duration, error) {
	var d time.Duration
	// Out of range, ParseInt returns the nearest number. Bounded before it is
	// multiplied, it cannot overflow into a legal duration.
	if seconds, err := strconv.ParseInt(text, 10, 64); err == nil || errors.Is(err, strconv.ErrRange) {
		d = time.Duration(max(-1, min(seconds, int64(maxDuration/time.Second)+1))) * time.Second
	} else if d, err = time.ParseDuration(text); err != nil {
		return 0, fmt.Errorf("not a duration: write seconds (300) or 5m, 1h30m")
	}
	switch {
	case d < 0:
		return 0, fmt.Errorf("%q is negative", text)
	case d > maxDuration:
		return 0, fmt.Errorf("%q is longer than a year", text)
	}
	return d, nil
}
