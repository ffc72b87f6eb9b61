package main

import (
	"errors"
	"strconv"
	"strings"
)

// answer is what the extension says of the declared variables.
type answer struct {
	items  []string // NAME=value
	absent []string // names of those that have no value, and need none
	binary []string // names of those whose value an item cannot hold
}

// wanted is the form of the answer: NAME=value items, separated by NUL.
const wanted = "application/octet-stream"

// parse reads an HTTP answer to its end. Anything but a whole answer of status
// 200 is an error: half an environment is none.
func parse(raw string) (answer, error) {
	head, body, whole := strings.Cut(raw, "\r\n\r\n")
	lines := strings.Split(head, "\r\n")
	version, status, _ := strings.Cut(lines[0], " ")
	if !whole || !strings.HasPrefix(version, "HTTP/1.") {
		return answer{}, errors.New("what listens there does not speak HTTP, or broke off")
	}
	header := func(name string) string {
		for _, line := range lines[1:] {
			if n, value, _ := strings.Cut(line, ":"); strings.EqualFold(n, name) {
				return strings.TrimSpace(value)
			}
		}
		return ""
	}
	code, _, _ := strings.Cut(status, " ")
	if len(code) != len("200") {
		return answer{}, errors.New("what listens there does not speak HTTP") // and what it says is for nobody's log
	}
	switch {
	case code == "200" && header("Content-Type") == wanted:
	case code != "200" && header("Larder-Error") != "":
		return answer{}, refusal(body)
	default:
		return answer{}, errors.New("it answers with status " + code + " and not as Larder does: is another extension at the same port?")
	}
	a := answer{absent: list(header("Larder-Absent")), binary: list(header("Larder-Binary"))}
	if body != "" {
		a.items = strings.Split(body, "\x00")
	}
	switch length, err := strconv.Atoi(header("Content-Length")); {
	case err == nil && length > maxBody && len(body) > maxBody:
		return answer{}, a.tooMuch()
	case err != nil || length != len(body):
		return answer{}, errors.New("its answer is not whole")
	}
	return a, nil
}

// tooMuch is the error for more than an environment can hold.
func (a answer) tooMuch() error {
	return refusal("all variables and arguments together are more than the system allows: the largest declared ones are " +
		a.largest() + "; read some over HTTP instead")
}

// refusal is why the extension gives no variables, in its own words.
type refusal string

func (r refusal) Error() string { return string(r) }

// list reads the names in a header.
func list(text string) []string {
	if text == "" {
		return nil
	}
	return strings.Split(text, ", ")
}

// largest names those variables that take most of the room, with their sizes.
func (a answer) largest() string {
	const most = 3
	var top []string
	for _, item := range a.items {
		i := len(top)
		for i > 0 && len(top[i-1]) < len(item) {
			i--
		}
		top = append(top[:i], append([]string{item}, top[i:]...)...)
		top = top[:min(len(top), most)]
	}
	var named []string
	for _, item := range top {
		name, value, _ := strings.Cut(item, "=")
		named = append(named, name+" with "+strconv.Itoa(len(value))+" bytes")
	}
	return strings.Join(named, ", ")
}

// oneLine keeps what comes from outside from making a line of its own.
func oneLine(text string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f {
			return ' '
		}
		return r
	}, text)
}
