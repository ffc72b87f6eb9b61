package secret

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"unicode/utf8"
)

// byteOrderMark is what some editors write before a text.
var byteOrderMark = []byte("\ufeff")

// Pick returns the part of a JSON value that field names: a top-level field, or
// a JSON Pointer (RFC 6901) when it starts with '/'. A JSON string comes out
// bare, anything else as compact JSON. A byte order mark before the JSON is no
// part of it. An empty field returns the value as it is.
//
// The error has class NotJSON or FieldMissing, and names neither the value nor
// anything in it but the field. A field that is null has no value, so it is
// missing; a string that no UTF-8 can say is not text.
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
	raw := bytes.TrimPrefix(v.Reveal(), byteOrderMark)
	// encoding/json takes bytes that are not UTF-8, too, but would change them.
	if !utf8.Valid(raw) || !json.Valid(raw) {
		return Value{}, &Error{Class: NotJSON, Message: fmt.Sprintf("the value is not JSON, so it has no field %q", field)}
	}
	found, _ := document{raw, pointer}.find(0, path)
	switch {
	case found == nil:
		return Value{}, &Error{Class: FieldMissing, Message: fmt.Sprintf("the value has no field %q", field)}
	case string(found) == "null":
		return Value{}, &Error{Class: FieldMissing, Message: fmt.Sprintf("the field %q is null", field)}
	case found[0] == '"' && hasHalfPair(found):
		return Value{}, &Error{Class: NotJSON, Message: fmt.Sprintf("the field %q is no text: it has half of a surrogate pair in it", field)}
	}
	return bare(found), nil
}

// bare returns a JSON string without its quotes and anything else compact.
func bare(raw []byte) Value {
	if raw[0] == '"' {
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
	if !strings.Contains(part, "~") {
		return part
	}
	return strings.NewReplacer("~1", "/", "~0", "~").Replace(part)
}
