package envfile

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// members are those of a JSON object.
type members map[string]json.RawMessage

// parseJSON takes the variables out of what the AWS CLI takes and answers, and of what
// AWS SAM takes:
//
//	{"Variables": {…}}                           aws lambda update-function-configuration --environment
//	{"Environment": {"Variables": {…}}, …}       … get-function-configuration, a template's Properties
//	{"Configuration": {"Environment": …}, …}     … get-function
//	{"Parameters": {…}, "LogicalId": {…}}        sam local --env-vars, for one function
//	{"NAME": "value", …}                         the variables alone
func parseJSON(text string) ([]string, error) {
	var top members
	if err := json.Unmarshal([]byte(text), &top); err != nil {
		where := int64(len(text))
		if syntax, ok := errors.AsType[*json.SyntaxError](err); ok {
			where = syntax.Offset
		}
		return nil, fmt.Errorf("line %d: no JSON", 1+strings.Count(text[:min(int(where), len(text))], "\n"))
	}
	for _, path := range [][]string{{"Variables"}, {"Environment", "Variables"}, {"Configuration", "Environment", "Variables"}} {
		if variables, ok := descend(top, path); ok {
			return variables.items()
		}
	}
	if _, ok := top["FunctionArn"]; ok { // an answer about a function that has none
		return nil, nil
	}
	return top.ofFunction()
}

// descend returns the object at a path of names.
func descend(m members, path []string) (members, bool) {
	for _, name := range path {
		var inner members
		if json.Unmarshal(m[name], &inner) != nil || inner == nil {
			return nil, false
		}
		m = inner
	}
	return m, true
}

// ofFunction returns the variables of the one function that SAM's form is about, with
// those of all; or m's own, where it has no object in it.
func (m members) ofFunction() ([]string, error) {
	all := make(members)
	var functions []string
	for _, name := range slices.Sorted(maps.Keys(m)) {
		inner, ok := descend(m, []string{name})
		switch {
		case !ok:
		case name == "Parameters":
			all = inner
		default:
			functions = append(functions, name)
		}
	}
	switch _, shared := descend(m, []string{"Parameters"}); {
	case len(functions) > 1:
		return nil, fmt.Errorf("several functions: %s. Leave one of them", strings.Join(functions, ", "))
	case len(functions) == 0 && !shared:
		return m.items()
	case len(functions) == 1:
		own, _ := descend(m, functions)
		all = maps.Clone(all)
		maps.Copy(all, own)
	}
	return all.items()
}

// items returns the variables in the order of their names. A number or a truth value is
// its text, as for SAM.
func (m members) items() ([]string, error) {
	var items []string
	for _, name := range slices.Sorted(maps.Keys(m)) {
		var value string
		switch raw := string(m[name]); {
		case json.Unmarshal(m[name], &value) == nil && raw != "null":
		case raw == "null", raw[0] == '{', raw[0] == '[':
			return nil, fmt.Errorf("variable %q: its value is no text", name)
		default:
			value = raw
		}
		if err := Check(name + "=" + value); err != nil {
			return nil, fmt.Errorf("variable %q: %w", name, err)
		}
		items = append(items, name+"="+value)
	}
	return items, nil
}
