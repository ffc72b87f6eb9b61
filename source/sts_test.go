package source_test

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"larder/internal/awstest"
	"larder/secret"
	"larder/source"
)

// TestRoleDenied: many keys of a role that cannot be assumed cost one call to STS
// and none besides, and the text says who has to allow what.
func TestRoleDenied(t *testing.T) {
	aws := roles()
	aws.Policy = denying("sts:AssumeRole", reader)
	play(t, aws, inFunction, func(t *testing.T, st *stand) {
		var keys []secret.Key
		for n := range 30 {
			keys = append(keys, withRole(t, secretKey(t, fmt.Sprint("a", n)), reader))
		}
		denied := func(when string, assumed int) {
			t.Helper()
			for k, r := range fetch(t, t.Context(), st.source, keys...) {
				if e := r.Err; e == nil || e.Class != secret.Denied || e.Action != secret.AssumeRole {
					t.Errorf("%s: Fetch of %v: %v, want class Denied for lack of sts:AssumeRole", when, k, e)
				} else if text := e.Error(); !strings.Contains(text, "STS, asked for the role "+reader) ||
					!strings.Contains(text, "trust policy") || !strings.Contains(text, "the function's role needs sts:AssumeRole") {
					t.Errorf("%s: Fetch of %v: %v, want what to do", when, k, e)
				}
			}
			if want := fmt.Sprint("AssumeRole ", assumed); st.counted() != want {
				t.Errorf("%s: calls: %s, want %s", when, st.counted(), want)
			}
		}
		denied("at first", 1)
		denied("at once", 1)
		time.Sleep(time.Second)
		denied("a second later", 2)
		if err := st.SetPolicy(nil); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Second)
		k := withRole(t, secretKey(t, "a"), reader)
		if got := outcome(fetch(t, t.Context(), st.source, k)[k]); got != "v" {
			t.Errorf("Fetch when it is allowed = %q, want a value", got)
		}
	})
}

// TestRoleLacks: it is the role that needs the permission, and a batch that it may
// not make is no more tried.
func TestRoleLacks(t *testing.T) {
	aws := numberedRoles(2)
	for arn := range aws.Roles {
		aws.Roles[arn] = awstest.Role{Policy: allowing("ssm:GetParameter")}
	}
	play(t, aws, inFunction, func(t *testing.T, st *stand) {
		for arn := range aws.Roles {
			s, p, q := withRole(t, secretKey(t, "a"), arn), withRole(t, parameterKey(t, "/a"), arn), withRole(t, parameterKey(t, "/b"), arn)
			e := fetch(t, t.Context(), st.source, s)[s].Err
			if e == nil || e.Class != secret.Denied || !strings.Contains(e.Error(), "the role "+arn+" needs secretsmanager:GetSecretValue") {
				t.Errorf("Fetch = %v, want class Denied and the role", e)
			}
			for range 2 {
				got := fetch(t, t.Context(), st.source, p, q)
				if outcome(got[p]) != "v" || outcome(got[q]) != "v" {
					t.Errorf("Fetch = %v, %v, want values by single calls", got[p].Err, got[q].Err)
				}
			}
			if log := st.log.String(); strings.Count(log, "role="+arn) != 1 {
				t.Errorf("log: %q, want one line with the role", log)
			}
		}
		if want := "AssumeRole 2, GetParameter 8, GetParameters 2, GetSecretValue 2"; st.counted() != want {
			t.Errorf("calls: %s, want %s", st.counted(), want)
		}
	})
}

// session is STS's answer with the fields of a session's credentials.
func session(fields string) *string {
	return ptr("<AssumeRoleResponse><AssumeRoleResult><Credentials>" + fields + "</Credentials></AssumeRoleResult></AssumeRoleResponse>")
}

const (
	someKeys = "<AccessKeyId>canary</AccessKeyId><SecretAccessKey>canary</SecretAccessKey><SessionToken>canary</SessionToken>"
	farEnd   = "<Expiration>2999-01-01T00:00:00Z</Expiration>"
)

// stsTroubles are what STS can answer, and the failure of a key that comes of it.
func stsTroubles() []trouble {
	bomb := `<!DOCTYPE x [<!ENTITY a "canary"><!ENTITY b "&a;&a;&a;">]><AssumeRoleResponse>&b;</AssumeRoleResponse>`
	return []trouble{
		{"throttled", awstest.Fault{Code: "Throttling", Message: "Rate exceeded"}, secret.Throttled, 4},
		{"500", awstest.Fault{Code: "InternalFailure", Status: 500}, secret.Unavailable, 4},
		{"503 from something in between", awstest.Fault{Body: ptr("<html>canary"), Status: 503}, secret.Unavailable, 4},
		{"hang", awstest.Fault{Hang: true}, secret.Timeout, 3},
		{"no end", awstest.Fault{Stall: ptr(300)}, secret.Timeout, 3},
		{"reset", awstest.Fault{Reset: true}, secret.Unavailable, 4},
		{"cut at once", awstest.Fault{Cut: ptr(0)}, secret.BadAnswer, 4},
		{"cut in the middle", awstest.Fault{Cut: ptr(300)}, secret.BadAnswer, 4},
		{"a redirect", awstest.Fault{Body: ptr(""), Status: 307}, secret.BadAnswer, 4},
		{"nothing", awstest.Fault{Body: ptr("")}, secret.BadAnswer, 4},
		{"garbage", awstest.Fault{Body: ptr("\x00canary")}, secret.BadAnswer, 4},
		{"JSON", awstest.Fault{Body: ptr(`{"SecretAccessKey":"canary"}`)}, secret.BadAnswer, 4},
		{"another document", awstest.Fault{Body: ptr("<canary/>")}, secret.BadAnswer, 4},
		{"entities", awstest.Fault{Body: &bomb}, secret.BadAnswer, 4},
		{"very deep", awstest.Fault{Body: ptr(strings.Repeat("<a>", 12_000))}, secret.BadAnswer, 4},
		{"too long", awstest.Fault{Body: ptr(strings.Repeat(" ", 64<<10) + *session(someKeys + farEnd))}, secret.BadAnswer, 4},
		{"no keys", awstest.Fault{Body: session("<SessionToken>canary</SessionToken>" + farEnd)}, secret.BadAnswer, 4},
		{"no end of the session", awstest.Fault{Body: session(someKeys)}, secret.BadAnswer, 4},
		{"a strange date", awstest.Fault{Body: session(someKeys + "<Expiration>canary</Expiration>")}, secret.BadAnswer, 4},
		{"denied without a word", awstest.Fault{Code: "AccessDenied", Status: 403}, secret.Denied, 1},
		{"not active there", awstest.Fault{Code: "RegionDisabledException", Message: "STS is not activated", Status: 403}, secret.Rejected, 1},
		{"the function's session has ended", awstest.Fault{Code: "ExpiredToken", Status: 403}, secret.Credentials, 1},
	}
}

// TestSTSTrouble: each has its class and its end in time, costs no call to what
// keeps the secret, and shows nothing of the answer.
func TestSTSTrouble(t *testing.T) {
	for _, tr := range stsTroubles() {
		t.Run(tr.name, func(t *testing.T) {
			t.Parallel()
			tr.fault.Action = assumeRole
			aws := roles()
			aws.Faults = []awstest.Fault{tr.fault}
			play(t, aws, inFunction, func(t *testing.T, st *stand) {
				a, b, start := withRole(t, secretKey(t, "a"), reader), withRole(t, secretKey(t, "b"), reader), time.Now()
				for k, r := range fetch(t, t.Context(), st.source, a, b) {
					if e := r.Err; e == nil || e.Class != tr.want || !strings.Contains(e.Message, "STS, asked for the role "+reader) ||
						strings.Contains(e.Error(), "canary") {
						t.Errorf("Fetch of %v: %v, want class %v and the role, without the answer", k, e, tr.want)
					}
				}
				if took := time.Since(start); took > 5*time.Second {
					t.Errorf("it took %v, want at most 5s", took)
				}
				if want := fmt.Sprint("AssumeRole ", tr.attempts); st.counted() != want {
					t.Errorf("calls: %s, want %s", st.counted(), want)
				}
			})
		})
	}
}

// TestSTSTroublePasses: what happens once costs one more call and nothing else.
func TestSTSTroublePasses(t *testing.T) {
	for _, tr := range stsTroubles() {
		if !tr.want.Transient() || tr.attempts == 1 {
			continue
		}
		t.Run(tr.name, func(t *testing.T) {
			t.Parallel()
			tr.fault.Action, tr.fault.Times = assumeRole, 1
			aws := roles()
			aws.Faults = []awstest.Fault{tr.fault}
			play(t, aws, inFunction, func(t *testing.T, st *stand) {
				k := withRole(t, secretKey(t, "a"), reader)
				if got := outcome(fetch(t, t.Context(), st.source, k)[k]); got != "v" || st.counted() != "AssumeRole 2, GetSecretValue 1" {
					t.Errorf("Fetch = %q with the calls %s, want a value at the second try", got, st.counted())
				}
			})
		})
	}
}

// TestSTSHangs: a role for which STS does not answer keeps nobody else from
// anything, and who leaves takes nobody along.
func TestSTSHangs(t *testing.T) {
	aws := roles()
	aws.Faults = []awstest.Fault{{Action: assumeRole, ID: reader, Hang: true}}
	play(t, aws, func(cfg *source.Config) {
		inFunction(cfg)
		cfg.MaxConnections = 1
		cfg.ParameterStoreTimeout = 300 * time.Millisecond
	}, func(t *testing.T, st *stand) {
		leaver, leave := context.WithCancel(t.Context())
		var readers sync.WaitGroup
		read := func(ctx context.Context, k secret.Key, want string, took time.Duration) {
			start := time.Now()
			readers.Go(func() {
				r := fetch(t, ctx, st.source, k)[k]
				if got := outcome(r); got != want || time.Since(start) != took {
					t.Errorf("Fetch of %v = %q after %v, want %q after %v", k, got, time.Since(start), want, took)
				}
				if want == "!Timeout" && !strings.Contains(r.Err.Message, reader) {
					t.Errorf("Fetch of %v: %v, want the role that STS was asked for", k, r.Err)
				}
			})
			synctest.Wait()
		}
		read(leaver, withRole(t, secretKey(t, "a"), reader), "!Canceled", 400*time.Millisecond)
		read(t.Context(), withRole(t, secretKey(t, "b"), reader), "!Timeout", 5400*time.Millisecond) // with a turn of its own
		read(t.Context(), withRole(t, parameterKey(t, "/a"), reader), "!Timeout", 300*time.Millisecond)
		read(t.Context(), withRole(t, secretKey(t, "a"), auditor), "theirs", 0)
		read(t.Context(), secretKey(t, "a"), "v", 0)
		time.Sleep(400 * time.Millisecond)
		leave()
		readers.Wait()
	})
}

// TestSessionHidden: no error and no verb shows a role's session, and it proves
// nobody to be the function.
func TestSessionHidden(t *testing.T) {
	const id, key, token = "ASIACANARY", "canary/key", "canary+token=="
	answer := session("<AccessKeyId>" + id + "</AccessKeyId><SecretAccessKey>" + key + "</SecretAccessKey><SessionToken>" + token + "</SessionToken>" + farEnd)
	aws := roles()
	aws.Faults = []awstest.Fault{{Action: assumeRole, Body: answer}}
	for _, adjust := range []func(*source.Config){inFunction, func(cfg *source.Config) { inFunction(cfg); inContainer(cfg) }} {
		play(t, aws, adjust, func(t *testing.T, st *stand) {
			k := withRole(t, secretKey(t, "a"), reader)
			e := fetch(t, t.Context(), st.source, k)[k].Err
			if e == nil || e.Class != secret.Credentials || st.counted() != "AssumeRole 2, GetSecretValue 2" {
				t.Errorf("Fetch with a session that is refused: %v, calls: %s, want class Credentials and one more try", e, st.counted())
			}
			for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x"} {
				text := fmt.Sprintf(verb, st.source) + fmt.Sprintf(verb, e) + st.log.String()
				for _, hidden := range []string{id, key, token} {
					if strings.Contains(text, hidden) || strings.Contains(text, fmt.Sprintf("%x", hidden)) {
						t.Errorf("%s of a Source or its error shows a part of the session", verb)
					}
				}
			}
			if st.source.Recognizes(t.Context(), token) {
				t.Error("the session token of a role is recognized as the function's")
			}
		})
	}
}
