package secret_test

import (
	"testing"

	"larder/secret"
)

func TestClass(t *testing.T) {
	t.Parallel()
	tests := []struct {
		class     secret.Class
		word      string
		transient bool
	}{
		{0, "Unknown", false},
		{secret.BadReference, "BadReference", false},
		{secret.Undeclared, "Undeclared", false},
		{secret.NotFound, "NotFound", false},
		{secret.Denied, "AccessDenied", false},
		{secret.NotJSON, "NotJSON", false},
		{secret.FieldMissing, "FieldMissing", false},
		{secret.Rejected, "Rejected", false},
		{secret.Throttled, "Throttled", true},
		{secret.Unavailable, "Unavailable", true},
		{secret.Credentials, "Credentials", true},
		{secret.Timeout, "Timeout", true},
		{secret.BadAnswer, "BadAnswer", true},
		{secret.Canceled, "Canceled", true},
		{secret.Canceled + 1, "Unknown", false}, // a new class needs a row here
		{255, "Unknown", false},
	}
	for _, test := range tests {
		if got := test.class.String(); got != test.word {
			t.Errorf("Class(%d).String() = %q, want %q", test.class, got, test.word)
		}
		if got := test.class.Transient(); got != test.transient {
			t.Errorf("%v.Transient() = %v, want %v", test.class, got, test.transient)
		}
	}
}

func TestErrorText(t *testing.T) {
	t.Parallel()
	tests := []struct {
		err  secret.Error
		want string
	}{
		{secret.Error{Class: secret.Timeout}, "Timeout"},
		{secret.Error{Class: secret.NotJSON, Message: "the value is not JSON"}, "NotJSON: the value is not JSON"},
		{secret.Error{Class: secret.NotFound, Code: "ParameterNotFound", Status: 400, Key: mustKey(t, "ssm:///p:3")},
			"ssm:///p?version=3 in eu-central-1: ParameterNotFound"},
		{secret.Error{Class: secret.Denied, Code: "AccessDeniedException", Message: "no", Action: "kms:Decrypt",
			Key: mustKey(t, "secretsmanager://"+secretARN)},
			"secretsmanager://" + secretARN + " in eu-west-1: AccessDeniedException: no (the function's role needs kms:Decrypt)"},
		{secret.Error{Class: secret.Denied, Action: "kms:Decrypt", Key: mustKey(t, "ssm:///p?role="+roleARN)},
			"ssm:///p?role=" + roleARN + " in eu-central-1: AccessDenied (the role " + roleARN + " needs kms:Decrypt)"},
		{secret.Error{Class: secret.Denied, Action: secret.AssumeRole, Key: mustKey(t, "ssm:///p?role="+roleARN)},
			"ssm:///p?role=" + roleARN + " in eu-central-1: AccessDenied (the function's role needs sts:AssumeRole)"},
	}
	for _, test := range tests {
		if got := test.err.Error(); got != test.want {
			t.Errorf("%#v.Error() = %q, want %q", test.err, got, test.want)
		}
	}
}
