package source

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"os"
	"strings"
	"syscall"

	"github.com/aws/smithy-go"
	smithyhttp "github.com/aws/smithy-go/transport/http"

	"larder/secret"
)

// errIncomplete is an answer with status 200 that lacks what it must have. For
// the SDK an empty body is a success with nothing in it.
var errIncomplete = errors.New("the answer lacks fields")

// errStranger is an answer with status 200 about something that was not asked for.
var errStranger = errors.New("the answer is about something else")

// errNoValue is an answer about a secret that has neither a text nor bytes.
var errNoValue = errors.New("the secret has no value")

// errProxy is a proxy's address that cannot be read. Its cause is dropped: the
// text holds the address, which may hold a password.
var errProxy = errors.New("the proxy's address cannot be read")

// proxyRefusal is the status that a proxy answered CONNECT with.
type proxyRefusal int

func (status proxyRefusal) Error() string {
	return fmt.Sprintf("the proxy in HTTPS_PROXY refuses to connect to AWS, with status %d", int(status))
}

// badSetting is why no request can be made with the settings of an environment
// variable: class Rejected without code and status, as AWS was not asked, and a
// message that starts with the variable's name.
func badSetting(variable, problem string) *secret.Error {
	return &secret.Error{Class: secret.Rejected, Message: variable + ": " + problem}
}

// classify turns an error of an attempt into ours. Only the text of an error
// that AWS put into its own form is kept; that of any other might hold a body.
func classify(err error, action string) *secret.Error {
	var status int
	var answer *smithyhttp.ResponseError
	if errors.As(err, &answer) && answer.Response != nil {
		status = answer.HTTPStatusCode()
	}
	var (
		api     smithy.APIError
		garbage *smithy.DeserializationError
		network *smithyhttp.RequestSendError
	)
	switch {
	case errors.Is(err, errIncomplete):
		return &secret.Error{Class: secret.BadAnswer, Status: 200, Message: "AWS's answer lacks what was asked for"}
	case errors.Is(err, errStranger):
		return &secret.Error{Class: secret.BadAnswer, Status: 200, Message: "AWS's answer is about another name than was asked for"}
	case errors.Is(err, errNoValue):
		return &secret.Error{Class: secret.Rejected, Status: 200, Message: "Parameter Store passes on no value of the secret, neither text nor bytes: " +
			"read it from Secrets Manager, as secretsmanager://NAME"}
	case errors.Is(err, errProxy):
		return badSetting("HTTPS_PROXY", "the proxy's address cannot be read")
	case isUntrusted(err):
		return badSetting("AWS_CA_BUNDLE", "the certificate is not trusted: does the file hold its authority?")
	case errors.As(err, &api) && isCode(api.ErrorCode()):
		return classifyCode(api.ErrorCode(), api.ErrorMessage(), status, action)
	case errors.Is(err, context.Canceled): // by the caller: our own limits are deadlines
		return canceled()
	case isTimeout(err) && !isProxy(err):
		return &secret.Error{Class: secret.Timeout, Status: status, Message: timeoutText(err)}
	case status != 0 || errors.As(err, &garbage):
		return classifyStatus(status)
	case errors.As(err, &network):
		return &secret.Error{Class: secret.Unavailable, Message: networkText(err)}
	}
	return badSetting("AWS_ENDPOINT_URL", "no request can be made: check it, AWS_USE_FIPS_ENDPOINT and AWS_USE_DUALSTACK_ENDPOINT")
}

// classifyStatus is for an answer without AWS's form: a proxy's, or a broken one.
func classifyStatus(status int) *secret.Error {
	class := secret.BadAnswer
	switch {
	case status == 429:
		class = secret.Throttled
	case status >= 500:
		class = secret.Unavailable
	}
	return &secret.Error{Class: class, Status: status, Message: "the answer cannot be read"}
}

// isCode reports whether a code is one that can be shown: a word, and not the
// one that the SDK puts where there was none.
func isCode(code string) bool {
	if code == "" || code == unknown || len(code) > 100 {
		return false
	}
	return !strings.ContainsFunc(code, func(r rune) bool {
		return !('a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' || '0' <= r && r <= '9' || r == '.' || r == '_')
	})
}

// isTimeout reports whether the attempt, the call or the network took too long.
func isTimeout(err error) bool {
	var slow net.Error
	return errors.Is(err, context.DeadlineExceeded) || errors.Is(err, os.ErrDeadlineExceeded) ||
		errors.As(err, &slow) && slow.Timeout()
}

func timeoutText(err error) string {
	var op *net.OpError
	if errors.As(err, &op) && op.Op == "dial" {
		return "no connection in time: is there a way from the function's network to AWS, such as a VPC endpoint?"
	}
	return "no answer in time"
}

// networkText says what kind of trouble there was, without the error's own text:
// that of a proxy may hold its password.
func networkText(err error) string {
	var (
		dns     *net.DNSError
		op      *net.OpError
		refusal proxyRefusal
	)
	switch {
	case errors.As(err, &refusal):
		return refusal.Error()
	case errors.Is(err, errCrowded):
		return fmt.Sprintf("%d connections to AWS are open, as many as there may be: see PARAMETERS_SECRETS_EXTENSION_MAX_CONNECTIONS", maxConnections)
	case errors.Is(err, syscall.EMFILE), errors.Is(err, syscall.ENFILE):
		return "no file descriptor is left: does the function leave files or connections open?"
	case isProxy(err):
		return "the proxy in HTTPS_PROXY cannot be reached"
	case errors.As(err, &dns):
		return "the host name has no address: is there a way from the function's network to AWS, and is the Region right?"
	case errors.As(err, &op) && op.Op == "dial":
		return "no connection: is there a way from the function's network to AWS, such as a VPC endpoint?"
	}
	return "the connection broke"
}

// isProxy reports whether not even the proxy was reached.
func isProxy(err error) bool {
	var op *net.OpError
	return errors.As(err, &op) && op.Op == "proxyconnect"
}

// isUntrusted reports whether TLS failed in a way that stays.
func isUntrusted(err error) bool {
	var cert *tls.CertificateVerificationError
	return errors.As(err, &cert)
}
