package main

import "testing"

func TestReadMode(t *testing.T) {
	t.Parallel()
	tests := []struct {
		environ []string
		want    mode
	}{
		{nil, onDemand},
		{[]string{"AWS_LAMBDA_INITIALIZATION_TYPE="}, onDemand},
		{[]string{"AWS_LAMBDA_INITIALIZATION_TYPE=on-demand"}, onDemand},
		{[]string{"AWS_LAMBDA_INITIALIZATION_TYPE=provisioned-concurrency"}, onDemand},
		{[]string{"AWS_LAMBDA_INITIALIZATION_TYPE=snap-start"}, snapStart},
		{[]string{"AWS_LAMBDA_INITIALIZATION_TYPE=lambda-managed-instances"}, managedInstances},
		{[]string{"AWS_LAMBDA_INITIALIZATION_TYPE=what-comes-next"}, onDemand},
		{[]string{"LAMBDA_INITIALIZATION_TYPE=snap-start"}, onDemand},
	}
	for _, test := range tests {
		s, warnings, mistakes := readSettings(function(test.environ...))
		if s.mode != test.want || len(warnings)+len(mistakes) > 0 {
			t.Errorf("%q: mode %v, warnings %q, mistakes %q, want mode %v and nothing else", test.environ, s.mode, text(warnings), text(mistakes), test.want)
		}
	}
}
