// Package source asks AWS for secrets and parameters. It is the only package
// that knows the AWS SDK, and no error of the SDK leaves it: some of them print
// the answer that they could not read.
//
// The way of a key through the package:
//
//	Fetch → split into jobs → one call for a whole job, or one for each key
//	      → attempts, each with its own time limit → a Record or a secret.Error
//
// Before an attempt there are credentials (signer): the function's own, or those of
// a role, which are a call by themselves that is signed with the own ones. While an
// attempt goes on somebody looks whether its connection is alive (watch).
package source
