// Package canary finds a secret value in the output of a program, in whatever
// form it got there. Tests plant a value that occurs nowhere else, run the
// program, and look for the value in all that came out of it.
package canary

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/url"
	"strconv"
	"strings"
)

// MinLength is the least number of bytes that a value has for [Find]: a shorter
// one turns up by chance, at the latest in base64.
const MinLength = 8

// Find looks in output for value as it is and in the forms in which programs
// print bytes: base64 in both alphabets and at each of its three alignments,
// hexadecimal, escaped for URLs, JSON and Go, and as a list of numbers as fmt
// prints a []byte. It returns the name of the first form that it finds.
//
// Only the whole value is found: to see one that is cut short in a log line, give
// its first bytes as the value. Find panics if value is shorter than [MinLength],
// as a search that finds nothing or everything proves nothing.
func Find(output, value []byte) (form string, found bool) {
	if len(value) < MinLength {
		panic(fmt.Sprintf("canary: a value of %d bytes, want %d or more", len(value), MinLength))
	}
	for _, group := range [][]pattern{plain(value), base64s(value), escaped(value), lists(value)} {
		for _, p := range group {
			if bytes.Contains(output, p.text) {
				return p.form, true
			}
		}
	}
	return "", false
}

// pattern is how a value looks in one form.
type pattern struct {
	form string
	text []byte
}

func plain(value []byte) []pattern {
	lower := hex.EncodeToString(value)
	return []pattern{
		{"as it is", value},
		{"hex", []byte(lower)},
		{"hex, upper case", []byte(strings.ToUpper(lower))},
	}
}

// base64s returns the part of the base64 text that does not depend on what stands
// before and behind the value. Three bytes make four characters, so that a value
// inside a longer text is encoded in one of three ways.
func base64s(value []byte) []pattern {
	var all []pattern
	for before := range 3 {
		padded := append(make([]byte, before), value...)
		// The first characters hold bits of what stands before, the last one may
		// hold bits of what follows.
		first, end := (8*before+5)/6, 8*len(padded)/6
		all = append(all,
			pattern{fmt.Sprintf("base64, alignment %d", before), []byte(base64.RawStdEncoding.EncodeToString(padded)[first:end])},
			pattern{fmt.Sprintf("base64url, alignment %d", before), []byte(base64.RawURLEncoding.EncodeToString(padded)[first:end])})
	}
	return all
}

// escaped returns the texts in which only some characters change.
func escaped(value []byte) []pattern {
	all := []pattern{
		{"URL query", []byte(url.QueryEscape(string(value)))},
		{"URL path", []byte((&url.URL{Path: string(value)}).EscapedPath())},
		{"URL path segment", []byte(url.PathEscape(string(value)))},
		{"URL, every byte", join(value, "%%%02X", "")},
		{"URL, every byte, lower case", join(value, "%%%02x", "")},
		{"Go string", unquoted(strconv.Quote(string(value)))},
		{"Go string, ASCII", unquoted(strconv.QuoteToASCII(string(value)))},
		{"Go string, every byte", join(value, `\x%02x`, "")},
	}
	for _, html := range []bool{true, false} {
		once := escapeJSON(value, html)
		all = append(all,
			pattern{"JSON", once},
			pattern{"JSON in JSON", escapeJSON(once, html)}) // an answer that carries JSON, in a log line
	}
	return all
}

// lists returns the value as a list of numbers, as fmt and encoding/json print
// slices and arrays of bytes.
func lists(value []byte) []pattern {
	var all []pattern
	for _, verb := range []string{"%d", "%x", "%X", "%02x", "%02X", "%#x", "%#02x", "%#X", "%o", "%b", "%08b", "%c", "%U"} {
		for _, separator := range []string{" ", ", ", ","} {
			all = append(all, pattern{"list of " + verb, join(value, verb, separator)})
		}
	}
	return all
}

// join formats each byte by itself.
func join(value []byte, verb, separator string) []byte {
	var out []byte
	for i, b := range value {
		if i > 0 {
			out = append(out, separator...)
		}
		out = fmt.Appendf(out, verb, b)
	}
	return out
}

func unquoted(text string) []byte { return []byte(text[1 : len(text)-1]) }

// escapeJSON returns the inside of value as a JSON string.
func escapeJSON(value []byte, html bool) []byte {
	var out bytes.Buffer
	encoder := json.NewEncoder(&out)
	encoder.SetEscapeHTML(html)
	if err := encoder.Encode(string(value)); err != nil {
		panic(err) // a string can always be encoded
	}
	return unquoted(strings.TrimSuffix(out.String(), "\n"))
}
