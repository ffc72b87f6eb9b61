package manifest_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"larder/manifest"
	"larder/secret"
)

const (
	reader  = "arn:aws:iam::123456789012:role/team/reader"
	auditor = "arn:aws:iam::999999999999:role/auditor"
)

// as names a key with a role, in words.
func as(role, key string) string {
	if strings.Contains(key, "?") {
		return key + "&role=" + role
	}
	return key + "?role=" + role
}

// One name read with two roles is two things, each with its own TTL.
func TestKeysOfRoles(t *testing.T) {
	t.Parallel()
	found, mistakes := manifest.Find([]string{
		"A=secretsmanager://a?ttl=5", "B=" + as(reader, "secretsmanager://a?ttl=60"), "C=" + as(reader, "secretsmanager://a?ttl=30") + "#x",
		"LARDER_PREFETCH=" + as(auditor, "secretsmanager://a"),
	}, true, region)
	if len(mistakes) > 0 {
		t.Fatal(mistakes)
	}
	keys := manifest.Keys(found)
	is(t, "keys", len(keys), 3)
	is(t, "the TTL of one", keys[keyOf(t, as(reader, "secretsmanager://a"))].TTL, 30*time.Second)
	is(t, "a declaration in words", found[1].String(), "B (secretsmanager://a?role="+reader+"&ttl=1m0s in eu-west-1)")
}

// A comma ends an item of the list, and may stand in a role's name.
func TestRoleWithComma(t *testing.T) {
	t.Parallel()
	const text = "secretsmanager://a?role=arn:aws:iam::123456789012:role/x,y"
	_, mistakes := manifest.Find([]string{"A=" + text, "LARDER_PREFETCH=" + text}, true, region)
	if len(mistakes) != 1 || !strings.HasPrefix(mistakes[0].Error(), "LARDER_PREFETCH, item 2: ") ||
		!strings.Contains(mistakes[0].Error(), "a comma or white space ends an item") {
		t.Errorf("Find = %v, want one mistake that tells of commas", mistakes)
	}
}

// What is fetched with one role serves no read with another.
func TestRolesStayApart(t *testing.T) {
	env := "P=" + as(reader, "ssm:///p") + " LARDER_PREFETCH=" + as(reader, "ssm:///t/*")
	inBubble(t, env, func(t *testing.T, s *stand) {
		s.has(as(reader, "ssm:///t/*"), tree("/t/*", record("/t/a", planted)))
		s.init()
		for _, key := range []string{"ssm:///p", "ssm:///t/a"} {
			want := "v-" + strings.TrimPrefix(key, "ssm://")
			is(t, key+" with the role", s.get(as(reader, key)).got(), "hit "+want)
			is(t, key+" with the role, encrypted", s.get("encrypted "+as(reader, key)).got(), "hit "+want)
			s.asked(key + " with the role")
			is(t, key+" with another", s.get(as(auditor, key)).got(), "miss "+want)
			is(t, key+" with the function's own", s.get(key).got(), "miss "+want)
			s.asked(key+" with others", as(auditor, key), key)
		}
	})
}

// Only what a reference names, with its role, is declared.
func TestDeclaredOnlyRoles(t *testing.T) {
	const arn, memberARN = "arn:aws:secretsmanager:eu-west-1:123456789012:secret:a-AbCdEf", "arn:aws:ssm:eu-west-1:123456789012:parameter/t/x"
	env := "A=" + as(reader, "secretsmanager://a") + " B=secretsmanager://b LARDER_PREFETCH=" + as(reader, "ssm:///t/*")
	inBubble(t, env, func(t *testing.T, s *stand) {
		withARN, member := record("a", planted), record("/t/x", planted)
		withARN.ARN, member.ARN = arn, memberARN
		s.has(as(reader, "secretsmanager://a"), withARN)
		s.has(as(reader, "ssm:///t/*"), tree("/t/*", member))
		s.init()
		declared := []string{"secretsmanager://a", "secretsmanager://" + arn, "ssm:///t/x", "ssm:///t/new", "ssm://" + memberARN}
		for _, key := range declared {
			if got := s.get(as(reader, key)).got(); strings.Contains(got, "Undeclared") {
				t.Errorf("%s with its role: %s, want an answer", key, got)
			}
			is(t, key+" with another", s.get(as(auditor, key)).got(), "none Undeclared")
			is(t, key+" with the function's own", s.get(key).got(), "none Undeclared")
		}
		is(t, "b with a role", s.get(as(reader, "secretsmanager://b")).got(), "none Undeclared")
		is(t, "b", s.get("secretsmanager://b").got(), "hit v-b")
	}, declaredOnly)
}

// A parameter that has come beneath a tree since is declared by its ARN, too, once
// the tree was read.
func TestDeclaredOnlyNewMember(t *testing.T) {
	const arn = "ssm://arn:aws:ssm:eu-west-1:123456789012:parameter/t/"
	members := func(names ...string) *secret.Record {
		r := tree("/t/*")
		r.Version = strings.Join(names, " ")
		for _, name := range names {
			m := record("/t/"+name, planted)
			m.ARN = strings.TrimPrefix(arn, "ssm://") + name
			r.Members = append(r.Members, *m)
		}
		return r
	}
	inBubble(t, "LARDER_PREFETCH=ssm:///t/*", func(t *testing.T, s *stand) {
		s.has("ssm:///t/*", members("a"))
		s.init()
		is(t, "what is not there", s.get(arn+"b").got(), "none Undeclared")
		s.has("ssm:///t/*", members("a", "b"))
		s.demand("ssm:///t/*", manifest.Demand{Now: true})
		is(t, "what has come", s.get(arn+"b").got(), "miss v-"+strings.TrimPrefix(arn, "ssm://")+"b")
		is(t, "what was there", s.get(arn+"a").got(), "miss v-"+strings.TrimPrefix(arn, "ssm://")+"a")
	}, declaredOnly)
}

// The message holds a reference that declares what was asked for.
func TestUndeclaredMessage(t *testing.T) {
	tests := []struct{ asked, paste string }{
		{"secretsmanager://a", "secretsmanager://a"},
		{"secretsmanager://a?region=eu-west-1", "secretsmanager://a"},
		{"secretsmanager://a?region=us-east-2#x", "secretsmanager://a?region=us-east-2"},
		{"secretsmanager://a?stage=AWSPENDING", "secretsmanager://a?stage=AWSPENDING"},
		{"secretsmanager://arn:aws:secretsmanager:us-east-2:123456789012:secret:a-AbCdEf", "secretsmanager://arn:aws:secretsmanager:us-east-2:123456789012:secret:a-AbCdEf"},
		{"ssm:///p:3", "ssm:///p?version=3"},
		{"encrypted ssm:///p", "ssm:///p"},
		{as(reader, "ssm:///p?region=us-east-2"), "ssm:///p?region=us-east-2&role=" + reader},
	}
	inRegion := func(s *setup) { s.manifest.Region = region }
	for _, test := range tests {
		t.Run(test.asked, func(t *testing.T) {
			inBubble(t, "", func(t *testing.T, s *stand) {
				s.init()
				_, err := s.Get(t.Context(), keyOf(t, test.asked), manifest.Demand{})
				e, ok := errors.AsType[*secret.Error](err)
				if !ok || e.Class != secret.Undeclared || !strings.HasSuffix(e.Message, " add "+test.paste+" to LARDER_PREFETCH") {
					t.Errorf("Get = %v, want class Undeclared and how to declare %s", err, test.paste)
				}
			}, declaredOnly, inRegion)
		})
		t.Run(test.asked+" declared", func(t *testing.T) {
			inBubble(t, "LARDER_PREFETCH="+test.paste, func(t *testing.T, s *stand) {
				s.init()
				if _, err := s.Get(t.Context(), keyOf(t, test.asked), manifest.Demand{}); err != nil {
					t.Errorf("with %s declared: %v", test.paste, err)
				}
			}, declaredOnly)
		})
	}
}

// Init names who lacks what.
func TestRoleInVerdict(t *testing.T) {
	env := "A=" + as(reader, "secretsmanager://a") + " B=" + as(reader, "secretsmanager://b")
	inBubble(t, env, func(t *testing.T, s *stand) {
		for key, action := range map[string]string{"secretsmanager://a": "kms:Decrypt", "secretsmanager://b": secret.AssumeRole} {
			s.results[as(reader, key)] = secret.Result{Err: &secret.Error{Class: secret.Denied, Action: action}}
		}
		is(t, "the message", s.prefetch().Message(), "A (secretsmanager://a?role="+reader+" in eu-west-1): AccessDenied (the role "+reader+" needs kms:Decrypt); "+
			"B (secretsmanager://b?role="+reader+" in eu-west-1): AccessDenied (the function's role needs sts:AssumeRole)")
	})
}
