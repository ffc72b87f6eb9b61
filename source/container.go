package source

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"

	"larder/secret"
)

const (
	// loadLimit bounds one request for credentials. The endpoint is on this machine,
	// or next to it.
	loadLimit = 2 * time.Second
	// maxCredentials is far above the length of any credentials.
	maxCredentials = 64 << 10
)

// container is the endpoint that Lambda gives credentials at to a function with
// SnapStart, whose environment has none:
// docs.aws.amazon.com/sdkref/latest/guide/feature-container-credentials.html
//
// Nothing is demanded of its host. The SDK's own provider takes only a few
// addresses over http, which it has to where anybody may have set the variable;
// here it is Lambda, whose own services stand at other ones.
type container struct {
	uri    string
	token  secret.Value
	client *http.Client
	learn  func(sessionToken string)
}

// load asks for credentials. A failure says what to look at, with nothing of the
// answer's.
func (c *container) load(ctx context.Context) (aws.Credentials, *secret.Error) {
	ctx, cancel := context.WithTimeout(ctx, loadLimit)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, c.uri, nil)
	if err != nil {
		return aws.Credentials{}, noCredentials("is no URL that can be asked")
	}
	r.Header.Set("Authorization", string(c.token.Reveal()))
	resp, err := c.client.Do(r)
	if err != nil {
		return aws.Credentials{}, noCredentials("nothing answers there")
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return aws.Credentials{}, noCredentials(fmt.Sprintf(
			"the answer has status %d: does AWS_CONTAINER_AUTHORIZATION_TOKEN belong to it?", resp.StatusCode))
	}
	var answer struct {
		AccessKeyID     string `json:"AccessKeyId"`
		SecretAccessKey string
		Token           string
		Expiration      time.Time
	}
	if err := json.NewDecoder(io.LimitReader(resp.Body, maxCredentials)).Decode(&answer); err != nil {
		return aws.Credentials{}, noCredentials("the answer cannot be read")
	}
	got := aws.Credentials{
		AccessKeyID: answer.AccessKeyID, SecretAccessKey: answer.SecretAccessKey, SessionToken: answer.Token,
		CanExpire: !answer.Expiration.IsZero(), Expires: answer.Expiration,
	}
	if !got.HasKeys() {
		return aws.Credentials{}, noCredentials("the answer lacks keys")
	}
	c.learn(got.SessionToken)
	return got, nil
}

func noCredentials(problem string) *secret.Error {
	return &secret.Error{Class: secret.Credentials, Message: "no credentials from AWS_CONTAINER_CREDENTIALS_FULL_URI: " + problem}
}
