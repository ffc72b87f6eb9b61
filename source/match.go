package source

import (
	"strings"

	"larder/secret"
)

// match finds out which record of a batch's answer belongs to which key. AWS
// answers in an order of its own, without repeating what was asked. A key that
// is not in the result has no record, or more than one that may be meant.
//
// ARNs are compared whole. Cutting the six characters off an ARN by pattern
// would take the secret named "db-secret" for the one named "db".
func match(keys []secret.Key, records []*secret.Record) map[secret.Key]*secret.Record {
	records = distinct(records)
	found := make(map[secret.Key]*secret.Record, len(keys))
	byARN := make(map[*secret.Record]bool)
	pick := func(k secret.Key, fits func(*secret.Record) bool) {
		var candidates []*secret.Record
		for _, r := range records {
			if fits(r) {
				candidates = append(candidates, r)
			}
		}
		if len(candidates) == 1 {
			found[k] = candidates[0]
		}
	}
	var names []secret.Key
	for _, k := range keys {
		if !k.IsARN() {
			names = append(names, k)
			continue
		}
		pick(k, func(r *secret.Record) bool {
			if !meant(k.ID, r) {
				return false
			}
			byARN[r] = true
			return true
		})
	}
	for _, k := range names {
		// A record that somebody asked for by ARN may be another account's secret
		// of the same name, so that nothing is certain about the name.
		pick(k, func(r *secret.Record) bool { return r.Name == k.ID && !byARN[r] })
	}
	return found
}

// meant reports whether the ARN, which may lack the six characters that AWS adds
// to a secret's name, is that of the record.
func meant(arn string, r *secret.Record) bool {
	if r.ARN == arn {
		return true
	}
	_, name, ok := strings.Cut(arn, ":secret:")
	return ok && r.Name == name && strings.HasPrefix(r.ARN, arn+"-")
}

// recognize passes on the record of a call that asked for one key alone, unless
// the record is of something else. AWS makes no such mistake; what answers at
// AWS_ENDPOINT_URL may, and one secret would be served under another's name.
func recognize(k secret.Key, r *secret.Record, err error) (*secret.Record, error) {
	if err == nil && !isOf(k, r) {
		return nil, errStranger
	}
	return r, err
}

// isOf reports whether the record names itself as the key does. An answer's name
// has no selector.
func isOf(k secret.Key, r *secret.Record) bool {
	switch {
	case k.Version != "" && k.Version != r.Version:
		return false
	case r.Name == k.ID, meant(k.ID, r):
		return true
	}
	// The parameters "p" and "/p" have one ARN, so they are one.
	return k.Service == secret.ParameterStore && strings.TrimPrefix(r.Name, "/") == strings.TrimPrefix(k.ID, "/")
}

// distinct drops records that repeat another: AWS may answer a secret that was
// asked for by name and by ARN once or twice.
func distinct(records []*secret.Record) []*secret.Record {
	type identity struct{ arn, name string }
	seen := make(map[identity]bool, len(records))
	var once []*secret.Record
	for _, r := range records {
		if id := (identity{r.ARN, r.Name}); !seen[id] {
			seen[id] = true
			once = append(once, r)
		}
	}
	return once
}
