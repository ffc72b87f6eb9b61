package server_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
	"github.com/aws/aws-sdk-go-v2/service/ssm/types"

	"larder/secret"
)

const (
	secretPath    = "/secretsmanager/get"
	parameterPath = "/systemsmanager/parameters/get"
	secretARN     = "arn:aws:secretsmanager:eu-west-1:123456789012:secret:n-AbCdEf"
	parameterARN  = "arn:aws:ssm:eu-west-1:123456789012:parameter/p"
)

// The bodies that AWS's extension answers, byte for byte.
func TestAWSBodies(t *testing.T) {
	t.Parallel()
	s := start(t)
	s.has("n", &secret.Record{
		Service: secret.SecretsManager, ARN: secretARN, Name: "n", Version: "EXAMPLE1-90ab",
		Stages: []string{"AWSCURRENT"}, Created: time.Date(2022, 11, 16, 8, 22, 40, 499e6, time.UTC),
		Value: secret.NewValue([]byte("s")),
	})
	s.has("/p", &secret.Record{
		Service: secret.ParameterStore, ARN: parameterARN, Name: "/p", Version: "1", Type: "String", DataType: "text",
		Modified: time.Date(2022, 11, 16, 9, 22, 40, 362e6, time.FixedZone("", 3600)), Value: secret.NewValue([]byte("v")),
	})
	a := s.get(secretPath + "?secretId=n")
	isBody(t, "a secret", a, `{"ARN":"`+secretARN+`","CreatedDate":"2022-11-16T08:22:40.499Z","Name":"n","SecretBinary":null,`+
		`"SecretString":"s","VersionId":"EXAMPLE1-90ab","VersionStages":["AWSCURRENT"],"ResultMetadata":{}}`)
	is(t, "Content-Type", a.header.Get("Content-Type"), "application/json")
	is(t, "ETag", a.header.Get("ETag"), `"EXAMPLE1-90ab"`)
	is(t, "Content-Length", a.header.Get("Content-Length"), strconv.Itoa(len(a.body)))
	isBody(t, "a parameter", s.get(parameterPath+"?name=/p"), `{"Parameter":{"ARN":"`+parameterARN+`","DataType":"text",`+
		`"LastModifiedDate":"2022-11-16T08:22:40.362Z","Name":"/p","Selector":null,"SourceResult":null,"Type":"String",`+
		`"Value":"v","Version":1},"ResultMetadata":{}}`)
}

// texts are values that JSON writes in unlike ways.
var texts = []string{
	"", "s", planted, `{"user":"a","pass":"<&>"}`, "line\nline\r\t\\ \b\f", "nul\x00 del\x7f", "ünï→🔑\u2028\u2029", "=+/%",
	"not UTF-8 \xff\xc3(", strings.Repeat("k", 64<<10),
}

func TestAWSSecretIsMarshalledByTheSDK(t *testing.T) {
	t.Parallel()
	s := start(t)
	n := 0
	for _, text := range texts {
		for mask := range 1 << 5 {
			for _, stages := range [][]string{nil, {}, {"AWSCURRENT"}, {"AWSPENDING", "my<stage>"}} {
				out := &secretsmanager.GetSecretValueOutput{VersionStages: stages}
				r := &secret.Record{Service: secret.SecretsManager, Stages: stages, Value: secret.NewValue([]byte(text))}
				if mask&1 != 0 {
					r.ARN, out.ARN = secretARN, aws.String(secretARN)
				}
				if mask&2 != 0 {
					r.Name, out.Name = "a<b>&"+text[:min(9, len(text))], aws.String("a<b>&"+text[:min(9, len(text))])
				}
				if mask&4 != 0 {
					r.Version, out.VersionId = "v1", aws.String("v1")
				}
				if mask&8 != 0 {
					r.Created = time.Unix(1569534789, int64(n%1000)*1e6).UTC()
					out.CreatedDate = &r.Created
				}
				if mask&16 != 0 {
					r.Binary, out.SecretBinary = true, []byte(text)
				} else {
					out.SecretString = &text
				}
				n++
				id := fmt.Sprint("generated-", n)
				s.has(id, r)
				want, err := json.Marshal(out)
				if err != nil {
					t.Fatal(err)
				}
				isBody(t, fmt.Sprintf("text %.10q, mask %b, stages %q", text, mask, stages), s.get(secretPath+"?secretId="+id), string(want))
			}
		}
	}
}

func TestAWSParameterIsMarshalledByTheSDK(t *testing.T) {
	t.Parallel()
	s := start(t)
	n := 0
	for _, text := range texts {
		for mask := range 1 << 6 {
			kind := types.ParameterType("").Values()[n%3]
			p := &types.Parameter{Type: kind, Value: &text, Version: int64(n)}
			r := &secret.Record{
				Service: secret.ParameterStore, Type: string(kind), Version: strconv.Itoa(n), Value: secret.NewValue([]byte(text)),
			}
			for bit, f := range []struct {
				mine *string
				sdk  **string
				text string
			}{
				{&r.ARN, &p.ARN, parameterARN},
				{&r.DataType, &p.DataType, "aws:ec2:image"},
				{&r.Name, &p.Name, "/p/<&>"},
				{&r.Selector, &p.Selector, ":Dev"},
			} {
				if mask&(1<<bit) != 0 {
					*f.mine, *f.sdk = f.text, &f.text
				}
			}
			if mask&16 != 0 {
				r.Modified = time.Unix(1668586960, int64(n%1000)*1e6).UTC()
				p.LastModifiedDate = &r.Modified
			}
			if mask&32 != 0 {
				result := `{"ARN":"<&>","SecretString":` + strconv.Quote(planted) + `}`
				r.SourceResult, p.SourceResult = secret.NewValue([]byte(result)), &result
			}
			n++
			id := fmt.Sprint("/generated/", n)
			s.has(id, r)
			want, err := json.Marshal(&ssm.GetParameterOutput{Parameter: p})
			if err != nil {
				t.Fatal(err)
			}
			isBody(t, fmt.Sprintf("text %.10q, mask %b", text, mask), s.get(parameterPath+"?name="+id), string(want))
		}
	}
}

// What a request asks AWS for, by the key's ID and selector.
func TestAWSRequests(t *testing.T) {
	t.Parallel()
	arn := "arn:aws:secretsmanager:us-east-2:123456789012:secret:a/b-AbCdEf"
	tests := []struct{ target, want string }{
		{secretPath + "?secretId=a/b", "secretsmanager://a/b"},
		{secretPath + "/?secretId=a/b", "secretsmanager://a/b"},
		{secretPath + "?secretId=a%2Fb", "secretsmanager://a/b"},
		{secretPath + "?secretId=%61%2f%62", "secretsmanager://a/b"},
		{secretPath + "?%73ecretId=a", "secretsmanager://a"},
		{secretPath + "?secretId=a+b", "secretsmanager://a+b"},
		{secretPath + "?secretId=a%2Bb", "secretsmanager://a+b"},
		{secretPath + "?secretId=a=b@c", "secretsmanager://a=b@c"},
		{secretPath + "?secretId=" + arn, "secretsmanager://" + arn},
		{secretPath + "?secretId=" + strings.NewReplacer(":", "%3A", "/", "%2F").Replace(arn), "secretsmanager://" + arn},
		{secretPath + "?secretId=a&versionStage=AWSCURRENT", "secretsmanager://a"},
		{secretPath + "?secretId=a&versionStage=AWSPREVIOUS", "secretsmanager://a?stage=AWSPREVIOUS"},
		{secretPath + "?versionStage=x&versionId=1-2&secretId=a", "secretsmanager://a?version=1-2&stage=x"},
		{secretPath + "?secretId=a&versionId=&versionStage=", "secretsmanager://a"},
		{secretPath + "?secretId=a&withDecryption=maybe&x=%20&y&&=", "secretsmanager://a"},
		{secretPath + "?secretId=a&secretId=b", "secretsmanager://a"},
		{secretPath + "?secretid=b&secretId=a", "secretsmanager://a"},
		{secretPath + "?refreshNow=0&secretId=a", "secretsmanager://a"},
		{secretPath + "?x=;&secretId=a", "secretsmanager://a"},

		{parameterPath + "?name=/a/b", "ssm:///a/b"},
		{parameterPath + "/?name=%2Fa%2Fb", "ssm:///a/b"},
		{parameterPath + "?name=plain", "ssm://plain"},
		{parameterPath + "?name=/a:3", "ssm:///a?version=3"},
		{parameterPath + "?name=/a%3ADev", "ssm:///a?label=Dev"},
		{parameterPath + "?name=/a&version=3&label=Dev", "ssm:///a?version=3"},
		{parameterPath + "?label=Dev&version=3&name=/a", "ssm:///a?label=Dev"},
		{parameterPath + "?version=&label=Dev&name=/a", "ssm:///a?label=Dev"},
		{parameterPath + "?label=&name=/a&version=3", "ssm:///a?version=3"},
		{parameterPath + "?name=/a&version=&label=", "ssm:///a"},
		{parameterPath + "?name=/a&secretId=x&foo=bar", "ssm:///a"},
		{parameterPath + "?name=" + parameterARN + ":3", "ssm://" + parameterARN + "?version=3"},
		{parameterPath + "?name=/a&withDecryption=true", "decrypted ssm:///a"},
		{parameterPath + "?name=/a&withDecryption=True", "decrypted ssm:///a"},
		{parameterPath + "?name=/a&withDecryption=TRUE", "decrypted ssm:///a"},
		{parameterPath + "?name=/a&withDecryption=1", "decrypted ssm:///a"},
		{parameterPath + "?name=/a&withDecryption=false", "ssm:///a"},
		{parameterPath + "?name=/a&withDecryption=False", "ssm:///a"},
		{parameterPath + "?name=/a&withDecryption=", "ssm:///a"},
		{parameterPath + "?name=/aws/reference/secretsmanager/a+b/c&withDecryption=true",
			"decrypted ssm:///aws/reference/secretsmanager/a+b/c"},
	}
	for _, test := range tests {
		s := start(t)
		a := s.get(test.target)
		is(t, test.target+": status", a.status, http.StatusOK)
		is(t, test.target+": calls", len(s.calls), 1)
		for k := range s.calls {
			got := k.String()
			if k.Decrypt {
				got = "decrypted " + got
			}
			is(t, test.target+" asks for", got, test.want)
		}
	}
}

// Requests that cannot be made of AWS are answered like AWS's own failures, and
// nothing is asked.
func TestAWSBadRequests(t *testing.T) {
	t.Parallel()
	s := start(t)
	for _, target := range []string{
		secretPath, secretPath + "?", secretPath + "?secretId=", secretPath + "?secretId=a%20b", secretPath + "?name=/p",
		secretPath + "?secretId=%zz", secretPath + "?secretId=a%", secretPath + "?secretId=a&%zz=1", secretPath + "?secretId=a&refreshNow=yes",
		secretPath + "?secretId=a&refreshNow=", secretPath + "?secretId=a&versionStage=%0A",
		secretPath + "?secretId=arn:aws:secretsmanager:evil.com%2Fx:123456789012:secret:a-AbCdEf",
		secretPath + "?secretId=" + parameterARN, parameterPath + "?name=" + secretARN,
		parameterPath, parameterPath + "?name=", parameterPath + "?name=/a/*", parameterPath + "?name=/a/**", parameterPath + "?name=a/b",
		parameterPath + "?name=/a&withDecryption=yes", parameterPath + "?name=/a:3&version=3", parameterPath + "?name=/a&version=latest",
	} {
		a := s.get(target)
		is(t, target+": status", a.status, http.StatusBadRequest)
		is(t, target+": body", a.body, "an unexpected error occurred while executing request")
		is(t, target+": Larder-Error", a.header.Get("Larder-Error"), "BadReference")
	}
	is(t, "calls", len(s.asked()), 0)
}

func TestAWSAge(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := start(t)
		is(t, "Age of a fetched value", s.get(secretPath+"?secretId=a").header.Get("Age"), "0")
		time.Sleep(2900 * time.Millisecond) // the bubble's
		is(t, "Age of a cached value", s.get(secretPath+"?secretId=a").header.Get("Age"), "2")
		is(t, "calls", s.asked()["a"], 1)
		is(t, "Age of a forced read", s.get(secretPath+"?secretId=a&refreshNow=TRUE").header.Get("Age"), "0")
		is(t, "calls", s.asked()["a"], 2)
	})
}

func TestAWSUndeclared(t *testing.T) {
	t.Parallel()
	s := start(t, environ("A=secretsmanager://a"), declaredOnly)
	is(t, "a declared name", s.get(secretPath+"?secretId=a").status, http.StatusOK)
	a := s.get(secretPath + "?secretId=b")
	is(t, "an undeclared one", a.status, http.StatusBadRequest)
	is(t, "Larder-Error", a.header.Get("Larder-Error"), "Undeclared")
	is(t, "Larder-Region", a.header.Get("Larder-Region"), region)
}
