package secret_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"strconv"
	"strings"
	"testing"
	"unicode/utf8"

	"larder/internal/canary"
	"larder/secret"
)

// document has what picking has to tell apart.
const document = ` {
	"user": "admin", "a.b": "dot", "a?b": "question", "a#b": "hash", " a b ": "spaces", "a/b": "slash", "m~n": "tilde",
	"é\u4e16": "unicode", "": "empty name", "User": "another case", "q\"": "quote",
	"escapes": "q\" b\\ s\/ n\n t\t u\u00e9 \ud83d\ude00 z\u0000", "html": "<&>", "empty": "", "raw": "é世😀",
	"exponent": 1e3, "large": 12345678901234567890, "precise": 0.10000000000000000000001, "minus": -0.0,
	"yes": true, "nothing": null,
	"object": { "b": [ 1, 2.0 ], "a" : "<&>\u2028 \u00e9" , "a": 1E400 }, "none": {}, "list": [ ],
	"twice": 1, "twice": "last",
	"deep": { "x/y": { "m~n": [ { "z": "bottom" }, [ "first", "second" ] ] }, "": { "": "nested empty" } },
	"digits": { "0": "by name", "-": "dash" }
} `

func TestPick(t *testing.T) {
	t.Parallel()
	tests := []struct{ value, field, want string }{
		// Names are verbatim.
		{document, "user", "admin"},
		{document, "User", "another case"},
		{document, "a.b", "dot"},
		{document, "a?b", "question"},
		{document, "a#b", "hash"},
		{document, " a b ", "spaces"},
		{document, "a/b", "slash"},
		{document, "m~n", "tilde"},
		{document, "é世", "unicode"},
		{document, `q"`, "quote"},
		{document, "twice", "last"},

		// JSON Pointers.
		{document, "/user", "admin"},
		{document, "/", "empty name"},
		{document, "/a~1b", "slash"},
		{document, "/m~0n", "tilde"},
		{document, "/deep/x~1y/m~0n/0/z", "bottom"},
		{document, "/deep/x~1y/m~0n/1/1", "second"},
		{document, "/deep//", "nested empty"},
		{document, "/digits/0", "by name"},
		{document, "/digits/-", "dash"},
		{document, "/object/b/1", "2.0"},
		{`{"~1": "tilde one", "/": "slash"}`, "/~01", "tilde one"},

		// Strings come out bare.
		{document, "escapes", "q\" b\\ s/ n\n t\t ué 😀 z\x00"},
		{document, "html", "<&>"},
		{document, "raw", "é世😀"},
		{document, "empty", ""},
		{`{"a": "\ufffd \uFFFD �"}`, "a", "\ufffd \ufffd \ufffd"},

		// Anything else is compact JSON, as it was written.
		{document, "exponent", "1e3"},
		{document, "large", "12345678901234567890"},
		{document, "precise", "0.10000000000000000000001"},
		{document, "minus", "-0.0"},
		{document, "yes", "true"},
		{`{"a": [null, "\ud800"], "b": null}`, "a", `[null,"\ud800"]`}, // what lies within is as it was written
		{document, "none", "{}"},
		{document, "list", "[]"},
		{document, "object", `{"b":[1,2.0],"a":"<&>\u2028 \u00e9","a":1E400}`},

		// At the top may stand an array.
		{`["a", {"b": 1}]`, "/0", "a"},
		{`["a", {"b": 1}]`, "/1", `{"b":1}`},
		{`["a", {"b": 1}]`, "/1/b", "1"},
		{"[" + strings.Repeat("0,", 12) + `"thirteenth"]`, "/12", "thirteenth"},

		// A byte order mark is no part of the JSON, and one within it is.
		{"\ufeff{\"a\": \"\ufeffx\"}", "a", "\ufeffx"},
		{"\ufeff {\"\ufeffa\": 1}", "\ufeffa", "1"},
		{"\ufeff{\"a\": 1}", "", "\ufeff{\"a\": 1}"},

		// What one field is, is of no matter to another.
		{`{"bad": "\ud800", "nothing": null, "good": "x"}`, "good", "x"},

		// No field, no JSON.
		{document, "", document},
		{"not JSON", "", "not JSON"},
		{"\xff\x00", "", "\xff\x00"},
		{"", "", ""},
	}
	for _, test := range tests {
		got, err := secret.NewValue([]byte(test.value)).Pick(test.field)
		if err != nil || string(got.Reveal()) != test.want {
			t.Errorf("Pick(%q) = %q, %v, want %q", test.field, got.Reveal(), err, test.want)
		}
	}
}

func TestPickRefuses(t *testing.T) {
	t.Parallel()
	const hidden = "Canary7f3aXw"
	tests := []struct {
		value, field string
		want         secret.Class
	}{
		{document, "missing", secret.FieldMissing},
		{document, "USER", secret.FieldMissing},
		{document, "object.b", secret.FieldMissing},
		{document, "object/b", secret.FieldMissing},
		{document, "/a/b", secret.FieldMissing},
		{document, "/a.b/c", secret.FieldMissing},
		{document, "/user/0", secret.FieldMissing}, // nothing is in a string
		{document, "/nothing/x", secret.FieldMissing},
		{document, "/exponent/x", secret.FieldMissing},
		{document, "/object/b/2", secret.FieldMissing},
		{document, "/object/b/-1", secret.FieldMissing},
		{document, "/object/b/-", secret.FieldMissing}, // behind the last
		{document, "/object/b/01", secret.FieldMissing},
		{document, "/object/b/+1", secret.FieldMissing},
		{document, "/object/b/1e0", secret.FieldMissing},
		{document, "/object/b/99999999999999999999", secret.FieldMissing},
		{document, "/object/b/", secret.FieldMissing},
		{`{}`, "a", secret.FieldMissing},
		{`[]`, "/0", secret.FieldMissing},
		{`["` + hidden + `"]`, "0", secret.FieldMissing}, // an array has no named fields
		{`["` + hidden + `"]`, hidden[:4], secret.FieldMissing},
		{`"` + hidden + `"`, "a", secret.FieldMissing},
		{`"` + hidden + `"`, "/0", secret.FieldMissing},
		{"12345", "a", secret.FieldMissing},
		{"null", "a", secret.FieldMissing},
		{"true", "/a", secret.FieldMissing},

		{"", "a", secret.NotJSON},
		{" ", "a", secret.NotJSON},
		{hidden, "a", secret.NotJSON},
		{`{"a": "` + hidden + `"`, "a", secret.NotJSON},
		{`{"a": "` + hidden + `"} x`, "a", secret.NotJSON},
		{`{"a": "` + hidden + `",}`, "a", secret.NotJSON},
		{`{'a': '` + hidden + `'}`, "a", secret.NotJSON},
		{`{"a": "` + hidden + "\n\"}", "a", secret.NotJSON},
		{`{"a": 0` + hidden + `}`, "a", secret.NotJSON},
		{"\ufeff", "a", secret.NotJSON},
		{"\ufeff\ufeff{\"a\": 1}", "a", secret.NotJSON},
		{"{\ufeff\"a\": 1}", "a", secret.NotJSON},

		// A null is no value.
		{document, "nothing", secret.FieldMissing},
		{`{"a": {"b": [ null ]}}`, "/a/b/0", secret.FieldMissing},
		{`{"a": "x", "a": null }`, "a", secret.FieldMissing},

		// Half of a surrogate pair is no text.
		{`{"a": "\ud800"}`, "a", secret.NotJSON},
		{`{"a": "` + hidden + `\ud800"}`, "a", secret.NotJSON},
		{`{"a": "\udc00\ud800 "}`, "a", secret.NotJSON},
		{`{"a": "\ud83d\ud83d\ude00"}`, "a", secret.NotJSON},
		{`{"a": "\ud83d\\ude00"}`, "a", secret.NotJSON},
		{`{"a": "\uD83D\n"}`, "a", secret.NotJSON},
		// JSON is UTF-8: other bytes would come out changed.
		{"{\"a\": \"" + hidden + "\xff\"}", "a", secret.NotJSON},
		{"{\"a\": [\"" + hidden + "\xc3\"]}", "a", secret.NotJSON},
		{"{\"\xff\": \"" + hidden + "\"}", "\ufffd", secret.NotJSON},
	}
	for _, test := range tests {
		got, err := secret.NewValue([]byte(test.value)).Pick(test.field)
		var refused *secret.Error
		if !errors.As(err, &refused) || refused.Class != test.want {
			t.Errorf("Pick(%q) of %q = %v, want class %v", test.field, test.value, err, test.want)
			continue
		}
		if got.Reveal() != nil {
			t.Errorf("Pick(%q) of %q returns %d bytes beside an error", test.field, test.value, got.Len())
		}
		if form, found := canary.Find([]byte(err.Error()), []byte(hidden)); found {
			t.Errorf("Pick(%q) of %q: the error repeats the value (%s)", test.field, test.value, form)
		}
	}
}

// A picked field is the same, by encoding/json's reading, as the field in the
// document, and picking changes nothing that others read, too.
func FuzzPick(f *testing.F) {
	seeds := []struct{ value, field string }{
		// Short ones: the fuzzer spends its time on making a long one shorter.
		{`{"a": "q\" \u00e9"}`, "a"}, {` {"a b": {"c": [1, null], "c": "<&>"}}`, "a b"}, {`{"a": 1, "a": true}`, "a"},
		{`{"a/b": {"~": [0, "x"]}}`, "/a~1b/~0/1"},
		{`["a", {"b": 1}]`, "/1/b"}, {`{"a": 1e3}`, "a"}, {`{"a":"\ud800"}`, "a"}, {`{"a":"\ud83d\ude00\ufffd�"}`, "a"}, {"\ufeff{\"a\":null}", "a"}, {`{"a":[{"a":1,"a":2},3]}`, "/a/0/a"}, {"{\"\xff\":1}", "\xff"}, {"null", "/"}, {"", "a"},
	}
	if len(seeds) == 0 {
		f.Fatal("no seeds")
	}
	for _, seed := range seeds {
		f.Add([]byte(seed.value), seed.field)
	}
	f.Fuzz(func(t *testing.T, value []byte, field string) {
		before := bytes.Clone(value)
		got, err := secret.NewValue(value).Pick(field)
		if !bytes.Equal(value, before) {
			t.Errorf("Pick(%q) changes the value %q to %q", field, before, value)
		}
		want, class := levelByLevel(value, field)
		var refused *secret.Error
		errors.As(err, &refused)
		switch {
		case class == 0 && (err != nil || string(got.Reveal()) != want):
			t.Errorf("Pick(%q) of %q = %q, %v, want %q", field, value, got.Reveal(), err, want)
		case class != 0 && (refused == nil || refused.Class != class):
			t.Errorf("Pick(%q) of %q: %v, want class %v", field, value, err, class)
		}
	})
}

// levelByLevel is Pick as encoding/json alone would do it.
func levelByLevel(value []byte, field string) (string, secret.Class) {
	if field == "" {
		return string(value), 0
	}
	raw := json.RawMessage(bytes.TrimPrefix(value, []byte("\ufeff")))
	if !utf8.Valid(raw) || !json.Valid(raw) {
		return "", secret.NotJSON
	}
	path, pointer := []string{field}, field[0] == '/'
	if pointer {
		path = strings.Split(field[1:], "/")
	}
	for _, name := range path {
		if pointer {
			name = strings.NewReplacer("~1", "/", "~0", "~").Replace(name)
		}
		var object map[string]json.RawMessage
		var array []json.RawMessage
		n, err := strconv.Atoi(name)
		switch raw = bytes.TrimSpace(raw); {
		case raw[0] == '{' && json.Unmarshal(raw, &object) == nil && object[name] != nil:
			raw = object[name]
		case raw[0] == '[' && pointer && json.Unmarshal(raw, &array) == nil && err == nil && strconv.Itoa(n) == name && 0 <= n && n < len(array):
			raw = array[n]
		default:
			return "", secret.FieldMissing
		}
	}
	raw = bytes.TrimSpace(raw)
	var text string
	var compact bytes.Buffer
	switch {
	case string(raw) == "null":
		return "", secret.FieldMissing
	case raw[0] != '"':
		_ = json.Compact(&compact, raw)
		return compact.String(), 0
	}
	_ = json.Unmarshal(raw, &text)
	// As many as are written: any more stand for what no text can say.
	if strings.Count(text, "\ufffd") != strings.Count(string(raw), "\ufffd")+strings.Count(strings.ToLower(strings.ReplaceAll(string(raw), `\\`, "")), `\ufffd`) {
		return "", secret.NotJSON
	}
	return text, 0
}

// BenchmarkPick is about values of 60 KB.
func BenchmarkPick(b *testing.B) {
	const depth = 9_999
	for name, bench := range map[string]struct{ value, field string }{
		"deep": {strings.Repeat(`{"a":`, depth) + "1" + strings.Repeat("}", depth), strings.Repeat("/a", depth)},
		"wide": {"{" + strings.Repeat(`"a":0,`, depth) + `"b":1}`, "b"},
		"last": {"[" + strings.Repeat("12345,", depth) + "1]", "/9999"},
	} {
		b.Run(name, func(b *testing.B) {
			v := secret.NewValue([]byte(bench.value))
			for b.Loop() {
				if _, err := v.Pick(bench.field); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
