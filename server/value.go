package server

import (
	"errors"
	"net/http"
	"unicode/utf8"

	"larder/manifest"
	"larder/secret"
)

// value serves /value?ref=<reference>[&field=][&refreshNow=][&seen=]: the bare bytes of
// one reference.
//
// Unknown parameters are refused: an '&' inside ref that is not percent-encoded
// would otherwise cut an option off, and silently mean another version. For the
// same reason a client may give the field apart: many drop an unencoded '#' with
// what follows.
func (s *Server) value(x *exchange) {
	ref, key, demand, err := s.readValue(x)
	if err != nil {
		x.fail(badRequest(err))
		return
	}
	x.asks(key)
	answer, value, err := s.config.Manifest.Value(x.r.Context(), ref, key, demand)
	x.got(answer)
	if err != nil {
		x.fail(err)
		return
	}
	x.write(http.StatusOK, contentType(answer.Record, ref, value), value.Reveal())
}

func (s *Server) readValue(x *exchange) (ref secret.Reference, key secret.Key, demand manifest.Demand, err error) {
	q, demand, err := parseRead(x.r.URL.RawQuery,
		"unknown parameter; there are ref, field, refreshNow and seen, and an & inside ref is written %26", "ref", "field")
	if err != nil {
		return ref, key, demand, err
	}
	text, field := q.get("ref"), q.get("field")
	if text == "" {
		return ref, key, demand, errors.New("the parameter ref is missing: /value?ref=secretsmanager://NAME")
	}
	if ref, err = secret.ParseReference(text); err != nil {
		return ref, key, demand, err
	}
	if field != "" {
		if ref.Field != "" {
			return ref, key, demand, errors.New("the field is named twice, in ref and in field")
		}
		if ref, err = secret.ParseReference(text + "#" + field); err != nil {
			return ref, key, demand, err
		}
	}
	key, err = ref.Key(s.config.Region)
	return ref, key, demand, err
}

// contentType returns the type of what ref names in the record. That of a
// SecretString is text; UTF-8 is claimed of nothing that is not.
func contentType(r *secret.Record, ref secret.Reference, value secret.Value) string {
	whole := ref.Field == ""
	switch {
	case whole && r.Members != nil:
		return typeJSON // a tree
	case whole && r.Binary, !utf8.Valid(value.Reveal()):
		return typeBinary
	}
	return typeText
}
