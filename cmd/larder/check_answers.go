package main

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"larder/cache"
	"larder/manifest"
	"larder/policy"
	"larder/secret"
	"larder/source"
)

// answers is what AWS said. The zero answers are those of nobody who was asked.
type answers struct {
	identity *source.Identity // nil: STS was not asked, or did not say
	records  map[secret.Key]*secret.Record
	blanks   map[manifest.Declaration]blank
	// descriptions are nil where they were not asked for.
	descriptions map[secret.Key]source.Description
}

// blank is why a declaration has no value, and what that means: absent, wrong or
// unanswered.
type blank struct {
	state string
	err   *secret.Error
}

// value returns what a declaration names, if AWS has it.
func (a *answers) value(d manifest.Declaration) (secret.Value, bool) {
	r := a.records[d.Key]
	if _, is := a.blanks[d]; is || r == nil {
		return secret.Value{}, false
	}
	value, _ := r.Value.Pick(d.Reference.Field) // an error would be among the blanks
	return value, true
}

// prefetchLimit bounds prefetch, and nothing else: it asks again for as long as it
// may, and every other call has a limit of its own in source. It is what Lambda
// gives init, and not LARDER_INIT_TIMEOUT: this machine may be far from AWS.
const prefetchLimit = 10 * time.Second

// inquire asks AWS for all that is declared, as the extension does when it starts,
// and adds to the report what has no line in its table.
func inquire(ctx context.Context, src *source.Source, s settings, describe bool, r *report) *answers {
	a := new(answers)
	var failure *secret.Error
	if a.identity, failure = src.Identity(ctx); failure != nil {
		r.Failures = append(r.Failures, "asking STS who this is: "+explain(failure))
		if failure.Class == secret.Credentials {
			return a
		}
	}
	a.prefetch(ctx, s, src, r)
	a.single(ctx, s.declarations, src, r)
	var lacking []string
	for _, missing := range src.Lacking() {
		instead := "a call for each"
		if missing.Action == secret.GetParameter {
			instead = secret.GetParameters
		}
		lacking = append(lacking, fmt.Sprintf("%s in %s is denied to %s: everything works, with %s",
			missing.Action, missing.Region, whose(missing.Role), instead))
	}
	r.Warnings = append(r.Warnings, slices.Sorted(slices.Values(lacking))...)
	if describe {
		a.describe(ctx, s.declarations, src, r)
	}
	return a
}

func whose(role string) string {
	if role == "" {
		return "the function's role"
	}
	return "the role " + role
}

// prefetch is the extension's own, and keeps what comes.
func (a *answers) prefetch(ctx context.Context, s settings, src *source.Source, r *report) {
	ctx, cancel := context.WithTimeout(ctx, prefetchLimit)
	defer cancel()
	var mu sync.Mutex
	a.records = make(map[secret.Key]*secret.Record)
	failures := make(map[secret.Key]*secret.Error)
	c := cache.New(cache.Config{
		Fetch: func(ctx context.Context, keys []secret.Key, deliver func(secret.Result)) {
			src.Fetch(ctx, keys, func(result secret.Result) {
				mu.Lock()
				a.records[result.Key], failures[result.Key] = result.Record, result.Err
				mu.Unlock()
				deliver(result)
			})
		},
		TTL: s.ttl, Entries: s.entries, Bytes: s.cacheBytes, Declared: manifest.Keys(s.declarations),
	})
	verdict := manifest.New(manifest.Config{Declarations: s.declarations, Cache: c, Region: s.region}).Prefetch(ctx)
	c.Close()
	a.blanks = make(map[manifest.Declaration]blank)
	for _, d := range s.declarations {
		if failure := failures[d.Key]; failure != nil {
			a.blanks[d] = blank{absent, failure} // unless the verdict says otherwise
		}
	}
	for _, p := range verdict.Missing {
		a.blanks[p.Declaration] = blank{wrong, p.Err}
	}
	for _, p := range verdict.Late {
		a.blanks[p.Declaration] = blank{unanswered, p.Err}
	}
	if verdict.TooLarge != nil {
		r.Mistakes = append(r.Mistakes, verdict.TooLarge.Error())
	}
}

// single asks once more, alone, for one parameter of each batch. The permission
// for that is another one, which would be missed only when a refresh has nothing
// else to ask for: source notes that it is. A batch of secrets takes both at once.
func (a *answers) single(ctx context.Context, declarations []manifest.Declaration, src *source.Source, r *report) {
	type place struct{ region, role string }
	seen := make(map[place]bool)
	var chosen []manifest.Declaration
	var keys []secret.Key // no two of which can share a call
	batched := source.Batched(declaredKeys(declarations))
	for _, d := range declarations {
		where := place{d.Key.Region, d.Key.Role}
		if d.Key.Service == secret.ParameterStore && batched[d.Key] && a.records[d.Key] != nil && !seen[where] {
			seen[where] = true
			chosen, keys = append(chosen, d), append(keys, d.Key)
		}
	}
	var mu sync.Mutex
	failures := make(map[secret.Key]*secret.Error)
	src.Fetch(ctx, keys, func(result secret.Result) {
		mu.Lock()
		defer mu.Unlock()
		failures[result.Key] = result.Err
	})
	for _, d := range chosen {
		switch failure := failures[d.Key]; {
		case failure == nil:
		case failure.Class.Transient():
			r.Failures = append(r.Failures, manifest.Problem{Declaration: d, Err: failure}.String())
		default:
			r.Mistakes = append(r.Mistakes, manifest.Problem{Declaration: d, Err: failure}.String())
		}
	}
}

// describe looks up the KMS keys of what is encrypted.
func (a *answers) describe(ctx context.Context, declarations []manifest.Declaration, src *source.Source, r *report) {
	var keys []secret.Key
	names := make(map[secret.Key]manifest.Declaration)
	for _, d := range declarations {
		if _, seen := names[d.Key]; !seen && isEncrypted(d.Key, a.records[d.Key]) {
			names[d.Key] = d
			keys = append(keys, d.Key)
		}
	}
	a.descriptions = make(map[secret.Key]source.Description)
	for _, found := range src.Describe(ctx, keys) {
		d := names[found.Key]
		if found.Err != nil {
			r.Warnings = append(r.Warnings, manifest.Problem{Declaration: d, Err: found.Err}.String()+
				"; so the policy has every key for it")
			continue
		}
		a.descriptions[found.Key] = found
		for _, key := range found.KMSKeys {
			if policy.IsAlias(key) {
				r.Warnings = append(r.Warnings, fmt.Sprintf("%s: its key is %s, and a policy cannot name an alias: "+
					"it has every key for it; write the key's ARN there", d, key))
			}
		}
	}
}

// encryption returns what is known of the keys that encrypt what k names. An older
// version may have another one than the newest, which is what AWS describes.
func (a *answers) encryption(k secret.Key) policy.Encryption {
	if r := a.records[k]; r != nil && !isEncrypted(k, r) {
		return policy.Encryption{Known: true}
	}
	d, ok := a.descriptions[k]
	return policy.Encryption{Known: ok && k.Version == "" && k.Stage == "", Keys: d.KMSKeys}
}

// isEncrypted reports whether a key may have encrypted what was answered.
func isEncrypted(k secret.Key, r *secret.Record) bool {
	switch {
	case r == nil:
		return false
	case !k.IsTree():
		return r.Service == secret.SecretsManager || r.Type == secret.SecureString
	}
	for i := range r.Members {
		if r.Members[i].Type == secret.SecureString {
			return true
		}
	}
	return false
}

// partitionOf returns the second part of an ARN.
func partitionOf(arn string) string {
	_, rest, _ := strings.Cut(arn, ":")
	partition, _, _ := strings.Cut(rest, ":")
	return partition
}
