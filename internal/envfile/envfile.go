// Package envfile reads the environment of a function from a file: one NAME=value a
// line, as Docker and shells have it, or JSON, as the AWS CLI and AWS SAM have it.
package envfile

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"unicode"
	"unicode/utf16"
)

// Read returns the NAME=value items of a file, or of standard input where the path is
// "-". Its errors name the file and the place in it, and repeat no value: these may be
// secrets.
func Read(path string, stdin io.Reader) ([]string, error) {
	var content []byte
	var err error
	name := path
	if path == "-" {
		name = "standard input"
		content, err = io.ReadAll(stdin)
	} else {
		content, err = os.ReadFile(path)
	}
	if err != nil {
		return nil, err
	}
	items, err := Parse(decode(content))
	if err != nil {
		return nil, fmt.Errorf("%s, %w", name, err)
	}
	return items, nil
}

const byteOrderMark = "\ufeff"

// decode returns a text of UTF-8 or, as PowerShell writes it, of UTF-16 with its mark.
func decode(content []byte) string {
	var order binary.ByteOrder
	switch {
	case bytes.HasPrefix(content, []byte{0xff, 0xfe}):
		order = binary.LittleEndian
	case bytes.HasPrefix(content, []byte{0xfe, 0xff}):
		order = binary.BigEndian
	default:
		return string(content)
	}
	units := make([]uint16, len(content)/2)
	for i := range units {
		units[i] = order.Uint16(content[2*i:])
	}
	return string(utf16.Decode(units))
}

// Parse returns the items of JSON, which starts with a brace, by their names, or of
// lines in their order. A line that is blank or starts with '#' is skipped. Everything
// behind the first '=' is the value, quotes and blanks included, as in Docker's
// --env-file; in a line of a shell, which starts with export, one pair of quotes around
// it is the shell's. The byte order mark that some editors write is no part of a name,
// wherever files that were put together have one.
func Parse(text string) ([]string, error) {
	if bare := strings.TrimLeft(text, byteOrderMark+" \t\r\n"); strings.HasPrefix(bare, "{") {
		return parseJSON(bare)
	}
	var items []string
	number := 0
	for line := range strings.Lines(text) {
		number++
		line = strings.TrimLeft(strings.TrimRight(line, "\r\n"), byteOrderMark)
		if strings.TrimSpace(line) == "" || strings.HasPrefix(line, "#") {
			continue
		}
		line = fromShell(line)
		if err := Check(line); err != nil {
			return nil, fmt.Errorf("line %d: %w", number, err)
		}
		items = append(items, line)
	}
	return items, nil
}

// fromShell takes off what belongs to the shell.
func fromShell(line string) string {
	rest, ok := strings.CutPrefix(strings.TrimLeft(line, " \t"), "export")
	if !ok || rest == strings.TrimLeft(rest, " \t") { // a variable whose name begins so
		return line
	}
	name, value, found := strings.Cut(strings.TrimLeft(rest, " \t"), "=")
	if !found {
		return line
	}
	for _, quote := range []string{`"`, "'"} {
		if inner, ok := strings.CutPrefix(value, quote); ok && strings.HasSuffix(inner, quote) {
			value = strings.TrimSuffix(inner, quote)
			break
		}
	}
	return name + "=" + value
}

// Check reports why a text cannot be an item of an environment, without the text.
func Check(item string) error {
	name, _, found := strings.Cut(item, "=")
	if !found || name == "" || strings.ContainsFunc(name, unicode.IsSpace) || strings.ContainsRune(item, 0) {
		return errors.New("not of the form NAME=value")
	}
	return nil
}
