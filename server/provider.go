package server

import (
	"cmp"
	"errors"
	"net/http"
	"strconv"
	"strings"
	"time"

	"larder/manifest"
	"larder/secret"
)

// The contract of the AWS Workload Credentials Provider, which was the Secrets
// Manager Agent.
//
// Source: github.com/aws/aws-workload-credentials-provider

// providerPrefix stands before a secret's name or ARN, whose slashes may be raw.
const providerPrefix = "/v1/"

// providerOutput is its answer. What AWS did not say is left out.
type providerOutput struct {
	ARN           string   `json:"ARN,omitempty"`
	Name          string   `json:"Name,omitempty"`
	VersionID     string   `json:"VersionId,omitempty"`
	SecretString  *string  `json:"SecretString,omitempty"`
	SecretBinary  []byte   `json:"SecretBinary,omitempty"`
	VersionStages []string `json:"VersionStages,omitzero"` // an empty list is written
	CreatedDate   string   `json:"CreatedDate,omitempty"`
}

// providerFailure is its body for a failure.
type providerFailure struct {
	Type    string `json:"__type"`
	Message string `json:"message"`
}

// ping serves /ping.
func ping(x *exchange) { x.write(http.StatusOK, typeText, []byte("healthy")) }

// providerSecret serves
// /v1/<secretId>?versionId=&versionStage=&roleArn=&refreshNow=&seen=.
func (s *Server) providerSecret(x *exchange) {
	id := strings.TrimPrefix(x.r.URL.Path, providerPrefix) // decoded, see route
	if id == "" {
		providerRefusal(x, "missing secret ID")
		return
	}
	q, err := parseQuery(x.r.URL.RawQuery)
	if err != nil {
		providerRefusal(x, err.Error())
		return
	}
	demand, role, refusal := q.provider()
	if refusal != "" {
		providerRefusal(x, refusal)
		return
	}
	key, err := secret.SecretKey(s.config.Region, id, q.last("versionId"), q.last("versionStage"))
	if err != nil {
		failProvider(x, badRequest(err))
		return
	}
	key.Role = role
	x.asks(key)
	answer, err := s.config.Manifest.Get(x.r.Context(), key, demand)
	x.got(answer)
	if err != nil {
		failProvider(x, err)
		return
	}
	r := answer.Record
	o := providerOutput{ARN: r.ARN, Name: r.Name, VersionID: r.Version, VersionStages: r.Stages, CreatedDate: epoch(r.Created)}
	if r.Binary {
		o.SecretBinary = r.Value.Reveal()
	} else {
		value := string(r.Value.Reveal())
		o.SecretString = &value
	}
	x.write(http.StatusOK, typeJSON, marshal(o))
}

// epoch writes a time as seconds since the epoch with the milliseconds that AWS
// gave.
func epoch(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return strconv.FormatFloat(float64(t.UnixMilli())/1000, 'f', -1, 64)
}

// provider reads the parameters as the provider does: in the order of the URL, in which
// the first that is wrong is what a refusal is about, and of one that stands twice the
// last counts.
func (q query) provider() (demand manifest.Demand, role, refusal string) {
	demand.Seen = version(q.last(seenParameter))
	for _, p := range q {
		var err error
		switch p.name {
		case "versionId", "versionStage", seenParameter:
		case nowParameter:
			if demand.Now, err = parseNow(p.value); err != nil {
				return demand, role, "invalid refreshNow value"
			}
		case roleParameter:
			if role, err = p.value, secret.CheckRole(p.value); err != nil {
				return demand, role, "invalid roleArn format, expected arn:<partition>:iam::<account>:role/<name>"
			}
		default:
			return demand, role, "unknown parameter: " + p.name
		}
	}
	return demand, role, ""
}

// failProvider answers with AWS's own status and code, where there are some.
func failProvider(x *exchange, err error) {
	e := asError(err)
	x.explain(e)
	code, body := http.StatusInternalServerError, providerFailure{"InternalFailure", e.Message}
	switch {
	case e.Class == secret.Denied && e.Action == secret.AssumeRole: // whatever STS calls that
		code, body.Type = http.StatusForbidden, "AccessDeniedException"
	case e.Code != "" && e.Message != "":
		// A failure inside a batch's answer has no status of its own. It stays, as
		// one that may pass is asked for again singly: AWS would say 400.
		code, body.Type = cmp.Or(e.Status, http.StatusBadRequest), e.Code
	case e.Code != "": // which the provider cannot read
	case e.Class == secret.BadReference:
		code, body.Type = http.StatusBadRequest, "ValidationException"
	case e.Class == secret.NotFound: // remembered absence
		code, body.Type = http.StatusBadRequest, "ResourceNotFoundException"
	case e.Class == secret.Undeclared:
		code, body.Type = http.StatusForbidden, e.Word()
	case e.Class == secret.Timeout:
		code, body = http.StatusGatewayTimeout, providerFailure{"TimeoutError", "Timeout"}
	case e.Class == secret.Unavailable && !e.Sent, e.Class == secret.Expired:
		code, body.Type = http.StatusBadGateway, "ConnectionError"
	}
	x.write(code, typeJSON, marshal(body))
}

func providerRefusal(x *exchange, text string) {
	x.explain(badRequest(errors.New(text)))
	x.write(http.StatusBadRequest, typeText, []byte(text))
}

func refuseProvider(x *exchange, r *refusal) {
	x.refused(r)
	if r == errFault {
		x.write(r.status, typeJSON, marshal(providerFailure{r.code, r.message}))
		return
	}
	x.write(cmp.Or(r.providerStatus, r.status), typeText, []byte(cmp.Or(r.provider, r.Error())))
}
