package source_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"larder/internal/awstest"
	"larder/secret"
)

// TestValues: the bytes that went in come out, whatever they are.
func TestValues(t *testing.T) {
	noise := make([]byte, 64<<10)
	rng := rand.New(rand.NewPCG(1, 2))
	for i := range noise {
		noise[i] = byte(rng.Uint32())
	}
	values := map[string][]byte{
		"text":     []byte("plain"),
		"signs":    []byte("a \"b\" = c\n\t<&> \\ ' ` $x é 日本 \u2028"),
		"long":     bytes.Repeat([]byte("0123456789abcdef"), 4<<10),
		"json":     []byte(`{"a": [1, 2.50, null]}`),
		"nul":      []byte("a\x00b"),
		"not utf8": {0xff, 0xfe, 0x00, 0x80, 0xc3},
		"noise":    noise,
	}
	for name, value := range values {
		for _, binary := range []bool{true, false} {
			if !binary && strings.Contains("not utf8 noise", name) {
				continue // a SecretString is text
			}
			t.Run(fmt.Sprintf("%s/binary=%t", name, binary), func(t *testing.T) {
				t.Parallel()
				entry := awstest.Secret{String: string(value)}
				if binary {
					entry = awstest.Secret{Binary: value}
				}
				aws := awstest.Config{Secrets: map[string]awstest.Secret{"s": entry, "other": {String: "x"}}}
				play(t, aws, nil, func(t *testing.T, st *stand) {
					k := secretKey(t, "s")
					alone := fetch(t, t.Context(), st.source, k)[k].Record
					batched := fetch(t, t.Context(), st.source, k, secretKey(t, "other"))[k].Record
					for how, r := range map[string]*secret.Record{"alone": alone, "in a batch": batched} {
						if r == nil || !bytes.Equal(r.Value.Reveal(), value) || r.Binary != binary {
							t.Errorf("%s: got another value than went in, or Binary is not %t", how, binary)
						}
					}
				})
			})
		}
	}
}

func TestSecretRecord(t *testing.T) {
	aws := awstest.Config{Secrets: map[string]awstest.Secret{"prod/db": {Suffix: "AbCdEf", Versions: []awstest.SecretVersion{
		{ID: "11111111-1111-1111-1111-111111111111", String: "old"},
		{ID: "22222222-2222-2222-2222-222222222222", Stages: []string{"AWSCURRENT"}, String: "now"}}}}}
	play(t, aws, nil, func(t *testing.T, st *stand) {
		k := secretKey(t, "prod/db")
		r := fetch(t, t.Context(), st.source, k)[k].Record
		if r == nil || r.Service != secret.SecretsManager || r.Name != "prod/db" ||
			r.ARN != "arn:aws:secretsmanager:eu-west-1:123456789012:secret:prod/db-AbCdEf" ||
			r.Version != "22222222-2222-2222-2222-222222222222" || !slices.Equal(r.Stages, []string{"AWSCURRENT"}) ||
			r.Created.IsZero() || r.Type != "" || r.Members != nil {
			t.Errorf("record = %+v, lacks something or has too much", r)
		}
		k = secretVersion(t, "prod/db", "11111111-1111-1111-1111-111111111111", "")
		if r := fetch(t, t.Context(), st.source, k)[k].Record; r == nil || r.Stages != nil {
			t.Errorf("stages of a version that has none = %v, want nil", r.Stages)
		}
	})
}

func TestParameterRecord(t *testing.T) {
	aws := awstest.Config{
		Parameters: map[string]awstest.Parameter{"/p": {Type: "StringList", Versions: []awstest.ParameterVersion{{Value: "a,b"}, {Value: "c"}}}},
		Secrets:    map[string]awstest.Secret{"s": {String: "of s"}},
	}
	play(t, aws, nil, func(t *testing.T, st *stand) {
		k := parameterKey(t, "/p:1")
		r := fetch(t, t.Context(), st.source, k)[k].Record
		if r == nil || r.Service != secret.ParameterStore || r.Name != "/p" || r.Version != "1" || r.Selector != ":1" ||
			r.ARN != "arn:aws:ssm:eu-west-1:123456789012:parameter/p" || r.Type != "StringList" ||
			r.DataType != "text" || r.Modified.IsZero() || r.SourceResult.Len() != 0 || r.Stages != nil || r.Binary {
			t.Errorf("record = %+v, lacks something or has too much", r)
		}
		k = parameterKey(t, "/aws/reference/secretsmanager/s")
		got := fetch(t, t.Context(), st.source, k)[k]
		if got.Record == nil || !json.Valid(got.Record.SourceResult.Reveal()) || got.Same != nil {
			t.Errorf("a reference to a secret: %v, aliases %v; want a source result and no alias", got.Err, got.Same)
		}
	})
}

// TestAliases: what an answer shows to be the same, and nothing else.
func TestAliases(t *testing.T) {
	const (
		secretARN = "arn:aws:secretsmanager:eu-west-1:123456789012:secret:db-AbCdEf"
		otherARN  = "arn:aws:secretsmanager:eu-west-1:999999999999:secret:db"
		plainARN  = "arn:aws:ssm:eu-west-1:123456789012:parameter/plain"
		safeARN   = "arn:aws:ssm:eu-west-1:123456789012:parameter/safe"
	)
	aws := awstest.Config{
		Secrets: map[string]awstest.Secret{"db": {String: "v", Suffix: "AbCdEf"},
			"other": {Name: "db", Account: "999999999999", Suffix: "GhIjKl", String: "v"}},
		Parameters: map[string]awstest.Parameter{"/plain": {Value: "v"}, "/safe": {Type: "SecureString", Value: "v"}},
	}
	s := func(id string) secret.Key { return secretKey(t, id) }
	p := func(name string) secret.Key { return parameterKey(t, name) }
	tests := []struct {
		key  secret.Key
		want []secret.Key
	}{
		{s("db"), []secret.Key{s(secretARN)}},
		{s(secretARN), nil},
		{s(otherARN), []secret.Key{s(otherARN + "-GhIjKl")}},
		{secretVersion(t, "db", "", "AWSCURRENT"), []secret.Key{s(secretARN)}},
		{p("/plain"), []secret.Key{p(plainARN), encrypted(p(plainARN)), encrypted(p("/plain"))}},
		{p(plainARN), []secret.Key{encrypted(p(plainARN))}},
		{p("/plain:1"), []secret.Key{p(plainARN + ":1"), encrypted(p(plainARN + ":1")), encrypted(p("/plain:1"))}},
		{p("/safe"), []secret.Key{p(safeARN)}},
		{encrypted(p("/safe")), []secret.Key{encrypted(p(safeARN))}},
		{treeKey(t, "/*"), nil},
	}
	for _, tt := range tests {
		play(t, aws, nil, func(t *testing.T, st *stand) {
			r := fetch(t, t.Context(), st.source, tt.key)[tt.key]
			if r.Err != nil || !slices.Equal(r.Same, tt.want) {
				t.Errorf("aliases of %+v = %+v (%v), want %+v", tt.key, r.Same, r.Err, tt.want)
			}
		})
	}
}

// TestStrangeARN: an ARN that would be asked for elsewhere is no alias.
func TestStrangeARN(t *testing.T) {
	for _, arn := range []string{
		"arn:aws:secretsmanager:us-west-2:123456789012:secret:a-AbCdEf",
		"arn:aws:secretsmanager:evil.com/x:123456789012:secret:a-AbCdEf",
		"arn:aws:ssm:eu-west-1:123456789012:parameter/a",
		"arn",
	} {
		s := answering([]byte(`{"ARN":"` + arn + `","Name":"a","VersionId":"1","SecretString":"v"}`))
		k := secretKey(t, "a")
		if r := fetch(t, t.Context(), s, k)[k]; r.Err != nil || r.Same != nil {
			t.Errorf("with ARN %s: %v, aliases %v; want a value without aliases", arn, r.Err, r.Same)
		}
	}
}

func TestTree(t *testing.T) {
	aws := awstest.Config{Parameters: map[string]awstest.Parameter{
		"/app/z": {Value: `<a href="x">&`}, "/app/b/c": {Value: "deep"}, "/app/b/c/d": {Value: "deeper"},
		"/app/a": {Type: "SecureString", Value: "safe"}, "/apple": {Value: "not beneath"}}}
	for i := range 25 {
		aws.Parameters[fmt.Sprintf("/many/%02d", i)] = awstest.Parameter{Value: fmt.Sprint(i)}
	}
	play(t, aws, nil, func(t *testing.T, st *stand) {
		get := func(pattern string) secret.Result {
			k := treeKey(t, pattern)
			return fetch(t, t.Context(), st.source, k)[k]
		}
		tests := []struct{ pattern, want string }{
			{"/app/*", `{"a":"safe","z":"<a href=\"x\">&"}`},
			{"/app/**", `{"a":"safe","b/c":"deep","b/c/d":"deeper","z":"<a href=\"x\">&"}`},
			{"/app/b/*", `{"c":"deep"}`},
			{"/*", `{"apple":"not beneath"}`},
			{"/none/*", "!NotFound"},
		}
		for _, tt := range tests {
			if got := outcome(get(tt.pattern)); got != tt.want {
				t.Errorf("tree %s = %s, want %s", tt.pattern, got, tt.want)
			}
		}

		before := len(st.Calls())
		many := get("/many/*").Record
		if many == nil || len(many.Members) != 25 {
			t.Fatalf("tree of 25 = %v, want 25 members", many)
		}
		if n := len(st.Calls()) - before; n < 3 {
			t.Errorf("%d calls for 25 parameters, want at least 3 pages", n)
		}
		for i, m := range many.Members {
			if want := fmt.Sprintf("/many/%02d", i); m.Name != want || m.Version != "1" || m.ARN == "" || m.Type != "String" {
				t.Errorf("member %d = %s version %s, want %s in full", i, m.Name, m.Version, want)
			}
		}
		if err := st.SetParameter("/many/07", awstest.Parameter{Value: "new"}); err != nil {
			t.Fatal(err)
		}
		if again := get("/many/*").Record; again == nil || again.Version == many.Version || many.Version == "" {
			t.Errorf("the tree's version is the same after a parameter changed")
		}
		if again := get("/many/*").Record; again == nil || again.Version != get("/many/**").Record.Version {
			t.Errorf("the tree's version differs without a change")
		}
	})
}

// TestMovedMember: a parameter that stands on two pages is there once, as the
// later page has it.
func TestMovedMember(t *testing.T) {
	const first, second = `{"Parameters":[{"Name":"/t/a","Type":"String","Value":"old","Version":1}],"NextToken":"t"}`,
		`{"Parameters":[{"Name":"/t/a","Type":"String","Value":"new","Version":2}]}`
	aws := awstest.Config{Faults: []awstest.Fault{{Body: ptr(first), Times: 1}, {Body: ptr(second)}}}
	play(t, aws, nil, func(t *testing.T, st *stand) {
		k := treeKey(t, "/t/*")
		r := fetch(t, t.Context(), st.source, k)[k]
		if got := outcome(r); got != `{"a":"new"}` || len(r.Record.Members) != 1 || r.Record.Members[0].Version != "2" {
			t.Errorf("tree = %s, want the later version alone", got)
		}
	})
}

// TestBadPages: pages that never end, or that hold what cannot be there.
func TestBadPages(t *testing.T) {
	const good = `{"Name":"/t/a","ARN":"arn:a","Type":"String","Value":"v","Version":1}`
	tests := []struct{ name, body string }{
		{"the same token for ever", `{"Parameters":[` + good + `],"NextToken":"t"}`},
		{"another path", `{"Parameters":[{"Name":"/x/a","ARN":"arn:a","Type":"String","Value":"v","Version":1}]}`},
		{"a member without a value", `{"Parameters":[` + good + `,{"Name":"/t/b","Type":"String","Version":1}]}`},
		{"a member without a name", `{"Parameters":[` + good + `,{"Value":"b","Type":"String","Version":1}]}`},
		{"a member without a version", `{"Parameters":[` + good + `,{"Name":"/t/b","Value":"b","Type":"String"}]}`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			aws := awstest.Config{Faults: []awstest.Fault{{Body: &tt.body}}}
			play(t, aws, nil, func(t *testing.T, st *stand) {
				k := treeKey(t, "/t/*")
				if e := fetch(t, t.Context(), st.source, k)[k].Err; e == nil || e.Class != secret.BadAnswer {
					t.Errorf("tree = %v, want class BadAnswer", e)
				}
			})
		})
	}
}
