package awstest

import (
	"cmp"
	"errors"
	"fmt"
	"time"
	"unicode/utf8"
)

// maxSecret is the service's limit on a value, in bytes.
const maxSecret = 65_536

// secret is a Secret as it is kept.
type secret struct {
	place
	suffix             string
	kmsKey             string
	deleted, kmsDenied bool
	created            time.Time
	made               int // versions ever made
	versions           []secretVersion
}

// secretVersion is a version as it is kept. Its stages are replaced, never
// changed in place, because answers share them.
type secretVersion struct {
	id      string
	stages  []string
	text    string
	binary  []byte
	created time.Time
}

func (s *secret) arn() string { return s.partialARN() + "-" + s.suffix }

// changed is when the newest version was made, or the secret if it has none.
func (s *secret) changed() time.Time {
	if len(s.versions) == 0 {
		return s.created
	}
	return s.versions[len(s.versions)-1].created
}

func (s *secret) partialARN() string { return s.place.arn("secretsmanager", "secret:"+s.name) }

// SetSecret makes or changes the entry of a key. On an entry that exists,
// String or Binary do what a rotation does: the value becomes the new
// AWSCURRENT, the version before it AWSPREVIOUS. Versions replace them all.
// Deleted and KMSDenied are taken as given; any other zero field stays as it
// was.
func (s *Server) SetSecret(key string, entry Secret) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.setSecretLocked(key, entry, s.secrets[key])
}

// setSecretLocked stores what an entry makes of old, or of nothing.
func (s *Server) setSecretLocked(key string, entry Secret, old *secret) error {
	now := time.Now()
	next := &secret{place: s.place(key), created: now}
	if old != nil {
		*next = *old
	}
	next.place = next.place.changed(entry.Account, entry.Region, entry.Name)
	next.suffix = cmp.Or(entry.Suffix, next.suffix, suffixOf(next.name, s.born[next.place]))
	next.kmsKey = cmp.Or(entry.KMSKey, next.kmsKey)
	next.deleted, next.kmsDenied = entry.Deleted, entry.KMSDenied
	if err := errors.Join(next.check(), entry.checkVersions()); err != nil {
		return fmt.Errorf("secret %q: %w", key, err)
	}
	for other, stored := range s.secrets {
		if other != key && stored.place == next.place {
			return fmt.Errorf("secret %q: the entry %q has the same name, account and region", key, other)
		}
	}
	next.put(entry, now)
	s.secrets[key] = next
	if old == nil {
		s.born[next.place]++
	}
	return nil
}

// put takes the entry's versions over, or adds its value to those there are.
func (s *secret) put(entry Secret, now time.Time) {
	added := entry.Versions
	switch {
	case len(added) > 0:
		s.versions = nil
	case entry.String != "" || entry.Binary != nil:
		added = []SecretVersion{{Stages: []string{"AWSCURRENT"}, String: entry.String, Binary: entry.Binary}}
		s.versions = demoted(s.versions)
	}
	for _, v := range added {
		s.made++
		if v.ID == "" {
			v.ID = formatUUID([16]byte(digest("version", s.arn(), fmt.Sprint(s.made))))
		}
		s.versions = append(s.versions, secretVersion{v.ID, v.Stages, v.String, v.Binary, now})
	}
}

// demoted is the versions after AWSCURRENT has left them: the one that had it
// is AWSPREVIOUS now, and no other is.
func demoted(versions []secretVersion) []secretVersion {
	out := make([]secretVersion, len(versions))
	for i, v := range versions {
		var stages []string
		for _, stage := range v.stages {
			switch stage {
			case "AWSCURRENT":
				stages = append(stages, "AWSPREVIOUS")
			case "AWSPREVIOUS":
			default:
				stages = append(stages, stage)
			}
		}
		v.stages = stages
		out[i] = v
	}
	return out
}

func (s *secret) check() error {
	switch {
	case !secretName(s.name):
		return errors.New("the name is not valid: want letters, digits and /_+=.@-")
	case len(s.suffix) != 6 || !only(s.suffix, letters+digits):
		return fmt.Errorf("suffix %q: want six letters or digits", s.suffix)
	}
	return s.place.check()
}

func (entry Secret) checkVersions() error {
	short := SecretVersion{String: entry.String, Binary: entry.Binary}
	hasShort := short.String != "" || short.Binary != nil
	if hasShort && len(entry.Versions) > 0 {
		return errors.New("write either string, binary or versions")
	}
	all := entry.Versions
	if hasShort {
		all = []SecretVersion{short}
	}
	ids, staged := map[string]bool{}, map[string]bool{}
	for _, v := range all {
		switch {
		case (v.String != "") == (len(v.Binary) > 0):
			return errors.New("a version has either a string or a binary, and it is not empty")
		case !utf8.ValidString(v.String):
			return errors.New("the string is not UTF-8: write it as binary")
		case len(v.String)+len(v.Binary) > maxSecret:
			return fmt.Errorf("the value is longer than %d bytes", maxSecret)
		case v.ID != "" && ids[v.ID]:
			return fmt.Errorf("two versions have the id %q", v.ID)
		}
		ids[v.ID] = true
		for _, stage := range v.Stages {
			if staged[stage] {
				return fmt.Errorf("two versions have the stage %q", stage)
			}
			staged[stage] = true
		}
	}
	return nil
}

func secretName(name string) bool {
	return len(name) <= 512 && only(name, letters+digits+"/_+=.@-")
}

// DeleteSecret removes an entry at once and for good. One that is scheduled
// for deletion is set with Deleted instead.
func (s *Server) DeleteSecret(key string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.secrets, key)
}
