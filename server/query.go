package server

import (
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"

	"larder/manifest"
	"larder/secret"
)

// query is the query of a URL in the order in which it was written: on AWS's
// paths the first of two that exclude each other counts.
type query []parameter

type parameter struct{ name, value string }

// parseQuery decodes percent-encoding and nothing else. A raw '+' stays a '+':
// a secret's name may hold one, and no legal name has a space.
func parseQuery(raw string) (query, error) {
	var q query
	for item := range strings.SplitSeq(raw, "&") {
		if item == "" {
			continue
		}
		name, value, _ := strings.Cut(item, "=")
		n, badName := url.PathUnescape(name)
		v, badValue := url.PathUnescape(value)
		if badName != nil || badValue != nil {
			return nil, errors.New("the query has a '%' that starts no percent-encoding")
		}
		q = append(q, parameter{n, v})
	}
	return q, nil
}

// parseRead parses the query of a read on one of our own paths. Unlike those of
// AWS they are strict, so that a mistyped request is not taken for another one: a
// parameter that is none of names is refused with the text in unknown, and so is
// one that stands twice.
func parseRead(raw, unknown string, names ...string) (q query, demand manifest.Demand, err error) {
	if q, err = parseQuery(raw); err != nil {
		return nil, demand, err
	}
	if _, found := q.unknown(append(names, nowParameter, seenParameter)...); found {
		return nil, demand, errors.New(unknown)
	}
	if name, found := q.twice(); found {
		return nil, demand, fmt.Errorf("the parameter %s stands twice", name)
	}
	demand, err = q.demand()
	return q, demand, err
}

// The parameters that say how new an answer must be.
const (
	nowParameter  = "refreshNow"
	seenParameter = "seen"
)

// roleParameter names the role to read with, by its ARN.
const roleParameter = "roleArn"

// withRole returns the key, to be read with the role that the query names, if it
// names one. What is almost that parameter is refused, also where unknown ones are
// ignored, and so is an empty one: who writes it does not mean the function's own
// role, which may find another secret under the same name.
func (q query) withRole(key secret.Key) (secret.Key, error) {
	var roles []string
	for _, p := range q {
		switch {
		case p.name == roleParameter:
			roles = append(roles, p.value)
		case strings.EqualFold(p.name, roleParameter):
			return secret.Key{}, fmt.Errorf("the parameter %s is written %s", p.name, roleParameter)
		}
	}
	switch {
	case len(roles) == 0:
		return key, nil
	case len(roles) > 1:
		return secret.Key{}, fmt.Errorf("the parameter %s stands twice", roleParameter)
	case roles[0] == "":
		return secret.Key{}, fmt.Errorf("%s has no value", roleParameter)
	}
	return key.WithRole(roles[0])
}

// errNow is why refreshNow cannot be read.
var errNow = errors.New("refreshNow is true, 1, false or 0")

// demand reads refreshNow and seen. Of two the first counts.
func (q query) demand() (demand manifest.Demand, err error) {
	demand.Seen = version(q.get(seenParameter))
	if i := slices.IndexFunc(q, func(p parameter) bool { return p.name == nowParameter }); i >= 0 {
		demand.Now, err = parseNow(q[i].value)
	}
	return demand, err
}

// parseNow reads refreshNow, which is true, 1, false or 0 in any case.
func parseNow(text string) (bool, error) {
	switch strings.ToLower(text) {
	case "true", "1":
		return true, nil
	case "false", "0":
		return false, nil
	}
	return false, errNow
}

// version reads seen, which is the ETag of an answer, with or without its quotes.
func version(text string) string {
	text = strings.TrimPrefix(text, "W/")
	if rest, ok := strings.CutPrefix(text, `"`); ok {
		text = strings.TrimSuffix(rest, `"`)
	}
	return text
}

// get returns the value of a parameter, "" without one. Of two the first counts,
// where that is not refused.
func (q query) get(name string) string {
	for _, p := range q {
		if p.name == name {
			return p.value
		}
	}
	return ""
}

// last returns the value of the last parameter of a name, "" without one.
func (q query) last(name string) (value string) {
	for _, p := range q {
		if p.name == name {
			value = p.value
		}
	}
	return value
}

// first returns which of the names comes first in the URL, and its value. One
// without a value is as good as none: it must not hide the other.
func (q query) first(names ...string) (name, value string) {
	for _, p := range q {
		if p.value != "" && slices.Contains(names, p.name) {
			return p.name, p.value
		}
	}
	return "", ""
}

// unknown returns the first parameter that is none of names, and whether there is
// one.
func (q query) unknown(names ...string) (name string, found bool) {
	for _, p := range q {
		if !slices.Contains(names, p.name) {
			return p.name, true
		}
	}
	return "", false
}

// twice returns a parameter that stands twice, and whether there is one.
func (q query) twice() (name string, found bool) {
	for i, p := range q {
		if slices.ContainsFunc(q[:i], func(other parameter) bool { return other.name == p.name }) {
			return p.name, true
		}
	}
	return "", false
}
