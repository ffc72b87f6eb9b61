package server

import (
	"bytes"
	"errors"
	"net/http"
	"net/url"
	"strings"
	"unicode/utf8"

	"larder/manifest"
)

// variablePrefix stands before the name of a declared variable.
const variablePrefix = "/env/"

// variable serves /env/NAME: the bare bytes of one declared variable.
func (s *Server) variable(x *exchange) {
	name, err := url.PathUnescape(strings.TrimPrefix(x.r.URL.EscapedPath(), variablePrefix))
	if err != nil {
		x.fail(err)
		return
	}
	q, err := parseQuery(x.r.URL.RawQuery)
	if err != nil {
		x.fail(err)
		return
	}
	if _, found := q.unknown("refreshNow"); found {
		x.fail(errors.New("unknown parameter; there is refreshNow"))
		return
	}
	force, err := q.force()
	if err != nil {
		x.fail(err)
		return
	}
	v, err := s.config.Manifest.Variable(x.r.Context(), name, force)
	x.ref = name
	x.got(v.Answer)
	if err != nil {
		x.fail(err)
		return
	}
	kind := typeText
	if !utf8.Valid(v.Value.Reveal()) {
		kind = typeBinary
	}
	x.write(http.StatusOK, kind, v.Value.Reveal())
}

// variables serves /env: all declared variables as one JSON object, or as
// NAME=value separated by NUL to who accepts application/octet-stream. What one
// of the two cannot carry is left out and named in Larder-Binary.
func (s *Server) variables(x *exchange) {
	if x.r.URL.RawQuery != "" {
		x.fail(errors.New("unknown parameter; /env has none"))
		return
	}
	all, err := s.config.Manifest.Variables(x.r.Context())
	if err != nil {
		x.fail(err)
		return
	}
	for _, v := range all {
		x.how = max(x.how, v.Answer.How)
	}
	encode, kind := encodeObject, typeJSON
	if strings.Contains(x.r.Header.Get("Accept"), typeBinary) {
		encode, kind = encodeList, typeBinary
	}
	body, left := encode(all)
	if len(left) > 0 {
		x.w.Header().Set("Larder-Binary", strings.Join(left, ", "))
	}
	x.write(http.StatusOK, kind, body)
}

func encodeObject(all []manifest.Variable) (body []byte, left []string) {
	object := make(map[string]string, len(all))
	for _, v := range all {
		if b := v.Value.Reveal(); utf8.Valid(b) {
			object[v.Name] = string(b)
		} else {
			left = append(left, v.Name)
		}
	}
	return marshal(object), left
}

func encodeList(all []manifest.Variable) (body []byte, left []string) {
	var list bytes.Buffer
	for _, v := range all {
		b := v.Value.Reveal()
		if bytes.IndexByte(b, 0) >= 0 {
			left = append(left, v.Name)
			continue
		}
		if list.Len() > 0 {
			list.WriteByte(0)
		}
		list.WriteString(v.Name + "=")
		list.Write(b)
	}
	return list.Bytes(), left
}
