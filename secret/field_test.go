package secret_test

import (
	"bytes"
	"encoding/json"
	"errors"
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
		{`{"a": "\ud800 x"}`, "a", "\ufffd x"}, // half a pair: no UTF-8 can say it

		// Anything else is compact JSON, as it was written.
		{document, "exponent", "1e3"},
		{document, "large", "12345678901234567890"},
		{document, "precise", "0.10000000000000000000001"},
		{document, "minus", "-0.0"},
		{document, "yes", "true"},
		{document, "nothing", "null"},
		{document, "none", "{}"},
		{document, "list", "[]"},
		{document, "object", `{"b":[1,2.0],"a":"<&>\u2028 \u00e9","a":1E400}`},

		// At the top may stand an array.
		{`["a", {"b": 1}]`, "/0", "a"},
		{`["a", {"b": 1}]`, "/1", `{"b":1}`},
		{`["a", {"b": 1}]`, "/1/b", "1"},
		{"[" + strings.Repeat("0,", 12) + `"thirteenth"]`, "/12", "thirteenth"},

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
		{"\ufeff{\"a\": 1}", "a", secret.NotJSON},
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
		{`["a", {"b": 1}]`, "/1/b"}, {`{"a": 1e3}`, "a"}, {`{"a":"\ud800"}`, "a"}, {"{\"\xff\":1}", "\xff"}, {"null", "/"}, {"", "a"},
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
		if err != nil {
			var refused *secret.Error
			if !errors.As(err, &refused) || (refused.Class == secret.NotJSON) != !(json.Valid(value) && utf8.Valid(value)) {
				t.Errorf("Pick(%q) of %q: %v", field, value, err)
			}
			return
		}
		if field == "" || field[0] == '/' {
			return
		}
		var document map[string]any
		decoder := json.NewDecoder(bytes.NewReader(value))
		decoder.UseNumber()
		if err := decoder.Decode(&document); err != nil {
			t.Fatalf("Pick(%q) of %q has a result, but: %v", field, value, err)
		}
		want, ok := document[field].(string)
		if !ok {
			compact, err := decodeNumbers(got.Reveal())
			if err != nil || !equalJSON(compact, document[field]) {
				t.Errorf("Pick(%q) of %q = %q, want the JSON of %v", field, value, got.Reveal(), document[field])
			}
			return
		}
		if string(got.Reveal()) != want {
			t.Errorf("Pick(%q) of %q = %q, want %q", field, value, got.Reveal(), want)
		}
	})
}

func decodeNumbers(text []byte) (v any, err error) {
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.UseNumber()
	return v, decoder.Decode(&v)
}

func equalJSON(a, b any) bool {
	x, errX := json.Marshal(a)
	y, errY := json.Marshal(b)
	return errX == nil && errY == nil && bytes.Equal(x, y)
}
