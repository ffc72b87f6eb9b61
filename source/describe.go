package source

import (
	"context"
	"strings"
	"sync"

	"github.com/aws/aws-sdk-go-v2/aws"
	secretsapi "github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
	"github.com/aws/aws-sdk-go-v2/service/ssm/types"

	"larder/secret"
)

// Description is what AWS says about the KMS keys that encrypt one thing.
type Description struct {
	// Key is what was asked about.
	Key secret.Key
	// KMSKeys are ids, ARNs or aliases, as AWS tells them. Empty: AWS's own key for
	// Secrets Manager, or nothing is encrypted.
	KMSKeys []string
	// Err is why nothing is known, nil on success.
	Err *secret.Error
}

// describer is a backend that can be asked for the KMS keys of a key.
type describer interface {
	kmsKeys(context.Context, secret.Key) ([]string, *secret.Error)
}

// Describe asks for the KMS keys that encrypt the newest versions of what keys
// name, in the order of the keys. Each takes a call, a tree one for each fifty
// parameters.
func (s *Source) Describe(ctx context.Context, keys []secret.Key) []Description {
	all := make([]Description, len(keys))
	c, done, failure := s.open()
	if failure == nil {
		defer done()
	}
	var wg sync.WaitGroup
	for i, k := range keys {
		wg.Go(func() {
			d := Description{Key: k, Err: failure}
			if failure == nil {
				d.KMSKeys, d.Err = describe(ctx, c, k)
			}
			if d.Err != nil {
				err := *d.Err
				err.Key = k
				d.Err = &err
			}
			all[i] = d
		})
	}
	wg.Wait()
	return all
}

func describe(ctx context.Context, c *clients, k secret.Key) ([]string, *secret.Error) {
	if name, ok := k.ReferredSecret(); ok {
		k.Service, k.ID = secret.SecretsManager, name
	}
	b, failure := c.backend(placeOf(k))
	if failure != nil {
		return nil, failure
	}
	return b.(describer).kmsKeys(ctx, k)
}

// kmsKeys implements describer.
func (m *secretsManager) kmsKeys(ctx context.Context, k secret.Key) ([]string, *secret.Error) {
	in := &secretsapi.DescribeSecretInput{SecretId: &k.ID}
	out, failure := ask(ctx, &m.caller, secret.DescribeSecret, func(ctx context.Context) (*secretsapi.DescribeSecretOutput, error) {
		out, err := m.api.DescribeSecret(ctx, in)
		if err == nil && aws.ToString(out.ARN) == "" {
			err = errIncomplete
		}
		return out, err
	})
	if failure != nil || out.KmsKeyId == nil { // AWS's own key
		return nil, failure
	}
	return []string{*out.KmsKeyId}, nil
}

// maxDescribed is AWS's own bound:
// docs.aws.amazon.com/systems-manager/latest/APIReference/API_DescribeParameters.html
const maxDescribed = 50

// kmsKeys implements describer.
func (p *parameterStore) kmsKeys(ctx context.Context, k secret.Key) ([]string, *secret.Error) {
	in := &ssm.DescribeParametersInput{ParameterFilters: []types.ParameterStringFilter{filter(k)}, MaxResults: aws.Int32(maxDescribed)}
	var keys []string
	found, seen := 0, make(pageTokens)
	for {
		out, failure := ask(ctx, &p.caller, secret.DescribeParameters, func(ctx context.Context) (*ssm.DescribeParametersOutput, error) {
			return p.api.DescribeParameters(ctx, in)
		})
		if failure != nil {
			return nil, failure
		}
		for _, entry := range out.Parameters {
			found++
			if entry.KeyId != nil {
				keys = append(keys, *entry.KeyId)
			}
		}
		token := aws.ToString(out.NextToken)
		switch {
		case token != "":
			if failure := seen.add(token); failure != nil {
				return nil, failure
			}
			in.NextToken = &token
		case found == 0: // another account's parameter, or one that has just gone
			return nil, unknownParameter()
		default:
			return keys, nil
		}
	}
}

// filter selects what the key names. The ARN of a parameter does not tell whether
// its name starts with a slash.
func filter(k secret.Key) types.ParameterStringFilter {
	if path, recursive := secret.CutTree(k.ID); path != "" {
		option := "OneLevel"
		if recursive {
			option = "Recursive"
		}
		return types.ParameterStringFilter{Key: aws.String("Path"), Option: &option, Values: []string{path}}
	}
	names := []string{k.ID}
	if k.IsARN() {
		_, name, _ := strings.Cut(k.ID, ":parameter/")
		names = []string{name, "/" + name}
	}
	return types.ParameterStringFilter{Key: aws.String("Name"), Option: aws.String("Equals"), Values: names}
}
