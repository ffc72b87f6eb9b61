package main

import (
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

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
	notReferences  []string // variables that hold texts
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
	nearMisses   []string // variables whose value is almost a reference
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
	environ, warning := s.withoutTexts(environ, env)
	warnings = add(warnings, warning)
	if s.scan {
		s.nearMisses = nearMisses(names, env, s.notReferences)
		warnings = add(warnings, nearMissWarning(s.nearMisses))
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

// withoutTexts looks at what LARDER_NOT_REFERENCES names, and returns the environment without
// those variables: they hold texts, whatever these look like.
func (s *settings) withoutTexts(environ []string, env map[string]string) (rest []string, warning error) {
	if len(s.notReferences) == 0 {
		return environ, nil
	}
	var unknown []string
	for i, name := range s.notReferences {
		if _, ok := env[name]; !ok {
			unknown = append(unknown, strconv.Itoa(i+1)) // the text may be no name, and a value
		}
	}
	if len(unknown) > 0 {
		warning = fmt.Errorf("%s, item %s: there is no such variable", notReferencesVariable, some(unknown))
	}
	return slices.DeleteFunc(slices.Clone(environ), func(item string) bool {
		name, _, _ := strings.Cut(item, "=")
		return name != manifest.PrefetchVariable && slices.Contains(s.notReferences, name)
	}), warning
}

// maxNamed is how many variables one warning names.
const maxNamed = 10

// some names the first few of many variables.
func some(names []string) string {
	if more := len(names) - maxNamed; more > 0 {
		return fmt.Sprintf("%s and %d more", strings.Join(names[:maxNamed], ", "), more)
	}
	return strings.Join(names, ", ")
}
