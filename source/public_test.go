package source_test

import (
	"testing"

	"larder/internal/awstest"
	"larder/secret"
)

// TestPublicParameter: the ARN of what AWS publishes has no account. By it and by name
// it is the same parameter.
func TestPublicParameter(t *testing.T) {
	const name, arn = "/aws/service/ami/latest", "arn:aws:ssm:eu-west-1::parameter/aws/service/ami/latest"
	one := `{"ARN":"` + arn + `","DataType":"text","Name":"` + name + `","Type":"String","Value":"v","Version":7}`
	single, several := `{"Parameter":`+one+`}`, `{"Parameters":[`+one+`],"InvalidParameters":["/gone"]}`
	aws := awstest.Config{Faults: []awstest.Fault{{Action: "GetParameter", Body: &single}, {Action: "GetParameters", Body: &several}}}
	play(t, aws, nil, func(t *testing.T, st *stand) {
		byName, byARN, gone := parameterKey(t, name), parameterKey(t, arn), parameterKey(t, "/gone")
		for _, k := range []secret.Key{byName, byARN} {
			for _, keys := range [][]secret.Key{{k}, {k, gone}} {
				if got := fetch(t, t.Context(), st.source, keys...)[k]; outcome(got) != "v" || k == byName && got.Same[0] != byARN {
					t.Errorf("Fetch of %v = %q, the same as %v; want its value, and that by ARN", k, outcome(got), got.Same)
				}
			}
		}
	})
}
