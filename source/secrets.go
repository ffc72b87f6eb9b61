package source

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager/types"

	"larder/secret"
)

// secretsManager is Secrets Manager in one Region.
type secretsManager struct {
	caller
	api *secretsmanager.Client
}

func (m *secretsManager) one(ctx context.Context, k secret.Key) (*secret.Record, *secret.Error) {
	in := &secretsmanager.GetSecretValueInput{SecretId: &k.ID}
	if k.Version != "" {
		in.VersionId = &k.Version
	}
	if k.Stage != "" {
		in.VersionStage = &k.Stage
	}
	return ask(ctx, &m.caller, secret.GetSecretValue, func(ctx context.Context) (*secret.Record, error) {
		out, err := m.api.GetSecretValue(ctx, in)
		if err != nil {
			return nil, err
		}
		record, err := secretRecord(&types.SecretValueEntry{
			ARN: out.ARN, Name: out.Name, VersionId: out.VersionId, VersionStages: out.VersionStages,
			SecretString: out.SecretString, SecretBinary: out.SecretBinary, CreatedDate: out.CreatedDate,
		})
		return recognize(k, record, err)
	})
}

func (m *secretsManager) many(ctx context.Context, keys []secret.Key) (map[secret.Key]secret.Result, *secret.Error) {
	in := &secretsmanager.BatchGetSecretValueInput{SecretIdList: ids(keys)}
	out, failure := ask(ctx, &m.caller, secret.BatchGetSecretValue, func(ctx context.Context) (*secretsmanager.BatchGetSecretValueOutput, error) {
		out, err := m.api.BatchGetSecretValue(ctx, in)
		if err == nil && len(out.SecretValues)+len(out.Errors) == 0 {
			err = errIncomplete
		}
		return out, err
	})
	if failure != nil {
		return nil, failure
	}
	var records []*secret.Record
	for i := range out.SecretValues {
		if r, err := secretRecord(&out.SecretValues[i]); err == nil {
			records = append(records, r)
		}
	}
	results := make(map[secret.Key]secret.Result, len(keys))
	for k, r := range match(keys, records) {
		results[k] = answered(k, r)
	}
	secretErrors(keys, out.Errors, results)
	return results, nil
}

// secretErrors puts the failures of single secrets into results. A failure that
// may pass, and one without a code, is left open: the secret is asked for singly.
func secretErrors(keys []secret.Key, entries []types.APIErrorType, results map[secret.Key]secret.Result) {
	for _, entry := range entries {
		for _, k := range keys {
			if k.ID != aws.ToString(entry.SecretId) {
				continue
			}
			delete(results, k)
			if code := aws.ToString(entry.ErrorCode); isCode(code) {
				e := classifyCode(code, aws.ToString(entry.Message), 0, secret.GetSecretValue)
				if !e.Class.Transient() {
					results[k] = failed(k, e)
				}
			}
		}
	}
}

// secretRecord takes what AWS says of a secret, if it is all there.
func secretRecord(entry *types.SecretValueEntry) (*secret.Record, error) {
	r := &secret.Record{
		Service: secret.SecretsManager,
		ARN:     aws.ToString(entry.ARN),
		Name:    aws.ToString(entry.Name),
		Version: aws.ToString(entry.VersionId),
		Stages:  entry.VersionStages,
		Created: aws.ToTime(entry.CreatedDate),
	}
	switch {
	case r.ARN == "" || r.Name == "" || r.Version == "":
		return nil, errIncomplete
	case entry.SecretString != nil:
		r.Value = secret.NewValue([]byte(*entry.SecretString))
	case entry.SecretBinary != nil: // the SDK has decoded it
		r.Value, r.Binary = secret.NewValue(entry.SecretBinary), true
	default:
		return nil, errIncomplete
	}
	return r, nil
}

func ids(keys []secret.Key) []string {
	list := make([]string, len(keys))
	for i, k := range keys {
		list[i] = k.ID
	}
	return list
}
