package main

import (
	"encoding/json"
	"io"
	"slices"
	"strings"
	"time"

	"larder/manifest"
	"larder/policy"
	"larder/secret"
)

// report is what larder check found. Its JSON is for scripts, so no name in it
// changes. It holds no value.
type report struct {
	// Identity is who asked; nil where STS was not asked or did not say.
	Identity *caller `json:"identity,omitempty"`
	// References has an entry for every legal reference.
	References []entry `json:"references"`
	// Mistakes are what is to be mended besides what References says.
	Mistakes []string `json:"mistakes"`
	// Failures are why AWS could not be asked, besides what References says.
	Failures []string `json:"failures"`
	// Warnings are what works otherwise than was meant.
	Warnings []string `json:"warnings"`
	// Notes are how to read the rest.
	Notes []string `json:"notes"`
	// Calls counts the calls to AWS.
	Calls callCount `json:"calls"`
	// Policy is that of the function's role; nil if nothing is declared.
	Policy *policy.Document `json:"policy,omitempty"`
	// RolePolicies are those of the roles that references name, by ARN.
	RolePolicies map[string]policy.Document `json:"rolePolicies,omitempty"`
	// ExitCode is that of the program: see larder help.
	ExitCode int `json:"exitCode"`
}

// caller is who asked AWS.
type caller struct {
	ARN     string `json:"arn"`
	Account string `json:"account"`
	Region  string `json:"region"`
}

// The states of a reference.
const (
	unasked    = "unasked"    // AWS was not asked
	found      = "ok"         // there is a value
	absent     = "absent"     // optional, and not there
	wrong      = "wrong"      // cannot be had until somebody changes something
	unanswered = "unanswered" // AWS could not say
)

// entry is one reference.
type entry struct {
	Variable  string `json:"variable"`
	Reference string `json:"reference"`
	Source    string `json:"source"`
	Region    string `json:"region"`
	Role      string `json:"role,omitempty"`
	State     string `json:"state"`
	// Version, Changed, AgeSeconds and Size are those of a value that was found: Size
	// has the bytes that the variable would hold. Changed and AgeSeconds are left out
	// where AWS does not say.
	Version    string    `json:"version,omitempty"`
	Changed    time.Time `json:"changed,omitzero"`
	AgeSeconds *int64    `json:"ageSeconds,omitempty"`
	Size       *int      `json:"size,omitempty"`
	// Problem says what is wrong and what to do; Action is the IAM action that is
	// missing, if one is.
	Problem string `json:"problem,omitempty"`
	Action  string `json:"action,omitempty"`
}

func newEntry(d manifest.Declaration, a *answers) entry {
	e := entry{
		Variable: d.Variable, Reference: d.Reference.String(), Source: "Parameter Store",
		Region: d.Key.Region, Role: d.Key.Role, State: unasked,
	}
	if d.Key.Service == secret.SecretsManager {
		e.Source = "Secrets Manager"
	}
	if b, ok := a.blanks[d]; ok {
		e.State, e.Action = b.state, b.err.Action
		if b.state != absent { // which is as it may be
			e.Problem = explain(b.err)
		}
		return e
	}
	value, ok := a.value(d)
	if !ok {
		return e
	}
	r, size := a.records[d.Key], value.Len()
	e.State, e.Version, e.Size = found, r.Version, &size
	if e.Changed = changed(r); !e.Changed.IsZero() {
		age := max(0, int64(time.Since(e.Changed).Seconds())) // AWS's clock may be ahead
		e.AgeSeconds = &age
	}
	return e
}

// changed returns when the version was made; of a tree, the newest in it.
func changed(r *secret.Record) time.Time {
	newest := r.Created
	if newest.IsZero() {
		newest = r.Modified
	}
	for i := range r.Members {
		if m := changed(&r.Members[i]); m.After(newest) {
			newest = m
		}
	}
	return newest
}

// explain words a failure for somebody who can do something about it. The reference
// stands beside it.
func explain(failure *secret.Error) string {
	e := *failure
	e.Key = secret.Key{Role: e.Key.Role}
	advice := ""
	switch e.Class {
	case secret.NotFound:
		advice = "make it, correct the reference, or write ?optional"
	case secret.NotJSON, secret.FieldMissing:
		advice = "correct the field or the value"
	case secret.Credentials:
		advice = newCredentials
		if e.Code != "" {
			e.Message = "AWS refuses the credentials"
		}
	default:
		return e.Error()
	}
	return strings.TrimSuffix(e.Error(), ".") + "; " + advice
}

// note adds what helps to read the report.
func (r *report) note(text string) { r.Notes = append(r.Notes, text) }

// exitCode is the worst of what was found. What is wrong for certain counts for
// more than what is not known.
func (r *report) exitCode() int {
	has := func(state string) bool {
		return slices.ContainsFunc(r.References, func(e entry) bool { return e.State == state })
	}
	switch {
	case len(r.Mistakes) > 0 || has(wrong):
		return exitWrong
	case len(r.Failures) > 0 || has(unanswered):
		return exitUnasked
	}
	return exitRight
}

// writeJSON returns the exit code.
func (r *report) writeJSON(out io.Writer) int {
	for _, list := range []*[]string{&r.Mistakes, &r.Failures, &r.Warnings, &r.Notes} {
		if *list == nil {
			*list = []string{} // an empty list is written as one
		}
	}
	enc := json.NewEncoder(out)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	_ = enc.Encode(r) // to a pipe that nobody reads there is nothing to say
	return r.ExitCode
}
