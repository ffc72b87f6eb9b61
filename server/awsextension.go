package server

import (
	"cmp"
	"encoding/json"
	"errors"
	"net/http"
	"strconv"
	"strings"
	"time"

	"larder/manifest"
	"larder/secret"
)

// The contract of AWS's own "Parameters and Secrets Lambda Extension". Its answers
// are encoding/json's on the output structs of the SDK for Go, so ours are, too,
// including the order of the fields, the nulls, and < > and & escaped. Its users
// cut them up by position.
//
// Source: docs.aws.amazon.com/systems-manager/latest/userguide/ps-integration-lambda-extensions.html

// awsFailure is the text of every failure of AWS. Clients retry on its status,
// 400, and on nothing else, so the reason stands in headers.
const awsFailure = "an unexpected error occurred while executing request"

// secretOutput has the fields of secretsmanager.GetSecretValueOutput.
type secretOutput struct {
	ARN            *string
	CreatedDate    *time.Time
	Name           *string
	SecretBinary   []byte
	SecretString   *string
	VersionId      *string
	VersionStages  []string
	ResultMetadata struct{}
}

// parameterOutput has the fields of ssm.GetParameterOutput.
type parameterOutput struct {
	Parameter      parameterFields
	ResultMetadata struct{}
}

type parameterFields struct {
	ARN              *string
	DataType         *string
	LastModifiedDate *time.Time
	Name             *string
	Selector         *string
	SourceResult     *string
	Type             string
	Value            *string
	Version          int64
}

// awsSecret serves /secretsmanager/get?secretId=&versionId=&versionStage=, with our
// roleArn, refreshNow and seen.
func (s *Server) awsSecret(x *exchange) {
	s.serveAWS(x, func(q query) (secret.Key, error) {
		name, err := q.named("secretId")
		if err != nil {
			return secret.Key{}, err
		}
		return secret.SecretKey(s.config.Region, name, q.get("versionId"), q.get("versionStage"))
	})
}

// awsParameter serves
// /systemsmanager/parameters/get?name=&version=&label=&withDecryption=, with our
// roleArn, refreshNow and seen. Of version and label the one that comes first counts.
func (s *Server) awsParameter(x *exchange) {
	s.serveAWS(x, func(q query) (secret.Key, error) {
		decrypt := false
		if text := q.get("withDecryption"); text != "" {
			var err error
			if decrypt, err = strconv.ParseBool(strings.ToLower(text)); err != nil {
				return secret.Key{}, errors.New("withDecryption is true or false")
			}
		}
		var version, label string
		switch name, value := q.first("version", "label"); name {
		case "version":
			version = value
		case "label":
			label = value
		}
		name, err := q.named("name")
		if err != nil {
			return secret.Key{}, err
		}
		key, err := secret.ParameterKey(s.config.Region, name, version, label, decrypt)
		if err != nil {
			if _, bad := secret.ParameterKey(s.config.Region, "/"+name, version, label, decrypt); bad == nil {
				err = errSlash
			}
		}
		return key, err
	})
}

// serveAWS answers a read of what makeKey finds in the query.
func (s *Server) serveAWS(x *exchange, makeKey func(query) (secret.Key, error)) {
	key, demand, err := readAWS(x, makeKey)
	if err != nil {
		failAWS(x, badRequest(err), err.Error())
		return
	}
	x.asks(key)
	answer, err := s.config.Manifest.Get(x.r.Context(), key, demand)
	x.got(answer)
	if err != nil {
		failAWS(x, err, why(asError(err)))
		return
	}
	body, err := json.Marshal(output(answer.Record))
	if err != nil {
		panic(err) // our own structs always encode
	}
	x.write(http.StatusOK, typeJSON, body)
}

// readAWS reads the query. Parameters that the contract does not know are ignored,
// and the first of two counts: published clients send some.
func readAWS(x *exchange, makeKey func(query) (secret.Key, error)) (key secret.Key, demand manifest.Demand, err error) {
	q, err := parseQuery(x.r.URL.RawQuery)
	if err != nil {
		return key, demand, err
	}
	if demand, err = q.demand(); err != nil {
		return key, demand, err
	}
	if key, err = makeKey(q); err != nil {
		return key, demand, err
	}
	key, err = q.withRole(key)
	return key, demand, err
}

// output returns the SDK's struct for a record.
func output(r *secret.Record) any {
	value := string(r.Value.Reveal())
	if r.Service == secret.SecretsManager {
		o := secretOutput{
			ARN: known(r.ARN), CreatedDate: date(r.Created), Name: known(r.Name),
			VersionId: known(r.Version), VersionStages: r.Stages,
		}
		if r.Binary {
			o.SecretBinary = r.Value.Reveal()
		} else {
			o.SecretString = &value
		}
		return o
	}
	version, _ := strconv.ParseInt(r.Version, 10, 64) // 0 for the version id of a secret, as Parameter Store has it
	o := parameterFields{
		ARN: known(r.ARN), DataType: known(r.DataType), LastModifiedDate: date(r.Modified), Name: known(r.Name),
		Selector: known(r.Selector), SourceResult: known(string(r.SourceResult.Reveal())), Type: r.Type, Version: version,
	}
	if !r.Binary { // the bytes of a secret are in SourceResult, and nowhere else
		o.Value = &value
	}
	return parameterOutput{Parameter: o}
}

// known returns nil, which becomes null, for what AWS did not say.
func known(text string) *string {
	if text == "" {
		return nil
	}
	return &text
}

func date(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	t = t.UTC()
	return &t
}

// failAWS answers any failure as AWS's extension does, with the reason in the
// headers.
func failAWS(x *exchange, err error, message string) {
	x.explain(asError(err))
	x.says(message)
	x.write(http.StatusBadRequest, typeText, []byte(awsFailure))
}

func refuseAWS(x *exchange, r *refusal) {
	x.refused(r)
	x.says(r.message)
	x.write(r.status, typeText, []byte(cmp.Or(r.aws, r.Error())))
}
