package source

import (
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws/retry"

	"larder/secret"
)

// classifyCode turns an error in AWS's own form into ours. The class follows from
// the code, never from the text, which AWS may change.
func classifyCode(code, message string, status int, action string) *secret.Error {
	if message == unknown {
		message = ""
	}
	e := &secret.Error{Class: classOf(code, status, action), Code: code, Status: status, Message: short(message)}
	if e.Class == secret.Denied && !isKeyState(code, message) {
		e.Action, e.Policy = missingAction(code, message, action), denyingPolicy(message)
	}
	if code == parameterNotFound && message == "" { // all that GetParameter says
		e.Message = noParameter
	}
	return e
}

// unknown is what the SDK puts where an answer has no code, or no message.
const unknown = "UnknownError"

// What a parameter that does not exist comes to, also in a batch, whose answer
// only lists its name.
const (
	parameterNotFound = "ParameterNotFound"
	noParameter       = "there is no parameter of this name"
)

// accessDenied is what IAM says at both services. STS says AccessDenied.
const accessDenied = "AccessDeniedException"

func classOf(code string, status int, action string) secret.Class {
	if _, ok := retry.DefaultThrottleErrorCodes[code]; ok {
		return secret.Throttled
	}
	switch code {
	case "ResourceNotFoundException", parameterNotFound, "ParameterVersionNotFound", "ParameterVersionLabelNotFound":
		return secret.NotFound
	case "InvalidRequestException":
		// Of a read, this says that the secret is scheduled for deletion:
		// docs.aws.amazon.com/secretsmanager/latest/apireference/API_GetSecretValue.html
		if action == secret.GetSecretValue {
			return secret.NotFound
		}
	case accessDenied, "AccessDenied", "DecryptionFailure", "InvalidKeyId":
		return secret.Denied
	case "ExpiredTokenException", "ExpiredToken", "RequestExpired", "UnrecognizedClientException",
		"InvalidClientTokenId", "InvalidAccessKeyId", "InvalidSignatureException", "SignatureDoesNotMatch",
		"IncompleteSignature", "IncompleteSignatureException", "MissingAuthenticationToken",
		"MissingAuthenticationTokenException", "AuthFailure", "RequestTimeTooSkewed":
		return secret.Credentials
	case "InternalServiceError", "InternalServerError", "InternalFailure", "ServiceUnavailable",
		"ServiceUnavailableException", "RequestTimeout", "RequestTimeoutException":
		return secret.Unavailable
	}
	switch {
	case strings.HasPrefix(code, "KMSThrottl"), status == 429:
		return secret.Throttled
	case strings.HasPrefix(code, "KMS"):
		return secret.Denied
	case status >= 500:
		return secret.Unavailable
	}
	return secret.Rejected
}

// missingAction returns the IAM action to allow: the one that AWS names, else
// the key's where AWS speaks of encryption, else the call's own. The text is no
// more than a hint to the reader here.
func missingAction(code, message, action string) string {
	if _, rest, ok := strings.Cut(message, "not authorized to perform: "); ok {
		named, _, _ := strings.Cut(rest, " ")
		if isAction(named) {
			return named
		}
	}
	switch {
	case code == "DecryptionFailure", code == "InvalidKeyId", strings.HasPrefix(code, "KMS"),
		strings.Contains(message, "KMS"), strings.Contains(message, "ciphertext"):
		return secret.Decrypt
	}
	return action
}

// isKeyState reports whether a KMS key is in a state in which nobody may use it.
func isKeyState(code, message string) bool {
	switch code {
	case "KMSDisabledException", "KMSInvalidStateException", "KMSNotFoundException":
		return true
	case "DecryptionFailure", "InvalidKeyId":
		return strings.Contains(message, "pending deletion") || strings.Contains(message, "is disabled")
	}
	return false
}

// policies are the kinds of policies besides the role's own, in AWS's words.
//
// Source: docs.aws.amazon.com/IAM/latest/UserGuide/troubleshoot_access-denied.html
var policies = [...]string{
	"VPC endpoint policy", "service control policy", "resource control policy", "permissions boundary", "session policy", "resource-based policy",
}

// denyingPolicy returns which policy denies, if AWS says so and it is not one that the
// role lacks: "because no VPC endpoint policy allows", "with an explicit deny in a
// service control policy".
func denyingPolicy(message string) string {
	if strings.Contains(message, "explicit deny in an "+secret.IdentityPolicy) {
		return secret.IdentityPolicy
	}
	for _, p := range policies {
		if strings.Contains(message, "because no "+p) || strings.Contains(message, "explicit deny in a "+p) {
			return p
		}
	}
	return ""
}

func isAction(text string) bool {
	service, name, ok := strings.Cut(text, ":")
	return ok && service != "" && name != "" && len(text) <= 100 &&
		!strings.ContainsFunc(service+name, func(r rune) bool {
			return !('a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' || r == '-')
		})
}

// short cuts a message where no message of AWS's reaches, so that an answer of
// megabytes does not end up in a log line.
func short(message string) string {
	const enough = 1000
	if len(message) > enough {
		message = message[:enough]
	}
	return strings.ToValidUTF8(message, "")
}
