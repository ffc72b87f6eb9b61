package awstest

import (
	"slices"
	"strings"
)

// maxBatch is how many ids BatchGetSecretValue takes.
const maxBatch = 20

type getSecretValueInput struct {
	SecretId     string
	VersionId    string
	VersionStage string
}

func (in getSecretValueInput) ids() []string { return []string{in.SecretId} }

// secretValue is the output of GetSecretValue, and an entry of the batch's.
type secretValue struct {
	ARN           string
	CreatedDate   epoch
	Name          string
	SecretBinary  []byte   `json:",omitempty"`
	SecretString  string   `json:",omitempty"`
	VersionId     string   `json:",omitempty"`
	VersionStages []string `json:",omitempty"`
}

func (s *Server) getSecretValueLocked(c caller, in getSecretValueInput) (any, error) {
	return s.secretValueLocked(c, in)
}

func (s *Server) secretValueLocked(c caller, in getSecretValueInput) (*secretValue, error) {
	found, err := s.namedSecretLocked(c, "secretsmanager:GetSecretValue", in.SecretId)
	if err != nil {
		return nil, err
	}
	if found.deleted {
		return nil, secretError("InvalidRequestException",
			"You can't perform this operation on the secret because it was marked for deletion.")
	}
	version, err := found.version(in.VersionId, in.VersionStage)
	if err != nil {
		return nil, err
	}
	if found.kmsDenied || !s.mayDecryptLocked(c, "secretsmanager", found.place, found.kmsKey) {
		return nil, secretError("AccessDeniedException", "Access to KMS is not allowed")
	}
	return &secretValue{ARN: found.arn(), CreatedDate: epoch(version.created), Name: found.name,
		SecretBinary: version.binary, SecretString: version.text,
		VersionId: version.id, VersionStages: version.stages}, nil
}

// namedSecretLocked finds the secret that an action is asked for, if the caller
// may do that to it. Who may not does not learn whether there is one.
func (s *Server) namedSecretLocked(c caller, action, id string) (*secret, error) {
	if id == "" {
		return nil, constraint("null", "secretId", "Member must not be null")
	}
	if !strings.HasPrefix(id, "arn:") && !secretName(id) {
		return nil, &apiError{code: "ValidationException", message: "Invalid name. Must be a valid name " +
			"containing alphanumeric characters, or any of the following: -/_+=.@!"}
	}
	found := s.findSecretLocked(c, id)
	if err := s.authorizeLocked(c, action, secretResource(c, id, found)); err != nil {
		return nil, err
	}
	if found == nil {
		return nil, secretError("ResourceNotFoundException", "Secrets Manager can't find the specified secret.")
	}
	return found, nil
}

// findSecretLocked looks for a secret of the call's Region: by name in the
// caller's account, or by a whole or partial ARN in any. An ARN that ends like
// a whole one is never taken for a partial one, even if that finds nothing; see
// docs.aws.amazon.com/secretsmanager/latest/userguide/troubleshoot.html,
// "ARN_secretnamehyphen".
func (s *Server) findSecretLocked(c caller, id string) *secret {
	whole := endsLikeWhole(id)
	for _, found := range s.secrets {
		switch {
		case found.region != c.region:
		case found.place == place{c.account, c.region, id}, found.arn() == id, !whole && found.partialARN() == id:
			return found
		}
	}
	return nil
}

// endsLikeWhole reports whether the text ends like a whole ARN: with a hyphen
// and six letters or digits.
func endsLikeWhole(id string) bool {
	i := len(id) - 7
	return i >= 0 && id[i] == '-' && only(id[i+1:], letters+digits)
}

// secretResource is the ARN that a policy is asked about.
func secretResource(c caller, id string, found *secret) string {
	switch {
	case found != nil:
		return found.arn()
	case strings.HasPrefix(id, "arn:"):
		return id
	}
	return place{c.account, c.region, id}.arn("secretsmanager", "secret:"+id)
}

// version finds the version with the id, the stage, or both; AWSCURRENT is
// meant where neither is named.
func (s *secret) version(id, stage string) (secretVersion, error) {
	if id == "" && stage == "" {
		stage = "AWSCURRENT"
	}
	for _, v := range s.versions {
		switch {
		case id != "" && v.id != id:
		case stage == "" || slices.Contains(v.stages, stage):
			return v, nil
		case id != "":
			return v, secretError("InvalidRequestException",
				"You provided a VersionStage that is not associated to the provided VersionId.")
		}
	}
	wanted := "staging label: " + stage
	if id != "" {
		wanted = "VersionId: " + id
	}
	return secretVersion{}, secretError("ResourceNotFoundException",
		"Secrets Manager can't find the specified secret value for "+wanted)
}

type batchGetSecretValueInput struct {
	SecretIdList []string
}

func (in batchGetSecretValueInput) ids() []string { return slices.Clone(in.SecretIdList) }

type batchGetSecretValueOutput struct {
	Errors       []batchError
	SecretValues []*secretValue
}

// batchError is the failure of one id in a batch that succeeds.
type batchError struct{ ErrorCode, Message, SecretId string }

// batchGetSecretValueLocked answers in the opposite order, so that nobody comes
// to rely on the order of asking. A secret that several ids name comes once.
func (s *Server) batchGetSecretValueLocked(c caller, in batchGetSecretValueInput) (any, error) {
	if err := within(len(in.SecretIdList), quotedList(in.SecretIdList), "secretIdList", "length", 1, maxBatch); err != nil {
		return nil, err
	}
	// The action has no resource of its own, so only a policy for "*" grants it.
	if err := s.authorizeLocked(c, "secretsmanager:BatchGetSecretValue", "*"); err != nil {
		return nil, err
	}
	out := batchGetSecretValueOutput{Errors: []batchError{}, SecretValues: []*secretValue{}}
	seen := map[string]bool{}
	for _, id := range slices.Backward(in.SecretIdList) {
		if seen[id] {
			continue
		}
		seen[id] = true
		value, err := s.secretValueLocked(c, getSecretValueInput{SecretId: id})
		if err != nil {
			e := err.(*apiError)
			out.Errors = append(out.Errors, batchError{e.code, e.message, id})
			continue
		}
		if key := "found " + value.ARN; !seen[key] {
			seen[key] = true
			out.SecretValues = append(out.SecretValues, value)
		}
	}
	return out, nil
}

// secretError is one of Secrets Manager's own errors.
func secretError(code, message string) error {
	return &apiError{code: code, message: message, capital: true}
}
