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

// tree asks for all parameters beneath a path, page by page, each of which is a call
// with a turn and a limit of its own. A try that fails in a way that passes, or is cut,
// leaves what has come to the next one.
func (p *parameterStore) tree(ctx context.Context, k secret.Key) secret.Result {
	path, recursive := secret.CutTree(k.ID)
	in := &ssm.GetParametersByPathInput{
		Path: &path, Recursive: &recursive, WithDecryption: &k.Decrypt, MaxResults: aws.Int32(maxPage),
	}
	r, older := p.readings.take(k)
	for {
		in.NextToken = r.next
		page, failure := p.page(ctx, in)
		if failure != nil && failure.Class == secret.Rejected && older > 0 { // the token of an earlier try
			r, older = p.readings.anew(), 0
			continue
		}
		if failure == nil {
			failure = r.add(page)
		}
		switch {
		case failure != nil && failure.Class.Transient() && len(r.members) > 0:
			p.readings.keep(k, r)
			result := failed(k, failure)
			result.Older, result.Part = older, &secret.Record{Service: secret.ParameterStore, Members: sorted(r.members)}
			return result
		case failure != nil:
			return failed(k, failure)
		case r.next == nil:
			record, failure := treeRecord(path, r.members)
			if failure != nil {
				return failed(k, failure)
			}
			record.Pages = r.pages
			return secret.Result{Key: k, Record: record, Older: older}
		}
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

func (p *parameterStore) page(ctx context.Context, in *ssm.GetParametersByPathInput) (page, *secret.Error) {
	return ask(ctx, &p.caller, secret.GetParametersByPath, func(ctx context.Context) (page, error) {
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
			record, err := parameterRecord(&out.Parameters[i])
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
	prefix := strings.TrimSuffix(path, "/") + "/"
	values, ordered := make(map[string]string, len(members)), sorted(members)
	versions := sha256.New()
	for i := range ordered {
		m := &ordered[i]
		name, ok := strings.CutPrefix(m.Name, prefix)
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
		Members: ordered,
	}, nil
}

// sorted puts members in the order of their names. One that moved between two pages
// stands on both: the newer one counts.
func sorted(members []secret.Record) []secret.Record {
	byName := make(map[string]*secret.Record, len(members))
	for i := range members {
		byName[members[i].Name] = &members[i]
	}
	ordered := make([]secret.Record, 0, len(byName))
	for _, name := range slices.Sorted(maps.Keys(byName)) {
		ordered = append(ordered, *byName[name])
	}
	return ordered
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
