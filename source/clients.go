package source

import (
	"cmp"
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
	signer *signer // with the function's own credentials

	mu       sync.Mutex
	backends map[place]backend
	roles    map[string]*signer // by ARN, see signerLocked
}

// newClients is told what to do with the session token of credentials that are
// loaded.
func newClients(cfg *Config, learn func(token string)) (*clients, *secret.Error) {
	web, err := newWeb(cfg)
	if err != nil {
		return nil, badSetting("AWS_CA_BUNDLE", err.Error())
	}
	return &clients{
		cfg: cfg, web: web, signer: newSigner(cfg, web, learn),
		backends: make(map[place]backend), roles: make(map[string]*signer),
	}, nil
}

// backend returns the client of a place. It is made at the first call.
func (c *clients) backend(where place) (backend, *secret.Error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if b, ok := c.backends[where]; ok {
		return b, nil
	}
	signer, failure := c.signerLocked(where.role)
	if failure != nil {
		return nil, failure
	}
	var b backend
	if where.service == secret.SecretsManager {
		b, failure = c.secretsManager(where.region, signer)
	} else {
		b, failure = c.parameterStore(where.region, signer)
	}
	if failure != nil {
		return nil, failure
	}
	c.backends[where] = b
	return b, nil
}

// replacement returns the endpoint that replaces AWS's, or nil. own is that of one
// service. The clients are made from Options and not from an aws.Config, so that
// they do not look into the environment for an endpoint themselves.
func (cfg *Config) replacement(own string) (*string, *secret.Error) {
	endpoint := cmp.Or(own, cfg.Endpoint)
	switch {
	case endpoint == "":
		return nil, nil
	case cfg.FIPS || cfg.DualStack:
		return nil, badSetting("AWS_ENDPOINT_URL", "excludes AWS_USE_FIPS_ENDPOINT and AWS_USE_DUALSTACK_ENDPOINT: unset one of them")
	}
	return &endpoint, nil
}

func (c *clients) secretsManager(region string, signer *signer) (*secretsManager, *secret.Error) {
	endpoint, failure := c.cfg.replacement(c.cfg.SecretsManagerEndpoint)
	if failure != nil {
		return nil, failure
	}
	options := secretsmanager.Options{
		Region:       region,
		BaseEndpoint: endpoint,
		Credentials:  signer,
		HTTPClient:   c.web,
		Retryer:      aws.NopRetryer{}, // see ask
	}
	options.EndpointOptions.UseFIPSEndpoint, options.EndpointOptions.UseDualStackEndpoint = c.cfg.variants()
	return &secretsManager{
		caller: newCaller(c, region, signer, c.cfg.SecretsManagerTimeout),
		api:    secretsmanager.New(options),
	}, nil
}

func (c *clients) parameterStore(region string, signer *signer) (*parameterStore, *secret.Error) {
	endpoint, failure := c.cfg.replacement(c.cfg.ParameterStoreEndpoint)
	if failure != nil {
		return nil, failure
	}
	options := ssm.Options{
		Region:       region,
		BaseEndpoint: endpoint,
		Credentials:  signer,
		HTTPClient:   c.web,
		Retryer:      aws.NopRetryer{}, // see ask
	}
	options.EndpointOptions.UseFIPSEndpoint, options.EndpointOptions.UseDualStackEndpoint = c.cfg.variants()
	return &parameterStore{
		caller:   newCaller(c, region, signer, c.cfg.ParameterStoreTimeout),
		api:      ssm.New(options),
		readings: readings{clock: c.cfg.clock},
	}, nil
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
