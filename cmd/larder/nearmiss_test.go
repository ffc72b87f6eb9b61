package main

import (
	"slices"
	"strings"
	"testing"
)

// misses are values that were meant as references, and hits look like them and were not.
var misses = []string{
	"secretmanager://prod/db", "secrets-manager://prod/db", "secretsmanager:/prod/db", "secretsmanager//prod/db", "secretsmanger://prod/db",
	"secretsManager://prod/db", "SECRETSMANAGER://prod/db", "secrets_manager://prod/db", "secretsmanagers://prod/db", "aws-secretsmanager://prod/db",
	"awssecretsmanager://prod/db#x", "secret-manager:/x", "ssm:/prod/key", "ssm//prod/key", "SSM:///prod/key", "aws-ssm:///prod/key", "parameterstore://prod/key",
	"ssm-parameter:///prod/key", "{{resolve:secretsmanager:prod/db:SecretString:password}}", "{{resolve:ssm:/prod/key:1}}", "{{resolve:ssm-secure:/prod/key}}",
	`"secretsmanager://prod/db"`, "'ssm:///prod/key'", "`secretsmanager://prod/db`", "“secretsmanager://prod/db”", "‘ssm:///prod/key’", "„ssm:///prod/key“",
	"«ssm:///prod/key»", " ssm:///prod/key", "\nssm:///prod/key", `'" SSM:///prod/key\t"'`, " Ssm:///prod/key", "\ufeffsecretsmanager://prod/db", "\u200bssm:///prod/key", "\u2060ssm:///prod/key",
	"\u00a0secretsmanager://prod/db", "secrets\u00admanager://prod/db", "ssm\u200b:///prod/key", "secretsmanager\ufeff://prod/db", "ssm ://key",
}

var hits = []string{
	"", "x", "ssm", "secretsmanager", "ssm:GetParameter", "secretsmanager:GetSecretValue", "secretsmanager:*", "ssm:Get*/x", "https://secretsmanager.eu-west-1.amazonaws.com",
	"https://ssm.eu-west-1.amazonaws.com/", "https://example.com/?next=ssm:///x", "arn:aws:ssm:eu-west-1:123456789012:parameter/prod/key",
	"arn:aws:secretsmanager:eu-west-1:123456789012:secret:prod/db-AbCdEf", "the secret is at secretsmanager://prod/db", "read ssm:///prod/key first",
	"s3://bucket/ssm/key", "sm://project/secret", "smb://host/share", "ssh://git@host/repo", "ssms://x", "wss://host/path", "jdbc-secretsmanager:mysql://host:3306/db",
	`{"url":"secretsmanager://prod/db"}`, "/opt/ssm/bin", "./secretsmanager/x", "secretsmanager/x", "ssm/prod/key", "//ssm/prod", "redis://localhost:6379/0",
	"postgres://user:secretsmanager@host/db", "gs://secrets/manager", "vault://secret/manager", "azurekeyvault://x/y", "file:///etc/ssm", "{{ssm}}", "{{resolve:x:y}}",
	"a,b,ssm:///c", "ssm://", "secretsmanager:", "mailto:ssm@example.com", "amqp://ssm:pw@host", "manager://x", "secrets://x", "op://vault/item/field",
	strings.Repeat("x", 100) + "://y",
}

func TestNearMisses(t *testing.T) {
	t.Parallel()
	if len(misses) < 25 || len(hits) < 25 {
		t.Fatalf("%d misses and %d hits, want 25 of each at least", len(misses), len(hits))
	}
	for _, value := range misses {
		_, warnings, mistakes := readSettings(function("V=" + value))
		if said := strings.Join(texts(warnings), "; "); len(mistakes) > 0 || !strings.HasPrefix(said, "V: the value is no reference, and looks like one") || strings.Contains(said, "prod") {
			t.Errorf("V=%q: warnings %q, mistakes %q, want one warning that names V and not the value", value, said, texts(mistakes))
		}
	}
	for _, value := range hits {
		if _, warnings, _ := readSettings(function("V=" + value)); len(warnings) > 0 {
			t.Errorf("V=%q: warnings %q, want none", value, texts(warnings))
		}
	}
}

// TestNotReferences: the variables that it names hold texts, whatever they look like.
func TestNotReferences(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name     string
		environ  []string
		warnings string // a part of it
		declared []string
	}{
		{"a near miss", []string{"LARDER_NOT_REFERENCES=V", "V=ssm:/x"}, "", nil},
		{"a reference", []string{"LARDER_NOT_REFERENCES=V", "V=ssm:///x", "W=ssm:///y"}, "", []string{"W"}},
		{"several", []string{"LARDER_NOT_REFERENCES= V,W\tX ", "V=ssm:/x", "W=ssm:/x", "X=ssm:///x"}, "", nil},
		{"another one", []string{"LARDER_NOT_REFERENCES=W", "V=ssm:/x", "W=y"}, "V: the value is no reference", nil},
		{"one that is not there", []string{"LARDER_NOT_REFERENCES=V,GONE,V2", "V=ssm:/x"}, "LARDER_NOT_REFERENCES, item 2, 3: there is no such variable", nil},
		{"variables are left alone", []string{"LARDER_SCAN_ENV=false", "V=ssm:/x", "W=ssm:///x"}, "", nil},
		{"the list of references", []string{"LARDER_NOT_REFERENCES=LARDER_PREFETCH", "LARDER_PREFETCH=ssm:///x"}, "", []string{"LARDER_PREFETCH"}},
	}
	for _, test := range tests {
		s, warnings, mistakes := readSettings(function(test.environ...))
		if said := strings.Join(texts(warnings), "; "); len(mistakes) > 0 || !strings.Contains(said, test.warnings) || (said == "") != (test.warnings == "") {
			t.Errorf("%s: warnings %q, mistakes %q, want %q", test.name, said, texts(mistakes), test.warnings)
		}
		var declared []string
		for _, d := range s.declarations {
			declared = append(declared, d.Variable)
		}
		if !slices.Equal(declared, test.declared) {
			t.Errorf("%s: declared are %q, want %q", test.name, declared, test.declared)
		}
	}
}

// BenchmarkNearMisses is what a function with 60 variables pays for it at each cold start.
func BenchmarkNearMisses(b *testing.B) {
	env := make(map[string]string)
	var names []string
	for i := range 60 {
		name := strings.Repeat("V", i+1)
		names = append(names, name)
		env[name] = hits[i%len(hits)]
	}
	for b.Loop() {
		nearMisses(names, env, nil)
	}
}
