// Package secret is the vocabulary that the other packages share: what a user
// writes to name a secret or a parameter ([Reference]), what identifies one
// thing that AWS can be asked for ([Key]), what AWS answered ([Record], with the
// [Value] that never shows itself), and why there is no answer ([Error]).
//
// It knows no network, no SDK and no clock.
package secret
