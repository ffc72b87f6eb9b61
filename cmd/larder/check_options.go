package main

import (
	"errors"
	"fmt"
	"maps"
	"os"
	"path"
	"slices"
	"strings"

	"larder/internal/envfile"
	"larder/secret"
)

// checkOptions is what larder check is asked for.
type checkOptions struct {
	environ  map[string]string // of the function
	file     map[string]string // those of its variables that --env-file has; nil without one
	online   bool
	describe bool // only with online
	json     bool
}

// parseCheck reads the arguments and the file that they name.
func parseCheck(args, environ []string) (o checkOptions, err error) {
	o.environ = variablesOf(environ)
	for len(args) > 0 {
		name, value, hasValue := strings.Cut(args[0], "=")
		args = args[1:]
		switch {
		case name == "--env-file":
			if !hasValue {
				if len(args) == 0 {
					return o, errors.New("--env-file: name a file")
				}
				value, args = args[0], args[1:]
			}
			items, err := envfile.Read(value, os.Stdin)
			if err != nil {
				return o, fmt.Errorf("--env-file: %w", err)
			}
			o.file = variablesOf(items)
			o.environ = overlay(o.file, o.environ)
		case hasValue:
			return o, errors.New("check: only --env-file takes a value")
		case name == "--online":
			o.online = true
		case name == "--describe":
			o.online, o.describe = true, true
		case name == "--json":
			o.json = true
		default:
			return o, errors.New("check: there is no such argument")
		}
	}
	return o, nil
}

// wrapped reports whether larder-exec starts the runtime. Another wrapper may
// start larder-exec; that is not known.
func (o *checkOptions) wrapped() bool {
	return path.Base(strings.TrimSpace(o.environ["AWS_LAMBDA_EXEC_WRAPPER"])) == "larder-exec"
}

// overlay adds to the variables of a file those of AWS's that it does not set.
func overlay(file, process map[string]string) map[string]string {
	all := maps.Clone(file)
	for name, value := range process {
		if strings.HasPrefix(name, "AWS_") && !slices.ContainsFunc(alike(name), func(a string) bool { return file[a] != "" }) {
			all[name] = value
		}
	}
	return all
}

// alike returns the variables of which one says something about the others: a key
// of a file must not meet the session token of somebody else's.
func alike(name string) []string {
	for _, group := range [][]string{
		{"AWS_REGION", "AWS_DEFAULT_REGION"},
		{"AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_CONTAINER_CREDENTIALS_FULL_URI", "AWS_CONTAINER_AUTHORIZATION_TOKEN"},
	} {
		if slices.Contains(group, name) {
			return group
		}
	}
	return []string{name}
}

// standIn stands for the Region and for the session token, which Lambda sets and
// a terminal may lack.
const standIn = "unknown"

// settings reads the settings as the extension does. What only Lambda sets is not
// missed; home reports whether the function's Region is known.
func (o *checkOptions) settings() (s settings, home bool, warnings, mistakes []error) {
	env := maps.Clone(o.environ)
	if home = env["AWS_REGION"] != "" || env["AWS_DEFAULT_REGION"] != ""; !home {
		env["AWS_REGION"] = standIn
	}
	token := env["AWS_SESSION_TOKEN"]
	if strings.TrimSpace(token) == "" {
		env["AWS_SESSION_TOKEN"] = standIn
	}
	environ := make([]string, 0, len(env))
	for name, value := range env {
		environ = append(environ, name+"="+value)
	}
	s, warnings, mistakes = readSettings(environ)
	s.sdk.sessionToken = secret.NewValue([]byte(token))
	return s, home, warnings, mistakes
}
