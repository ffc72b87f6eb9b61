package awstest_test

import (
	"context"
	"errors"
	"net/http/httptest"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
	"github.com/aws/smithy-go"

	"larder/internal/awstest"
)

const (
	account = "111111111111"
	region  = "eu-west-1"
)

// fixture is a server that listens, and how to reach it with the real SDK.
type fixture struct {
	*awstest.Server
	url     string
	session *aws.Credentials // nil: those of the function
}

// start serves cfg, in the tests' account and Region where it names none.
func start(t *testing.T, cfg awstest.Config) fixture {
	t.Helper()
	if cfg.Account == "" {
		cfg.Account = account
	}
	if cfg.Region == "" {
		cfg.Region = region
	}
	srv, err := awstest.New(cfg)
	if err != nil {
		t.Fatalf("New: %v", err)
	}
	web := httptest.NewServer(srv)
	t.Cleanup(web.Close)
	t.Cleanup(srv.Close) // first: it ends what hangs
	return fixture{Server: srv, url: web.URL}
}

// as is the same server for somebody who has a session.
func (f fixture) as(session aws.Credentials) fixture {
	f.session = &session
	return f
}

func (f fixture) credentials(context.Context) (aws.Credentials, error) {
	if f.session != nil {
		return *f.session, nil
	}
	id, secret, token := f.Credentials()
	return aws.Credentials{AccessKeyID: id, SecretAccessKey: secret, SessionToken: token}, nil
}

// secrets is an SDK client for a Region that does not retry.
func (f fixture) secrets(region string) *secretsmanager.Client {
	return secretsmanager.New(secretsmanager.Options{
		Region: region, BaseEndpoint: &f.url, Retryer: aws.NopRetryer{},
		Credentials: aws.CredentialsProviderFunc(f.credentials),
	})
}

// parameters is an SDK client for a Region that does not retry.
func (f fixture) parameters(region string) *ssm.Client {
	return ssm.New(ssm.Options{
		Region: region, BaseEndpoint: &f.url, Retryer: aws.NopRetryer{},
		Credentials: aws.CredentialsProviderFunc(f.credentials),
	})
}

// last is the newest call.
func (f fixture) last(t *testing.T) awstest.Call {
	t.Helper()
	calls := f.Calls()
	if len(calls) == 0 {
		t.Fatal("no call was recorded")
	}
	return calls[len(calls)-1]
}

// wantAPIError checks the code and the message of an error of the SDK.
func wantAPIError(t *testing.T, what string, err error, code, message string) {
	t.Helper()
	apiErr, ok := errors.AsType[smithy.APIError](err)
	if !ok {
		t.Errorf("%s: error = %v, want the API error %s", what, err, code)
		return
	}
	if apiErr.ErrorCode() != code || apiErr.ErrorMessage() != message {
		t.Errorf("%s = %s %q, want %s %q", what, apiErr.ErrorCode(), apiErr.ErrorMessage(), code, message)
	}
}

func arnOf(account, region, nameAndSuffix string) string {
	return "arn:aws:secretsmanager:" + region + ":" + account + ":secret:" + nameAndSuffix
}
