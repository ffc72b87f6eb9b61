package server

import (
	"errors"
	"net/url"
	"strings"

	"larder/secret"
)

// The body of a failure on AWS's paths says nothing, as its clients expect. What is
// wrong stands in the header Larder-Message, in words of our own: AWS's may name what
// the role may not do, and a request may hold a value in the wrong place, so neither
// comes back.

// maxMessage bounds Larder-Message. Clients have limits for all headers together.
const maxMessage = 1 << 10

// says writes Larder-Message.
func (x *exchange) says(message string) { x.w.Header().Set("Larder-Message", visible(message)) }

// visible returns a text in visible ASCII, and no longer than maxMessage.
func visible(text string) string {
	text = strings.Map(func(r rune) rune {
		if r < ' ' || r > '~' {
			return '?'
		}
		return r
	}, text)
	return text[:min(len(text), maxMessage)]
}

// why says in words of our own why a read has failed. The action and the Region are
// those of the headers about them.
func why(e *secret.Error) string {
	const reason = ": the header Larder-Error says as what, and Larder's log at level DEBUG why"
	where := ""
	if e.Key.Region != "" {
		where = " in " + e.Key.Region
	}
	switch e.Class {
	case secret.BadReference, secret.Rejected:
		return "this is refused" + where + reason
	case secret.Undeclared:
		return "LARDER_DECLARED_ONLY is on, and nothing declares this" + where
	case secret.NotFound:
		return "there is no such secret, parameter or version" + where + ", or it is scheduled for deletion"
	case secret.Denied:
		switch {
		case e.Action == "":
			return "AWS denies this" + where + reason
		case e.Policy != "":
			return e.Action + " is denied" + where + " by the " + e.Policy
		}
		return e.Action + " is denied" + where + ": a policy has to allow it, and none may deny it"
	case secret.Throttled:
		return "AWS throttles" + where + ": there are too many calls"
	case secret.Unavailable:
		return "AWS fails or cannot be reached" + where
	case secret.Credentials:
		return "the credentials of the function's role are missing, expired or refused" + where
	case secret.Timeout:
		return "AWS did not answer in time" + where
	case secret.BadAnswer:
		return "AWS's answer cannot be read" + where
	case secret.Expired:
		return "AWS fails" + where + ", and what is in memory is older than LARDER_MAX_STALE allows"
	case secret.Canceled:
		return "the read was given up before AWS answered"
	}
	return "the read failed" + where + reason
}

// errSlash is why a parameter's name is not legal that would be with a '/' in front.
var errSlash = errors.New("the name of a parameter with a path begins with '/', which is missing here")

// named returns the parameter that names what is read. The error says how it is
// written wrongly, as published clients do.
func (q query) named(parameter string) (string, error) {
	name := q.get(parameter)
	if name == "" {
		for _, p := range q {
			if p.name != parameter && strings.EqualFold(p.name, parameter) {
				return "", errors.New("the parameter " + parameter + " is missing: one is written in another case")
			}
		}
		return "", errors.New("the parameter " + parameter + " is missing")
	}
	if once, err := url.PathUnescape(name); err == nil && once != name {
		return "", errors.New(parameter + " is percent-encoded twice")
	}
	return name, nil
}
