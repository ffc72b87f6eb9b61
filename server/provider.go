package server

import (
	"cmp"
	"errors"
	"net/http"
	"strconv"
	"strings"
	"time"

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
	VersionStages []string `json:"VersionStages,omitempty"`
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
	if name, found := q.unknown("versionId", "versionStage", roleParameter, nowParameter, seenParameter); found {
		providerRefusal(x, "unknown parameter: "+name)
		return
	}
	demand, err := q.demand()
	if err != nil {
		providerRefusal(x, "invalid refreshNow value")
		return
	}
	key, err := secret.SecretKey(s.config.Region, id, q.get("versionId"), q.get("versionStage"))
	if err != nil {
		failProvider(x, badRequest(err))
		return
	}
	if key, err = q.withRole(key); err != nil {
		providerRefusal(x, "invalid roleArn value")
		return
	}
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

// failProvider answers with AWS's own status and code, where there are some.
func failProvider(x *exchange, err error) {
	e := asError(err)
	x.explain(e)
	code, body := http.StatusInternalServerError, providerFailure{"InternalFailure", e.Message}
	switch {
	case e.Code != "":
		// A failure inside a batch's answer has no status of its own. It stays, as
		// one that may pass is asked for again singly: AWS would say 400.
		code, body.Type = cmp.Or(e.Status, http.StatusBadRequest), e.Code
	case e.Class == secret.BadReference:
		code, body.Type = http.StatusBadRequest, "ValidationException"
	case e.Class == secret.NotFound: // remembered absence
		code, body.Type = http.StatusBadRequest, "ResourceNotFoundException"
	case e.Class == secret.Undeclared:
		code, body.Type = http.StatusForbidden, e.Word()
	case e.Class == secret.Timeout:
		code, body = http.StatusGatewayTimeout, providerFailure{"TimeoutError", "Timeout"}
	case e.Class == secret.Unavailable, e.Class == secret.BadAnswer, e.Class == secret.Expired:
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
	x.write(cmp.Or(r.providerStatus, r.status), typeText, []byte(cmp.Or(r.provider, r.Error())))
}
