package awstest

import (
	"errors"
	"fmt"
	"slices"
	"strings"
)

// maxNames is how many names GetParameters takes.
const maxNames = 10

// secretPrefix begins the names under which Parameter Store shows secrets.
const secretPrefix = "/aws/reference/secretsmanager/"

type getParameterInput struct {
	Name           string
	WithDecryption bool
}

func (in getParameterInput) ids() []string { return []string{in.Name} }

// parameterValue is a parameter in an answer.
type parameterValue struct {
	ARN              string
	DataType         string
	LastModifiedDate epoch
	Name             string
	Selector         string `json:",omitempty"`
	SourceResult     string `json:",omitempty"`
	Type             string
	Value            *string `json:",omitempty"` // left out for a binary secret
	Version          int
}

type getParameterOutput struct{ Parameter *parameterValue }

func (s *Server) getParameterLocked(c caller, in getParameterInput) (any, error) {
	if in.Name == "" {
		return nil, constraint("null", "name", "Member must not be null")
	}
	value, err := s.parameterValueLocked(c, "ssm:GetParameter", in.Name, in.WithDecryption)
	if err != nil {
		return nil, err
	}
	return getParameterOutput{value}, nil
}

type getParametersInput struct {
	Names          []string
	WithDecryption bool
}

func (in getParametersInput) ids() []string { return slices.Clone(in.Names) }

type getParametersOutput struct {
	InvalidParameters []string
	Parameters        []*parameterValue
}

// getParametersLocked answers in the opposite order, so that nobody comes to
// rely on the order of asking. What is not there is named in an answer that
// succeeds; any other failure of one name is that of the whole call.
func (s *Server) getParametersLocked(c caller, in getParametersInput) (any, error) {
	if err := within(len(in.Names), quotedList(in.Names), "names", "length", 1, maxNames); err != nil {
		return nil, err
	}
	out := getParametersOutput{InvalidParameters: []string{}, Parameters: []*parameterValue{}}
	seen := map[string]bool{}
	for _, name := range slices.Backward(in.Names) {
		if seen[name] {
			return nil, &apiError{code: "ValidationException",
				message: "Duplicate parameter names are not allowed: " + name}
		}
		seen[name] = true
		value, err := s.parameterValueLocked(c, "ssm:GetParameters", name, in.WithDecryption)
		if e, ok := errors.AsType[*apiError](err); ok {
			if e.code != "ParameterNotFound" && e.code != "ParameterVersionNotFound" {
				return nil, err
			}
			out.InvalidParameters = append(out.InvalidParameters, name)
			continue
		}
		out.Parameters = append(out.Parameters, value)
	}
	return out, nil
}

// asked is a name in a request, taken apart.
type asked struct {
	place
	selector string // with its colon; empty without one
}

// parseAsked reads name[:selector], where the name may be an ARN.
func parseAsked(c caller, text string) (asked, error) {
	a := asked{place: place{account: c.account, region: c.region, name: text}}
	if strings.HasPrefix(text, "arn:") {
		parts := strings.SplitN(text, ":", 6)
		if len(parts) < 6 || parts[2] != "ssm" || !strings.HasPrefix(parts[5], "parameter/") {
			return a, &apiError{code: "ValidationException", message: "Invalid parameter ARN: " + text}
		}
		a.region, a.account = parts[3], parts[4]
		a.name = strings.TrimPrefix(parts[5], "parameter")
	}
	name, selector, found := strings.Cut(a.name, ":")
	a.name = name
	if found {
		a.selector = ":" + selector
	}
	return a, checkParameterName(a.name)
}

// parameterValueLocked reads one parameter for an action that takes names.
func (s *Server) parameterValueLocked(c caller, action, text string, decrypt bool) (*parameterValue, error) {
	want, err := parseAsked(c, text)
	if err != nil {
		return nil, err
	}
	resource := want.arn("ssm", "parameter"+absolute(want.name))
	if err := s.authorizeLocked(c, action, resource); err != nil {
		return nil, err
	}
	if secretID, ok := strings.CutPrefix(want.name, secretPrefix); ok {
		return s.referencedSecretLocked(c, want, secretID, decrypt)
	}
	for _, p := range s.parameters {
		if p.region == c.region && p.arn() == resource && (p.name == want.name || strings.HasPrefix(text, "arn:")) {
			return s.decryptedLocked(c, p, want.selector, decrypt)
		}
	}
	return nil, &apiError{code: "ParameterNotFound"}
}

// decryptedLocked is a version of a parameter as it is shown to somebody who
// may read it.
func (s *Server) decryptedLocked(c caller, p *parameter, selector string, decrypt bool) (*parameterValue, error) {
	version, number := p.version(selector)
	if number == 0 {
		return nil, &apiError{code: "ParameterVersionNotFound", message: fmt.Sprintf(
			"Systems Manager could not find version %s of %s. Verify the version and try again.",
			strings.TrimPrefix(selector, ":"), p.name)}
	}
	value := version.value
	if p.kind == "SecureString" {
		if !decrypt {
			value = p.ciphertext(number)
		} else if p.kmsDenied || !s.mayDecryptLocked(c, "ssm", p.place, p.kmsKey) {
			return nil, &apiError{code: "AccessDeniedException", message: "The ciphertext refers to a customer " +
				"master key that does not exist, does not exist in this region, or you are not allowed to access."}
		}
	}
	return &parameterValue{ARN: p.arn(), DataType: p.dataType, LastModifiedDate: epoch(version.modified),
		Name: p.name, Selector: selector, Type: p.kind, Value: &value, Version: number}, nil
}

// referencedSecretLocked reads a secret through its name in Parameter Store,
// for which the caller needs Secrets Manager's permission as well. The selector
// is a version id or a stage. See docs.aws.amazon.com/systems-manager/latest/
// userguide/integration-ps-secretsmanager.html.
func (s *Server) referencedSecretLocked(c caller, want asked, id string, decrypt bool) (*parameterValue, error) {
	if !decrypt {
		return nil, &apiError{code: "ValidationException",
			message: "WithDecryption flag must be True for retrieving a Secret Manager secret."}
	}
	selected := strings.TrimPrefix(want.selector, ":")
	value, err := s.secretValueLocked(c, getSecretValueInput{SecretId: id, VersionStage: selected})
	if err != nil && selected != "" {
		value, err = s.secretValueLocked(c, getSecretValueInput{SecretId: id, VersionId: selected})
	}
	if e, ok := errors.AsType[*apiError](err); ok {
		prefix := fmt.Sprintf("An error occurred (%s) when referencing Secrets Manager: ", e.code)
		if e.code == "ResourceNotFoundException" {
			return nil, &apiError{code: "ParameterNotFound",
				message: prefix + "Secret " + want.name + want.selector + " not found."}
		}
		if e.code != "AccessDeniedException" {
			e.code = "ValidationException"
		}
		return nil, &apiError{code: e.code, message: prefix + e.message}
	}
	found := &parameterValue{ARN: value.ARN, DataType: "text", LastModifiedDate: value.CreatedDate,
		Name: want.name, Selector: want.selector, SourceResult: string(encode(value)), Type: "SecureString"}
	if value.SecretBinary == nil {
		found.Value = &value.SecretString
	}
	return found, nil
}
