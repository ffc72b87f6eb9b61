package source

import (
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/aws-sdk-go-v2/service/ssm"

	"larder/secret"
)

// service returns the client of a place. It is made at the first call.
func (s *Source) service(where place) (service, *secret.Error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if svc, ok := s.services[where]; ok {
		return svc, nil
	}
	if err := s.openLocked(); err != nil {
		return nil, &secret.Error{Class: secret.Rejected, Message: err.Error()}
	}
	endpoint := s.endpoint(where.service)
	if endpoint != nil && (s.cfg.FIPS || s.cfg.DualStack) {
		return nil, &secret.Error{Class: secret.Rejected,
			Message: "AWS_ENDPOINT_URL excludes AWS_USE_FIPS_ENDPOINT and AWS_USE_DUALSTACK_ENDPOINT: unset one of them"}
	}
	var svc service
	if where.service == secret.SecretsManager {
		svc = s.secretsManager(where.region, endpoint)
	} else {
		svc = s.parameterStore(where.region, endpoint)
	}
	s.services[where] = svc
	return svc, nil
}

// openLocked makes what the clients share.
func (s *Source) openLocked() error {
	if s.web != nil {
		return nil
	}
	web, err := newWeb(&s.cfg)
	if err != nil {
		return err
	}
	s.web = web
	s.signer, s.renew = credentials(&s.cfg)
	return nil
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
		caller: newCaller(&s.cfg, region, s.cfg.SecretsManagerTimeout, s.renew),
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
		caller: newCaller(&s.cfg, region, s.cfg.ParameterStoreTimeout, s.renew),
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
