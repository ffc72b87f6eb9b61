package source

// IsNear is open to the tests because link-local addresses can be reached, but
// not from everywhere, and no test should try.
var IsNear = isNear
