package source_test

import (
	"strings"
	"testing"

	"larder/internal/awstest"
	"larder/secret"
)

func allowing(actions ...string) *awstest.Policy {
	return &awstest.Policy{Statement: []awstest.Statement{{Effect: "Allow", Action: actions, Resource: []string{"*"}}}}
}

// denying allows everything but an action on a resource.
func denying(action, resource string) *awstest.Policy {
	p := allowing("*")
	p.Statement = append(p.Statement, awstest.Statement{Effect: "Deny", Action: []string{action}, Resource: []string{resource}})
	return p
}

// TestMissingBatchPermission: users of AWS's own extension have granted only the
// actions on one secret or parameter.
func TestMissingBatchPermission(t *testing.T) {
	tests := []struct {
		name   string
		keys   []secret.Key
		first  string // the calls of the first Fetch
		action string
	}{
		{"secrets", []secret.Key{secretKey(t, "a"), secretKey(t, "b"), secretKey(t, "c"), secretKey(t, "none")},
			"BatchGetSecretValue 1, GetSecretValue 4", "secretsmanager:BatchGetSecretValue"},
		{"parameters", []secret.Key{parameterKey(t, "/a"), parameterKey(t, "/b"), parameterKey(t, "/c"), parameterKey(t, "/none")},
			"GetParameter 4, GetParameters 1", "ssm:GetParameters"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			aws := awstest.Config{
				Secrets:    map[string]awstest.Secret{"a": {String: "v"}, "b": {String: "v"}, "c": {String: "v"}},
				Parameters: map[string]awstest.Parameter{"/a": {Value: "v"}, "/b": {Value: "v"}, "/c": {Value: "v"}},
				Policy:     allowing("secretsmanager:GetSecretValue", "ssm:GetParameter"),
			}
			play(t, aws, nil, func(t *testing.T, st *stand) {
				for i := range 2 {
					got := fetch(t, t.Context(), st.source, tt.keys...)
					for _, k := range tt.keys[:3] {
						if got := outcome(got[k]); got != "v" {
							t.Errorf("Fetch %d of %v = %q, want its value", i+1, k, got)
						}
					}
					if got := outcome(got[tt.keys[3]]); got != "!NotFound" {
						t.Errorf("Fetch %d of %v = %q, want !NotFound", i+1, tt.keys[3], got)
					}
					if i == 0 && st.counted() != tt.first {
						t.Errorf("calls: %s, want %s", st.counted(), tt.first)
					}
				}
				// The second time it is known, and the line is not repeated.
				if n := len(st.Calls()); n != 9 {
					t.Errorf("%d calls in both, want 5 and 4", n)
				}
				if log := st.log.String(); strings.Count(log, "\n") != 1 || !strings.Contains(log, "action="+tt.action) {
					t.Errorf("log: %q, want one line with %s", log, tt.action)
				}
			})
		})
	}
}

// TestMissingInTwoRegions: the same role is asked everywhere, so one line does.
func TestMissingInTwoRegions(t *testing.T) {
	aws := awstest.Config{Policy: allowing("secretsmanager:GetSecretValue"), Secrets: map[string]awstest.Secret{
		"a": {String: "v"}, "b": {String: "v"},
		"a west": {Name: "a", Region: "us-west-2", String: "v"}, "b west": {Name: "b", Region: "us-west-2", String: "v"}}}
	play(t, aws, nil, func(t *testing.T, st *stand) {
		a, b := secretKey(t, "a"), secretKey(t, "b")
		fetch(t, t.Context(), st.source, a, b, inRegion(a, "us-west-2"), inRegion(b, "us-west-2"))
		if want := "BatchGetSecretValue 2, GetSecretValue 4"; st.counted() != want {
			t.Errorf("calls: %s, want %s", st.counted(), want)
		}
		if log := st.log.String(); strings.Count(log, "\n") != 1 {
			t.Errorf("log: %q, want one line", log)
		}
	})
}

// TestNoConclusion: while single calls fail for a while, nothing is said about
// the batch.
func TestNoConclusion(t *testing.T) {
	aws := awstest.Config{
		Parameters: map[string]awstest.Parameter{"/a": {Value: "v"}, "/b": {Value: "v"}},
		Policy:     allowing("ssm:GetParameter"),
		Faults:     []awstest.Fault{{Action: "GetParameter", ID: "/b", Code: "ThrottlingException"}},
	}
	play(t, aws, nil, func(t *testing.T, st *stand) {
		a, b := parameterKey(t, "/a"), parameterKey(t, "/b")
		got := fetch(t, t.Context(), st.source, a, b)
		if outcome(got[a]) != "v" || outcome(got[b]) != "!Throttled" {
			t.Errorf("Fetch = %v and %v, want a value and class Throttled", got[a].Err, got[b].Err)
		}
		if log := st.log.String(); log != "" {
			t.Errorf("log: %q, want nothing yet", log)
		}
		st.ClearFaults()
		fetch(t, t.Context(), st.source, a, b)
		if log := st.log.String(); !strings.Contains(log, "ssm:GetParameters") {
			t.Errorf("log: %q, want the missing action", log)
		}
	})
}

// TestDeniedName: a name that may not be read fails a whole GetParameters. The
// others must not suffer, now or the next time.
func TestDeniedName(t *testing.T) {
	aws := awstest.Config{
		Parameters: map[string]awstest.Parameter{"/a": {Value: "v"}, "/b": {Value: "v"}, "/c": {Value: "v"}, "/not": {Value: "x"}},
		Policy:     denying("ssm:*", "arn:aws:ssm:*:*:parameter/not"),
	}
	play(t, aws, nil, func(t *testing.T, st *stand) {
		bad := parameterKey(t, "/not")
		keys := []secret.Key{parameterKey(t, "/a"), parameterKey(t, "/b"), parameterKey(t, "/c"), bad}
		steps := []struct {
			name  string
			bad   string
			calls string // so far
		}{
			{"isolated by single calls", "!AccessDenied", "GetParameter 4, GetParameters 1"},
			{"the rest shares a call again", "!AccessDenied", "GetParameter 5, GetParameters 3"}, // that it may be read with the other call is not known
			{"the policy is mended", "x", "GetParameter 6, GetParameters 4"},
			{"all share a call again", "x", "GetParameter 6, GetParameters 5"},
		}
		for i, step := range steps {
			if i == 2 {
				if err := st.SetPolicy(nil); err != nil {
					t.Fatal(err)
				}
			}
			got := fetch(t, t.Context(), st.source, keys...)
			for _, k := range keys[:3] {
				if got := outcome(got[k]); got != "v" {
					t.Errorf("%s: Fetch of %v = %q, want its value", step.name, k, got)
				}
			}
			if got := outcome(got[bad]); got != step.bad {
				t.Errorf("%s: Fetch of %v = %q, want %q", step.name, bad, got, step.bad)
			}
			if e := got[bad].Err; e != nil && e.Action != "ssm:GetParameter" {
				t.Errorf("%s: action %q, want ssm:GetParameter", step.name, e.Action)
			}
			if calls := st.counted(); calls != step.calls {
				t.Errorf("%s: calls so far: %s, want %s", step.name, calls, step.calls)
			}
		}
		if st.log.String() != "" {
			t.Errorf("log: %s: no action is missing", st.log)
		}
	})
}

// TestDeniedSecret: a batch of secrets survives one that may not be read.
func TestDeniedSecret(t *testing.T) {
	aws := awstest.Config{
		Secrets: map[string]awstest.Secret{"a": {String: "v"}, "not": {String: "x"}},
		Policy:  denying("secretsmanager:GetSecretValue", "*:secret:not-*"),
	}
	play(t, aws, nil, func(t *testing.T, st *stand) {
		a, not := secretKey(t, "a"), secretKey(t, "not")
		for range 2 {
			got := fetch(t, t.Context(), st.source, a, not)
			if got := outcome(got[a]); got != "v" {
				t.Errorf("Fetch of %v = %q, want its value", a, got)
			}
			if e := got[not].Err; e == nil || e.Class != secret.Denied || e.Action != "secretsmanager:GetSecretValue" {
				t.Errorf("Fetch of %v: %v, want it denied for lack of secretsmanager:GetSecretValue", not, e)
			}
		}
		if want := "BatchGetSecretValue 2"; st.counted() != want {
			t.Errorf("calls: %s, want %s", st.counted(), want)
		}
	})
}

// TestDeniedAll: when nothing may be read, nothing is learned about the batch.
func TestDeniedAll(t *testing.T) {
	aws := awstest.Config{
		Secrets:    map[string]awstest.Secret{"a": {String: "v"}, "b": {String: "v"}},
		Parameters: map[string]awstest.Parameter{"/a": {Value: "v"}, "/b": {Value: "v"}},
		Policy:     allowing("sts:*"),
	}
	play(t, aws, nil, func(t *testing.T, st *stand) {
		want := map[secret.Key]string{
			secretKey(t, "a"): "secretsmanager:GetSecretValue", secretKey(t, "b"): "secretsmanager:GetSecretValue",
			parameterKey(t, "/a"): "ssm:GetParameter", parameterKey(t, "/b"): "ssm:GetParameter",
			treeKey(t, "/t/*"): "ssm:GetParametersByPath",
		}
		var keys []secret.Key
		for k := range want {
			keys = append(keys, k)
		}
		got := fetch(t, t.Context(), st.source, keys...)
		for k, action := range want {
			if e := got[k].Err; e == nil || e.Class != secret.Denied || e.Action != action {
				t.Errorf("Fetch of %v: %v, want it denied for lack of %s", k, e, action)
			}
		}
		if st.log.String() != "" {
			t.Errorf("log: %s: no batch action is known to be missing", st.log)
		}
		if err := st.SetPolicy(nil); err != nil {
			t.Fatal(err)
		}
		before := len(st.Calls())
		fetch(t, t.Context(), st.source, keys...)
		if n := len(st.Calls()) - before; n != 3 {
			t.Errorf("%d calls after the policy is mended, want one for each batch and one for the tree", n)
		}
	})
}

func TestKMSDenied(t *testing.T) {
	aws := awstest.Config{
		Secrets:    map[string]awstest.Secret{"a": {String: "v", KMSDenied: true}, "b": {String: "v"}},
		Parameters: map[string]awstest.Parameter{"/a": {Type: "SecureString", Value: "v", KMSDenied: true}},
	}
	play(t, aws, nil, func(t *testing.T, st *stand) {
		a, b, p, tree := secretKey(t, "a"), secretKey(t, "b"), parameterKey(t, "/a"), treeKey(t, "/*")
		got := fetch(t, t.Context(), st.source, a, b, p, tree)
		for _, k := range []secret.Key{a, p, tree} {
			if e := got[k].Err; e == nil || e.Class != secret.Denied || e.Action != "kms:Decrypt" {
				t.Errorf("Fetch of %v: %v, want it denied for lack of kms:Decrypt", k, e)
			}
		}
		if got := outcome(got[b]); got != "v" {
			t.Errorf("Fetch of %v = %q, want its value", b, got)
		}
	})
}

// TestOnlyGetParameters: policies written from AWS's list of actions allow the call for
// several parameters and not that for one.
func TestOnlyGetParameters(t *testing.T) {
	aws := awstest.Config{
		Parameters: map[string]awstest.Parameter{"/a": {Value: "v"}, "/b": {Value: "v"}, "/c": {Value: "v"}},
		Policy:     allowing("ssm:GetParameters"),
	}
	version, err := secret.ParameterKey(home, "/c:1", "", "", true)
	if err != nil {
		t.Fatal(err)
	}
	play(t, aws, nil, func(t *testing.T, st *stand) {
		steps := []struct {
			name  string
			key   secret.Key
			want  string
			calls string // so far
		}{
			{"one", parameterKey(t, "/a"), "v", "GetParameter 1, GetParameters 1"},
			{"again: it is known", parameterKey(t, "/a"), "v", "GetParameter 1, GetParameters 2"},
			{"a version", version, "v", "GetParameter 1, GetParameters 3"},
			{"none", parameterKey(t, "/none"), "!NotFound", "GetParameter 1, GetParameters 4"},
		}
		for _, step := range steps {
			if got := outcome(fetch(t, t.Context(), st.source, step.key)[step.key]); got != step.want {
				t.Errorf("%s: Fetch = %q, want %q", step.name, got, step.want)
			}
			if calls := st.counted(); calls != step.calls {
				t.Errorf("%s: calls so far: %s, want %s", step.name, calls, step.calls)
			}
		}
		if log := st.log.String(); strings.Count(log, "\n") != 1 || !strings.Contains(log, "action=ssm:GetParameter ") {
			t.Errorf("log: %q, want one line with ssm:GetParameter", log)
		}
		if err := st.SetPolicy(allowing("ssm:GetParameter")); err != nil {
			t.Fatal(err)
		}
		k := parameterKey(t, "/a")
		for _, want := range []string{"GetParameter 2, GetParameters 5", "GetParameter 3, GetParameters 5"} {
			if got := outcome(fetch(t, t.Context(), st.source, k)[k]); got != "v" || st.counted() != want {
				t.Errorf("Fetch when the policy is the other one = %q with calls %s, want its value with %s", got, st.counted(), want)
			}
		}
	})
}

// TestOnlyGetParametersForSome: a batch that is refused for one name is asked for singly,
// which is not allowed either; the others come all the same.
func TestOnlyGetParametersForSome(t *testing.T) {
	aws := awstest.Config{
		Parameters: map[string]awstest.Parameter{"/a": {Value: "v"}, "/b": {Value: "v"}, "/not": {Value: "x"}},
		Policy:     allowing("ssm:GetParameters"),
	}
	aws.Policy.Statement = append(aws.Policy.Statement, awstest.Statement{
		Effect: "Deny", Action: []string{"ssm:*"}, Resource: []string{"arn:aws:ssm:*:*:parameter/not"}})
	play(t, aws, nil, func(t *testing.T, st *stand) {
		a, b, not := parameterKey(t, "/a"), parameterKey(t, "/b"), parameterKey(t, "/not")
		for range 2 {
			got := fetch(t, t.Context(), st.source, a, b, not)
			if outcome(got[a]) != "v" || outcome(got[b]) != "v" {
				t.Errorf("Fetch = %v and %v, want both values", got[a].Err, got[b].Err)
			}
			if e := got[not].Err; e == nil || e.Class != secret.Denied || e.Action != "ssm:GetParameter" {
				t.Errorf("Fetch of %v: %v, want it denied for lack of ssm:GetParameter", not, e)
			}
		}
	})
}

// TestKMSIsNoReasonToAskTogether: what KMS denies, another call would not get.
func TestKMSIsNoReasonToAskTogether(t *testing.T) {
	aws := awstest.Config{Parameters: map[string]awstest.Parameter{"/a": {Type: "SecureString", Value: "v", KMSDenied: true}}}
	play(t, aws, nil, func(t *testing.T, st *stand) {
		fetch(t, t.Context(), st.source, parameterKey(t, "/a"))
		if want := "GetParameter 1"; st.counted() != want {
			t.Errorf("calls: %s, want %s", st.counted(), want)
		}
	})
}
