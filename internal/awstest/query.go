package awstest

import (
	"encoding/xml"
	"fmt"
	"net/http"
	"net/url"
)

const (
	// formType is the media type of the Query protocol's requests.
	formType = "application/x-www-form-urlencoded"
	// stsVersion is the one version of the API of STS.
	stsVersion = "2011-06-15"
	// stsNamespace is the XML namespace of its answers.
	stsNamespace = "https://sts.amazonaws.com/doc/" + stsVersion + "/"
)

// queryProtocol is a request of STS: a form that is answered with XML. See
// docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRole.html.
type queryProtocol struct{ form url.Values }

// newQueryProtocol reads the form. A field that cannot be read is missing.
func newQueryProtocol(body []byte) queryProtocol {
	form, _ := url.ParseQuery(string(body))
	return queryProtocol{form}
}

// target takes a form of another version for that of another service.
func (p queryProtocol) target() (service, action string) {
	if p.form.Get("Version") == stsVersion {
		service = "sts"
	}
	return service, p.form.Get("Action")
}

// input is the form as JSON: every field is a string.
func (p queryProtocol) input() []byte {
	fields := map[string]string{}
	for name := range p.form {
		if name != "Action" && name != "Version" {
			fields[name] = p.form.Get(name)
		}
	}
	return encode(fields)
}

func (p queryProtocol) contentType() string { return "text/xml" }

// queryResponse is an answer that succeeds. The result brings its own name.
type queryResponse struct {
	XMLName   xml.Name
	Namespace string `xml:"xmlns,attr"`
	Result    any
	RequestID string `xml:"ResponseMetadata>RequestId"`
}

func (p queryProtocol) output(out any, requestID string) []byte {
	_, action := p.target()
	return encodeXML(queryResponse{xml.Name{Local: action + "Response"}, stsNamespace, out, requestID})
}

// queryError is an answer that tells of an error.
type queryError struct {
	XMLName   xml.Name `xml:"ErrorResponse"`
	Namespace string   `xml:"xmlns,attr"`
	Type      string   `xml:"Error>Type"`
	Code      string   `xml:"Error>Code"`
	Message   string   `xml:"Error>Message,omitempty"`
	RequestID string   `xml:"RequestId"`
}

func (p queryProtocol) failure(e apiError, requestID string) []byte {
	whose := "Sender"
	if e.status >= http.StatusInternalServerError {
		whose = "Receiver"
	}
	return encodeXML(queryError{Namespace: stsNamespace, Type: whose, Code: e.code, Message: e.message, RequestID: requestID})
}

// translate knows the errors that are common to all services. See
// docs.aws.amazon.com/STS/latest/APIReference/CommonErrors.html.
func (p queryProtocol) translate(e apiError) apiError {
	switch e.code {
	case "AccessDeniedException":
		e.code, e.status = "AccessDenied", http.StatusForbidden
	case "ExpiredTokenException":
		e.code, e.status = "ExpiredToken", http.StatusForbidden
	case "IncompleteSignatureException":
		e.code = "IncompleteSignature"
	case "InvalidSignatureException":
		e.code, e.status = "SignatureDoesNotMatch", http.StatusForbidden
	case "MissingAuthenticationTokenException":
		e.code, e.status = "MissingAuthenticationToken", http.StatusForbidden
	case "SerializationException":
		e.code = "MalformedInput"
	case "UnknownOperationException":
		e.code = "InvalidAction"
	case "UnrecognizedClientException":
		e.code, e.status = "InvalidClientTokenId", http.StatusForbidden
	case "ValidationException":
		e.code = "ValidationError"
	}
	return e
}

func encodeXML(v any) []byte {
	out, err := xml.MarshalIndent(v, "", "  ")
	if err != nil {
		panic(fmt.Sprintf("awstest: an answer cannot be encoded: %v", err))
	}
	return append(out, '\n')
}
