// Package manifest is what the function declares: the references found in its
// environment, what they are worth during init, and the variables that they
// stand for. Every read passes through it, because a declaration decides what a
// read waits for and whether it is allowed.
package manifest

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"larder/cache"
	"larder/secret"
)

// PrefetchVariable names references besides those that are the value of a
// variable.
const PrefetchVariable = "LARDER_PREFETCH"

// Declaration is one reference and where it stands.
type Declaration struct {
	// Variable is the environment variable, or PrefetchVariable.
	Variable string
	// Reference is what it says.
	Reference secret.Reference
	// Key is what AWS is asked for.
	Key secret.Key
}

// String names the declaration for logs and errors.
func (d Declaration) String() string {
	return fmt.Sprintf("%s (%s in %s)", d.Variable, d.Reference, d.Key.Region)
}

// IsVariable reports whether the reference is the whole value of a variable.
func (d Declaration) IsVariable() bool { return d.Variable != PrefetchVariable }

// Find returns what is declared in an environment of NAME=value items, in the
// order of the variables' names, and all mistakes by variable. region is the
// function's. Without scan only PrefetchVariable is looked at.
func Find(environ []string, scan bool, region string) ([]Declaration, []error) {
	var found []Declaration
	var mistakes []error
	add := func(variable, where, text string) {
		ref, err := secret.ParseReference(text)
		var key secret.Key
		if err == nil {
			key, err = ref.Key(region)
		}
		if err != nil {
			mistakes = append(mistakes, fmt.Errorf("%s: %w", where, err))
			return
		}
		found = append(found, Declaration{Variable: variable, Reference: ref, Key: key})
	}
	sorted := slices.SortedStableFunc(slices.Values(environ), func(a, b string) int {
		return strings.Compare(nameOf(a), nameOf(b))
	})
	for _, item := range sorted {
		name, value, _ := strings.Cut(item, "=")
		switch {
		case name == PrefetchVariable:
			for i, text := range Items(value) {
				where := fmt.Sprintf("%s, item %d", name, i+1)
				if i > 0 && !secret.IsReference(text) { // the rest of the one before, maybe
					mistakes = append(mistakes, fmt.Errorf("%s: %w", where, errItem))
					continue
				}
				add(name, where, text)
			}
		case scan && secret.IsReference(value):
			add(name, name, value)
		}
	}
	return found, mistakes
}

// errItem is what follows a separator that was part of a role's name or a field.
var errItem = errors.New("a reference starts with secretsmanager:// or ssm://; a comma or white space ends an item, " +
	"so a reference that has one in it must be the value of a variable")

// nameOf returns the name of a NAME=value item. Whole items sort otherwise: '1'
// comes before '='.
func nameOf(item string) string {
	name, _, _ := strings.Cut(item, "=")
	return name
}

// Items splits a list at commas and white space.
func Items(list string) []string {
	return strings.FieldsFunc(list, func(r rune) bool {
		return r == ',' || r == ' ' || r == '\t' || r == '\n' || r == '\r'
	})
}

// Keys returns the distinct keys of declarations with what they ask of the
// cache: the smallest TTL that is given, and optional only if all of them are.
func Keys(declarations []Declaration) map[secret.Key]cache.Declaration {
	keys := make(map[secret.Key]cache.Declaration)
	for _, d := range declarations {
		k, seen := keys[d.Key]
		k.Optional = d.Reference.Optional && (!seen || k.Optional)
		if r := d.Reference; r.HasTTL && (!k.HasTTL || r.TTL < k.TTL) {
			k.TTL, k.HasTTL = r.TTL, true
		}
		keys[d.Key] = k
	}
	return keys
}
