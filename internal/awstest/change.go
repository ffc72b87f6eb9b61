package awstest

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"maps"
	"slices"
)

// Change makes the secrets, the parameters, the policy, the roles and the faults
// those of cfg, all at one moment.
//
// What an entry says of something that is there is done as people do it: another
// String or Binary is a rotation, another Value the next version of a parameter,
// and what says nothing new changes nothing. A secret with another Suffix, a
// parameter of another Type, and an entry at another place is deleted and made
// anew, as there is no other way on AWS. What cfg does not have is deleted.
//
// The account and the Region stay: a cfg that names others is an error. Its keys
// are not looked at: see RenewCredentials. After an error nothing has changed.
func (s *Server) Change(cfg Config) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	secrets, parameters, faults, roles := s.secrets, s.parameters, s.faults, s.roles
	err := s.changeLocked(cfg)
	if err != nil {
		s.secrets, s.parameters, s.faults, s.roles = secrets, parameters, faults, roles
	}
	return err
}

func (s *Server) changeLocked(cfg Config) error {
	errs := []error{cfg.Policy.validate()}
	if cmp.Or(cfg.Account, s.account) != s.account || cmp.Or(cfg.Region, s.region) != s.region {
		errs = append(errs, errors.New("a server's account and region do not change"))
	}
	secrets, parameters := s.secrets, s.parameters
	s.secrets, s.parameters, s.faults, s.roles = map[string]*secret{}, map[string]*parameter{}, nil, map[string]Role{}
	s.setFunctionPolicyLocked(cfg.Policy)
	for _, arn := range slices.Sorted(maps.Keys(cfg.Roles)) {
		errs = append(errs, s.setRoleLocked(arn, cfg.Roles[arn]))
	}
	for _, key := range slices.Sorted(maps.Keys(cfg.Secrets)) {
		entry := cfg.Secrets[key]
		old := s.sameSecret(key, entry, secrets[key])
		if old != nil && old.holds(entry) {
			entry.String, entry.Binary, entry.Versions = "", nil, nil
		}
		errs = append(errs, s.setSecretLocked(key, entry, old))
	}
	for _, key := range slices.Sorted(maps.Keys(cfg.Parameters)) {
		entry := cfg.Parameters[key]
		old := s.sameParameter(key, entry, parameters[key])
		if old != nil && old.holds(entry) {
			entry.Value, entry.Labels, entry.Versions = "", nil, nil
		}
		errs = append(errs, s.setParameterLocked(key, entry, old))
	}
	for i, fault := range cfg.Faults {
		if err := s.addFaultLocked(fault); err != nil {
			errs = append(errs, fmt.Errorf("fault %d: %w", i+1, err))
		}
	}
	return errors.Join(errs...)
}

// sameSecret returns what of old an entry leaves as it is: who it is, and its
// versions. It returns nil if the entry means another secret.
func (s *Server) sameSecret(key string, entry Secret, old *secret) *secret {
	if old == nil || old.place != s.place(key).changed(entry.Account, entry.Region, entry.Name) ||
		cmp.Or(entry.Suffix, old.suffix) != old.suffix {
		return nil
	}
	return &secret{place: old.place, suffix: old.suffix, created: old.created, made: old.made, versions: old.versions}
}

// holds reports whether an entry says nothing new about the values.
func (s *secret) holds(entry Secret) bool {
	if len(entry.Versions) == 0 {
		current, err := s.version("", "")
		return err == nil && current.text == entry.String && bytes.Equal(current.binary, entry.Binary)
	}
	return slices.EqualFunc(s.versions, entry.Versions, func(have secretVersion, want SecretVersion) bool {
		return cmp.Or(want.ID, have.id) == have.id && slices.Equal(have.stages, want.Stages) &&
			have.text == want.String && bytes.Equal(have.binary, want.Binary)
	})
}

// sameParameter is as sameSecret.
func (s *Server) sameParameter(key string, entry Parameter, old *parameter) *parameter {
	if old == nil || old.place != s.place(key).changed(entry.Account, entry.Region, entry.Name) ||
		cmp.Or(entry.Type, defaultType) != old.kind {
		return nil
	}
	return &parameter{place: old.place, kind: old.kind, versions: old.versions}
}

// holds reports whether an entry says nothing new about the values.
func (p *parameter) holds(entry Parameter) bool {
	if len(entry.Versions) == 0 {
		newest, _ := p.version("")
		return newest.value == entry.Value && slices.Equal(newest.labels, entry.Labels)
	}
	return slices.EqualFunc(p.versions, entry.Versions, func(have parameterVersion, want ParameterVersion) bool {
		return have.value == want.Value && slices.Equal(have.labels, want.Labels)
	})
}
