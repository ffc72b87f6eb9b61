package source

import (
	"context"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"time"

	"larder/secret"
)

// Config says who asks, where, and within which limits. The zero Config asks the
// Regions' public endpoints, and has no credentials.
type Config struct {
	// AccessKeyID, SecretAccessKey and SessionToken are the function's own
	// credentials, as Lambda puts them into the environment. Without the first two
	// those from ContainerURI are used; an empty SessionToken is not sent.
	AccessKeyID                   string
	SecretAccessKey, SessionToken secret.Value
	// ContainerURI is where Lambda gives credentials to a function with SnapStart,
	// which asks with ContainerToken in the header Authorization
	// (AWS_CONTAINER_CREDENTIALS_FULL_URI, AWS_CONTAINER_AUTHORIZATION_TOKEN). They
	// are asked for before their end, and again when AWS refuses them. Empty: without
	// keys nothing can be fetched.
	ContainerURI   string
	ContainerToken secret.Value
	// Token proves, besides, that a reader is the function (AWS_TOKEN); see Recognizes.
	// Empty: none.
	Token secret.Value
	// Ephemeral makes every Fetch load its own credentials and open its own
	// connections, and keep neither, until Keep is called: for a process whose memory
	// SnapStart will copy. False: both are kept from the first Fetch on.
	Ephemeral bool

	// Region is the function's own, where STS is asked for the roles that keys name
	// (AWS_REGION). Empty: keys with a role cannot be fetched.
	Region string
	// FunctionName becomes part of the name of a role's session, which CloudTrail
	// shows (AWS_LAMBDA_FUNCTION_NAME). Empty: the session is named "larder".
	FunctionName string

	// Roles are the ARNs of those that the function declares, at most MaxRoles of
	// them. They have a place for certain, however many others requests name.
	Roles []string

	// Endpoint replaces AWS's own in every Region (AWS_ENDPOINT_URL). Empty: the
	// one that AWS documents for the Region.
	Endpoint string
	// SecretsManagerEndpoint, ParameterStoreEndpoint and STSEndpoint come before
	// Endpoint (AWS_ENDPOINT_URL_SECRETS_MANAGER, AWS_ENDPOINT_URL_SSM,
	// AWS_ENDPOINT_URL_STS). Empty: Endpoint.
	SecretsManagerEndpoint, ParameterStoreEndpoint, STSEndpoint string
	// FIPS and DualStack choose among AWS's endpoints (AWS_USE_FIPS_ENDPOINT,
	// AWS_USE_DUALSTACK_ENDPOINT). They and an endpoint of one's own exclude each
	// other. False: the ordinary endpoint.
	FIPS, DualStack bool
	// CABundle is a PEM file with the only authorities to trust (AWS_CA_BUNDLE).
	// Every Fetch fails when it cannot be read. Empty: the system's.
	CABundle string
	// Proxy picks the proxy of a request, as [http.ProxyFromEnvironment] does.
	// Loopback and link-local addresses never get one, nor does ContainerURI. Nil:
	// none.
	Proxy func(*http.Request) (*url.URL, error)
	// Transport makes the requests instead of connections of our own; Proxy and
	// CABundle then mean nothing, and nothing is known of how old its connections
	// are. Nil: connections of our own.
	Transport http.RoundTripper

	// MaxConnections bounds the calls that are under way to one service in one
	// Region with one role. Zero or less: 3, as in AWS's extension.
	MaxConnections int
	// SecretsManagerTimeout and ParameterStoreTimeout bound one call with all its
	// attempts; each page of a tree is one. To assume a role is part of the first
	// call that needs it. The wait for one of MaxConnections comes before that, within
	// the same bound. Zero, and anything longer than 5 s: 5 s.
	SecretsManagerTimeout, ParameterStoreTimeout time.Duration

	// Log gets a line when a permission is missing that saves calls. Nil: nothing
	// is logged.
	Log *slog.Logger
	// Observe is told of every attempt, from several goroutines at once. Nil:
	// nobody is.
	Observe func(Call)

	clock clock                                                                // nil: the system's
	dial  func(ctx context.Context, network, address string) (net.Conn, error) // nil: a net.Dialer's
}

// inContainer reports whether the credentials come from ContainerURI. The keys
// come first, if there are both, as for the SDK.
func (cfg *Config) inContainer() bool {
	return cfg.ContainerURI != "" && (cfg.AccessKeyID == "" || cfg.SecretAccessKey.Len() == 0)
}

// Call is one attempt to get an answer from AWS.
type Call struct {
	// Action is the IAM action, such as "ssm:GetParameters".
	Action string
	// Region is where it was asked.
	Region string
	// Failure is the class of what went wrong; 0 for an answer.
	Failure secret.Class
	// Duration is from sending the request until the answer was read.
	Duration time.Duration
}
