package canary_test

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/url"
	"strings"
	"testing"

	"larder/internal/canary"
)

// value has what the escapes change: quotes, HTML, a line break, a space, a
// slash, a NUL and letters beyond ASCII.
const value = "canary \"7f3\" <&>\n/+%é\x00 end"

func TestFind(t *testing.T) {
	t.Parallel()
	noHTML := func(v any) string {
		var out bytes.Buffer
		e := json.NewEncoder(&out)
		e.SetEscapeHTML(false)
		if err := e.Encode(v); err != nil {
			t.Fatal(err)
		}
		return out.String()
	}
	marshal := func(v any) string {
		out, err := json.Marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		return string(out)
	}
	numbers := make([]int, len(value))
	for i := range len(value) {
		numbers[i] = int(value[i])
	}
	body := []byte(value)
	tests := []struct{ form, output string }{
		{"as it is", value},
		{"hex", hex.EncodeToString(body)},
		{"hex", fmt.Sprintf("%x", value)},
		{"hex, upper case", fmt.Sprintf("%X", body)},
		{"URL query", url.Values{"secretId": {value}}.Encode()},
		{"URL path", (&url.URL{Path: "/" + value}).EscapedPath()},
		{"URL path segment", url.PathEscape(value)},
		{"URL, every byte", fmt.Sprintf("%%%s", strings.ReplaceAll(fmt.Sprintf("% X", body), " ", "%"))},
		{"URL, every byte, lower case", fmt.Sprintf("%%%s", strings.ReplaceAll(fmt.Sprintf("% x", body), " ", "%"))},
		{"Go string", fmt.Sprintf("%q", value)},
		{"Go string", fmt.Sprintf("%#v", []string{value})},
		{"Go string, ASCII", fmt.Sprintf("%+q", body)},
		{"JSON", marshal(map[string]string{"a": value})},
		{"JSON", noHTML(map[string]string{"a": value})},
		{"JSON in JSON", marshal(marshal([]string{value}))},
		{"JSON in JSON", noHTML(noHTML([]string{value}))},
		{"list of %d", fmt.Sprint(body)},
		{"list of %d", fmt.Sprintf("%d", [][]byte{body})},
		{"list of %d", marshal(numbers)},
		{"list of %02x", fmt.Sprintf("% x", body)},
		{"list of %02X", fmt.Sprintf("% X", body)},
		{"list of %X", fmt.Sprintf("%X", numbers)},
		{"list of %#x", fmt.Sprintf("%#v", body)},
		{"list of %o", fmt.Sprintf("%o", body)},
		{"list of %b", fmt.Sprintf("%b", body)},
		{"list of %c", fmt.Sprintf("%c", body)},
		{"list of %U", fmt.Sprintf("%U", numbers)},
	}
	for _, test := range tests {
		output := "before=" + test.output + "=after"
		if form, found := canary.Find([]byte(output), body); form != test.form || !found {
			t.Errorf("Find(%q) = %q, %v, want %q, true", output, form, found, test.form)
		}
	}
}

func TestFindInsideBase64(t *testing.T) {
	t.Parallel()
	encodings := map[string]*base64.Encoding{
		"base64": base64.StdEncoding, "raw base64": base64.RawStdEncoding,
		"base64url": base64.URLEncoding, "raw base64url": base64.RawURLEncoding,
	}
	for name, encoding := range encodings {
		for _, v := range []string{value, "\xff\xef\xbe>>>???", "exactly8"} {
			for before := range 7 {
				for after := range 4 {
					text := strings.Repeat("\xa7", before) + v + strings.Repeat("\xa7", after)
					output := []byte(encoding.EncodeToString([]byte(text)))
					form, found := canary.Find(output, []byte(v))
					if want := fmt.Sprintf("alignment %d", before%3); !found || !strings.HasSuffix(form, want) {
						t.Errorf("%s of %q: Find = %q, %v, want %q", name, text, form, found, want)
					}
				}
			}
		}
	}
}

func TestFindNothing(t *testing.T) {
	t.Parallel()
	outputs := []string{
		"",
		"[redacted]",
		value[:len(value)-1],
		hex.EncodeToString([]byte(value[1:])),
		base64.StdEncoding.EncodeToString([]byte("another value of about that length")),
		"{0xc000012345}",
	}
	for _, output := range outputs {
		if form, found := canary.Find([]byte(output), []byte(value)); found || form != "" {
			t.Errorf("Find(%q) = %q, %v, want nothing", output, form, found)
		}
	}
}

func TestFindRefusesShortValues(t *testing.T) {
	t.Parallel()
	for _, short := range []string{"", "1234567"} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("Find(…, %q) did not panic", short)
				}
			}()
			canary.Find([]byte("1234567"), []byte(short))
		}()
	}
}
