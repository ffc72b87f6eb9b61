package main

import (
	"fmt"
	"slices"
	"strings"
	"unicode"

	"larder/manifest"
	"larder/secret"
)

// nearMisses returns the variables whose value is no reference and was meant as one,
// most likely: the function gets it as it is, and says that the password is wrong.
func nearMisses(names []string, env map[string]string, exempt []string) []string {
	var near []string
	for _, name := range names {
		if name != manifest.PrefetchVariable && name != tokenVariable && !slices.Contains(exempt, name) && isNearMiss(env[name]) {
			near = append(near, name)
		}
	}
	return near
}

// nearMissWarning names them.
func nearMissWarning(names []string) error {
	if len(names) == 0 {
		return nil
	}
	return fmt.Errorf("%s: the value is no reference, and looks like one: write secretsmanager://NAME, ssm:///PATH or ssm://NAME, in lower case "+
		"and with nothing around it. If it is meant as it is, name the variable in %s", some(names), notReferencesVariable)
}

// longestScheme bounds what is looked at before a value is taken for a text.
const longestScheme = 64

// isNearMiss reports whether a value is almost a reference: but for what is around it or
// cannot be seen, for capitals, for the spelling of its scheme or the slashes behind that;
// or because it is CloudFormation's form. It looks at every variable of every cold start.
func isNearMiss(value string) bool {
	if secret.IsReference(value) || !strings.Contains(value, "/") && !strings.Contains(value, "{{") {
		return false
	}
	text := strings.TrimFunc(value, surrounds)
	if rest, ok := strings.CutPrefix(text, "{{resolve:"); ok {
		service, _, found := strings.Cut(rest, ":")
		return found && (service == "secretsmanager" || service == "ssm" || service == "ssm-secure")
	}
	end := strings.IndexAny(text, ":/")
	if end < 1 || end > longestScheme {
		return false
	}
	scheme, rest := plainScheme(text[:end]), text[end:]
	slashes := len(rest) - len(strings.TrimLeft(rest, ":/"))
	switch {
	case slashes < 2 || slashes == len(rest) && !strings.HasPrefix(rest, "://"):
		return false // an action of IAM, a path, or nothing behind it
	case scheme == "ssm":
		return true
	}
	return slices.Contains([]string{"awsssm", "ssmparameter", "ssmparameterstore", "parameterstore", "awsparameterstore", "awssecretsmanager"}, scheme) ||
		differsByTwo(scheme, secret.SecretsManager.Scheme())
}

// surrounds reports whether a character is one that slips in around a value: a blank, a
// quote of any kind, or one that is not seen.
func surrounds(r rune) bool {
	return unicode.IsSpace(r) || unicode.Is(unicode.Cf, r) || r == '"' || r == '\'' || r == '`' || unicode.Is(unicode.Pi, r) || unicode.Is(unicode.Pf, r) || r == '„' || r == '‚'
}

// plainScheme returns a scheme in lower case, without hyphens and what is not seen.
func plainScheme(text string) string {
	return strings.Map(func(r rune) rune {
		if r == '-' || r == '_' || unicode.Is(unicode.Cf, r) || unicode.IsSpace(r) {
			return -1
		}
		return unicode.ToLower(r)
	}, text)
}

// differsByTwo reports whether a becomes b by two letters at most that are left out,
// added or changed.
func differsByTwo(a, b string) bool {
	const most = 2
	return len(a)-len(b) <= most && len(b)-len(a) <= most && distance(a, b, most) <= most
}

// distance returns by how many letters a and b differ, and more than most where that is
// more.
func distance(a, b string, most int) int {
	for a != "" && b != "" && a[0] == b[0] {
		a, b = a[1:], b[1:]
	}
	if most == 0 || a == "" || b == "" {
		return max(len(a), len(b))
	}
	return 1 + min(distance(a[1:], b, most-1), distance(a, b[1:], most-1), distance(a[1:], b[1:], most-1))
}
