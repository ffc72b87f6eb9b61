package server

// ParseQuery is parseQuery with names and values in turn.
func ParseQuery(raw string) ([]string, error) {
	q, err := parseQuery(raw)
	var pairs []string
	for _, p := range q {
		pairs = append(pairs, p.name, p.value)
	}
	return pairs, err
}
