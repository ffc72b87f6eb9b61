package awstest

import (
	"bytes"
	"encoding/json"
)

// operations holds every action that is emulated, by service and name.
func operations() map[string]operation {
	return map[string]operation{
		"secretsmanager:GetSecretValue":      bind((*Server).getSecretValueLocked),
		"secretsmanager:BatchGetSecretValue": bind((*Server).batchGetSecretValueLocked),
		"secretsmanager:DescribeSecret":      bind((*Server).describeSecretLocked),
		"ssm:GetParameter":                   bind((*Server).getParameterLocked),
		"ssm:GetParameters":                  bind((*Server).getParametersLocked),
		"ssm:GetParametersByPath":            bind((*Server).getParametersByPathLocked),
		"ssm:DescribeParameters":             bind((*Server).describeParametersLocked),
		"sts:AssumeRole":                     bind((*Server).assumeRoleLocked),
		"sts:GetCallerIdentity":              bind((*Server).getCallerIdentityLocked),
	}
}

// input is a request's fields, under the wire's names. It knows what goes into
// Call.IDs.
type input interface{ ids() []string }

// operation reads a request's fields. The result does the work.
type operation func(fields []byte) (prepared, error)

// prepared is a call whose fields have been read.
type prepared struct {
	ids    []string
	answer func(*Server, caller) (any, error)
}

// bind makes an operation of a handler and the type that it reads. A field of
// another type is refused as AWS refuses it; an unknown field, which AWS would
// ignore, is refused too, because it is one that is not emulated.
func bind[In input](handle func(*Server, caller, In) (any, error)) operation {
	return func(fields []byte) (prepared, error) {
		var in In
		dec := json.NewDecoder(bytes.NewReader(fields))
		dec.DisallowUnknownFields()
		if err := dec.Decode(&in); err != nil {
			return prepared{}, &apiError{code: "SerializationException", message: err.Error()}
		}
		if dec.More() {
			return prepared{}, &apiError{code: "SerializationException", message: "more than one JSON value"}
		}
		return prepared{in.ids(), func(s *Server, c caller) (any, error) {
			s.mu.Lock()
			defer s.mu.Unlock()
			return handle(s, c, in)
		}}, nil
	}
}
