package secret

import "strings"

// Class tells failures apart by what a reader can do about them.
type Class uint8

// The classes of failures.
const (
	// BadReference: the request or reference is not legal; nothing was asked.
	BadReference Class = iota + 1
	// Undeclared: LARDER_DECLARED_ONLY is on and the name is not declared.
	Undeclared
	// NotFound: AWS has no such secret, version or parameter, or it is scheduled
	// for deletion.
	NotFound
	// Denied: an IAM or KMS permission is missing.
	Denied
	// NotJSON: a field was asked for, and the value is not JSON.
	NotJSON
	// FieldMissing: the JSON value does not have the field.
	FieldMissing
	// Rejected: AWS refused the request for another reason that stays, such as an
	// illegal version.
	Rejected
	// Throttled: AWS asks for fewer calls.
	Throttled
	// Unavailable: AWS answered with a server error, or could not be reached.
	Unavailable
	// Credentials: the function's credentials are missing, expired or refused.
	Credentials
	// Timeout: AWS did not answer in time.
	Timeout
	// BadAnswer: AWS answered something that cannot be read or lacks its fields.
	BadAnswer
	// Expired: AWS fails in a way that passes, and the value in memory is too old to
	// be served meanwhile.
	Expired
	// Canceled: the call was given up by its owner. Never remembered as a failure
	// of the secret.
	Canceled
)

var classNames = [...]string{
	BadReference: "BadReference", Undeclared: "Undeclared", NotFound: "NotFound", Denied: "AccessDenied",
	NotJSON: "NotJSON", FieldMissing: "FieldMissing", Rejected: "Rejected", Throttled: "Throttled",
	Unavailable: "Unavailable", Credentials: "Credentials", Timeout: "Timeout", BadAnswer: "BadAnswer",
	Expired: "Expired", Canceled: "Canceled",
}

// LastClass is the greatest class that has a word.
const LastClass = Class(len(classNames) - 1)

// String returns the class as a stable word of letters.
func (c Class) String() string {
	if int(c) < len(classNames) && classNames[c] != "" {
		return classNames[c]
	}
	return "Unknown"
}

// Transient reports whether the same request may succeed in a while without
// anybody changing anything.
func (c Class) Transient() bool {
	switch c {
	case Throttled, Unavailable, Credentials, Timeout, BadAnswer, Expired, Canceled:
		return true
	}
	return false
}

// Error says why a secret cannot be had and what to do about it. It carries
// texts of AWS only from parsed API errors, never a raw body.
type Error struct {
	// Class decides what happens next.
	Class Class
	// Code is AWS's error code, or that of the Workload Credentials Provider for a limit
	// that is ours as well; empty for any other failure that is not AWS's.
	Code string
	// Status is the HTTP status of AWS's answer; 0 where there was none.
	Status int
	// Message is AWS's message, or our own words.
	Message string
	// Action is the IAM action that is denied, such as "kms:Decrypt"; empty unless Class
	// is Denied, and where no permission would help.
	Action string
	// Policy is the kind of policy that denies Action, in AWS's words, such as "VPC
	// endpoint policy" or, with an explicit deny, IdentityPolicy; empty where the role
	// lacks a permission, and where AWS does not say.
	Policy string
	// Sent is set where the request went out: what was asked for may be to blame, and
	// not the way to AWS.
	Sent bool
	// Key is what was asked for; the zero Key where nothing was.
	Key Key
}

// IdentityPolicy is a policy of the role.
const IdentityPolicy = "identity-based policy"

// Word returns AWS's code, or the class where AWS said nothing: one stable word
// for headers, logs and metrics.
func (e *Error) Word() string {
	if e.Code != "" {
		return e.Code
	}
	return e.Class.String()
}

// Unnamed stands in a log for a reference that nothing declares.
const Unnamed = "not declared; level DEBUG names it"

// Nameless returns e without the name of what was asked for, and without any text
// that may hold it: for a log in which only what is declared is named.
func (e *Error) Nameless() *Error {
	return &Error{Class: e.Class, Code: e.Code, Status: e.Status, Action: e.Action, Policy: e.Policy, Key: Key{Role: e.Key.Role}}
}

// Error names the reference, the Region, the code, and the action to allow with
// the role that needs it.
func (e *Error) Error() string {
	var b strings.Builder
	if e.Key.ID != "" {
		b.WriteString(e.Key.String() + " in " + e.Key.Region + ": ")
	}
	b.WriteString(e.Word())
	if e.Message != "" {
		b.WriteString(": " + e.Message)
	}
	if remedy := e.remedy(); remedy != "" {
		b.WriteString(" (" + remedy + ")")
	}
	return b.String()
}

// remedy says what may help, "" where the message has to do. The key of a secret is
// found by AWS's code or, as Secrets Manager has one for all its troubles, by its text.
func (e *Error) remedy() string {
	who := "the function's role"
	if e.Key.Role != "" && e.Action != AssumeRole {
		who = "the role " + e.Key.Role
	}
	switch {
	case e.Policy == IdentityPolicy:
		return "the explicit deny of " + e.Action + " in the policies of " + who + " must go"
	case e.Policy != "":
		return "the " + e.Policy + " must allow " + e.Action + " to " + who
	case e.Action != "":
		return who + " needs " + e.Action
	case e.Class != Denied, e.Code == "":
		return ""
	case e.Code == "KMSNotFoundException":
		return "the KMS key is gone: encrypt the value with another one"
	}
	return "the KMS key must be enabled, and not be about to be deleted"
}
