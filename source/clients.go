package source

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/aws-sdk-go-v2/service/ssm"

	"larder/secret"
)

// backendOf returns the client of a place. It is made at the first call.
func (s *Source) backendOf(where place) (backend, *secret.Error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if b, ok := s.backends[where]; ok {
		return b, nil
	}
	if failure := s.openLocked(); failure != nil {
		return nil, failure
	}
	endpoint := s.endpoint(where.service)
	if endpoint != nil && (s.cfg.FIPS || s.cfg.DualStack) {
		return nil, badSetting("AWS_ENDPOINT_URL", "excludes AWS_USE_FIPS_ENDPOINT and AWS_USE_DUALSTACK_ENDPOINT: unset one of them")
	}
	var b backend
	if where.service == secret.SecretsManager {
		b = s.secretsManager(where.region, endpoint)
	} else {
		b = s.parameterStore(where.region, endpoint)
	}
	s.backends[where] = b
	return b, nil
}

// openLocked makes what the clients share.
func (s *Source) openLocked() *secret.Error {
	if s.web != nil {
		return nil
	}
	web, err := newWeb(&s.cfg)
	if err != nil {
		return badSetting("AWS_CA_BUNDLE", err.Error())
	}
	s.web, s.signer = web, credentials(&s.cfg)
	return nil
}

// credentials returns what signs the requests.
func credentials(cfg *Config) aws.CredentialsProvider {
	keys := aws.Credentials{
		AccessKeyID:     cfg.AccessKeyID,
		SecretAccessKey: string(cfg.SecretAccessKey.Reveal()),
		SessionToken:    string(cfg.SessionToken.Reveal()),
	}
	return aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
		if !keys.HasKeys() {
			return aws.Credentials{}, errNoCredentials
		}
		return keys, nil
	})
}

// endpoint returns the endpoint that replaces AWS's, or nil. The clients are made
// from Options and not from an aws.Config, so that they do not look into the
// environment for an endpoint themselves.
func (s *Source) endpoint(service secret.Service) *string {
	own := s.cfg.ParameterStoreEndpoint
	if service == secret.SecretsManager {
		own = s.cfg.SecretsManagerEndpoint
	}
	switch {
	case own != "":
		return &own
	case s.cfg.Endpoint != "":
		return &s.cfg.Endpoint
	}
	return nil
}

func (s *Source) secretsManager(region string, endpoint *string) *secretsManager {
	options := secretsmanager.Options{
		Region:       region,
		BaseEndpoint: endpoint,
		Credentials:  s.signer,
		HTTPClient:   s.web,
		Retryer:      aws.NopRetryer{}, // see ask
	}
	options.EndpointOptions.UseFIPSEndpoint, options.EndpointOptions.UseDualStackEndpoint = s.variants()
	return &secretsManager{
		caller: newCaller(&s.cfg, region, s.cfg.SecretsManagerTimeout),
		api:    secretsmanager.New(options),
	}
}

func (s *Source) parameterStore(region string, endpoint *string) *parameterStore {
	options := ssm.Options{
		Region:       region,
		BaseEndpoint: endpoint,
		Credentials:  s.signer,
		HTTPClient:   s.web,
		Retryer:      aws.NopRetryer{}, // see ask
	}
	options.EndpointOptions.UseFIPSEndpoint, options.EndpointOptions.UseDualStackEndpoint = s.variants()
	return &parameterStore{
		caller: newCaller(&s.cfg, region, s.cfg.ParameterStoreTimeout),
		api:    ssm.New(options),
	}
}

func (s *Source) variants() (aws.FIPSEndpointState, aws.DualStackEndpointState) {
	fips, dual := aws.FIPSEndpointStateUnset, aws.DualStackEndpointStateUnset
	if s.cfg.FIPS {
		fips = aws.FIPSEndpointStateEnabled
	}
	if s.cfg.DualStack {
		dual = aws.DualStackEndpointStateEnabled
	}
	return fips, dual
}
