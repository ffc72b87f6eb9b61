package source

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"maps"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ssm"

	"larder/secret"
)

const (
	// maxPage is AWS's own bound:
	// docs.aws.amazon.com/systems-manager/latest/APIReference/API_GetParametersByPath.html
	maxPage = 10
	// maxPages bounds a tree at as many parameters as AWS allows an account and
	// Region by default, ten thousand. Who describes them needs fewer pages.
	maxPages = 1000
)

// page is one answer to GetParametersByPath.
type page struct {
	members []secret.Record
	next    *string // nil on the last page
}

// tree asks for all parameters beneath a path, page by page. All pages together
// are one call, with one turn and one limit.
func (p *parameterStore) tree(ctx context.Context, k secret.Key) (*secret.Record, *secret.Error) {
	call, end, failure := p.begin(ctx)
	if failure != nil {
		return nil, failure
	}
	defer end()
	path, recursive := secret.CutTree(k.ID)
	in := &ssm.GetParametersByPathInput{
		Path: &path, Recursive: &recursive, WithDecryption: &k.Decrypt, MaxResults: aws.Int32(maxPage),
	}
	var members []secret.Record
	for seen := make(pageTokens); ; {
		page, failure := p.page(call, in)
		if failure != nil {
			return nil, failure
		}
		members = append(members, page.members...)
		if page.next == nil {
			return treeRecord(path, members)
		}
		if failure := seen.add(*page.next); failure != nil {
			return nil, failure
		}
		in.NextToken = page.next
	}
}

// pageTokens are those of AWS's pages so far, but for the first page, which has none.
type pageTokens map[string]bool

// add notes the token of one more page. It fails where the pages do not end.
func (p pageTokens) add(token string) *secret.Error {
	switch {
	case p[token]:
		return &secret.Error{Class: secret.BadAnswer, Message: "AWS's pages go in a circle"}
	case len(p) == maxPages-1:
		return &secret.Error{Class: secret.BadAnswer, Message: "there is no end of AWS's pages: name a longer path"}
	}
	p[token] = true
	return nil
}

func (p *parameterStore) page(call context.Context, in *ssm.GetParametersByPathInput) (page, *secret.Error) {
	return insist(call, &p.caller, secret.GetParametersByPath, func(ctx context.Context) (page, error) {
		out, err := p.api.GetParametersByPath(ctx, in)
		if err != nil {
			return page{}, err
		}
		// An empty list is an answer, unlike none at all.
		if out.Parameters == nil && aws.ToString(out.NextToken) == "" {
			return page{}, errIncomplete
		}
		result := page{members: make([]secret.Record, len(out.Parameters))}
		for i := range out.Parameters {
			record, err := parameterRecord(&out.Parameters[i], firstVersion)
			if err != nil {
				return page{}, err
			}
			result.members[i] = *record
		}
		if aws.ToString(out.NextToken) != "" {
			result.next = out.NextToken
		}
		return result, nil
	})
}

// treeRecord makes one record of the parameters beneath path.
func treeRecord(path string, members []secret.Record) (*secret.Record, *secret.Error) {
	if len(members) == 0 {
		return nil, &secret.Error{Class: secret.NotFound, Message: "no parameter lies beneath the path"}
	}
	// A parameter that moved between two pages stands on both: the newer one counts.
	byName := make(map[string]*secret.Record, len(members))
	for i := range members {
		byName[members[i].Name] = &members[i]
	}
	prefix := strings.TrimSuffix(path, "/") + "/"
	values, sorted := make(map[string]string, len(byName)), make([]secret.Record, 0, len(byName))
	versions := sha256.New()
	for _, full := range slices.Sorted(maps.Keys(byName)) {
		m := byName[full]
		sorted = append(sorted, *m)
		name, ok := strings.CutPrefix(full, prefix)
		if !ok && path != "/" { // at the root, names go without the slash as well
			return nil, &secret.Error{Class: secret.BadAnswer, Message: "AWS answered parameters of another path"}
		}
		values[name] = string(m.Value.Reveal())
		versions.Write([]byte(m.Name + "\n" + m.Version + "\n"))
	}
	object, err := compact(values)
	if err != nil {
		return nil, &secret.Error{Class: secret.BadAnswer, Message: "the tree cannot be written as JSON"}
	}
	return &secret.Record{
		Service: secret.ParameterStore,
		Version: hex.EncodeToString(versions.Sum(nil)[:16]),
		Value:   secret.NewValue(object),
		Members: sorted,
	}, nil
}

// compact writes the object with its keys in order, and < > & as they are.
func compact(values map[string]string) ([]byte, error) {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(values); err != nil {
		return nil, err
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n")), nil
}
