package main

import (
	"slices"
	"strings"
	"testing"
)

// fileReport is what check says of a file alone.
func fileReport(file map[string]string) *report {
	o := checkOptions{environ: file, file: file}
	s, _, warnings, mistakes := o.settings()
	r := &report{Mistakes: texts(mistakes), Warnings: texts(warnings)}
	r.mendNearMisses(s)
	r.checkLambda(o, s)
	r.noteARNs(o.environ)
	return r
}

// TestLambdaRules holds what Lambda itself would refuse, or not do.
func TestLambdaRules(t *testing.T) {
	t.Parallel()
	const (
		illegal = "Lambda takes no variable of that name"
		theirs  = "Lambda sets this itself, and refuses it"
		large   = "bytes, as Lambda measures them, and it takes 4096"
		here    = "in the file it is for this check"
	)
	tests := []struct {
		name          string
		file          map[string]string
		mistake, note string // a part of it; empty for none
	}{
		{"legal names", map[string]string{"AB": "", "a_": "", "Z9": "", "LONG_NAME_9": ""}, "", ""},
		{"a hyphen", map[string]string{"DB-PW": ""}, "DB-PW: " + illegal, ""},
		{"a digit first", map[string]string{"1DB": ""}, "1DB: " + illegal, ""},
		{"one letter", map[string]string{"X": ""}, "X: " + illegal, ""},
		{"an underscore first", map[string]string{"_X": ""}, "_X: " + illegal, ""},
		{"several", map[string]string{"_X": "", "A.B": ""}, "A.B, _X: " + illegal, ""},
		{"reserved", map[string]string{"LAMBDA_TASK_ROOT": "/x", "_HANDLER": "h"}, "LAMBDA_TASK_ROOT, _HANDLER: " + theirs, ""},
		{"reserved and useful", map[string]string{"AWS_REGION": "eu-west-1", "AWS_SESSION_TOKEN": "t"}, "", "AWS_REGION, AWS_SESSION_TOKEN: Lambda sets this itself; " + here},
		{"exactly as many bytes", map[string]string{"AB": strings.Repeat("x", 4096-len(`{"AB":""}`))}, "", ""},
		{"a byte too many", map[string]string{"AB": strings.Repeat("x", 4097-len(`{"AB":""}`))}, "4097 " + large, ""},
		{"escapes count", map[string]string{"AB": strings.Repeat(`"`, 2050)}, "4109 " + large, ""},
		{"<> do not", map[string]string{"AB": strings.Repeat("<", 4000)}, "", ""},
		{"credentials do not count", map[string]string{"AWS_SESSION_TOKEN": strings.Repeat("x", 5000)}, "", here},
		{"init longer than Lambda's", map[string]string{"LARDER_INIT_TIMEOUT": "11"}, "", "on demand Lambda ends init after 10s"},
		{"as long", map[string]string{"LARDER_INIT_TIMEOUT": "10"}, "", ""},
		{"the mode is named", map[string]string{"LARDER_INIT_TIMEOUT": "60", "AWS_LAMBDA_INITIALIZATION_TYPE": "provisioned-concurrency"}, "", here},
		{"the layer's wrapper", map[string]string{"AWS_LAMBDA_EXEC_WRAPPER": "/opt/larder-exec"}, "", ""},
		{"a wrapper elsewhere", map[string]string{"AWS_LAMBDA_EXEC_WRAPPER": "/opt/bin/larder-exec"}, "", "the layer has it at /opt/larder-exec"},
		{"a bare wrapper", map[string]string{"AWS_LAMBDA_EXEC_WRAPPER": "larder-exec"}, "", "the layer has it at /opt/larder-exec"},
		{"another wrapper", map[string]string{"AWS_LAMBDA_EXEC_WRAPPER": "/opt/other"}, "", ""},
		{"a near miss", map[string]string{"DB": "ssm:/x"}, "DB: the value is no reference", ""},
		{"a secret's ARN", map[string]string{"SECRET_ARN": "arn:aws:secretsmanager:eu-west-1:123456789012:secret:a-AbCdEf"}, "",
			"SECRET_ARN: an ARN alone is a text, by which code may read. To have it prefetched as well, add secretsmanager://arn:aws:secretsmanager:eu-west-1:123456789012:secret:a-AbCdEf to"},
		{"a parameter's ARN", map[string]string{"PARAMETER_ARN": "arn:aws:ssm:eu-west-1:123456789012:parameter/a"}, "", "add ssm://arn:aws:ssm"},
		{"another ARN", map[string]string{"ROLE_ARN": "arn:aws:iam::123456789012:role/a"}, "", ""},
	}
	for _, test := range tests {
		r := fileReport(test.file)
		for _, list := range []struct {
			what, want string
			got        []string
		}{{"mistakes", test.mistake, r.Mistakes}, {"notes", test.note, r.Notes}} {
			if (len(list.got) == 0) != (list.want == "") || !strings.Contains(strings.Join(list.got, "\n"), list.want) {
				t.Errorf("%s: %s %.300q, want %q", test.name, list.what, list.got, list.want)
			}
		}
		if slices.ContainsFunc(r.Warnings, func(text string) bool { return strings.Contains(text, "no reference") }) {
			t.Errorf("%s: warnings %q, want a near miss among the mistakes alone", test.name, r.Warnings)
		}
	}
}

// TestLambdaRulesOfThisMachine: the environment of a terminal is no function's.
func TestLambdaRulesOfThisMachine(t *testing.T) {
	t.Parallel()
	c := &checked{environ: []string{"_=x", "DB-PW=x", "LONG=" + strings.Repeat("x", 5000), "LAMBDA_TASK_ROOT=x"}}
	if code, stdout := c.run(t, "check"); code != exitRight || strings.Contains(stdout, "Lambda takes") || strings.Contains(stdout, "as Lambda measures") {
		t.Errorf("exit code %d, want %d; the output is\n%s", code, exitRight, stdout)
	}
}
