package secret

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"
)

// Pick returns the part of a JSON value that field names: a top-level field, or
// a JSON Pointer (RFC 6901) when it starts with '/'. A JSON string comes out
// bare, anything else as compact JSON. An empty field returns the value as it is.
//
// The error has class NotJSON or FieldMissing, and names neither the value nor
// anything in it but the field.
func (v Value) Pick(field string) (Value, error) {
	if field == "" {
		return v, nil
	}
	path, pointer := []string{field}, strings.HasPrefix(field, "/")
	if pointer {
		path = strings.Split(field[1:], "/")
		for i := range path {
			path[i] = unescapePointer(path[i])
		}
	}
	raw := json.RawMessage(v.Reveal())
	// encoding/json takes bytes that are not UTF-8, too, but would change them.
	if !utf8.Valid(raw) || !json.Valid(raw) {
		return Value{}, &Error{Class: NotJSON, Message: fmt.Sprintf("the value is not JSON, so it has no field %q", field)}
	}
	for _, name := range path {
		var ok bool
		if raw, ok = child(raw, name, pointer); !ok {
			return Value{}, &Error{Class: FieldMissing, Message: fmt.Sprintf("the value has no field %q", field)}
		}
	}
	return bare(raw), nil
}

// child returns the member of a JSON object or, in a JSON Pointer, of an array,
// which has no named fields. raw is valid JSON.
func child(raw json.RawMessage, name string, pointer bool) (json.RawMessage, bool) {
	switch raw = bytes.TrimSpace(raw); {
	case raw[0] == '{':
		var object map[string]json.RawMessage
		if json.Unmarshal(raw, &object) != nil {
			return nil, false
		}
		member, ok := object[name]
		return member, ok
	case raw[0] == '[' && pointer:
		var array []json.RawMessage
		i, err := strconv.Atoi(name)
		if err != nil || strconv.Itoa(i) != name || json.Unmarshal(raw, &array) != nil || i < 0 || i >= len(array) {
			return nil, false
		}
		return array[i], true
	}
	return nil, false
}

// bare returns a JSON string without its quotes and anything else compact.
func bare(raw json.RawMessage) Value {
	if raw = bytes.TrimSpace(raw); raw[0] == '"' {
		var text string
		if json.Unmarshal(raw, &text) == nil {
			return NewValue([]byte(text))
		}
	}
	var compact bytes.Buffer
	if json.Compact(&compact, raw) != nil {
		return NewValue(raw)
	}
	return NewValue(compact.Bytes())
}

// checkPointer reports a JSON Pointer whose '~' escapes are not legal.
func checkPointer(field string) error {
	if !strings.HasPrefix(field, "/") {
		return nil
	}
	for i := range len(field) {
		if field[i] == '~' && (i+1 == len(field) || field[i+1] != '0' && field[i+1] != '1') {
			return fmt.Errorf("in a JSON Pointer '~' is written ~0 and a '/' inside a name ~1")
		}
	}
	return nil
}

func escapePointer(name string) string {
	return strings.NewReplacer("~", "~0", "/", "~1").Replace(name)
}

func unescapePointer(part string) string {
	return strings.NewReplacer("~1", "/", "~0", "~").Replace(part)
}
