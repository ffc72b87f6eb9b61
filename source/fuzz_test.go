package source_test

import (
	"io"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"

	"larder/secret"
	"larder/source"
)

// FuzzAnswers gives arbitrary bytes to every call as an answer with status 200.
// Whatever they are, each key gets exactly one result (see fetch), a record is
// complete and has the key's name, and an error shows nothing of the answer.
func FuzzAnswers(f *testing.F) {
	const canary = "cAnArY"
	for _, seed := range []string{
		``, `{}`, `null`, `[]`, `"` + canary + `"`, `{"` + canary + `":` + canary, "\xff" + canary, `{"a":` + strings.Repeat("[", 100),
		`{"ARN":"arn:aws:secretsmanager:eu-west-1:123456789012:secret:a-AbCdEf","Name":"a","VersionId":"1","SecretString":"cAnArY","VersionStages":["AWSCURRENT"],"CreatedDate":1.5}`,
		`{"ARN":"arn","Name":"a","VersionId":"1","SecretBinary":"AAEC"}`,
		`{"ARN":"arn","Name":"a","VersionId":"1","SecretBinary":"cAnArY!"}`,
		`{"ARN":"arn","Name":"a","VersionId":"0","SecretString":"cAnArY"}`,
		`{"ARN":"arn","Name":"a","VersionId":5,"SecretString":"cAnArY"}`,
		`{"SecretValues":[{"ARN":"arn","Name":"a","VersionId":"1","SecretString":"cAnArY"},{"Name":"b"}],"Errors":[{"SecretId":"b","ErrorCode":"cAnArY"}]}`,
		`{"Parameter":{"ARN":"arn","Name":"/a","Type":"String","Value":"cAnArY","Version":1,"LastModifiedDate":"cAnArY"}}`,
		`{"Parameter":{"ARN":"arn","Name":"/a","Type":"String","Value":"cAnArY","Version":1}}`,
		`{"ARN":"arn","Name":"other","VersionId":"1","SecretString":"cAnArY","Parameter":{"Name":"/other","Type":"String","Value":"cAnArY","Version":1}}`,
		`{"Parameters":[{"ARN":"arn","Name":"/a","Type":"String","Value":"cAnArY","Version":1}],"InvalidParameters":["/b"]}`,
		`{"Parameters":[{"ARN":"arn","Name":"/t/a","Type":"String","Value":"cAnArY","Version":2}],"NextToken":""}`,
		`{"Parameters":[],"NextToken":"cAnArY"}`,
		strings.ReplaceAll(*session(someKeys + farEnd), "canary", canary),
		`<ErrorResponse><Error><Code>cAnArY</Code><Message>cAnArY</Message></Error></ErrorResponse>`,
	} {
		f.Add([]byte(seed))
	}
	s := func(id string) secret.Key { return secretKey(f, id) }
	p := func(name string) secret.Key { return parameterKey(f, name) }
	sets := [][]secret.Key{{s("a")}, {s("a"), s("b")}, {p("/a")}, {p("/a"), p("/b")}, {treeKey(f, "/t/**")}, {withRole(f, s("a"), reader)}}
	f.Fuzz(func(t *testing.T, body []byte) {
		synctest.Test(t, func(t *testing.T) {
			for _, keys := range sets {
				for k, r := range fetch(t, t.Context(), answering(body), keys...) {
					switch {
					case r.Err != nil:
						// A code in an answer's list of errors is AWS's own form.
						if text := r.Err.Message; strings.Contains(text, canary) && r.Err.Code == "" {
							t.Errorf("the error of %v shows the answer", k)
						}
					case r.Record != nil:
						complete(t, k, r.Record)
					}
				}
			}
		})
	})
}

// complete checks what every record has.
func complete(t *testing.T, k secret.Key, r *secret.Record) {
	t.Helper()
	none := k.Service == secret.ParameterStore && r.Version == "0" // a parameter's versions are numbers from 1 on
	if r.Version == "" || none || k.IsTree() && len(r.Members) == 0 {
		t.Errorf("the record of %v lacks its version or members", k)
	}
	if !k.IsTree() && strings.TrimPrefix(r.Name, "/") != strings.TrimPrefix(k.ID, "/") {
		t.Errorf("the record of %v has the name %q", k, r.Name)
	}
	for i := range r.Members {
		if m := &r.Members[i]; m.Name == "" || m.Version == "" || m.Type == "" {
			t.Errorf("member %d of %v lacks its name, version or type", i, k)
		}
	}
}

// answering returns a Source to which AWS always says the same.
func answering(body []byte) *source.Source {
	var calls atomic.Int64
	return source.New(source.Config{
		AccessKeyID: "AKIDEXAMPLE", SecretAccessKey: secret.NewValue([]byte("x")), Region: home,
		Transport: roundTrip(func(r *http.Request) (*http.Response, error) {
			if calls.Add(1) > 100 {
				panic("more calls than attempts and pages can explain")
			}
			return &http.Response{StatusCode: 200, Header: http.Header{}, Request: r,
				Body: io.NopCloser(strings.NewReader(string(body)))}, nil
		}),
	})
}
