package source

import (
	"sync"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/aws-sdk-go-v2/service/ssm"

	"larder/secret"
)

// clients are what calls share: connections, credentials, and a client for each
// place.
type clients struct {
	cfg    *Config
	web    *web
	signer *signer

	mu       sync.Mutex
	backends map[place]backend
}

// newClients is told what to do with the session token of credentials that are
// loaded.
func newClients(cfg *Config, learn func(token string)) (*clients, *secret.Error) {
	web, err := newWeb(cfg)
	if err != nil {
		return nil, badSetting("AWS_CA_BUNDLE", err.Error())
	}
	return &clients{cfg: cfg, web: web, signer: newSigner(cfg, web, learn), backends: make(map[place]backend)}, nil
}

// backend returns the client of a place. It is made at the first call.
func (c *clients) backend(where place) (backend, *secret.Error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if b, ok := c.backends[where]; ok {
		return b, nil
	}
	endpoint := c.cfg.endpoint(where.service)
	if endpoint != nil && (c.cfg.FIPS || c.cfg.DualStack) {
		return nil, badSetting("AWS_ENDPOINT_URL", "excludes AWS_USE_FIPS_ENDPOINT and AWS_USE_DUALSTACK_ENDPOINT: unset one of them")
	}
	var b backend
	if where.service == secret.SecretsManager {
		b = c.secretsManager(where.region, endpoint)
	} else {
		b = c.parameterStore(where.region, endpoint)
	}
	c.backends[where] = b
	return b, nil
}

// endpoint returns the endpoint that replaces AWS's, or nil. The clients are made
// from Options and not from an aws.Config, so that they do not look into the
// environment for an endpoint themselves.
func (cfg *Config) endpoint(service secret.Service) *string {
	own := cfg.ParameterStoreEndpoint
	if service == secret.SecretsManager {
		own = cfg.SecretsManagerEndpoint
	}
	switch {
	case own != "":
		return &own
	case cfg.Endpoint != "":
		return &cfg.Endpoint
	}
	return nil
}

func (c *clients) secretsManager(region string, endpoint *string) *secretsManager {
	options := secretsmanager.Options{
		Region:       region,
		BaseEndpoint: endpoint,
		Credentials:  c.signer,
		HTTPClient:   c.web,
		Retryer:      aws.NopRetryer{}, // see ask
	}
	options.EndpointOptions.UseFIPSEndpoint, options.EndpointOptions.UseDualStackEndpoint = c.cfg.variants()
	return &secretsManager{
		caller: newCaller(c, region, c.cfg.SecretsManagerTimeout),
		api:    secretsmanager.New(options),
	}
}

func (c *clients) parameterStore(region string, endpoint *string) *parameterStore {
	options := ssm.Options{
		Region:       region,
		BaseEndpoint: endpoint,
		Credentials:  c.signer,
		HTTPClient:   c.web,
		Retryer:      aws.NopRetryer{}, // see ask
	}
	options.EndpointOptions.UseFIPSEndpoint, options.EndpointOptions.UseDualStackEndpoint = c.cfg.variants()
	return &parameterStore{
		caller: newCaller(c, region, c.cfg.ParameterStoreTimeout),
		api:    ssm.New(options),
	}
}

func (cfg *Config) variants() (aws.FIPSEndpointState, aws.DualStackEndpointState) {
	fips, dual := aws.FIPSEndpointStateUnset, aws.DualStackEndpointStateUnset
	if cfg.FIPS {
		fips = aws.FIPSEndpointStateEnabled
	}
	if cfg.DualStack {
		dual = aws.DualStackEndpointStateEnabled
	}
	return fips, dual
}
