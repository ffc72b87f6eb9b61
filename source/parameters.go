package source

import (
	"context"
	"encoding/json"
	"strconv"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
	"github.com/aws/aws-sdk-go-v2/service/ssm/types"

	"larder/secret"
)

// parameterStore is Systems Manager's Parameter Store in one Region.
type parameterStore struct {
	caller
	api      *ssm.Client
	readings readings
}

func (p *parameterStore) one(ctx context.Context, k secret.Key) (*secret.Record, *secret.Error) {
	in := &ssm.GetParameterInput{Name: aws.String(k.ID + k.Selector()), WithDecryption: &k.Decrypt}
	return ask(ctx, &p.caller, secret.GetParameter, func(ctx context.Context) (*secret.Record, error) {
		out, err := p.api.GetParameter(ctx, in)
		if err != nil {
			return nil, err
		}
		return singleRecord(k, out.Parameter)
	})
}

// together asks for one key with the call for several.
func (p *parameterStore) together(ctx context.Context, k secret.Key) (*secret.Record, *secret.Error) {
	in := &ssm.GetParametersInput{Names: []string{k.ID + k.Selector()}, WithDecryption: &k.Decrypt}
	record, failure := ask(ctx, &p.caller, secret.GetParameters, func(ctx context.Context) (*secret.Record, error) {
		out, err := p.api.GetParameters(ctx, in)
		switch {
		case err != nil:
			return nil, err
		case len(out.Parameters) == 1:
			return singleRecord(k, &out.Parameters[0])
		case len(out.InvalidParameters) == 1:
			return nil, nil
		}
		return nil, errIncomplete
	})
	if failure == nil && record == nil {
		failure = unknownParameter()
	}
	return record, failure
}

func (p *parameterStore) many(ctx context.Context, keys []secret.Key) (map[secret.Key]secret.Result, *secret.Error) {
	in := &ssm.GetParametersInput{Names: ids(keys), WithDecryption: &keys[0].Decrypt}
	out, failure := ask(ctx, &p.caller, secret.GetParameters, func(ctx context.Context) (*ssm.GetParametersOutput, error) {
		out, err := p.api.GetParameters(ctx, in)
		if err == nil && len(out.Parameters)+len(out.InvalidParameters) == 0 {
			err = errIncomplete
		}
		return out, err
	})
	if failure != nil {
		return nil, failure
	}
	var records []*secret.Record
	for i := range out.Parameters {
		if r, err := parameterRecord(&out.Parameters[i]); err == nil {
			records = append(records, r)
		}
	}
	results := make(map[secret.Key]secret.Result, len(keys))
	for k, r := range match(keys, records) {
		results[k] = answered(k, r)
	}
	for _, name := range out.InvalidParameters {
		for _, k := range keys {
			if k.ID == name {
				results[k] = failed(k, unknownParameter())
			}
		}
	}
	return results, nil
}

// unknownParameter is what GetParameter would have answered for a name that
// GetParameters calls invalid.
func unknownParameter() *secret.Error {
	return &secret.Error{Class: secret.NotFound, Code: parameterNotFound, Message: noParameter}
}

// singleRecord takes what AWS says of the one parameter that it was asked for.
func singleRecord(k secret.Key, entry *types.Parameter) (*secret.Record, error) {
	if isForeign(k) { // what AWS calls these is not documented in full
		return foreignRecord(entry)
	}
	record, err := parameterRecord(entry)
	return recognize(k, record, err)
}

// parameterRecord takes what AWS says of a parameter, if it is all there: its
// version, too, which counts from 1.
func parameterRecord(entry *types.Parameter) (*secret.Record, error) {
	if entry == nil || aws.ToString(entry.Name) == "" || entry.Value == nil || entry.Type == "" || entry.Version < 1 {
		return nil, errIncomplete
	}
	r := describedRecord(entry)
	r.Version = strconv.FormatInt(entry.Version, 10)
	r.Value = secret.NewValue([]byte(*entry.Value))
	return r, nil
}

// foreignRecord takes what Parameter Store says of a secret. It has no version there,
// and no value if it is binary: both are in what Secrets Manager has answered, which
// Parameter Store passes on as a text.
//
// Source: docs.aws.amazon.com/systems-manager/latest/userguide/integration-ps-secretsmanager.html
func foreignRecord(entry *types.Parameter) (*secret.Record, error) {
	if entry == nil || aws.ToString(entry.Name) == "" || entry.Type == "" {
		return nil, errIncomplete
	}
	var said struct {
		VersionID    string `json:"VersionId"`
		SecretBinary []byte
	}
	known := json.Unmarshal([]byte(aws.ToString(entry.SourceResult)), &said) == nil
	r := describedRecord(entry)
	if r.Version = "0"; known && secret.CheckVersionID(said.VersionID) == nil {
		r.Version = said.VersionID
	}
	switch {
	case entry.Value != nil:
		r.Value = secret.NewValue([]byte(*entry.Value))
	case known && said.SecretBinary != nil:
		r.Value, r.Binary = secret.NewValue(said.SecretBinary), true
	case entry.SourceResult != nil:
		return nil, errNoValue
	default:
		return nil, errIncomplete
	}
	return r, nil
}

// describedRecord takes what AWS says of a parameter besides value and version.
func describedRecord(entry *types.Parameter) *secret.Record {
	r := &secret.Record{
		Service:  secret.ParameterStore,
		ARN:      aws.ToString(entry.ARN),
		Name:     *entry.Name,
		Type:     string(entry.Type),
		DataType: aws.ToString(entry.DataType),
		Modified: aws.ToTime(entry.LastModifiedDate),
		Selector: aws.ToString(entry.Selector),
	}
	if entry.SourceResult != nil {
		r.SourceResult = secret.NewValue([]byte(*entry.SourceResult))
	}
	return r
}
