package source

import (
	"context"
	"net/url"

	"larder/secret"
)

// Identity is who AWS takes the function's own credentials for.
type Identity struct {
	// ARN names the user, or the role with its session.
	ARN string `xml:"Arn"`
	// Account is theirs, twelve digits.
	Account string
}

// Identity asks STS who the function is. That needs no permission.
//
// Source: docs.aws.amazon.com/STS/latest/APIReference/API_GetCallerIdentity.html
func (s *Source) Identity(ctx context.Context) (*Identity, *secret.Error) {
	c, done, failure := s.open()
	if failure != nil {
		return nil, failure
	}
	defer done()
	endpoint, failure := s.cfg.stsEndpoint()
	if failure != nil {
		return nil, failure
	}
	sts := newCaller(c, s.cfg.Region, c.signer, callLimit)
	return ask(ctx, &sts, secret.GetCallerIdentity, func(ctx context.Context) (*Identity, error) {
		var answer struct {
			Identity Identity `xml:"GetCallerIdentityResult"`
		}
		err := sts.query(ctx, endpoint, url.Values{"Action": {"GetCallerIdentity"}}, &answer)
		if err == nil && (answer.Identity.ARN == "" || answer.Identity.Account == "") {
			err = errIncomplete
		}
		return &answer.Identity, err
	})
}
