package source_test

import (
	"encoding/json"
	"testing"

	"larder/internal/awstest"
)

// TestSecretThroughParameterStore: bytes and version of the secret are in what Secrets
// Manager has said, and in nothing of Parameter Store's own.
func TestSecretThroughParameterStore(t *testing.T) {
	aws := awstest.Config{Secrets: map[string]awstest.Secret{
		"text":   {String: "v"},
		"binary": {Versions: []awstest.SecretVersion{{Stages: []string{"AWSPREVIOUS"}, Binary: []byte{0, 255, 'a'}}, {Stages: []string{"AWSCURRENT"}, Binary: []byte{1}}}},
	}}
	play(t, aws, nil, func(t *testing.T, st *stand) {
		for id, want := range map[string]string{"text": "v", "binary": "\x01", "binary:AWSPREVIOUS": "\x00\xffa"} {
			k := parameterKey(t, "/aws/reference/secretsmanager/"+id)
			r := fetch(t, t.Context(), st.source, k)[k]
			if r.Err != nil {
				t.Errorf("Fetch of %v: %v", k, r.Err)
				continue
			}
			if string(r.Record.Value.Reveal()) != want || r.Record.Binary != (id != "text") || r.Record.SourceResult.Len() == 0 {
				t.Errorf("%v has %d bytes, binary: %t, want %q", k, r.Record.Value.Len(), r.Record.Binary, want)
			}
			s := secretVersion(t, k.ID[len("/aws/reference/secretsmanager/"):], "", k.Stage)
			if version := fetch(t, t.Context(), st.source, s)[s].Record.Version; r.Record.Version != version {
				t.Errorf("%v has version %s, want that of the secret, %s", k, r.Record.Version, version)
			}
		}
		if want := "GetParameter 3, GetSecretValue 3"; st.counted() != want {
			t.Errorf("calls: %s, want %s", st.counted(), want)
		}
	})
}

// TestSecretWithoutValue: what has no value will have none the next time either.
func TestSecretWithoutValue(t *testing.T) {
	const name = "/aws/reference/secretsmanager/a"
	for said, want := range map[string]string{
		`{"VersionId":"1"}`:                               "!Rejected",
		`{"VersionId":"1","SecretBinary":null}`:           "!Rejected",
		`{"versionId":"1","secretBinary":"dg=="}`:         "v",
		`{"VersionId":"a\r\nX: 1","SecretBinary":"dg=="}`: "v",
		`{"VersionId":7,"SecretBinary":"dg=="}`:           "!Rejected",
		`no JSON`:                                         "!Rejected",
	} {
		quoted, err := json.Marshal(said)
		if err != nil {
			t.Fatal(err)
		}
		body := `{"Parameter":{"Name":"` + name + `","Type":"SecureString","Version":0,"SourceResult":` + string(quoted) + `}}`
		play(t, awstest.Config{Faults: []awstest.Fault{{Body: &body}}}, nil, func(t *testing.T, st *stand) {
			k := parameterKey(t, name)
			r := fetch(t, t.Context(), st.source, k)[k]
			if outcome(r) != want {
				t.Errorf("Fetch with %q = %q, want %q", said, outcome(r), want)
			}
			if want == "v" && r.Record.Version != "1" && r.Record.Version != "0" {
				t.Errorf("Fetch with %q has version %q, want 1, or 0 for what is no version", said, r.Record.Version)
			}
			if n := len(st.Calls()); n != 1 {
				t.Errorf("Fetch with %q made %d calls, want one", said, n)
			}
		})
	}
}
