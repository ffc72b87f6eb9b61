package awstest

import (
	"cmp"
	"encoding/base64"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// defaultType is that of a parameter that names none.
const defaultType = "String"

// maxStandard and maxParameter are the service's limits on a value, in bytes, in
// its standard and its advanced tier.
const maxStandard, maxParameter = 4_096, 8_192

// parameter is a Parameter as it is kept. Version n is versions[n-1].
type parameter struct {
	place
	kind, dataType string
	kmsKey         string
	kmsDenied      bool
	versions       []parameterVersion
}

// parameterVersion is a version as it is kept.
type parameterVersion struct {
	value    string
	labels   []string
	modified time.Time
}

func (p *parameter) arn() string { return p.place.arn("ssm", "parameter"+absolute(p.name)) }

// absolute is the name as it stands in an ARN and in a path: a plain name is
// there as if a slash stood before it.
func absolute(name string) string { return "/" + strings.TrimPrefix(name, "/") }

// SetParameter makes or changes the entry of a key. On an entry that exists,
// Value becomes the next version, which takes the given labels from the others.
// Versions replace them all. KMSDenied is taken as given; any other zero field
// stays as it was.
func (s *Server) SetParameter(key string, entry Parameter) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.setParameterLocked(key, entry, s.parameters[key])
}

// setParameterLocked stores what an entry makes of old, or of nothing.
func (s *Server) setParameterLocked(key string, entry Parameter, old *parameter) error {
	next := &parameter{place: s.place(key)}
	if old != nil {
		*next = *old
		next.versions = slices.Clone(old.versions)
	}
	next.place = next.place.changed(entry.Account, entry.Region, entry.Name)
	next.kind = cmp.Or(entry.Type, next.kind, defaultType)
	next.dataType = cmp.Or(entry.DataType, next.dataType, "text")
	next.kmsKey, next.kmsDenied = cmp.Or(entry.KMSKey, next.kmsKey), entry.KMSDenied
	if err := errors.Join(next.check(), entry.checkVersions(len(next.versions) > 0)); err != nil {
		return fmt.Errorf("parameter %q: %w", key, err)
	}
	for other, stored := range s.parameters {
		if other != key && stored.arn() == next.arn() {
			return fmt.Errorf("parameter %q: the entry %q has the same ARN", key, other)
		}
	}
	next.put(entry, time.Now())
	s.parameters[key] = next
	return nil
}

// put takes the entry's versions over, or adds its value to those there are.
func (p *parameter) put(entry Parameter, now time.Time) {
	added := entry.Versions
	if len(added) > 0 {
		p.versions = nil
	} else if entry.Value != "" {
		added = []ParameterVersion{{Value: entry.Value, Labels: entry.Labels}}
	}
	for _, v := range added {
		p.unlabel(v.Labels)
		p.versions = append(p.versions, parameterVersion{v.Value, v.Labels, now})
	}
}

// unlabel takes labels away from the versions that have them.
func (p *parameter) unlabel(labels []string) {
	for i, v := range p.versions {
		p.versions[i].labels = slices.DeleteFunc(slices.Clone(v.labels), func(label string) bool {
			return slices.Contains(labels, label)
		})
	}
}

func (p *parameter) check() error {
	secure := p.kind == "SecureString"
	switch {
	case !secure && p.kind != "String" && p.kind != "StringList":
		return fmt.Errorf("type %q: want String, StringList or SecureString", p.kind)
	case !secure && (p.kmsKey != "" || p.kmsDenied):
		return errors.New("only a SecureString has a KMS key")
	}
	return errors.Join(p.place.check(), checkParameterName(p.name))
}

// checkVersions checks the values. One may be missing where there are some.
func (entry Parameter) checkVersions(has bool) error {
	if len(entry.Versions) > 0 && (entry.Value != "" || len(entry.Labels) > 0) {
		return errors.New("write either value, with its labels, or versions")
	}
	all := entry.Versions
	if len(all) == 0 && (entry.Value != "" || !has) {
		all = []ParameterVersion{{Value: entry.Value}}
	}
	for _, v := range all {
		switch {
		case v.Value == "":
			return errors.New("a parameter's value is not empty")
		case !utf8.ValidString(v.Value):
			return errors.New("the value is not UTF-8")
		case len(v.Value) > maxParameter:
			return fmt.Errorf("the value is longer than %d bytes", maxParameter)
		}
	}
	return nil
}

// checkParameterName refuses what Parameter Store refuses, in its words.
func checkParameterName(name string) error {
	switch {
	case !only(name, letters+digits+"_.-/") || strings.Contains(name, "//") ||
		strings.HasSuffix(name, "/"):
		return &apiError{code: "ValidationException", message: `Parameter name: can't be prefixed with "ssm" ` +
			`(case-insensitive). If formed as a path, it can consist of sub-paths divided by slash symbol; ` +
			`each sub-path can be formed as a mix of letters, numbers and the following 3 symbols .-_`}
	case strings.Contains(name, "/") && name[0] != '/':
		return &apiError{code: "ValidationException", message: "Parameter name must be a fully qualified name."}
	}
	return nil
}

// DeleteParameter removes an entry, with all its versions.
func (s *Server) DeleteParameter(key string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.parameters, key)
}

// version finds what a selector, as ":3" or ":label", stands for: the newest
// version where it is empty. The number is zero where there is none.
func (p *parameter) version(selector string) (parameterVersion, int) {
	wanted := strings.TrimPrefix(selector, ":")
	number, err := strconv.Atoi(wanted)
	if wanted == "" {
		number, err = len(p.versions), nil
	}
	if err == nil && number >= 1 && number <= len(p.versions) {
		return p.versions[number-1], number
	}
	for i, v := range p.versions {
		if slices.Contains(v.labels, wanted) {
			return v, i + 1
		}
	}
	return parameterVersion{}, 0
}

// ciphertext is what a SecureString shows without decryption: base64 that
// looks like KMS's and has nothing of the value in it.
func (p *parameter) ciphertext(number int) string {
	blob := []byte("\x01\x02\x02\x00x")
	for i := range 10 {
		blob = append(blob, digest("ciphertext", p.arn(), fmt.Sprint(number), fmt.Sprint(i))...)
	}
	return base64.StdEncoding.EncodeToString(blob)
}
