package source

import (
	"context"
	"net/http"
	"net/url"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials/endpointcreds"
)

// credentials returns what signs the requests, and what makes it load new
// credentials, which is nil where they stand in the environment.
func credentials(cfg *Config) (aws.CredentialsProvider, func()) {
	if cfg.AccessKeyID != "" {
		return static(aws.Credentials{
			AccessKeyID:     cfg.AccessKeyID,
			SecretAccessKey: string(cfg.SecretAccessKey.Reveal()),
			SessionToken:    string(cfg.SessionToken.Reveal()),
		}), nil
	}
	if cfg.ContainerURI == "" {
		return absent("no credentials: neither AWS_ACCESS_KEY_ID nor AWS_CONTAINER_CREDENTIALS_FULL_URI is set"), nil
	}
	if !isSafe(cfg.ContainerURI) {
		return absent("AWS_CONTAINER_CREDENTIALS_FULL_URI has to be https, or http on this machine or a link-local address"), nil
	}
	cache := aws.NewCredentialsCache(endpointcreds.New(cfg.ContainerURI, func(o *endpointcreds.Options) {
		o.AuthorizationToken = string(cfg.ContainerToken.Reveal())
		o.HTTPClient = containerClient(cfg)
		o.Retryer = aws.NopRetryer{} // ask tries again
	}), func(o *aws.CredentialsCacheOptions) { o.ExpiryWindow = expiryWindow })
	return loaded{cache}, cache.Invalidate
}

// expiryWindow is how long before their end credentials are loaded anew.
const expiryWindow = time.Minute

func static(c aws.Credentials) aws.CredentialsProvider {
	return aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
		if !c.HasKeys() {
			return aws.Credentials{}, &credentialsError{"no credentials: AWS_SECRET_ACCESS_KEY is empty"}
		}
		return c, nil
	})
}

func absent(text string) aws.CredentialsProvider {
	return aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
		return aws.Credentials{}, &credentialsError{text}
	})
}

// loaded marks every failure of the cache as one of credentials.
type loaded struct{ cache *aws.CredentialsCache }

// Retrieve implements aws.CredentialsProvider.
func (l loaded) Retrieve(ctx context.Context) (aws.Credentials, error) {
	c, err := l.cache.Retrieve(ctx)
	if err != nil || !c.HasKeys() {
		return aws.Credentials{}, &credentialsError{"the credentials cannot be loaded from AWS_CONTAINER_CREDENTIALS_FULL_URI"}
	}
	return c, nil
}

// containerClient asks for credentials. It has a time limit of its own because
// the SDK does not end that request when the last asker is gone.
func containerClient(cfg *Config) *http.Client {
	transport := cfg.Transport
	if transport == nil {
		transport = &http.Transport{DisableKeepAlives: true} // and no Proxy
	}
	client := noRedirects(transport)
	client.Timeout = attemptLimit
	return client
}

// isSafe reports whether credentials may come from uri: encrypted, or over a way
// that does not leave the machine.
func isSafe(uri string) bool {
	u, err := url.Parse(uri)
	if err != nil || u.Hostname() == "" {
		return false
	}
	return u.Scheme == "https" || u.Scheme == "http" && isNear(u.Hostname())
}
