package main

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"larder/internal/awstest"
)

// declare returns a world of n secrets and n parameters, and variables that declare
// those of one kind.
func declare(n int, kind string) (aws awstest.Config, environ []string) {
	aws = awstest.Config{Secrets: map[string]awstest.Secret{}, Parameters: map[string]awstest.Parameter{}}
	for i := range n {
		name := fmt.Sprintf("k%02d", i)
		aws.Secrets[name] = awstest.Secret{String: "value of " + name}
		aws.Parameters["/"+name] = awstest.Parameter{Value: "value of /" + name}
		reference := "secretsmanager://" + name
		if kind == "parameters" {
			reference = "ssm:///" + name
		}
		environ = append(environ, fmt.Sprintf("V%02d=%s", i, reference))
	}
	return aws, environ
}

// TestThrottledInit: a sandbox that AWS throttles all through init is no burden to the
// others.
func TestThrottledInit(t *testing.T) {
	for _, kind := range []string{"secrets", "parameters"} {
		for _, n := range []int{1, 4, 20} {
			t.Run(fmt.Sprint(n, " ", kind), func(t *testing.T) {
				aws, environ := declare(n, kind)
				aws.Faults = []awstest.Fault{{Code: "ThrottlingException"}}
				inWhole(t, aws, func(t *testing.T, w *whole) {
					began := time.Now()
					if err := w.init(t.Context()); err != nil {
						t.Errorf("init = %v, want that it goes on", err)
					}
					if took := time.Since(began); took != 5*time.Second {
						t.Errorf("init took %v, want all of its time", took)
					}
					if calls := w.calls(); calls < 3 || calls > 30 {
						t.Errorf("%d calls in 5 s, want 3 to 30", calls)
					}
				}, environ...)
			})
		}
	}
}

// TestBatchFailsInInit: where batches fail and single calls work, init has all values
// all the same, and so has who reads them later.
func TestBatchFailsInInit(t *testing.T) {
	html := "<html>no"
	for name, fault := range map[string]awstest.Fault{
		"500":        {Code: "InternalFailure", Status: 500},
		"hang":       {Hang: true},
		"garbage":    {Body: &html},
		"a proxy's":  {Body: &html, Status: 403},
		"reset":      {Reset: true},
		"no end yet": {Delay: time.Minute},
	} {
		for _, kind := range []string{"secrets", "parameters"} {
			t.Run(name+"/"+kind, func(t *testing.T) {
				aws, environ := declare(20, kind)
				secrets, parameters := fault, fault
				secrets.Action, parameters.Action = "BatchGetSecretValue", "GetParameters"
				aws.Faults = []awstest.Fault{secrets, parameters}
				inWhole(t, aws, func(t *testing.T, w *whole) {
					if err := w.init(t.Context()); err != nil {
						t.Fatalf("init = %v", err)
					}
					if line := w.output.String(); !strings.Contains(line, "declared=20 fetched=20") {
						t.Errorf("the log says %q, want all of 20", line)
					}
					before := w.calls()
					for i := range 20 {
						answer := w.read(fmt.Sprintf("/env/V%02d", i))
						if answer.Code != 200 {
							t.Errorf("a read of V%02d: status %d, want 200", i, answer.Code)
						}
					}
					if calls := w.calls() - before; calls != 0 {
						t.Errorf("%d calls for reads of what is declared, want none", calls)
					}
				}, environ...)
			})
		}
	}
}

// TestWhatInitDidNotGet is readable as soon as AWS gives it: one by one, where that is
// the only way.
func TestWhatInitDidNotGet(t *testing.T) {
	aws, environ := declare(10, "secrets")
	aws.Faults = []awstest.Fault{{Code: "InternalFailure", Status: 500}}
	inWhole(t, aws, func(t *testing.T, w *whole) {
		if err := w.init(t.Context()); err != nil {
			t.Fatalf("init = %v", err)
		}
		w.aws.ClearFaults()
		if err := w.aws.AddFault(awstest.Fault{Action: "BatchGetSecretValue", Code: "InternalFailure", Status: 500}); err != nil {
			t.Fatal(err)
		}
		for i := range 10 {
			if answer := w.read(fmt.Sprintf("/env/V%02d", i)); answer.Code != 200 {
				t.Errorf("a read of V%02d: status %d, want 200", i, answer.Code)
			}
		}
	}, environ...)
}
