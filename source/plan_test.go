package source_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"larder/internal/awstest"
	"larder/secret"
	"larder/source"
)

// crowd is an AWS with more of everything than one call can ask for.
func crowd() awstest.Config {
	aws := awstest.Config{Secrets: make(map[string]awstest.Secret), Parameters: make(map[string]awstest.Parameter)}
	for n := range 21 {
		aws.Secrets[fmt.Sprint("s", n)] = awstest.Secret{String: "v"}
		aws.Parameters[fmt.Sprint("/p/", n)] = awstest.Parameter{Value: "v"}
	}
	aws.Secrets["far"] = awstest.Secret{Name: "s0", Region: "us-west-2", String: "v"}
	aws.Parameters["far"] = awstest.Parameter{Name: "/p/0", Region: "us-west-2", Value: "v"}
	aws.Parameters["/few/one"] = awstest.Parameter{Value: "v"}
	return aws
}

// many returns keys of crowd.
func many(t *testing.T, count int, key func(testing.TB, string) secret.Key, prefix string) (keys []secret.Key) {
	t.Helper()
	for n := range count {
		keys = append(keys, key(t, fmt.Sprint(prefix, n)))
	}
	return keys
}

// TestPlan holds the calls that are planned against those that a Fetch makes.
func TestPlan(t *testing.T) {
	t.Parallel()
	secrets, parameters := many(t, 21, secretKey, "s"), many(t, 12, parameterKey, "/p/")
	far := []secret.Key{inRegion(secretKey(t, "s0"), "us-west-2"), inRegion(parameterKey(t, "/p/0"), "us-west-2")}
	tests := []struct {
		name string
		keys []secret.Key
		want string
	}{
		{"nothing", nil, ""},
		{"one of each", []secret.Key{secrets[0], parameters[0], treeKey(t, "/few/*")}, "GetParameter 1, GetParametersByPath 1, GetSecretValue 1"},
		{"two of each", slices.Concat(secrets[:2], parameters[:2]), "BatchGetSecretValue 1, GetParameters 1"},
		{"more than a batch holds", slices.Concat(secrets, parameters), "BatchGetSecretValue 1, GetParameters 2, GetSecretValue 1"},
		{"what no batch can hold", []secret.Key{secretVersion(t, "s0", "", "ONE"), secretVersion(t, "s1", "", "OTHER"),
			parameterKey(t, "/p/0"), parameterKey(t, "/p/1:1")}, "GetParameter 2, GetSecretValue 2"},
		{"two Regions", slices.Concat(secrets[:1], parameters[:1], far), "GetParameter 2, GetSecretValue 2"},
		{"the same twice", slices.Concat(secrets[:1], secrets[:1]), "GetSecretValue 1"},
	}
	for _, tt := range tests {
		calls := make(map[string]int)
		var planned []secret.Key
		for _, call := range source.Plan(tt.keys) {
			calls[call.Action]++
			planned = append(planned, call.Keys...)
		}
		for _, k := range tt.keys {
			if !slices.Contains(planned, k) {
				t.Errorf("%s: Plan has no %v", tt.name, k)
			}
		}
		play(t, crowd(), nil, func(t *testing.T, st *stand) {
			fetch(t, t.Context(), st.source, tt.keys...)
			if st.counted() != tt.want {
				t.Errorf("%s: the calls of a Fetch are %s, want %s", tt.name, st.counted(), tt.want)
			}
			for _, made := range st.Calls() {
				calls[made.Service+":"+made.Action]--
			}
			for action, n := range calls {
				if n != 0 {
					t.Errorf("%s: Plan has %+d calls of %s more than a Fetch makes", tt.name, n, action)
				}
			}
		})
	}
}

// TestPages: a record tells in how many answers its tree came, empty ones included.
func TestPages(t *testing.T) {
	aws := awstest.Config{Parameters: make(map[string]awstest.Parameter)}
	for i := range 25 {
		aws.Parameters[fmt.Sprintf("/t/a/%02d", i)] = awstest.Parameter{Value: "v"}
	}
	aws.Parameters["/t/one"] = awstest.Parameter{Value: "v"}
	play(t, aws, nil, func(t *testing.T, st *stand) {
		for pattern, want := range map[string]int{"/t/**": 3, "/t/*": 3, "/t/a/*": 3} {
			k := treeKey(t, pattern)
			before := len(st.Calls())
			r := fetch(t, t.Context(), st.source, k)[k]
			if calls := len(st.Calls()) - before; r.Err != nil || r.Record.Pages != want || calls != want {
				t.Errorf("%s: %v, %d pages in %d calls, want %d", pattern, r.Err, r.Record.Pages, calls, want)
			}
		}
	})
}

// TestBatched: what may share a call at some time, although not in this Plan.
func TestBatched(t *testing.T) {
	t.Parallel()
	parameters := many(t, 11, parameterKey, "/p/") // the last one is planned alone
	alone := []secret.Key{
		secretKey(t, "a"), inRegion(secretKey(t, "b"), "us-west-2"), withRole(t, secretKey(t, "c"), reader),
		secretVersion(t, "a", "", "OTHER"), secretVersion(t, "b", "", "OTHER"),
		treeKey(t, "/p/*"), treeKey(t, "/q/*"), encrypted(parameterKey(t, "/p/0")),
		parameterKey(t, "/aws/reference/secretsmanager/a"), parameterKey(t, "/p/1:1"),
	}
	got := source.Batched(slices.Concat(alone, parameters, parameters))
	for _, k := range parameters {
		if !got[k] {
			t.Errorf("Batched has no %v", k)
		}
	}
	for _, k := range alone {
		if got[k] {
			t.Errorf("Batched has %v in %s with role %q, want it alone", k, k.Region, k.Role)
		}
	}
}

// TestLacking: a batch action that is denied is told with the role that lacks it,
// and nothing else is.
func TestLacking(t *testing.T) {
	t.Parallel()
	aws := roles()
	aws.Policy = denying("secretsmanager:BatchGetSecretValue", "*")
	play(t, aws, inFunction, func(t *testing.T, st *stand) {
		if err := st.SetRole(reader, awstest.Role{Policy: denying("ssm:GetParameters", "*")}); err != nil {
			t.Fatal(err)
		}
		keys := []secret.Key{secretKey(t, "a"), secretKey(t, "b"), parameterKey(t, "/a"), parameterKey(t, "/b")}
		for _, k := range keys[:4] {
			keys = append(keys, withRole(t, k, reader))
		}
		if got := st.source.Lacking(); len(got) > 0 {
			t.Errorf("Lacking before the first call = %v, want none", got)
		}
		fetch(t, t.Context(), st.source, keys...)
		want := []source.Lacking{
			{Action: "secretsmanager:BatchGetSecretValue", Region: home},
			{Action: "ssm:GetParameters", Region: home, Role: reader},
		}
		got := st.source.Lacking()
		slices.SortFunc(got, func(a, b source.Lacking) int { return strings.Compare(a.Role, b.Role) })
		if !slices.Equal(got, want) {
			t.Errorf("Lacking = %v, want %v", got, want)
		}
	})
}
