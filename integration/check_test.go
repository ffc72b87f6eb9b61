//go:build integration

package integration_test

import (
	"encoding/json"
	"encoding/xml"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// TestCheck has moto look at the actions that larder check needs: it names one that is missing, and the policy that it
// prints has all of them. Moto knows actions alone, so that the policy's resources become "*" here.
func TestCheck(t *testing.T) {
	t.Parallel()
	moto := startMoto(t, "INITIAL_NO_AUTH_ACTION_COUNT=1000000")
	seed(t, moto, exampleValues(t))
	keys := assumeRole(t, moto, "checked")
	function := &aws{url: inJSON(t, moto.url)}
	function.signAs(keys.AccessKeyID, keys.SecretAccessKey, keys.SessionToken)
	larder := filepath.Join(unpackLayer(t), "extensions", "larder")
	for _, test := range []struct {
		missing   string
		variables []string
		code      int
	}{
		{"secretsmanager:GetSecretValue", []string{"A=secretsmanager://demo/db#password"}, 1},
		{"secretsmanager:BatchGetSecretValue", []string{"A=secretsmanager://demo/db", "B=secretsmanager://demo/session-key"}, 0},
		{"ssm:GetParameter", []string{"A=ssm:///demo/api-key"}, 1},
		{"ssm:GetParameters", []string{"A=ssm:///demo/api-key", "B=ssm:///demo/flags/regions"}, 0},
		{"ssm:GetParametersByPath", []string{"A=ssm:///demo/flags/*"}, 1},
	} {
		t.Run(test.missing, func(t *testing.T) {
			env := slices.Concat(function.env, test.variables)
			actions := check(t, larder, env).actions()
			if !slices.Contains(actions, test.missing) {
				t.Fatalf("the policy allows %q, want %s among them", actions, test.missing)
			}

			allow(t, moto, "checked", slices.DeleteFunc(slices.Clone(actions), func(a string) bool { return a == test.missing })...)
			got := check(t, larder, env, "--online")
			if got.ExitCode != test.code || !got.names(test.missing) {
				t.Errorf("without %s: exit code %d, %+v, want %d and the action's name", test.missing, got.ExitCode, got, test.code)
			}

			allow(t, moto, "checked", actions...)
			if got := check(t, larder, env, "--online"); got.ExitCode != 0 || len(got.Warnings) > 0 {
				t.Errorf("under the policy that it printed: exit code %d, %+v, want 0", got.ExitCode, got)
			}
		})
	}
}

// checked is what the test looks at in the output of larder check --json.
type checked struct {
	References []struct{ State, Problem, Action string }
	Failures   []string
	Warnings   []string
	Policy     struct {
		Statement []struct{ Action []string }
	} `json:"policy"`
	ExitCode int `json:"exitCode"`
}

// actions returns those of the policy but KMS's, which moto does not look at.
func (c checked) actions() []string {
	var all []string
	for _, statement := range c.Policy.Statement {
		for _, action := range statement.Action {
			if !strings.HasPrefix(action, "kms:") {
				all = append(all, action)
			}
		}
	}
	return all
}

// names reports whether the action is said to be missing.
func (c checked) names(action string) bool {
	for _, reference := range c.References {
		if reference.Action == action {
			return true
		}
	}
	// GetParameter is no GetParameters.
	return slices.Contains(strings.FieldsFunc(strings.Join(c.Warnings, " "), func(r rune) bool {
		return r == ' ' || r == ',' || r == ';'
	}), action)
}

// check runs larder check --json under env.
func check(t *testing.T, larder string, env []string, args ...string) checked {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), larder, append([]string{"check", "--json"}, args...)...)
	cmd.Env = env
	output, err := cmd.Output()
	if exit := (*exec.ExitError)(nil); err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	var c checked
	if err := json.Unmarshal(output, &c); err != nil {
		t.Fatalf("larder check printed %q: %v", output, err)
	}
	if code := cmd.ProcessState.ExitCode(); code != c.ExitCode {
		t.Errorf("larder check exits with %d and says %d", code, c.ExitCode)
	}
	return c
}

// allow gives a role a policy, and has moto hold everybody to theirs from then on.
func allow(t *testing.T, moto *aws, role string, actions ...string) {
	t.Helper()
	moto.enforce(t, false)
	putPolicy(t, moto, role, actions...)
	moto.enforce(t, true)
}

// inJSON stands before moto and writes its refusals as AWS does, in JSON: moto writes them in XML.
func inJSON(t *testing.T, moto string) string {
	t.Helper()
	target, err := url.Parse(moto)
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(&httputil.ReverseProxy{
		Rewrite: func(r *httputil.ProxyRequest) {
			r.SetURL(target)
			r.Out.Host = r.In.Host // which is signed
		},
		ModifyResponse: func(r *http.Response) error {
			if r.StatusCode != http.StatusForbidden {
				return nil
			}
			body, err := io.ReadAll(r.Body)
			if err != nil {
				return err
			}
			var refusal struct {
				Code    string `xml:"Errors>Error>Code"`
				Message string `xml:"Errors>Error>Message"`
			}
			if err := xml.Unmarshal(body, &refusal); err != nil {
				return err
			}
			if body, err = json.Marshal(map[string]string{"__type": refusal.Code + "Exception", "message": refusal.Message}); err != nil {
				return err
			}
			r.StatusCode = http.StatusBadRequest
			r.Header.Set("Content-Type", "application/x-amz-json-1.1")
			r.Header.Set("Content-Length", strconv.Itoa(len(body)))
			r.ContentLength = int64(len(body))
			r.Body = io.NopCloser(strings.NewReader(string(body)))
			return nil
		},
	})
	t.Cleanup(server.Close)
	return server.URL
}
