package source

import (
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/xml"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
	"github.com/aws/smithy-go"
	smithyhttp "github.com/aws/smithy-go/transport/http"

	"larder/secret"
)

// Security Token Service is asked without the SDK's client for it, which would cost
// every cold start more than a millisecond.
//
// Source: docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRole.html

// stsEndpoint returns the address of STS in the function's Region, which is nearer
// than the global one and fails with fewer others. It differs from that of
// Parameter Store in the first word only, so no table of partitions is needed.
func (cfg *Config) stsEndpoint() (string, *secret.Error) {
	own, failure := cfg.replacement(cfg.STSEndpoint)
	switch {
	case failure != nil:
		return "", failure
	case own != nil:
		return *own, nil
	}
	if err := secret.CheckRegion(cfg.Region); err != nil { // which becomes a part of the host's name
		return "", badSetting("AWS_REGION", err.Error())
	}
	twin, err := ssm.NewDefaultEndpointResolverV2().ResolveEndpoint(context.Background(), ssm.EndpointParameters{
		Region: &cfg.Region, UseFIPS: &cfg.FIPS, UseDualStack: &cfg.DualStack,
	})
	rest, ok := strings.CutPrefix(twin.URI.Host, "ssm")
	if err != nil || !ok {
		return "", badSetting("AWS_ENDPOINT_URL_STS", "the address of STS is not known here: set it")
	}
	twin.URI.Host = "sts" + rest
	return twin.URI.String(), nil
}

// assume is one attempt to get a session of the role. It lasts an hour, as no length
// is asked for: a function, which has a role's session itself, gets no longer one.
func (r *role) assume(ctx context.Context) (aws.Credentials, error) {
	var got struct {
		AccessKeyID     string    `xml:"AssumeRoleResult>Credentials>AccessKeyId"`
		SecretAccessKey string    `xml:"AssumeRoleResult>Credentials>SecretAccessKey"`
		SessionToken    string    `xml:"AssumeRoleResult>Credentials>SessionToken"`
		Expiration      time.Time `xml:"AssumeRoleResult>Credentials>Expiration"`
	}
	form := url.Values{"Action": {"AssumeRole"}, "RoleArn": {r.arn}, "RoleSessionName": {r.session}}
	if err := r.query(ctx, r.endpoint, form, &got); err != nil {
		return aws.Credentials{}, err
	}
	if got.AccessKeyID == "" || got.SecretAccessKey == "" || got.SessionToken == "" || got.Expiration.IsZero() {
		return aws.Credentials{}, errIncomplete
	}
	return aws.Credentials{
		AccessKeyID: got.AccessKeyID, SecretAccessKey: got.SecretAccessKey, SessionToken: got.SessionToken,
		CanExpire: true, Expires: got.Expiration,
	}, nil
}

// query is one attempt to ask STS. What the answer says is put into answer, a
// struct for encoding/xml.
func (c *caller) query(ctx context.Context, endpoint string, form url.Values, answer any) error {
	form.Set("Version", "2011-06-15")
	body := form.Encode()
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, endpoint, strings.NewReader(body))
	if err != nil {
		return err
	}
	request.Header.Set("Content-Type", "application/x-www-form-urlencoded; charset=utf-8")
	request.Header.Set("User-Agent", "larder")
	own, err := c.signer.Retrieve(ctx)
	if err != nil {
		return err
	}
	hash := sha256.Sum256([]byte(body))
	now := time.Now().Add(time.Duration(c.skew.Load()))
	if err := v4.NewSigner().SignHTTP(ctx, own, request, hex.EncodeToString(hash[:]), "sts", c.region, now); err != nil {
		return err
	}
	response, err := c.web.Do(request)
	if err != nil {
		return &smithyhttp.RequestSendError{Err: err}
	}
	defer response.Body.Close()
	if err := readXML(response, answer); err != nil {
		err = &smithyhttp.ResponseError{Response: &smithyhttp.Response{Response: response}, Err: err}
		return c.adjust(err, response.Header.Get("Date"), now)
	}
	return nil
}

// maxSkew is how far our clock may be off: AWS takes signatures that are up to five
// minutes old.
const maxSkew = 4 * time.Minute

// skewed is the error of a request that was signed with a wrong time, as retryable
// looks for it.
type skewed struct{ error }

func (skewed) RetryableError() bool { return true }

// Unwrap returns what AWS said.
func (s skewed) Unwrap() error { return s.error }

// adjust is told the error of a request that was signed with a time, and AWS's date.
// If they are far apart, the next request is signed by AWS's clock, as the SDK does
// for its own clients: the clock of a sandbox may have stood still in a freeze.
func (c *caller) adjust(err error, date string, signed time.Time) error {
	at, bad := http.ParseTime(date)
	if bad != nil || at.Sub(signed).Abs() <= maxSkew {
		return err
	}
	c.skew.Store(int64(time.Until(at)))
	return skewed{err}
}

// readXML reads an answer of STS, or the failure that it is.
func readXML(response *http.Response, answer any) error {
	body, err := io.ReadAll(io.LimitReader(response.Body, maxCredentials))
	switch {
	case err != nil:
		return err
	case response.StatusCode == http.StatusOK:
		return xml.NewDecoder(bytes.NewReader(body)).Decode(answer)
	}
	var refusal struct {
		Code    string `xml:"Error>Code"`
		Message string `xml:"Error>Message"`
	}
	if err := xml.NewDecoder(bytes.NewReader(body)).Decode(&refusal); err != nil {
		return err
	}
	return &smithy.GenericAPIError{Code: cmp.Or(refusal.Code, unknown), Message: refusal.Message}
}
