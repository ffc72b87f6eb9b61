package server

import (
	"bytes"
	"net/http"
	"strings"
	"time"
	"unicode/utf8"

	"larder/cache"
	"larder/manifest"
)

// variablePrefix stands before the name of a declared variable.
const variablePrefix = "/env/"

// errDemands is what the paths say that take nothing but a demand.
const errDemands = "unknown parameter; there are refreshNow and seen"

// variable serves /env/NAME: the bare bytes of one declared variable.
func (s *Server) variable(x *exchange) {
	_, demand, err := parseRead(x.r.URL.RawQuery, errDemands)
	if err != nil {
		x.fail(badRequest(err))
		return
	}
	name := strings.TrimPrefix(x.r.URL.Path, variablePrefix) // decoded, see route
	v, err := s.config.Manifest.Variable(x.r.Context(), name, demand)
	if d := v.Declaration; d.Variable != "" { // there is such a variable
		x.ref, x.declared = d.Reference.String(), true
	}
	x.got(v.Answer)
	if err != nil {
		x.fail(err)
		return
	}
	x.write(http.StatusOK, contentType(v.Answer.Record, v.Declaration.Reference, v.Value), v.Value.Reveal())
}

// variables serves /env[?refreshNow=][&seen=]: all declared variables as one JSON object, or as
// NAME=value separated by NUL to who accepts application/octet-stream. What one
// of the two cannot carry is left out and named in Larder-Binary; what has no value
// and needs none is named in Larder-Absent.
func (s *Server) variables(x *exchange) {
	x.declared = true
	_, demand, err := parseRead(x.r.URL.RawQuery, errDemands)
	if err != nil {
		x.fail(badRequest(err))
		return
	}
	all, absent, err := s.config.Manifest.Variables(x.r.Context(), demand)
	if err != nil {
		x.fail(err)
		return
	}
	var oldest time.Duration
	for _, v := range all {
		x.how = max(x.how, v.Answer.How)
		oldest = max(oldest, v.Answer.Age)
	}
	x.dates(manifest.Version(all), oldest, x.how == cache.Stale)
	encode, kind := encodeObject, typeJSON
	if x.wantsBytes() {
		encode, kind = encodeList, typeBinary
	}
	body, left := encode(all)
	x.names("Larder-Binary", left)
	x.names("Larder-Absent", absent)
	x.write(http.StatusOK, kind, body)
}

// names writes a list of variables into a header.
func (x *exchange) names(header string, variables []string) {
	if len(variables) > 0 {
		x.w.Header().Set(header, strings.Join(variables, ", "))
	}
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
