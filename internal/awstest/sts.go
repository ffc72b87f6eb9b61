package awstest

import (
	"encoding/base32"
	"encoding/xml"
	"fmt"
	"time"
)

const (
	// sessionTime is how long a session lasts that asks for no time.
	sessionTime = time.Hour
	// maxChained is how long one lasts at most that another role asks for. Here
	// every caller is a role; see docs.aws.amazon.com/IAM/latest/UserGuide/
	// id_roles.html, "Role chaining".
	maxChained = time.Hour
)

type assumeRoleInput struct {
	RoleArn         string
	RoleSessionName string
	DurationSeconds *int `json:",string"`
}

func (in assumeRoleInput) ids() []string { return []string{in.RoleArn} }

type assumeRoleOutput struct {
	XMLName         xml.Name `xml:"AssumeRoleResult"`
	AssumedRoleUser struct{ AssumedRoleId, Arn string }
	Credentials     struct{ AccessKeyId, SecretAccessKey, SessionToken, Expiration string }
}

// assumeRoleLocked says no in the same words whatever is missing: the role, its
// trust, or the caller's permission.
func (s *Server) assumeRoleLocked(c caller, in assumeRoleInput) (any, error) {
	lifetime, err := in.check()
	if err != nil {
		return nil, err
	}
	_, allowed := s.policyLocked(c).check(request{action: "sts:AssumeRole", resource: in.RoleArn})
	if !allowed || !s.roles[in.RoleArn].trusts(c.identity) { // one that is not there trusts nobody
		return nil, &apiError{code: "AccessDeniedException", message: fmt.Sprintf(
			"User: %s is not authorized to perform: sts:AssumeRole on resource: %s", c.arn(), in.RoleArn)}
	}
	session := identity{roleAccount(in.RoleArn), in.RoleArn, in.RoleSessionName}
	// Whole seconds, as they are told.
	expires := time.Now().Add(lifetime).Truncate(time.Second)
	id, key := s.issueLocked("", credential{identity: session, expires: expires})
	out := assumeRoleOutput{}
	out.AssumedRoleUser.AssumedRoleId, out.AssumedRoleUser.Arn = session.userID(), session.arn()
	out.Credentials.AccessKeyId = id
	out.Credentials.SecretAccessKey = key.secretAccessKey
	out.Credentials.SessionToken = key.sessionToken
	out.Credentials.Expiration = expires.UTC().Format(time.RFC3339)
	return out, nil
}

// check refuses what STS refuses, and returns how long the session lasts.
func (in assumeRoleInput) check() (time.Duration, error) {
	lifetime := sessionTime
	if in.DurationSeconds != nil {
		seconds := *in.DurationSeconds
		lifetime = time.Duration(seconds) * time.Second
		if err := within(seconds, fmt.Sprintf("'%d'", seconds), "durationSeconds", "value", 900, 43_200); err != nil {
			return 0, err
		}
	}
	if err := checkText(in.RoleArn, "roleArn", 20, 2048); err != nil {
		return 0, err
	}
	if err := checkText(in.RoleSessionName, "roleSessionName", 2, 64); err != nil {
		return 0, err
	}
	switch {
	case !only(in.RoleSessionName, letters+digits+"_+=,.@-"):
		return 0, constraint("'"+in.RoleSessionName+"'", "roleSessionName",
			`Member must satisfy regular expression pattern: [\w+=,.@-]*`)
	case roleAccount(in.RoleArn) == "":
		return 0, &apiError{code: "ValidationException", message: in.RoleArn + " is invalid"}
	case lifetime > maxChained:
		return 0, &apiError{code: "ValidationException", message: "The requested DurationSeconds exceeds the " +
			"1 hour session limit for roles assumed by role chaining."}
	}
	return lifetime, nil
}

// checkText refuses a text that is missing, too short or too long.
func checkText(text, field string, least, most int) error {
	if text == "" {
		return constraint("null", field, "Member must not be null")
	}
	return within(len(text), "'"+text+"'", field, "length", least, most)
}

type getCallerIdentityInput struct{}

func (getCallerIdentityInput) ids() []string { return nil }

type getCallerIdentityOutput struct {
	XMLName              xml.Name `xml:"GetCallerIdentityResult"`
	Arn, UserId, Account string
}

// getCallerIdentityLocked asks no policy: whoever can sign may know who it is.
func (s *Server) getCallerIdentityLocked(c caller, _ getCallerIdentityInput) (any, error) {
	return getCallerIdentityOutput{Arn: c.arn(), UserId: c.userID(), Account: c.account}, nil
}

// userID is the role's unique id and the session's name.
func (i identity) userID() string {
	return "AROA" + base32.StdEncoding.EncodeToString(digest("role", i.role))[:17] + ":" + i.session
}
