package secret

import "time"

// Record is one answer of AWS: a secret, a parameter, or a tree of parameters.
// Records are shared between readers and never changed.
type Record struct {
	// Service answered.
	Service Service
	// ARN and Name are AWS's own for it. Both are empty for a tree.
	ARN, Name string
	// Version is the version id of a secret or the version number of a parameter.
	// Of a tree it is a hash over the names and versions in it.
	Version string
	// Value is the plain value: of a tree, one JSON object that is keyed by the
	// names relative to the path.
	Value Value
	// Binary tells a SecretBinary from a SecretString.
	Binary bool

	// Stages are the version stages of a secret, nil if AWS named none.
	Stages []string
	// Created is when the version of a secret was made; zero if AWS did not say.
	Created time.Time

	// Type is String, StringList or [SecureString]; empty for a secret.
	Type string
	// DataType is "text" or the like; empty if AWS did not say.
	DataType string
	// Modified is when a parameter was last changed; zero if AWS did not say.
	Modified time.Time
	// Selector is ":3" or ":label" where one was asked for.
	Selector string
	// SourceResult is AWS's raw result for a parameter that refers to another
	// service. It repeats the secret, hence its type. Empty if there is none.
	SourceResult Value

	// Members are the parameters of a tree, in the order of their names.
	Members []Record
	// Pages is how many answers of AWS a tree came in; 0 for anything else.
	Pages int
}

// SecureString is the type of a parameter that is encrypted: what is read of it
// with and without decryption differs.
const SecureString = "SecureString"

// Size returns the bytes that the record's values take, for the cache's bound.
func (r *Record) Size() int {
	n := len(r.ARN) + len(r.Name) + r.Value.Len() + r.SourceResult.Len()
	for i := range r.Members {
		n += r.Members[i].Size()
	}
	return n
}
