package server_test

import (
	"net/url"
	"slices"
	"strings"
	"testing"

	"larder/server"
)

func TestQuery(t *testing.T) {
	t.Parallel()
	tests := []struct {
		raw  string
		want []string
	}{
		{"", nil},
		{"&&", nil},
		{"a", []string{"a", ""}},
		{"a=", []string{"a", ""}},
		{"=b", []string{"", "b"}},
		{"a=b=c", []string{"a", "b=c"}},
		{"a=1&a=2", []string{"a", "1", "a", "2"}},
		{"a+b=c+d", []string{"a+b", "c+d"}},
		{"a=%2B%20%26%3D%25", []string{"a", "+ &=%"}},
		{"a=;b=c", []string{"a", ";b=c"}},
		{"a=%252F", []string{"a", "%2F"}},
		{"a=\xff%ff", []string{"a", "\xff\xff"}},
	}
	for _, test := range tests {
		got, err := server.ParseQuery(test.raw)
		if err != nil || !slices.Equal(got, test.want) {
			t.Errorf("parseQuery(%q) = %q, %v, want %q", test.raw, got, err, test.want)
		}
	}
	for _, raw := range []string{"%", "a=%", "a=%2", "a=%zz", "%zz=a", "a&b=%%"} {
		if got, err := server.ParseQuery(raw); err == nil || got != nil {
			t.Errorf("parseQuery(%q) = %q, want an error and nothing else", raw, got)
		}
	}
}

// What is encoded comes back, in its order, and a '+' stays one. No text makes
// the parser panic, and none that it takes means anything else when it is written
// anew.
func FuzzQuery(f *testing.F) {
	for _, seed := range []string{
		"secretId=prod/db", "name=%2Fa%2Fb&withDecryption=true", "ref=secretsmanager://a+b%23c&field=/x~1y", "a+b=c+d&&=", "a=%zz", planted, "ü=\xff",
	} {
		f.Add(seed, "a+b", "1&2=3;%")
	}
	f.Fuzz(func(t *testing.T, raw, name, value string) {
		if pairs, err := server.ParseQuery(raw); err == nil {
			again, err := server.ParseQuery(encode(pairs))
			if err != nil || !slices.Equal(again, pairs) {
				t.Errorf("parseQuery(%q) = %q; written anew it is %q, %v", raw, pairs, again, err)
			}
		}
		want := []string{name, value, value, name}
		got, err := server.ParseQuery(encode(want))
		if err != nil || !slices.Equal(got, want) {
			t.Errorf("parseQuery(%q) = %q, %v, want %q", encode(want), got, err, want)
		}
		plus := strings.ReplaceAll(encode(want), "%2B", "+")
		if got, err = server.ParseQuery(plus); err != nil || !slices.Equal(got, want) {
			t.Errorf("parseQuery(%q) = %q, %v, want %q", plus, got, err, want)
		}
	})
}

// encode writes names and values in turn as a query, as JavaScript's
// encodeURIComponent would.
func encode(pairs []string) string {
	escape := func(text string) string { return strings.ReplaceAll(url.QueryEscape(text), "+", "%20") }
	var items []string
	for pair := range slices.Chunk(pairs, 2) {
		items = append(items, escape(pair[0])+"="+escape(pair[1]))
	}
	return strings.Join(items, "&")
}
