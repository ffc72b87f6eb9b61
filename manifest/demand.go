package manifest

// Demand is how new an answer must be. The zero Demand takes what is fresh, or what
// is stale while AWS fails.
type Demand struct {
	// Now wants the answer of a call to AWS that begins after the read, or its
	// failure.
	Now bool
	// Seen is the version that the reader has and that did not do, as after a
	// rotation. What is another version already is served; else it is as with Now.
	Seen string
}
