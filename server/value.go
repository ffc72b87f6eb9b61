package server

import (
	"fmt"
	"net/http"

	"larder/secret"
)

// value serves /value?ref=<reference>[&field=][&refreshNow=]: the bare bytes of
// one reference.
//
// Unknown parameters are refused: an '&' inside ref that is not percent-encoded
// would otherwise cut an option off, and silently mean another version. For the
// same reason a client may give the field apart: many drop an unencoded '#' with
// what follows.
func (s *Server) value(x *exchange) {
	ref, key, force, err := s.readValue(x)
	if err != nil {
		x.fail(err)
		return
	}
	x.asks(key)
	answer, value, err := s.config.Manifest.Value(x.r.Context(), ref, key, force)
	x.got(answer)
	if err != nil {
		x.fail(err)
		return
	}
	x.write(http.StatusOK, contentType(answer.Record, ref.Field), value.Reveal())
}

func (s *Server) readValue(x *exchange) (ref secret.Reference, key secret.Key, force bool, err error) {
	q, err := parseQuery(x.r.URL.RawQuery)
	if err != nil {
		return ref, key, false, err
	}
	if _, found := q.unknown("ref", "field", "refreshNow"); found {
		return ref, key, false, fmt.Errorf("unknown parameter; there are ref, field and refreshNow, and an & inside ref is written %%26")
	}
	if name, found := q.twice(); found {
		return ref, key, false, fmt.Errorf("the parameter %s stands twice", name)
	}
	text, field := q.get("ref"), q.get("field")
	if text == "" {
		return ref, key, false, fmt.Errorf("the parameter ref is missing: /value?ref=secretsmanager://NAME")
	}
	if ref, err = secret.ParseReference(text); err != nil {
		return ref, key, false, err
	}
	if field != "" {
		if ref.Field != "" {
			return ref, key, false, fmt.Errorf("the field is named twice, in ref and in field")
		}
		if ref, err = secret.ParseReference(text + "#" + field); err != nil {
			return ref, key, false, err
		}
	}
	if force, err = q.force(); err != nil {
		return ref, key, false, err
	}
	key, err = ref.Key(s.config.Region)
	return ref, key, force, err
}

func contentType(r *secret.Record, field string) string {
	switch {
	case r.Binary && field == "":
		return typeBinary
	case r.Members != nil && field == "":
		return typeJSON
	}
	return typeText
}
