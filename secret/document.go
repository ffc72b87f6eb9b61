package secret

import (
	"bytes"
	"encoding/json"
	"strconv"
	"unicode/utf16"
)

// document is valid JSON in which a field is looked for. Every byte is looked at once,
// however deep the field lies: to read level by level into maps takes half a second of
// a deep and large value.
type document struct {
	raw     []byte
	pointer bool // the path may lead into arrays, which have no named fields
}

// find returns the value at path in the one that starts at i, without white space
// around it, and where that one ends; nil if it has none there. Of two members with
// one name the last counts, as for encoding/json.
func (d document) find(i int, path []string) (found []byte, end int) {
	i = d.space(i)
	switch {
	case len(path) == 0:
		end = d.skip(i)
		return d.raw[i:end], end
	case d.raw[i] == '{':
		return d.member(i, path)
	case d.raw[i] == '[' && d.pointer:
		if n, err := strconv.Atoi(path[0]); err == nil && strconv.Itoa(n) == path[0] {
			return d.element(i, n, path[1:])
		}
	}
	return nil, d.skip(i)
}

// member looks into the object that starts at i.
func (d document) member(i int, path []string) (found []byte, end int) {
	for i = d.space(i + 1); d.raw[i] != '}'; {
		nameEnd := d.skip(i)
		named := d.isString(i, nameEnd, path[0])
		i = d.space(nameEnd) + 1 // the colon
		if named {
			found, i = d.find(i, path[1:])
		} else {
			i = d.skip(d.space(i))
		}
		i = d.next(i)
	}
	return found, i + 1
}

// element looks into the nth element of the array that starts at i.
func (d document) element(i, n int, path []string) (found []byte, end int) {
	for i = d.space(i + 1); d.raw[i] != ']'; n-- {
		if n == 0 {
			found, i = d.find(i, path)
		} else {
			i = d.skip(d.space(i))
		}
		i = d.next(i)
	}
	return found, i + 1
}

// next returns where the next member or element starts, or the container's end.
func (d document) next(i int) int {
	if i = d.space(i); d.raw[i] == ',' {
		i = d.space(i + 1)
	}
	return i
}

// space returns where the white space at i ends.
func (d document) space(i int) int {
	for d.raw[i] == ' ' || d.raw[i] == '\t' || d.raw[i] == '\n' || d.raw[i] == '\r' {
		i++
	}
	return i
}

// skip returns where the value at i ends.
func (d document) skip(i int) int {
	depth := 0
	for {
		switch d.raw[i] {
		case '"':
			i = d.stringEnd(i)
		case '{', '[':
			depth++
			i++
		case '}', ']':
			depth--
			i++
		case ',', ':', ' ', '\t', '\n', '\r':
			i++ // within a container
			continue
		default:
			i = d.wordEnd(i)
		}
		if depth == 0 {
			return i
		}
	}
}

// stringEnd returns where the string at i ends.
func (d document) stringEnd(i int) int {
	for i++; d.raw[i] != '"'; i++ {
		if d.raw[i] == '\\' {
			i++
		}
	}
	return i + 1
}

// wordEnd returns where the number, true, false or null at i ends.
func (d document) wordEnd(i int) int {
	for ; i < len(d.raw); i++ {
		switch d.raw[i] {
		case ',', ':', '}', ']', ' ', '\t', '\n', '\r':
			return i
		}
	}
	return i
}

// isString reports whether the string from i to end says text.
func (d document) isString(i, end int, text string) bool {
	if inside := d.raw[i+1 : end-1]; bytes.IndexByte(inside, '\\') < 0 {
		return string(inside) == text
	}
	var said string
	return json.Unmarshal(d.raw[i:end], &said) == nil && said == text
}

// hasHalfPair reports whether a JSON string has an escape for half of a character
// beyond U+FFFF without the other half: Go would put U+FFFD in its place.
func hasHalfPair(raw []byte) bool {
	for i := 0; i < len(raw); i++ {
		if raw[i] != '\\' {
			continue
		}
		if i++; raw[i] != 'u' {
			continue
		}
		first := escaped(raw, i-1)
		i += 4
		if !utf16.IsSurrogate(first) {
			continue
		}
		if utf16.DecodeRune(first, escaped(raw, i+1)) == '\uFFFD' {
			return true
		}
		i += 6
	}
	return false
}

// escaped returns what the escape \uXXXX at i says, and 0 if there is none.
func escaped(raw []byte, i int) rune {
	const length = len(`\uXXXX`)
	if i+length > len(raw) || raw[i] != '\\' || raw[i+1] != 'u' {
		return 0
	}
	n, err := strconv.ParseUint(string(raw[i+2:i+length]), 16, 16)
	if err != nil {
		return 0
	}
	return rune(n)
}
