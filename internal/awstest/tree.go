package awstest

import "fmt"

// maxPage is the most, and the usual, number of parameters in a page.
const maxPage = 10

type getParametersByPathInput struct {
	Path           string
	Recursive      bool
	WithDecryption bool
	pageOf
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
	if in.Path == "" {
		return nil, constraint("null", "path", "Member must not be null")
	}
	if err := checkPath(in.Path); err != nil {
		return nil, err
	}
	size, err := in.size(maxPage, maxPage)
	if err != nil {
		return nil, err
	}
	at := place{c.account, c.region, in.Path}
	if err := s.authorizeLocked(c, "ssm:GetParametersByPath", at.arn("ssm", "parameter"+in.Path)); err != nil {
		return nil, err
	}
	question := fmt.Sprintf("%s %t %t ", in.Path, in.Recursive, in.WithDecryption)
	page, next, err := s.cutLocked(c, in.Path, in.pageOf, size, question)
	if err != nil {
		return nil, err
	}
	out := getParametersByPathOutput{NextToken: next, Parameters: []*parameterValue{}}
	for _, p := range page {
		if !p.beneath(in.Path, in.Recursive) {
			continue
		}
		value, err := s.decryptedLocked(c, p, "", in.WithDecryption)
		if err != nil {
			return nil, err
		}
		out.Parameters = append(out.Parameters, value)
	}
	return out, nil
}
