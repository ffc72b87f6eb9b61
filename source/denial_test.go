package source_test

import (
	"strings"
	"testing"

	"larder/internal/awstest"
	"larder/secret"
)

// TestDenials: what is said to help is what denies, and comes after what AWS says.
func TestDenials(t *testing.T) {
	const denied = "User: arn:aws:sts::123456789012:assumed-role/f/f is not authorized to perform: ssm:GetParameter on resource: arn:aws:ssm:eu-west-1:123456789012:parameter/a "
	const access = "AccessDeniedException"
	for _, tt := range []struct{ code, message, want string }{
		{access, denied + "because no identity-based policy allows the ssm:GetParameter action", "(the function's role needs ssm:GetParameter)"},
		{access, denied, "(the function's role needs ssm:GetParameter)"},
		{access, denied + "because no VPC endpoint policy allows the ssm:GetParameter action", "(the VPC endpoint policy must allow ssm:GetParameter to the function's role)"},
		{access, denied + "with an explicit deny in a VPC endpoint policy", "(the VPC endpoint policy must allow ssm:GetParameter to the function's role)"},
		{access, denied + "with an explicit deny in a service control policy", "(the service control policy must allow ssm:GetParameter to the function's role)"},
		{access, denied + "because no service control policy allows the ssm:GetParameter action", "(the service control policy must allow ssm:GetParameter to the function's role)"},
		{access, denied + "with an explicit deny in a resource control policy", "(the resource control policy must allow ssm:GetParameter to the function's role)"},
		{access, denied + "because no permissions boundary allows the ssm:GetParameter action", "(the permissions boundary must allow ssm:GetParameter to the function's role)"},
		{access, denied + "because no session policy allows the ssm:GetParameter action", "(the session policy must allow ssm:GetParameter to the function's role)"},
		{access, denied + "because no resource-based policy allows the ssm:GetParameter action", "(the resource-based policy must allow ssm:GetParameter to the function's role)"},
		{access, denied + "with an explicit deny in an identity-based policy", "(the explicit deny of ssm:GetParameter in the policies of the function's role must go)"},
		{"KMSDisabledException", "arn:aws:kms:eu-west-1:123456789012:key/k is disabled.", "(the KMS key must be enabled, and not be about to be deleted)"},
		{"KMSInvalidStateException", "arn:aws:kms:eu-west-1:123456789012:key/k is pending deletion.", "(the KMS key must be enabled, and not be about to be deleted)"},
		{"KMSNotFoundException", "no such key", "(the KMS key is gone: encrypt the value with another one)"},
		{"KMSAccessDeniedException", "no", "(the function's role needs kms:Decrypt)"},
	} {
		aws := awstest.Config{Faults: []awstest.Fault{{Code: tt.code, Message: tt.message}}}
		play(t, aws, nil, func(t *testing.T, st *stand) {
			k := parameterKey(t, "/a")
			e := fetch(t, t.Context(), st.source, k)[k].Err
			if e == nil || e.Class != secret.Denied || !strings.HasSuffix(e.Error(), tt.code+": "+tt.message+" "+tt.want) {
				t.Errorf("%s: %s is told as %q, want class AccessDenied and the end %q", tt.code, tt.message, e, tt.want)
			}
		})
	}
}
