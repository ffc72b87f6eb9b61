// Package envfile reads the environment of a function from a file, one NAME=value
// a line.
package envfile

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"unicode"
)

// Read returns the NAME=value items of a file. Its errors name the file and the
// line, and repeat nothing of it: the values may be secrets.
func Read(path string) ([]string, error) {
	content, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	items, err := Parse(string(content))
	if err != nil {
		return nil, fmt.Errorf("%s, %w", path, err)
	}
	return items, nil
}

const byteOrderMark = "\ufeff"

// Parse returns the items in their order. A line that is blank or starts with '#'
// is skipped. Everything behind the first '=' is the value, quotes and blanks
// included, as in Docker's --env-file. The byte order mark that some editors write
// is no part of a name, wherever files that were put together have one.
func Parse(text string) ([]string, error) {
	var items []string
	number := 0
	for line := range strings.Lines(text) {
		number++
		line = strings.TrimLeft(strings.TrimRight(line, "\r\n"), byteOrderMark)
		if strings.TrimSpace(line) == "" || strings.HasPrefix(line, "#") {
			continue
		}
		if err := Check(line); err != nil {
			return nil, fmt.Errorf("line %d: %w", number, err)
		}
		items = append(items, line)
	}
	return items, nil
}

// Check reports why a text cannot be an item of an environment, without the text.
func Check(item string) error {
	name, _, found := strings.Cut(item, "=")
	if !found || name == "" || strings.ContainsFunc(name, unicode.IsSpace) || strings.ContainsRune(item, 0) {
		return errors.New("not of the form NAME=value")
	}
	return nil
}
