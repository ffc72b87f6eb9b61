package main

import (
	"context"
	"io"
	"slices"
	"strings"

	"larder/manifest"
	"larder/policy"
	"larder/secret"
	"larder/source"
)

// check validates what the extension would be started with, writes what it finds,
// and returns the exit code.
func check(ctx context.Context, o checkOptions, stdout io.Writer) int {
	s, home, warnings, mistakes := o.settings()
	r := &report{References: []entry{}, Mistakes: texts(mistakes), Warnings: texts(warnings)}
	r.mendNearMisses(s)
	r.checkLambda(o, s)
	r.noteARNs(o.environ)
	if !home {
		r.note("AWS_REGION is not set: a Region that a reference names counts as another than the function's")
	}
	a := new(answers)
	switch {
	case !o.online:
	case len(mistakes) > 0: // the extension would not ask either
		r.note("AWS was not asked: mend the settings and references first")
	case !home:
		r.Failures = append(r.Failures, "no Region: set AWS_REGION")
	default:
		config := s.source()
		config.Ephemeral = false // there is no snapshot here
		src := source.New(config)
		defer src.Close()
		a = inquire(ctx, src, s, o.describe, r)
	}
	if a.identity != nil {
		r.Identity = &caller{ARN: a.identity.ARN, Account: a.identity.Account, Region: s.region}
	}
	for _, d := range s.declarations {
		entry := newEntry(d, a)
		if !home && d.Key.Region == standIn {
			entry.Region = "${AWS::Region}"
		}
		r.References = append(r.References, entry)
	}
	certain, possible := wrapping(o, s.declarations, a)
	if o.wrapped() {
		r.Mistakes = append(r.Mistakes, certain...)
	} else {
		r.Warnings = append(r.Warnings, certain...)
	}
	r.Warnings = append(r.Warnings, possible...)
	keys := declaredKeys(s.declarations)
	r.Calls = countCalls(s, keys, a)
	if slices.ContainsFunc(keys, func(k secret.Key) bool { return k.IsTree() && a.records[k] == nil }) {
		r.note("a tree that was not read counts as one call: it takes one for each ten parameters")
	}
	r.setPolicy(s, keys, a)
	r.ExitCode = r.exitCode()
	if o.json {
		return r.writeJSON(stdout)
	}
	return r.writeText(stdout)
}

// newCredentials is what helps where there are none, or none that do.
const newCredentials = `eval "$(aws configure export-credentials --format env)" sets them`

func texts(errs []error) []string {
	all := make([]string, len(errs))
	for i, err := range errs {
		all[i] = err.Error()
	}
	return all
}

// declaredKeys returns the distinct keys in the order of the declarations.
func declaredKeys(declarations []manifest.Declaration) []secret.Key {
	var keys []secret.Key
	for _, d := range declarations {
		if !slices.Contains(keys, d.Key) {
			keys = append(keys, d.Key)
		}
	}
	return keys
}

// setPolicy writes the policy of the function's role, and those of the roles that
// references name. Where a value is not encrypted, or its keys have been looked up,
// no more than these are allowed.
func (r *report) setPolicy(s settings, keys []secret.Key, a *answers) {
	if len(keys) == 0 {
		return
	}
	home := policy.Home{Region: s.region}
	if a.identity != nil {
		home.Partition, home.Account = partitionOf(a.identity.ARN), a.identity.Account
	} else {
		r.note("${AWS::…} are CloudFormation's pseudo parameters, for Fn::Sub; write what they stand for elsewhere")
	}
	optional := manifest.Keys(s.declarations)
	batched := source.Batched(keys)
	reads := make([]policy.Read, len(keys))
	for i, k := range keys {
		reads[i] = policy.Read{
			Key: k, Optional: optional[k].Optional, Batched: batched[k], Encryption: a.encryption(k),
			Whole: a.records[k] != nil && a.records[k].ARN == k.ID,
		}
	}
	documents := policy.Documents(home, reads)
	if anyKey(documents) {
		note := policy.KeyStatement + " has key/* where the key is not known: leave that out if it is no customer managed one"
		if a.descriptions == nil {
			note += "; --describe looks the keys up"
		}
		r.note(note)
	}
	own := documents[""]
	delete(documents, "")
	r.Policy, r.RolePolicies = &own, documents
	if len(documents) > 0 {
		r.note("each role's trust policy must name the function's role")
	}
}

// anyKey reports whether one of the policies allows keys without naming them.
func anyKey(documents map[string]policy.Document) bool {
	for _, d := range documents {
		for _, s := range d.Statement {
			if s.Sid == policy.KeyStatement && slices.ContainsFunc(s.Resource, func(r string) bool { return strings.HasSuffix(r, ":key/*") }) {
				return true
			}
		}
	}
	return false
}
