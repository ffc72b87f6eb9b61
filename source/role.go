package source

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"

	"larder/secret"
)

// MaxRoles is how many roles one environment may use besides the function's own:
// as many as AWS's Workload Credentials Provider allows.
const MaxRoles = 20

// maxRolesExceeded is the provider's code for that.
const maxRolesExceeded = "MaxRolesExceeded"

// roleMemory is how long the failure to assume a role is that of every key to be
// read with it. Otherwise each of them would ask STS in vain.
const roleMemory = time.Second

// role is one that the function's own role assumes. It has a caller of its own, so
// that no role waits for another.
type role struct {
	caller
	arn      string
	session  string
	endpoint string
}

// signerLocked returns what signs the requests that are made with a role.
func (c *clients) signerLocked(arn string) (*signer, *secret.Error) {
	if arn == "" {
		return c.signer, nil
	}
	if s, ok := c.roles[arn]; ok {
		return s, nil
	}
	if !c.roomLocked(arn) {
		return nil, &secret.Error{Class: secret.Rejected, Code: maxRolesExceeded, Message: fmt.Sprintf("no place is left for the role %s: "+
			"a sandbox can use %d, and those that references declare come first. Declare one with it, or read with fewer", arn, MaxRoles)}
	}
	endpoint, failure := c.cfg.stsEndpoint()
	if failure != nil {
		return nil, failure
	}
	r := &role{caller: newCaller(c, c.cfg.Region, c.signer, callLimit), arn: arn, session: sessionName(c.cfg.FunctionName), endpoint: endpoint}
	s := newLoader(c.cfg.clock, r.load, r.explain(&secret.Error{Class: secret.Timeout, Message: "no answer in time"}))
	s.memory = roleMemory
	c.roles[arn] = s
	return s, nil
}

// roomLocked reports whether there is a place for one more role. Those that are
// not declared share what the declared ones leave.
func (c *clients) roomLocked(arn string) bool {
	if slices.Contains(c.cfg.Roles, arn) {
		return true
	}
	places := MaxRoles - len(c.cfg.Roles)
	for used := range c.roles {
		if !slices.Contains(c.cfg.Roles, used) {
			places--
		}
	}
	return places > 0 || c.replaceLocked()
}

// replaceLocked makes room for a role by forgetting one that has never given
// credentials, such as one that is misspelt. It reports whether there was one.
func (c *clients) replaceLocked() bool {
	for arn, s := range c.roles {
		if slices.Contains(c.cfg.Roles, arn) || !s.barren() {
			continue
		}
		delete(c.roles, arn)
		for where := range c.backends {
			if where.role == arn {
				delete(c.backends, where)
			}
		}
		return true
	}
	return false
}

// load assumes the role.
func (r *role) load(ctx context.Context) (aws.Credentials, *secret.Error) {
	session, failure := ask(ctx, &r.caller, secret.AssumeRole, r.assume)
	if failure != nil {
		return aws.Credentials{}, r.explain(failure)
	}
	return session, nil
}

// explain says in the failure, which becomes that of a secret, what it was about.
func (r *role) explain(failure *secret.Error) *secret.Error {
	e := *failure
	e.Sent = false // what was asked for is not to blame
	if e.Code == "" && e.Status == 0 && (e.Class == secret.Rejected || e.Class == secret.Credentials) {
		return &e // of a setting, whose name comes first, or of the function's own credentials
	}
	e.Message = "STS, asked for the role " + r.arn + ": " + cmp.Or(e.Message, "it gives no reason")
	if e.Class == secret.Denied {
		e.Message += "; besides, the role's trust policy must name the function's role"
	}
	return &e
}

// maxSession is the length of a session's name:
// docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRole.html
const maxSession = 64

// sessionName returns the name under which CloudTrail shows the calls that are
// made with a role.
func sessionName(function string) string {
	if function == "" {
		return "larder"
	}
	name := strings.Map(func(c rune) rune {
		switch {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9', strings.ContainsRune("_+=,.@-", c):
			return c
		}
		return '-'
	}, "larder-"+function)
	return name[:min(len(name), maxSession)]
}
