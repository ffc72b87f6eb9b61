package envfile_test

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"unicode/utf16"
	"unicode/utf8"

	"larder/internal/envfile"
)

func TestParse(t *testing.T) {
	t.Parallel()
	tests := []struct {
		text    string
		want    []string
		problem string
	}{
		{"", nil, ""},
		{"A=1\nB=2\n", []string{"A=1", "B=2"}, ""},
		{"A=1", []string{"A=1"}, ""},
		{"A=1\r\nB=2\r\n", []string{"A=1", "B=2"}, ""},
		{"# comment\n\n \t\nA=1 # no comment\n#B=2", []string{"A=1 # no comment"}, ""},
		{"A=\nB==\nC=\"x y\"\nD= x ", []string{"A=", "B==", `C="x y"`, "D= x "}, ""},
		{"DB=secretsmanager://prod/db?ttl=60#password", []string{"DB=secretsmanager://prod/db?ttl=60#password"}, ""},
		{"A=1\nA=2", []string{"A=1", "A=2"}, ""},
		{"\ufeffA=1\r\nB=\ufeff2", []string{"A=1", "B=\ufeff2"}, ""},
		{"\ufeff# comment\n\ufeffA=1\n\ufeff\n", []string{"A=1"}, ""}, // two files put together, and a third one that is empty
		{"A=1\n\nhunter2", nil, "line 3: not of the form NAME=value"},
		{"=hunter2", nil, "line 1: not of the form NAME=value"},
		{"export A=b\n export  B=\"x y\"\nexport C='\"'\nexport D=\"'\nexport E=\"\nexported=1\nexport=2", []string{"A=b", "B=x y", `C="`, `D="'`, `E="`, "exported=1", "export=2"}, ""},
		{"export A", nil, "line 1: not of the form NAME=value"},
		{"export\tA=hunter2=\"3\"", []string{`A=hunter2="3"`}, ""},

		// JSON.
		{`{"Variables":{"B":"2","A":"x\"y"}}`, []string{`A=x"y`, "B=2"}, ""},
		{"\ufeff\n {\"Variables\":{}}", nil, ""},
		{`{"FunctionName":"f","FunctionArn":"arn","Environment":{"Variables":{"A":"1"}},"VpcConfig":{}}`, []string{"A=1"}, ""},
		{`{"FunctionName":"f","FunctionArn":"arn","VpcConfig":{}}`, nil, ""},
		{`{"Configuration":{"FunctionArn":"arn","Environment":{"Variables":{"A":"1"}}},"Code":{}}`, []string{"A=1"}, ""},
		{`{"Parameters":{"A":"1"}}`, []string{"A=1"}, ""},
		{`{"Orders":{"A":"1"}}`, []string{"A=1"}, ""},
		{`{"Parameters":{"A":"1","B":"1"},"Orders":{"B":"2"}}`, []string{"A=1", "B=2"}, ""},
		{`{"A":"1","Parameters":"x"}`, []string{"A=1", "Parameters=x"}, ""},
		{`{"A":1.50,"B":true,"C":""}`, []string{"A=1.50", "B=true", "C="}, ""},
		{`{"Orders":{"A":"hunter2"},"Mails":{}}`, nil, "several functions: Mails, Orders. Leave one of them"},
		{`{"Variables":{"A":null}}`, nil, `variable "A": its value is no text`},
		{`{"Variables":{"A":["hunter2"]}}`, nil, `variable "A": its value is no text`},
		{`{"Variables":{"A B":"hunter2"}}`, nil, `variable "A B": not of the form NAME=value`},
		{`{"Variables":{"A":"hunter2\u0000"}}`, nil, `variable "A": not of the form NAME=value`},
		{"{\n\"Variables\": hunter2}", nil, "line 2: no JSON"},
		{"{", nil, "line 1: no JSON"},
		{" A=hunter2", nil, "line 1: not of the form NAME=value"},
		{"A=hunter2\x00", nil, "line 1: not of the form NAME=value"},
	}
	for _, test := range tests {
		got, err := envfile.Parse(test.text)
		problem := ""
		if err != nil {
			problem = err.Error()
		}
		if !slices.Equal(got, test.want) || problem != test.problem {
			t.Errorf("Parse(%q) = %q, %q, want %q, %q", test.text, got, problem, test.want, test.problem)
		}
	}
}

func TestRead(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "function.env")
	if err := os.WriteFile(path, []byte("A=1\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if got, err := envfile.Read(path, nil); err != nil || !slices.Equal(got, []string{"A=1"}) {
		t.Errorf("Read = %q, %v, want A=1", got, err)
	}
	if err := os.WriteFile(path, []byte("A=1\nhunter2\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := envfile.Read(path, nil); err == nil || err.Error() != path+", line 2: not of the form NAME=value" {
		t.Errorf("Read = %v, want the file, the line and nothing of it", err)
	}
	if _, err := envfile.Read(path+".not", nil); err == nil || !strings.Contains(err.Error(), path) {
		t.Errorf("Read of no file = %v, want an error that names it", err)
	}
}

// TestReadEncodings: UTF-16 as PowerShell writes it, and standard input.
func TestReadEncodings(t *testing.T) {
	t.Parallel()
	const text = "A=é😀\r\nB=2\r\n"
	for name, order := range map[string]binary.AppendByteOrder{"little endian": binary.LittleEndian, "big endian": binary.BigEndian} {
		content := order.AppendUint16(nil, 0xfeff)
		for _, unit := range utf16.Encode([]rune(text)) {
			content = order.AppendUint16(content, unit)
		}
		if got, err := envfile.Read("-", bytes.NewReader(content)); err != nil || !slices.Equal(got, []string{"A=é😀", "B=2"}) {
			t.Errorf("%s: Read = %q, %v, want both variables", name, got, err)
		}
	}
	if _, err := envfile.Read("-", strings.NewReader("hunter2")); err == nil || err.Error() != "standard input, line 1: not of the form NAME=value" {
		t.Errorf("Read of standard input = %v, want the place and nothing of it", err)
	}
}

// FuzzParse checks that what is read is an environment, and reads as the same again from
// JSON; and that no error repeats a value.
func FuzzParse(f *testing.F) {
	for _, seed := range []string{"A=1\nB=2\n", "# x\r\nA==\r\n", "A", "=x", "A=\x00", "A=\xff\n\n", "\ufeffA=1\n\ufeff\ufeffB=2",
		"export A='b'", `{"A":"1"}`, `{"Parameters":{"A":1},"F":{"B":null}}`, `{"Environment":{"Variables":{"A":"\u000a"}}}`, "{"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		items, err := envfile.Parse(text)
		if err != nil {
			return
		}
		variables := make(map[string]string)
		for _, item := range items {
			if envfile.Check(item) != nil {
				t.Errorf("Parse(%q) has the item %q", text, item)
			}
			name, value, _ := strings.Cut(item, "=")
			variables[name] = value
		}
		if !utf8.ValidString(text) {
			return // no JSON can say it
		}
		object, err := json.Marshal(map[string]any{"Variables": variables})
		if err != nil {
			t.Fatal(err)
		}
		again, err := envfile.Parse(string(object))
		if err != nil || len(again) != len(variables) {
			t.Fatalf("Parse(%q) = %q, and of their JSON %q, %v", text, items, again, err)
		}
		for _, item := range again {
			if name, value, _ := strings.Cut(item, "="); variables[name] != value {
				t.Errorf("Parse(%q) has %s, and of its JSON another value", text, name)
			}
		}
	})
}
