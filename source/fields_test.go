package source_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"larder/internal/awstest"
	"larder/secret"
)

// absent stands for a field that is not in the answer.
const absent = "absent"

// noValue is what a field of AWS's answers holds when it says nothing. An empty
// value is missing here: it is a value.
func noValue(field string) []string {
	switch field {
	case "SecretString", "SecretBinary", "Value":
		return []string{absent, `null`}
	case "Version":
		return []string{absent, `null`, `0`, `-1`}
	}
	return []string{absent, `null`, `""`}
}

// alter returns the JSON object with another text, or none, for a field.
func alter(t *testing.T, object, field, text string) string {
	t.Helper()
	var fields map[string]json.RawMessage
	if err := json.Unmarshal([]byte(object), &fields); err != nil {
		t.Fatal(err)
	}
	if _, ok := fields[field]; !ok {
		t.Fatalf("the good answer has no %s", field)
	}
	delete(fields, field)
	if text != absent {
		fields[field] = json.RawMessage(text)
	}
	altered, err := json.Marshal(fields)
	if err != nil {
		t.Fatal(err)
	}
	return string(altered)
}

// fieldTest is a good answer, to a call that asks for key, and perhaps for the
// key beside it.
type fieldTest struct {
	name     string
	key      secret.Key
	beside   secret.Key // zero: none
	answer   string     // %s is where the entry of key goes
	entry    string
	required string // names of fields
	action   string
	good     string // the calls that the good answer takes
	lacking  string // the calls when key's entry lacks a field
}

func fieldTests(t *testing.T) []fieldTest {
	const (
		secretARN    = "arn:aws:secretsmanager:eu-west-1:123456789012:secret:a-AbCdEf"
		parameterARN = "arn:aws:ssm:eu-west-1:123456789012:parameter/a"

		text      = `{"ARN":"` + secretARN + `","Name":"a","VersionId":"1","SecretString":"v"}`
		binary    = `{"ARN":"` + secretARN + `","Name":"a","VersionId":"1","SecretBinary":"dg=="}`
		parameter = `{"ARN":"` + parameterARN + `","Name":"/a","Type":"String","Value":"v","Version":1}`
		foreign   = `{"Name":"/aws/reference/secretsmanager/a","Type":"SecureString","Value":"v","Version":0}`
		member    = `{"Name":"/t/x","Type":"String","Value":"v","Version":1}`

		secrets    = `{"SecretValues":[{"ARN":"arn:b","Name":"b","VersionId":"1","SecretString":"v"},%s]}`
		parameters = `{"Parameters":[{"Name":"/b","Type":"String","Value":"v","Version":1},%s]}`
		page       = `{"Parameters":[{"Name":"/t/a","Type":"String","Value":"v","Version":1},%s]}`

		ofSecret, ofText, ofBinary = "ARN Name VersionId", " SecretString", " SecretBinary"
		ofForeign                  = "Name Type Value"
		ofParameter                = ofForeign + " Version"
	)
	var tests []fieldTest
	// By ARN, too: nothing but the check itself finds out that the name is missing.
	for how, k := range map[string]secret.Key{"by name": secretKey(t, "a"), "by ARN": secretKey(t, secretARN)} {
		const one, many = "GetSecretValue", "BatchGetSecretValue"
		b := secretKey(t, "b")
		tests = append(tests,
			fieldTest{"text " + how, k, secret.Key{}, "%s", text, ofSecret + ofText, one, one + " 1", one + " 4"},
			fieldTest{"binary " + how, k, secret.Key{}, "%s", binary, ofSecret + ofBinary, one, one + " 1", one + " 4"},
			fieldTest{"text in a batch " + how, k, b, secrets, text, ofSecret + ofText, many, many + " 1", many + " 1, " + one + " 4"},
			fieldTest{"binary in a batch " + how, k, b, secrets, binary, ofSecret + ofBinary, many, many + " 1", many + " 1, " + one + " 4"})
	}
	for how, k := range map[string]secret.Key{"by name": parameterKey(t, "/a"), "by ARN": parameterKey(t, parameterARN)} {
		const one, many = "GetParameter", "GetParameters"
		tests = append(tests,
			fieldTest{"parameter " + how, k, secret.Key{}, `{"Parameter":%s}`, parameter, ofParameter, one, one + " 1", one + " 4"},
			fieldTest{"parameter in a batch " + how, k, parameterKey(t, "/b"), parameters, parameter, ofParameter, many, many + " 1", one + " 4, " + many + " 1"})
	}
	const tree = "GetParametersByPath"
	return append(tests,
		fieldTest{"reference to a secret", parameterKey(t, "/aws/reference/secretsmanager/a"), secret.Key{}, `{"Parameter":%s}`, foreign, ofForeign,
			"GetParameter", "GetParameter 1", "GetParameter 4"},
		fieldTest{"member of a tree", treeKey(t, "/t/*"), secret.Key{}, page, member, ofParameter, tree, tree + " 1", tree + " 4"},
		fieldTest{"member of all", treeKey(t, "/**"), secret.Key{}, page, member, ofParameter, tree, tree + " 1", tree + " 4"})
}

// TestLackingFields: an answer with status 200 that lacks one of the fields it
// must have becomes no value, whichever field and call it is. One of a batch is
// asked for singly, and the others of the batch have their values.
func TestLackingFields(t *testing.T) {
	for _, tt := range fieldTests(t) {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			tt.hold(t, tt.entry, true)
			for field := range strings.FieldsSeq(tt.required) {
				for _, text := range noValue(field) {
					t.Run(field+" "+text, func(t *testing.T) {
						tt.hold(t, alter(t, tt.entry, field, text), false)
					})
				}
			}
			t.Run("nothing at all", func(t *testing.T) { tt.hold(t, `{}`, false) })
		})
	}
}

// hold asks for the keys when AWS's answer has the entry. What is asked for
// singly after that has an empty answer.
func (tt *fieldTest) hold(t *testing.T, entry string, good bool) {
	t.Helper()
	body := fmt.Sprintf(tt.answer, entry)
	aws := awstest.Config{Faults: []awstest.Fault{{Action: tt.action, Body: &body}, {Body: ptr(`{}`)}}}
	play(t, aws, nil, func(t *testing.T, st *stand) {
		keys := []secret.Key{tt.key}
		if tt.beside != (secret.Key{}) {
			keys = append(keys, tt.beside)
		}
		got := fetch(t, t.Context(), st.source, keys...)
		calls := tt.good
		if !good {
			calls = tt.lacking
		}
		if e := got[tt.key].Err; good && e != nil || !good && (e == nil || e.Class != secret.BadAnswer) {
			t.Errorf("Fetch of %v with the entry %s: %v, want a value: %t, or else class BadAnswer", tt.key, entry, e, good)
		}
		if e := got[keys[len(keys)-1]].Err; len(keys) > 1 && e != nil {
			t.Errorf("Fetch of %v beside it: %v, want a value", tt.beside, e)
		}
		if st.counted() != calls {
			t.Errorf("calls: %s, want %s", st.counted(), calls)
		}
	})
}
