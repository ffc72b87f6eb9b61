package server

import (
	"bytes"
	"errors"
	"net/http"
	"strings"
	"unicode/utf8"

	"larder/manifest"
)

// variablePrefix stands before the name of a declared variable.
const variablePrefix = "/env/"

// variable serves /env/NAME: the bare bytes of one declared variable.
func (s *Server) variable(x *exchange) {
	_, force, err := parseRead(x.r.URL.RawQuery, "unknown parameter; there is refreshNow", "refreshNow")
	if err != nil {
		x.fail(badRequest(err))
		return
	}
	name := strings.TrimPrefix(x.r.URL.Path, variablePrefix) // decoded, see route
	v, err := s.config.Manifest.Variable(x.r.Context(), name, force)
	if d := v.Declaration; d.Variable != "" { // there is such a variable
		x.ref = d.Reference.String()
	}
	x.got(v.Answer)
	if err != nil {
		x.fail(err)
		return
	}
	x.write(http.StatusOK, contentType(v.Answer.Record, v.Declaration.Reference, v.Value), v.Value.Reveal())
}

// variables serves /env: all declared variables as one JSON object, or as
// NAME=value separated by NUL to who accepts application/octet-stream. What one
// of the two cannot carry is left out and named in Larder-Binary.
func (s *Server) variables(x *exchange) {
	if x.r.URL.RawQuery != "" {
		x.fail(badRequest(errors.New("unknown parameter; /env has none")))
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
			object[v.Declaration.Variable] = string(b)
		} else {
			left = append(left, v.Declaration.Variable)
		}
	}
	return marshal(object), left
}

func encodeList(all []manifest.Variable) (body []byte, left []string) {
	var list bytes.Buffer
	for _, v := range all {
		b := v.Value.Reveal()
		if bytes.IndexByte(b, 0) >= 0 {
			left = append(left, v.Declaration.Variable)
			continue
		}
		if list.Len() > 0 {
			list.WriteByte(0)
		}
		list.WriteString(v.Declaration.Variable + "=")
		list.Write(b)
	}
	return list.Bytes(), left
}
