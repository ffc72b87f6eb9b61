package awstest

import (
	"cmp"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
)

const (
	// maxSkew is how far a signature's time may be from the server's.
	maxSkew = 15 * time.Minute
	// amzTime is the layout of X-Amz-Date.
	amzTime = "20060102T150405Z"
	// scheme is the one signing scheme that is spoken here.
	scheme = "AWS4-HMAC-SHA256"
)

// credential is a key pair with its session token, and whose it is.
type credential struct {
	identity
	secretAccessKey string
	sessionToken    string
	expires         time.Time // zero: never
}

// caller is who signed a call, and the Region that the signature is for.
type caller struct {
	identity
	region string
}

// Credentials returns the function's key that may sign now: the configured or
// made-up one, or the one of the last RenewCredentials.
func (s *Server) Credentials() (accessKeyID, secretAccessKey, sessionToken string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	c := s.credentials[s.accessKeyID]
	return s.accessKeyID, c.secretAccessKey, c.sessionToken
}

// RenewCredentials makes up a new key for the function and returns it. Calls
// that its earlier keys sign are answered with ExpiredTokenException from now
// on; the sessions of roles stay as they are.
func (s *Server) RenewCredentials() (accessKeyID, secretAccessKey, sessionToken string) {
	s.mu.Lock()
	s.expireLocked(func(i identity) bool { return i == s.function() })
	s.accessKeyID, _ = s.issueLocked("", credential{identity: s.function()})
	s.mu.Unlock()
	return s.Credentials()
}

// ExpireSessions ends the sessions of all roles that were assumed so far. Calls
// that they sign are answered with ExpiredTokenException from now on.
func (s *Server) ExpireSessions() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.expireLocked(func(i identity) bool { return i != s.function() })
}

// expireLocked ends the keys of certain identities.
func (s *Server) expireLocked(ends func(identity) bool) {
	for _, c := range s.credentials {
		if ends(c.identity) {
			c.expires = time.Now()
		}
	}
}

// issueLocked makes up what is empty of a key, and lets it sign.
func (s *Server) issueLocked(accessKeyID string, c credential) (string, credential) {
	accessKeyID = cmp.Or(accessKeyID, "ASIA"+rand.Text()[:16])
	c.secretAccessKey = cmp.Or(c.secretAccessKey, rand.Text()+rand.Text()[:14])
	c.sessionToken = cmp.Or(c.sessionToken, "IQoJ"+rand.Text()+rand.Text())
	s.credentials[accessKeyID] = &c
	return accessKeyID, c
}

// signature is an Authorization header, taken apart.
type signature struct {
	accessKeyID, date, region, service string
	headers                            []string // lower case
	value                              string
}

// parseSignature takes apart an Authorization header of the form
// AWS4-HMAC-SHA256 Credential=key/date/region/service/aws4_request,
// SignedHeaders=a;b, Signature=hex.
func parseSignature(header string) (signature, error) {
	incomplete := &apiError{code: "IncompleteSignatureException",
		message: "Authorization header requires 'Credential', 'SignedHeaders' and 'Signature' parameters."}
	rest, ok := strings.CutPrefix(header, scheme+" ")
	if !ok {
		if header == "" {
			return signature{}, &apiError{code: "MissingAuthenticationTokenException",
				message: "Missing Authentication Token"}
		}
		return signature{}, incomplete
	}
	fields := map[string]string{}
	for part := range strings.SplitSeq(rest, ",") {
		key, value, _ := strings.Cut(strings.TrimSpace(part), "=")
		fields[key] = value
	}
	scope := strings.Split(fields["Credential"], "/")
	if len(scope) != 5 || scope[4] != "aws4_request" || fields["SignedHeaders"] == "" || fields["Signature"] == "" {
		return signature{}, incomplete
	}
	return signature{accessKeyID: scope[0], date: scope[1], region: scope[2], service: scope[3],
		headers: strings.Split(fields["SignedHeaders"], ";"), value: fields["Signature"]}, nil
}

// authenticate finds out who calls, or why they are refused.
func (s *Server) authenticate(r *http.Request, body []byte, sig signature, service string) (caller, error) {
	if sig.service != service || !regionPattern(sig.region) {
		return caller{}, badSignature("Credential should be scoped to a valid Region and to the correct service: '" + service + "'.")
	}
	s.mu.Lock()
	known, ok := s.credentials[sig.accessKeyID]
	var cred credential
	if ok {
		cred = *known
	}
	s.mu.Unlock()
	if !ok || !hmac.Equal([]byte(r.Header.Get("X-Amz-Security-Token")), []byte(cred.sessionToken)) {
		return caller{}, &apiError{code: "UnrecognizedClientException",
			message: "The security token included in the request is invalid."}
	}
	if !cred.expires.IsZero() && !time.Now().Before(cred.expires) {
		return caller{}, &apiError{code: "ExpiredTokenException",
			message: "The security token included in the request is expired"}
	}
	signed, err := checkTime(r.Header.Get("X-Amz-Date"), sig.date, time.Now())
	if err != nil {
		return caller{}, err
	}
	if !verify(r, body, sig, cred, signed) {
		return caller{}, badSignature("The request signature we calculated does not match the signature you provided. " +
			"Check your AWS Secret Access Key and signing method. Consult the service documentation for details.")
	}
	return caller{identity: cred.identity, region: sig.region}, nil
}

// checkTime reads the time of signing and compares it with the scope and the clock.
func checkTime(header, scopeDate string, now time.Time) (time.Time, error) {
	signed, err := time.Parse(amzTime, header)
	switch {
	case err != nil || signed.Format("20060102") != scopeDate:
		return time.Time{}, &apiError{code: "IncompleteSignatureException",
			message: "Date must be in ISO-8601 'basic format' in X-Amz-Date, and of the day in the credential scope."}
	case signed.Before(now.Add(-maxSkew)):
		return time.Time{}, badSignature("Signature expired: " + header + " is now earlier than " +
			now.Add(-maxSkew).UTC().Format(amzTime) + " (" + now.UTC().Format(amzTime) + " - 15 min.)")
	case signed.After(now.Add(maxSkew)):
		return time.Time{}, badSignature("Signature not yet current: " + header + " is still later than " +
			now.Add(maxSkew).UTC().Format(amzTime) + " (" + now.UTC().Format(amzTime) + " + 15 min.)")
	}
	return signed, nil
}

func badSignature(message string) error {
	return &apiError{code: "InvalidSignatureException", message: message}
}

// verify signs what was received once more, with the headers that the client
// says it signed, and compares.
func verify(r *http.Request, body []byte, sig signature, cred credential, at time.Time) bool {
	again := &http.Request{
		Method: r.Method,
		Host:   r.Host,
		URL:    &url.URL{Scheme: "https", Host: r.Host, Path: "/", RawQuery: r.URL.RawQuery},
		Header: http.Header{},
	}
	for _, name := range sig.headers {
		again.Header[http.CanonicalHeaderKey(name)] = slices.Clone(r.Header.Values(name))
	}
	again.Header.Del("Host")
	if slices.Contains(sig.headers, "content-length") {
		// The signer takes the length from the request, not from the header.
		again.Header.Del("Content-Length")
		again.ContentLength = int64(len(body))
	}
	hash := sha256.Sum256(body)
	err := v4.NewSigner().SignHTTP(r.Context(), aws.Credentials{
		AccessKeyID:     sig.accessKeyID,
		SecretAccessKey: cred.secretAccessKey,
		SessionToken:    cred.sessionToken,
	}, again, hex.EncodeToString(hash[:]), sig.service, sig.region, at)
	if err != nil {
		return false
	}
	want, err := parseSignature(again.Header.Get("Authorization"))
	return err == nil && hmac.Equal([]byte(want.value), []byte(sig.value))
}
