package awstest

import (
	"encoding/base64"
	"fmt"
	"slices"
	"strings"
)

// pageOf is the part of a request that asks for a page.
type pageOf struct {
	MaxResults *int
	NextToken  string
}

// size is how many entries the page may have.
func (p pageOf) size(usual, most int) (int, error) {
	if p.MaxResults == nil {
		return usual, nil
	}
	return *p.MaxResults, within(*p.MaxResults, fmt.Sprintf("'%d'", *p.MaxResults), "maxResults", "value", 1, most)
}

// cutLocked is the page of the caller's parameters beneath a path, by name, and
// the token that leads on; empty at the end. The question says what is asked
// for: a token is of no use with another one.
func (s *Server) cutLocked(c caller, path string, p pageOf, size int, question string) ([]*parameter, string, error) {
	last, err := p.lastSeen(question)
	if err != nil {
		return nil, "", err
	}
	page := s.beneathLocked(c, path, last)
	if len(page) <= size {
		return page, "", nil
	}
	page = page[:size]
	return page, base64.RawURLEncoding.EncodeToString([]byte(question + page[size-1].name)), nil
}

// lastSeen is the name in the token of the request; empty without a token.
func (p pageOf) lastSeen(question string) (string, error) {
	if p.NextToken == "" {
		return "", nil
	}
	decoded, err := base64.RawURLEncoding.DecodeString(p.NextToken)
	last, ok := strings.CutPrefix(string(decoded), question)
	if err != nil || !ok {
		return "", &apiError{code: "InvalidNextToken", message: "The specified token isn't valid."}
	}
	return last, nil
}

// beneathLocked is the caller's parameters beneath a path, by name, after the
// last one that was seen.
func (s *Server) beneathLocked(c caller, path, last string) []*parameter {
	var out []*parameter
	for _, p := range s.parameters {
		if p.account == c.account && p.region == c.region && p.beneath(path, true) && p.name > last {
			out = append(out, p)
		}
	}
	slices.SortFunc(out, func(a, b *parameter) int { return strings.Compare(a.name, b.name) })
	return out
}

// beneath reports whether the parameter is beneath a path: at any depth, or at
// the first level only.
func (p *parameter) beneath(path string, recursive bool) bool {
	rest, ok := strings.CutPrefix(absolute(p.name), strings.TrimSuffix(path, "/")+"/")
	return ok && (recursive || !strings.Contains(rest, "/"))
}

// checkPath refuses a path that none can be.
func checkPath(path string) error {
	if path == "" || path[0] != '/' || path != "/" && checkParameterName(strings.TrimSuffix(path, "/")) != nil {
		return &apiError{code: "ValidationException", message: "The parameter doesn't meet the parameter name " +
			`requirements. The parameter name must begin with a forward slash "/".`}
	}
	return nil
}
