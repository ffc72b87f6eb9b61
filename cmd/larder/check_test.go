package main

import (
	"context"
	"fmt"
	"maps"
	"os"
	"reflect"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"
	"unicode"

	"larder/internal/awstest"
)

// TestCheckOffline holds all that is printed against a file. Nothing of what Lambda
// sets is missed.
func TestCheckOffline(t *testing.T) {
	t.Parallel()
	c := &checked{environ: []string{
		"DB_PASSWORD=secretsmanager://prod/db#password", "KEY=ssm:///prod/key?region=us-east-1",
		"LARDER_PREFETCH=ssm:///prod/tree/** secretsmanager://arn:aws:secretsmanager:eu-west-1:222222222222:secret:theirs-AbCdEf",
		"LARDER_NOTHING=1",
	}}
	want, err := os.ReadFile("testdata/check/offline.txt")
	if err != nil {
		t.Fatal(err)
	}
	code, stdout := c.run(t, "check")
	if code != exitRight || stdout != string(want) {
		t.Errorf("exit code %d, want %d; the output is\n%s\nwant\n%s", code, exitRight, stdout, want)
	}
}

// TestCheckMistakes checks that the words are the extension's, and that AWS is not
// asked before the settings are right.
func TestCheckMistakes(t *testing.T) {
	t.Parallel()
	c := newChecked(t, "LARDER_MAX_STALE=never", "SECRETS_MANAGER_TTL=-1", "DB=secretsmanager://a b", "KEY=ssm:///prod/key")
	_, warnings, mistakes := readSettings(c.environ)
	for _, flag := range []string{"--json", "--online"} {
		r := c.report(t, flag)
		if !slices.Equal(r.Mistakes, texts(mistakes)) || len(mistakes) != 2 {
			t.Errorf("%s: mistakes %q, want the extension's two, %q", flag, r.Mistakes, mistakes)
		}
		if !slices.Equal(r.Warnings, texts(warnings)) || len(warnings) != 1 {
			t.Errorf("%s: warnings %q, want the extension's one, %q", flag, r.Warnings, warnings)
		}
		if e := r.entry(t, "KEY"); r.ExitCode != exitWrong || e.State != unasked {
			t.Errorf("%s: exit code %d and %s, want %d and %s", flag, r.ExitCode, e.State, exitWrong, unasked)
		}
	}
	if calls := c.Calls(); len(calls) > 0 {
		t.Errorf("AWS was asked: %v", calls)
	}
}

// TestCheckOnline looks at what is said of each reference.
func TestCheckOnline(t *testing.T) {
	t.Parallel()
	c := newChecked(t, append(declared(), "GONE=secretsmanager://prod/gone", "FIELD=secretsmanager://prod/db#port", "TEXT=ssm:///prod/flag#x")...)
	r := c.report(t, "--online")
	if r.Identity == nil || r.Identity.Account != checkedAccount || r.Identity.Region != checkedRegion || !strings.HasPrefix(r.Identity.ARN, "arn:aws:sts::") {
		t.Errorf("the identity is %+v, want that of the function", r.Identity)
	}
	tests := []struct {
		variable, state string
		size            int
		problem         string
	}{
		{"DB_PASSWORD", found, len("CANARY-password-9d1f"), ""},
		{"DB_USER", found, len("app-user"), ""},
		{"THEIRS", found, len("CANARY-theirs-c44d"), ""},
		{"TREE", found, len(`{"one":"","two":""}`) + 2*len("CANARY-leaf-ab12"), ""},
		{"ABSENT", absent, 0, ""},
		{"GONE", wrong, 0, "write ?optional"},
		{"FIELD", wrong, 0, `no field "port"`},
		{"TEXT", wrong, 0, "not JSON"},
	}
	for _, test := range tests {
		e := r.entry(t, test.variable)
		size := 0
		if e.Size != nil {
			size = *e.Size
		}
		if e.State != test.state || size != test.size || (e.Problem == "") != (test.problem == "") || !strings.Contains(e.Problem, test.problem) {
			t.Errorf("%s is %s with %d bytes and the problem %q, want %s, %d, %q", test.variable, e.State, size, e.Problem, test.state, test.size, test.problem)
		}
		if ok := e.State == found; ok != (e.Version != "") || ok == e.Changed.IsZero() {
			t.Errorf("%s is %s with version %q of %v", test.variable, e.State, e.Version, e.Changed)
		}
	}
	if r.ExitCode != exitWrong {
		t.Errorf("exit code %d, want %d", r.ExitCode, exitWrong)
	}
}

// TestCheckCounts holds the calls that check counts against those that the
// extension's prefetch makes.
func TestCheckCounts(t *testing.T) {
	t.Parallel()
	const besides = "GetCallerIdentity" // and one GetParameter, see answers.single
	var many []string
	for _, n := range []string{"a", "b", "c", "d", "e", "f", "g", "h", "i", "j", "k", "l"} {
		many = append(many, "ssm:///many/"+n)
	}
	c := newChecked(t, append(declared(), "OLD=ssm:///prod/key:1", "LARDER_PREFETCH=ssm:///many/** ssm:///prod/* "+strings.Join(many, ","))...)
	for _, reference := range many {
		if err := c.SetParameter(strings.TrimPrefix(reference, "ssm://"), awstest.Parameter{Value: "v"}); err != nil {
			t.Fatal(err)
		}
	}
	for i := range 12 { // of /prod/*, whose pages count what lies deeper, too
		if err := c.SetParameter(fmt.Sprintf("/prod/deep/%02d", i), awstest.Parameter{Value: "v"}); err != nil {
			t.Fatal(err)
		}
	}
	r := c.report(t, "--online")
	made := map[string]int{"ssm:GetParameter": -1}
	for _, call := range c.Calls() {
		if call.Action != besides {
			made[call.Service+":"+call.Action]++
		}
	}
	if r.ExitCode != exitRight || !maps.Equal(r.Calls.Actions, made) {
		t.Errorf("exit code %d, the calls are %v, want those that were made, %v", r.ExitCode, r.Calls.Actions, made)
	}
	sum := 0
	for _, n := range made {
		sum += n
	}
	want := []refreshCount{{300, sum - 1}, {60, 1}} // FLAG has a batch of its own, and no role is assumed
	if r.Calls.ColdStart != sum || r.Calls.RolesPerHour != 1 || !slices.Equal(r.Calls.Refreshes, want) {
		t.Errorf("the calls are %+v, want %d at a cold start and the refreshes %v", r.Calls, sum, want)
	}
}

// TestCheckUnanswered checks that AWS's trouble is told from mistakes. Prefetch
// tries again until there is enough.
func TestCheckUnanswered(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name    string
		prepare func(t *testing.T, c *checked, enough func())
		want    string
	}{
		{"expired credentials", func(_ *testing.T, c *checked, _ func()) { c.RenewCredentials() }, "export-credentials"},
		{"no credentials", func(_ *testing.T, c *checked, _ func()) { c.unset("AWS_ACCESS_KEY_ID") }, "export-credentials"},
		{"no Region", func(_ *testing.T, c *checked, _ func()) { c.unset("AWS_REGION") }, "AWS_REGION"},
		{"nobody there", func(_ *testing.T, c *checked, _ func()) {
			c.unset("AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL=http://127.0.0.1:1") // a port that no other test is given
		}, "no connection"},
		{"throttled", func(t *testing.T, c *checked, enough func()) {
			const attempts = 4 // of one call: with the next one, one has failed
			var asked atomic.Int32
			c.Observe(func(call awstest.Call) {
				if slices.Contains(call.IDs, "prod/theirs") && asked.Add(1) > attempts {
					enough()
				}
			})
			if err := c.AddFault(awstest.Fault{Action: "*Get*Value", Code: "ThrottlingException"}); err != nil {
				t.Fatal(err)
			}
		}, "ThrottlingException"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			c := newChecked(t, declared()...)
			ctx, enough := context.WithTimeout(t.Context(), 5*time.Second) // a multiple of what one try takes
			defer enough()
			test.prepare(t, c, enough)
			code, stdout := c.runUntil(t, ctx, "check", "--online")
			if code != exitUnasked || !strings.Contains(stdout, test.want) {
				t.Errorf("exit code %d, want %d, and %q in\n%s", code, exitUnasked, test.want, stdout)
			}
		})
	}
}

// unset removes a variable and adds others.
func (c *checked) unset(name string, instead ...string) {
	c.environ = append(slices.DeleteFunc(c.environ, func(item string) bool { return strings.HasPrefix(item, name+"=") }), instead...)
}

// TestJSONIsDocumented checks that help has every name that is in the JSON.
func TestJSONIsDocumented(t *testing.T) {
	t.Parallel()
	_, documented, _ := strings.Cut(usage, "\nJSON:\n")
	words := strings.FieldsFunc(documented, func(r rune) bool { return !unicode.IsLetter(r) })
	for _, v := range []any{report{}, caller{}, entry{}, callCount{}, refreshCount{}} {
		kind := reflect.TypeOf(v)
		for i := range kind.NumField() {
			name, _, _ := strings.Cut(kind.Field(i).Tag.Get("json"), ",")
			if name == "" || !slices.Contains(words, name) {
				t.Errorf("%s.%s is %q in the JSON, and help does not have that", kind.Name(), kind.Field(i).Name, name)
			}
		}
	}
	for _, state := range []string{unasked, found, absent, wrong, unanswered} {
		if !slices.Contains(words, state) {
			t.Errorf("help does not have the state %s", state)
		}
	}
}
