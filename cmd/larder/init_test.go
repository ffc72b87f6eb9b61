package main

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"larder/extension"
	"larder/extension/extensiontest"
	"larder/internal/awstest"
)

// TestExtendInit holds the table of what a secret that is not there means for
// init.
func TestExtendInit(t *testing.T) {
	denied := awstest.Fault{Code: "AccessDeniedException", Message: "no"}
	hang := awstest.Fault{Hang: true}
	tests := []struct {
		name    string
		environ []string
		faults  []awstest.Fault
		kind    string   // of the fault; empty if init goes on
		names   []string // in the fault
	}{
		{"not found", []string{"DB=secretsmanager://gone"}, nil,
			"Extension.SecretMissing", []string{"DB", "secretsmanager://gone", "eu-west-1"}},
		{"denied", []string{"DB=secretsmanager://there"}, []awstest.Fault{denied},
			"Extension.SecretMissing", []string{"DB", "secretsmanager://there", "eu-west-1", "secretsmanager:GetSecretValue"}},
		{"field missing", []string{"DB=secretsmanager://there#nope"}, nil,
			"Extension.SecretMissing", []string{"DB", "secretsmanager://there#nope"}},
		{"all that are missing", []string{"A=secretsmanager://gone", "B=ssm:///gone", "C=secretsmanager://there"}, nil,
			"Extension.SecretMissing", []string{"A (", "B ("}},
		{"too large for the cache", []string{"DB=secretsmanager://there", "LARDER_CACHE_BYTES=4"}, nil,
			"Extension.ConfigInvalid", []string{"LARDER_CACHE_BYTES"}},
		{"too large for the cache, with warn", []string{"DB=secretsmanager://there", "LARDER_CACHE_BYTES=4", "LARDER_ON_INIT_FAILURE=warn"}, nil,
			"Extension.ConfigInvalid", []string{"LARDER_CACHE_BYTES"}},
		{"not found, with warn", []string{"DB=secretsmanager://gone", "LARDER_ON_INIT_FAILURE=warn"}, nil, "", nil},
		{"optional and not found", []string{"DB=secretsmanager://gone?optional"}, nil, "", nil},
		{"AWS hangs", []string{"DB=secretsmanager://there", "LARDER_INIT_TIMEOUT=50ms"}, []awstest.Fault{hang}, "", nil},
		{"nothing is declared", nil, nil, "", nil},
		{"an empty list", []string{"LARDER_PREFETCH= ,, "}, nil, "", nil},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			st := newStage(t, awstest.Config{
				Secrets: map[string]awstest.Secret{"there": {String: `{"a":"1"}`}}, Faults: test.faults,
			}, test.environ...)
			st.start(t)
			if test.kind == "" {
				st.lambda.Await(extensiontest.Next, 1)
				st.aws.ClearFaults()
				if status, _ := st.read("secretsmanager://there#a"); status != 200 {
					t.Errorf("a read after init: status %d, want 200", status)
				}
				st.shutdown()
				if err := st.end(t); err != nil {
					t.Errorf("extend = %v", err)
				}
				return
			}
			report := st.lambda.Await(extensiontest.InitError, 1)
			fault, _ := errors.AsType[*extension.Fault](st.end(t))
			if got := report.Header.Get("Lambda-Extension-Function-Error-Type"); fault == nil || fault.Type != test.kind || got != test.kind {
				t.Fatalf("extend = %v, reported as %q, want a %s", fault, got, test.kind)
			}
			for _, name := range test.names {
				if !strings.Contains(message(t, report), name) {
					t.Errorf("the report is %q, want %q in it", message(t, report), name)
				}
			}
			if strings.Contains(message(t, report), "C (") {
				t.Errorf("the report names what is there: %q", message(t, report))
			}
		})
	}
}

// TestExtendMissing checks that Lambda hears of a missing secret before anybody
// does who waits for it: a function that fails first is what the user would see.
// While AWS still owes the answer about another one, the readers' answer is known
// and must be held back.
func TestExtendMissing(t *testing.T) {
	slow, reached, release := hold("GetParameter*")
	st := newStage(t, awstest.Config{
		Secrets:    map[string]awstest.Secret{"there": {String: "value"}},
		Parameters: map[string]awstest.Parameter{"/slow": {Value: "value"}},
		Faults:     []awstest.Fault{slow},
	}, "A=secretsmanager://gone", "B=ssm:///slow")
	st.start(t)
	st.lambda.Await(extensiontest.Register, 1) // from here on it listens
	const readers = 20
	type answer struct {
		status   int
		reported bool // to Lambda, before
	}
	answers := make(chan answer, readers)
	for range readers {
		go func() {
			status, _ := st.read("secretsmanager://gone")
			answers <- answer{status, slices.Contains(st.lambda.Paths(), "/init/error")}
		}()
	}
	<-reached
	awaitParked(t, "larder/manifest.(*Manifest).hold(", readers)
	for range 3 { // while these come back, the held ones would, too
		if status, _ := st.read("secretsmanager://there"); status != 200 {
			t.Errorf("a read of what is not declared: status %d, want 200", status)
		}
	}
	if n := len(answers); n > 0 {
		t.Errorf("%d readers were answered during init", n)
	}
	release()
	err := st.end(t)
	if fault, ok := errors.AsType[*extension.Fault](err); !ok || fault.Type != "Extension.SecretMissing" {
		t.Errorf("extend = %v, want an Extension.SecretMissing", err)
	}
	for range readers {
		if a := <-answers; !a.reported || a.status != 404 {
			t.Errorf("a reader got status %d, after init/error: %t, want 404 and true", a.status, a.reported)
		}
	}
}
