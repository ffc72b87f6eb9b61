package awstest

import (
	"encoding/base64"
	"fmt"
	"slices"
	"strings"
)

// maxPage is the most, and the usual, number of parameters in a page.
const maxPage = 10

type getParametersByPathInput struct {
	Path           string
	Recursive      bool
	WithDecryption bool
	MaxResults     *int
	NextToken      string
}

func (in getParametersByPathInput) ids() []string { return []string{in.Path} }

type getParametersByPathOutput struct {
	NextToken  string `json:",omitempty"`
	Parameters []*parameterValue
}

// getParametersByPathLocked gives a page of a path. As with the service, a page
// may be short or even empty and still not be the last one: the page is cut
// from everything beneath the path, and what lies deeper is then left out
// unless it is asked for.
func (s *Server) getParametersByPathLocked(c caller, in getParametersByPathInput) (any, error) {
	size := maxPage
	if in.MaxResults != nil {
		size = *in.MaxResults
	}
	if err := checkPage(in.Path, size); err != nil {
		return nil, err
	}
	at := place{c.account, c.region, in.Path}
	if err := s.authorizeLocked(c, "ssm:GetParametersByPath", at.arn("ssm", "parameter"+in.Path)); err != nil {
		return nil, err
	}
	beneath := strings.TrimSuffix(in.Path, "/") + "/"
	last, err := in.lastSeen()
	if err != nil {
		return nil, err
	}
	page := s.beneathLocked(c, beneath, last)
	out := getParametersByPathOutput{Parameters: []*parameterValue{}}
	if len(page) > size {
		page = page[:size]
		out.NextToken = in.token(page[size-1].name)
	}
	for _, p := range page {
		if !in.Recursive && strings.Contains(strings.TrimPrefix(absolute(p.name), beneath), "/") {
			continue
		}
		value, err := s.decryptedLocked(p, "", in.WithDecryption)
		if err != nil {
			return nil, err
		}
		out.Parameters = append(out.Parameters, value)
	}
	return out, nil
}

func checkPage(path string, size int) error {
	switch {
	case path == "":
		return constraint("null", "path", "Member must not be null")
	case path[0] != '/' || path != "/" && checkParameterName(strings.TrimSuffix(path, "/")) != nil:
		return &apiError{code: "ValidationException", message: "The parameter doesn't meet the parameter name " +
			`requirements. The parameter name must begin with a forward slash "/".`}
	case size < 1:
		return constraint(fmt.Sprintf("'%d'", size), "maxResults", "Member must have value greater than or equal to 1")
	case size > maxPage:
		return constraint(fmt.Sprintf("'%d'", size), "maxResults",
			fmt.Sprintf("Member must have value less than or equal to %d", maxPage))
	}
	return nil
}

// beneathLocked is the caller's parameters beneath a path, by name, after the
// last one that was seen.
func (s *Server) beneathLocked(c caller, path, last string) []*parameter {
	var out []*parameter
	for _, p := range s.parameters {
		if p.account == c.account && p.region == c.region &&
			strings.HasPrefix(absolute(p.name), path) && p.name > last {
			out = append(out, p)
		}
	}
	slices.SortFunc(out, func(a, b *parameter) int { return strings.Compare(a.name, b.name) })
	return out
}

// token leads to what comes after a name. It holds the question as well, for it
// is of no use with another one.
func (in getParametersByPathInput) token(last string) string {
	return base64.RawURLEncoding.EncodeToString([]byte(in.question() + last))
}

func (in getParametersByPathInput) question() string {
	return fmt.Sprintf("%s %t %t ", in.Path, in.Recursive, in.WithDecryption)
}

// lastSeen is the name in the token of the request; empty without a token.
func (in getParametersByPathInput) lastSeen() (string, error) {
	if in.NextToken == "" {
		return "", nil
	}
	decoded, err := base64.RawURLEncoding.DecodeString(in.NextToken)
	last, ok := strings.CutPrefix(string(decoded), in.question())
	if err != nil || !ok {
		return "", &apiError{code: "InvalidNextToken", message: "The specified token isn't valid."}
	}
	return last, nil
}
