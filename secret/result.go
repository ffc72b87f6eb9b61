package secret

import (
	"context"
	"time"
)

// Fetch asks AWS for keys, batched as it sees fit, and hands every outcome to
// deliver as soon as it is known: exactly one Result for each key, from any
// goroutine. It returns after the last one; when ctx ends early, the rest is
// delivered with class Canceled.
//
// Outcomes are delivered one by one, not returned together, so that a reader of
// one secret does not wait for the slowest call of a batch that it happens to
// be in.
type Fetch func(ctx context.Context, keys []Key, deliver func(Result))

// Result is the outcome for one key: a Record or an Error.
type Result struct {
	// Key is what was asked for.
	Key Key
	// Record is AWS's answer, nil on failure.
	Record *Record
	// Err is why there is none, nil on success.
	Err *Error
	// Same are further keys that AWS's answer showed to mean the same thing, in the
	// same Region and with the same role, never Key itself. The first is the one by
	// ARN, unless that is Key: then it is, of a plain parameter, the ARN with the
	// other decrypt flag. Empty on failure.
	Same []Key
	// Part is, with an Err, what has come of a tree that is not whole: a Record with
	// Members and nothing else. nil if nothing has.
	Part *Record
	// Older is how long before this Fetch AWS was asked for the first page of a tree,
	// of which an earlier Fetch brought a part; 0 for anything else.
	Older time.Duration
	// Frozen reports that the process stood still while AWS was asked, as a sandbox
	// does between invokes: the answer may be old, or the failure the freeze's.
	Frozen bool
}
