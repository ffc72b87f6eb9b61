package awstest

import (
	"cmp"
	"fmt"
	"slices"
)

type describeSecretInput struct{ SecretId string }

func (in describeSecretInput) ids() []string { return []string{in.SecretId} }

type describeSecretOutput struct {
	ARN                string
	CreatedDate        epoch
	DeletedDate        *epoch `json:",omitempty"`
	KmsKeyId           string `json:",omitempty"`
	LastChangedDate    epoch
	Name               string
	VersionIdsToStages map[string][]string `json:",omitempty"`
}

// describeSecretLocked tells about a secret, also about one that is scheduled
// for deletion, and asks for no permission to decrypt. Versions without a stage
// are not told, see docs.aws.amazon.com/secretsmanager/latest/apireference/
// API_DescribeSecret.html.
func (s *Server) describeSecretLocked(c caller, in describeSecretInput) (any, error) {
	found, err := s.namedSecretLocked(c, "secretsmanager:DescribeSecret", in.SecretId)
	if err != nil {
		return nil, err
	}
	changed := epoch(found.changed())
	out := describeSecretOutput{ARN: found.arn(), CreatedDate: epoch(found.created), KmsKeyId: found.kmsKey,
		LastChangedDate: changed, Name: found.name, VersionIdsToStages: map[string][]string{}}
	if found.deleted {
		out.DeletedDate = &changed // when it was deleted is not kept
	}
	for _, v := range found.versions {
		if len(v.stages) > 0 {
			out.VersionIdsToStages[v.id] = v.stages
		}
	}
	return out, nil
}

// usualDescribed and maxDescribed are how many parameters a page of
// DescribeParameters has.
const usualDescribed, maxDescribed = 10, 50

type describeParametersInput struct {
	ParameterFilters []parameterFilter
	pageOf
}

func (in describeParametersInput) ids() []string {
	var out []string
	for _, f := range in.ParameterFilters {
		out = append(out, f.Values...)
	}
	return out
}

// parameterDescription is what is known of a parameter besides its value. See
// docs.aws.amazon.com/systems-manager/latest/APIReference/API_ParameterMetadata.html.
type parameterDescription struct {
	ARN              string
	DataType         string
	KeyId            string `json:",omitempty"`
	LastModifiedDate epoch
	Name             string
	Policies         []string
	Tier             string
	Type             string
	Version          int
}

type describeParametersOutput struct {
	NextToken  string `json:",omitempty"`
	Parameters []parameterDescription
}

// describeParametersLocked gives a page of the caller's parameters. As with the
// service, a page may be short or even empty and still not be the last one: the
// filters leave out what is in a page already.
func (s *Server) describeParametersLocked(c caller, in describeParametersInput) (any, error) {
	for _, f := range in.ParameterFilters {
		if err := f.check(); err != nil {
			return nil, err
		}
	}
	size, err := in.size(usualDescribed, maxDescribed)
	if err != nil {
		return nil, err
	}
	// The action has no resource of its own, so only a policy for "*" grants it.
	if err := s.authorizeLocked(c, "ssm:DescribeParameters", "*"); err != nil {
		return nil, err
	}
	page, next, err := s.cutLocked(c, "/", in.pageOf, size, fmt.Sprintf("%q ", in.ParameterFilters))
	if err != nil {
		return nil, err
	}
	out := describeParametersOutput{NextToken: next, Parameters: []parameterDescription{}}
	for _, p := range page {
		if !slices.ContainsFunc(in.ParameterFilters, func(f parameterFilter) bool { return !f.passes(p) }) {
			out.Parameters = append(out.Parameters, p.description())
		}
	}
	return out, nil
}

func (p *parameter) description() parameterDescription {
	newest, number := p.version("")
	out := parameterDescription{ARN: p.arn(), DataType: p.dataType, LastModifiedDate: epoch(newest.modified),
		Name: p.name, Policies: []string{}, Tier: "Standard", Type: p.kind, Version: number}
	if len(newest.value) > maxStandard {
		out.Tier = "Advanced"
	}
	if p.kind == "SecureString" {
		out.KeyId = cmp.Or(p.kmsKey, "alias/aws/ssm")
	}
	return out
}

// parameterFilter lets parameters pass that have one of the values.
type parameterFilter struct {
	Key    string
	Option string // empty: Equals, and for paths OneLevel
	Values []string
}

// check refuses what the service refuses, and keys and options that are not
// emulated.
func (f parameterFilter) check() error {
	options := []string{"", "Equals"}
	switch f.Key {
	case "Path":
		options = []string{"", "OneLevel", "Recursive"}
	case "Name":
	default:
		return &apiError{code: "InvalidFilterKey", message: fmt.Sprintf("The filter key %q is not emulated: want Name or Path.", f.Key)}
	}
	switch {
	case !slices.Contains(options, f.Option):
		return &apiError{code: "InvalidFilterOption", message: fmt.Sprintf(
			"The filter option %q is not emulated: want one of %q.", f.Option, options[1:])}
	case len(f.Values) == 0:
		return &apiError{code: "InvalidFilterValue",
			message: "The following filter values are missing : null for filter key " + f.Key + "."}
	case f.Key == "Path":
		for _, path := range f.Values {
			if err := checkPath(path); err != nil {
				return err
			}
		}
	}
	return nil
}

func (f parameterFilter) passes(p *parameter) bool {
	return slices.ContainsFunc(f.Values, func(value string) bool {
		if f.Key == "Path" {
			return p.beneath(value, f.Option == "Recursive")
		}
		return p.name == value
	})
}
