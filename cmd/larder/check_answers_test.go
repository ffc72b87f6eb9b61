package main

import (
	"net/http"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"larder/internal/awstest"
	"larder/internal/pipetest"
	"larder/source"
)

// TestInquireInTrouble has one secret that fails for as long as prefetch asks, and
// one parameter that is not answered alone: all that is said of the others is as
// if these were well.
func TestInquireInTrouble(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		server, err := awstest.New(awstest.Config{
			Region:  checkedRegion,
			Secrets: map[string]awstest.Secret{"busy": {String: "v"}},
			Parameters: map[string]awstest.Parameter{
				"/far/a": {Value: "v", Region: "us-east-1"}, "/far/b": {Value: "v", Region: "us-east-1"},
				"/near/a": {Value: "v"}, "/near/b": {Type: "SecureString", Value: "v", KMSKey: keyOne},
			},
			Faults: []awstest.Fault{{Action: "GetSecretValue", Code: "ThrottlingException"}, {Action: "GetParameter", ID: "/far/a", Hang: true}},
		})
		if err != nil {
			t.Fatal(err)
		}
		defer server.Close()
		web := &http.Transport{DialContext: pipetest.Serve(t, &http.Server{Handler: server})}
		defer web.CloseIdleConnections()
		s, _, mistakes := readSettings(environOf(server, "http://aws.test",
			"BUSY=secretsmanager://busy", "FAR_A=ssm:///far/a?region=us-east-1", "FAR_B=ssm:///far/b?region=us-east-1",
			"NEAR_A=ssm:///near/a", "NEAR_B=ssm:///near/b"))
		if len(mistakes) > 0 {
			t.Fatal(mistakes)
		}
		config := s.source()
		config.Transport = web
		src := source.New(config)
		defer src.Close()

		r, began := new(report), time.Now()
		a := inquire(t.Context(), src, s, true, r)
		if took := time.Since(began); took < prefetchLimit {
			t.Errorf("everything was asked in %v, want prefetch alone to use up %v", took, prefetchLimit)
		}
		if len(r.Failures) != 1 || !strings.HasPrefix(r.Failures[0], "FAR_A ") || !strings.Contains(r.Failures[0], "Timeout") || len(r.Mistakes) > 0 {
			t.Errorf("failures %q and mistakes %q, want nothing but that FAR_A has had no answer", r.Failures, r.Mistakes)
		}
		for _, d := range s.declarations {
			want := ""
			if d.Variable == "BUSY" {
				want = unanswered
			}
			if got := a.blanks[d].state; got != want {
				t.Errorf("%s is without a value as %q, want %q", d.Variable, got, want)
			}
			if d.Variable == "NEAR_B" && !slices.Equal(a.descriptions[d.Key].KMSKeys, []string{keyOne}) {
				t.Errorf("the keys of %s are %q, want %q; warnings %q", d.Variable, a.descriptions[d.Key].KMSKeys, keyOne, r.Warnings)
			}
		}
	})
}
