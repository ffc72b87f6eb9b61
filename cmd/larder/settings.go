package main

import (
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"time"
	"unicode"

	"larder/manifest"
	"larder/secret"
	"larder/source"
)

// settings is everything that the environment says, validated. Nothing else
// reads the environment, but for the proxies of net/http.
type settings struct {
	// The settings of the tables in variables.go.
	cacheEnabled   bool
	entries        int
	port           int
	level          slog.Level
	maxConnections int
	ttl            map[secret.Service]time.Duration
	timeout        map[secret.Service]time.Duration
	scan           bool
	initTimeout    time.Duration
	warn           bool
	maxStale       time.Duration
	cacheBytes     int
	declaredOnly   bool
	metrics        bool // embedded-metric lines in the log

	// What Lambda and the SDK's users set.
	runtimeAPI   string
	mode         mode
	region       string
	functionName string
	version      string // of the function
	memory       int    // of the function, in MB; 0 where that is not known
	json         bool
	sdk          sdkSettings

	declarations []manifest.Declaration
}

// readSettings reads the environment. Warnings are about values that were
// replaced, mistakes about values that nothing can be made of: with one of those
// the extension must not start.
func readSettings(environ []string) (s settings, warnings, mistakes []error) {
	env := variablesOf(environ)
	s.ttl = make(map[secret.Service]time.Duration)
	s.timeout = make(map[secret.Service]time.Duration)
	for _, v := range variables() {
		warning, mistake := v.read(&s, env)
		warnings, mistakes = add(warnings, warning), add(mistakes, mistake)
	}
	names := slices.Sorted(maps.Keys(env))
	warnings = add(warnings, unknownVariables(names))
	if s.scan {
		warnings = add(warnings, nearReferences(names, env))
	}
	s.mode = readMode(env)
	strange, wrong := s.readPlatform(env)
	warnings, mistakes = append(warnings, strange...), append(mistakes, wrong...)

	s.declarations, wrong = manifest.Find(environ, s.scan, s.region)
	mistakes = append(mistakes, wrong...)
	if !s.cacheEnabled {
		s.entries = 0
	}
	if n := len(manifest.Keys(s.declarations)); s.entries > 0 && n > s.entries {
		mistakes = append(mistakes, fmt.Errorf("%sCACHE_SIZE: %d secrets and parameters are declared, and the cache has room for %d", awsPrefix, n, s.entries))
	}
	if n := len(roles(s.declarations)); n > source.MaxRoles {
		mistakes = append(mistakes, fmt.Errorf("role: the references name %d roles, and one environment can use %d", n, source.MaxRoles))
	}
	return s, warnings, mistakes
}

// variablesOf returns a list of NAME=value items by name; the last of a name counts.
func variablesOf(items []string) map[string]string {
	variables := make(map[string]string, len(items))
	for _, item := range items {
		name, value, _ := strings.Cut(item, "=")
		variables[name] = value
	}
	return variables
}

// roles returns the roles that references name besides the function's own.
func roles(declarations []manifest.Declaration) []string {
	var roles []string
	for _, d := range declarations {
		if role := d.Key.Role; role != "" && !slices.Contains(roles, role) {
			roles = append(roles, role)
		}
	}
	return roles
}

func add(list []error, err error) []error {
	if err == nil {
		return list
	}
	return append(list, err)
}

// nearReferences warns of values that are a reference but for blanks or quotes
// around it, or capitals in its scheme: the function gets those as they are.
func nearReferences(names []string, env map[string]string) error {
	near := slices.DeleteFunc(slices.Clone(names), func(name string) bool {
		scheme, rest, found := strings.Cut(strings.TrimFunc(env[name], surrounds), "://")
		return name == manifest.PrefetchVariable || name == tokenVariable || !found ||
			secret.IsReference(env[name]) || !secret.IsReference(strings.ToLower(scheme)+"://"+rest)
	})
	if len(near) == 0 {
		return nil
	}
	return fmt.Errorf("%s: the value is no reference, and looks like one: write it without blanks or quotes around it, and its scheme in lower case", some(near))
}

// surrounds reports whether a character is one that slips in around a value.
func surrounds(r rune) bool { return unicode.IsSpace(r) || r == '"' || r == '\'' }

// maxNamed is how many variables one warning names.
const maxNamed = 10

// some names the first few of many variables.
func some(names []string) string {
	if more := len(names) - maxNamed; more > 0 {
		return fmt.Sprintf("%s and %d more", strings.Join(names[:maxNamed], ", "), more)
	}
	return strings.Join(names, ", ")
}
