package manifest_test

import (
	"testing"
	"testing/synctest"
	"time"

	"larder/secret"
)

const (
	secretARN    = "arn:aws:secretsmanager:eu-west-1:123456789012:secret:a-AbCdEf"
	anewARN      = "arn:aws:secretsmanager:eu-west-1:123456789012:secret:a-GhIjKl"
	parameterARN = "arn:aws:ssm:eu-west-1:123456789012:parameter/p"
	memberARN    = "arn:aws:ssm:eu-west-1:123456789012:parameter/t/x"
)

// The ARNs of what is declared by name come with AWS's answers, whenever these do.
func TestDeclaredOnlyLateAnswers(t *testing.T) {
	const env = "A=secretsmanager://a P=ssm:///p LARDER_PREFETCH=ssm:///t/*"
	names := []string{"secretsmanager://a", "ssm:///p", "ssm:///t/*"}
	answers := func(t *testing.T, s *stand) {
		a, p, x := record("a", planted), record("/p", planted), record("/t/x", planted)
		a.ARN, p.ARN, x.ARN = secretARN, parameterARN, memberARN
		s.has(names[0], a, keyOf(t, "secretsmanager://"+secretARN))
		s.has(names[1], p, keyOf(t, "ssm://"+parameterARN))
		s.has(names[2], tree("/t/*", x))
	}
	reads := func(t *testing.T, s *stand) {
		is(t, "the secret by ARN", s.get("secretsmanager://"+secretARN).got(), "hit v-a")
		is(t, "the parameter by ARN", s.get("ssm://"+parameterARN).got(), "hit v-/p")
		is(t, "the member by ARN", s.get("ssm://"+memberARN).got(), "miss v-"+memberARN)
		for _, other := range []string{
			"secretsmanager://" + anewARN, "secretsmanager://" + secretARN + "-AbCdEf", "secretsmanager://" + secretARN + "?stage=AWSPENDING",
			"ssm://" + memberARN + "/y", "ssm://arn:aws:ssm:eu-west-1:999999999999:parameter/p",
		} {
			is(t, other, s.get(other).got(), "none Undeclared")
		}
	}
	tests := []struct {
		name   string
		happen func(t *testing.T, s *stand)
		change func(*setup)
	}{
		{"AWS fails throughout init", func(t *testing.T, s *stand) {
			for _, n := range names {
				s.fails(n, secret.Throttled)
			}
			s.init()
			is(t, "the secret by ARN, while AWS fails", s.get("secretsmanager://"+secretARN).got(), "none Throttled")
			time.Sleep(time.Second) // until the failure is forgotten
			answers(t, s)
		}, func(*setup) {}},
		{"permissions that come after init", func(t *testing.T, s *stand) {
			for _, n := range names {
				s.fails(n, secret.Denied)
			}
			s.init()
			answers(t, s)
		}, warn},
		{"Prefetch after a restore", func(t *testing.T, s *stand) {
			answers(t, s)
			release := s.hold(names[0])
			go s.prefetch()
			synctest.Wait()
			r := s.get("secretsmanager://" + secretARN)
			is(t, "a read that is faster", r.got(), "waiting")
			release()
			is(t, "a read that is faster", r.got(), "hit v-a")
		}, deferred},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			inBubble(t, env, func(t *testing.T, s *stand) {
				test.happen(t, s)
				reads(t, s)
			}, declaredOnly, test.change)
		})
	}
}

// A secret that is deleted and made anew under its name is read by its new ARN, once
// a refresh has shown that.
func TestDeclaredOnlyMadeAnew(t *testing.T) {
	inBubble(t, "A=secretsmanager://a", func(t *testing.T, s *stand) {
		was, anew := record("a", planted), versioned("a", "v-new")
		was.ARN, anew.ARN = secretARN, anewARN
		s.has("secretsmanager://a", was, keyOf(t, "secretsmanager://"+secretARN))
		s.init()
		is(t, "by the ARN to be", s.get("secretsmanager://"+anewARN).got(), "none Undeclared")
		s.has("secretsmanager://a", anew, keyOf(t, "secretsmanager://"+anewARN))
		time.Sleep(time.Hour)
		asked, got := s.Refresh(t.Context())
		is(t, "refreshed", asked == 1 && got == 1, true)
		is(t, "by its new ARN", s.get("secretsmanager://"+anewARN).got(), "hit v-new")
	}, declaredOnly)
}

// A read that is refused costs no call, or one for each TTL, and one that is allowed
// by what it shows costs as many as by name. What nobody is served is not refreshed.
func TestDeclaredOnlyRefusalsAreCheap(t *testing.T) {
	const stranger = "secretsmanager://arn:aws:secretsmanager:eu-west-1:999999999999:secret:a-AbCdEf"
	arns := []string{"secretsmanager://" + anewARN, stranger, "ssm://" + memberARN + "y"}
	tests := []struct {
		name   string
		env    string
		change func(*setup)
		later  []string // calls, when all has expired
	}{
		{"in memory", "A=secretsmanager://a LARDER_PREFETCH=ssm:///t/*", func(*setup) {}, []string{"secretsmanager://a", "ssm:///t/*"}},
		{"not kept", "A=secretsmanager://a?ttl=0 LARDER_PREFETCH=ssm:///t/*?ttl=0", func(*setup) {}, nil},
		{"nothing is", "A=secretsmanager://a LARDER_PREFETCH=ssm:///t/*", cacheOff, nil},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			inBubble(t, test.env, func(t *testing.T, s *stand) {
				a := record("a", planted)
				a.ARN = secretARN
				s.has("secretsmanager://a", a, keyOf(t, "secretsmanager://"+secretARN))
				s.has("ssm:///t/*", tree("/t/*"))
				s.init()
				s.Refresh(t.Context()) // the first one takes what is declared for read
				refused := func() {
					for range 3 {
						for _, arn := range arns {
							is(t, arn, s.get(arn).got(), "none Undeclared")
						}
					}
				}
				refused()
				s.asked("refusals")
				time.Sleep(50 * time.Second)
				s.Refresh(t.Context())
				s.asked("Refresh, when all is due")
				time.Sleep(time.Hour)
				refused()
				s.asked("refusals, when all has expired", test.later...)
			}, declaredOnly, test.change)
		})
	}
}
