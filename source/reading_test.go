package source_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"larder/internal/awstest"
	"larder/secret"
)

const page = 200 * time.Millisecond // what AWS takes for one

// forest is a world with a tree of n parameters whose pages take some time each.
func forest(n int, delay time.Duration) awstest.Config {
	aws := awstest.Config{Parameters: make(map[string]awstest.Parameter)}
	for i := range n {
		aws.Parameters[fmt.Sprintf("/many/%04d", i)] = awstest.Parameter{Value: "v"}
	}
	aws.Faults = []awstest.Fault{{Action: "GetParametersByPath", Delay: delay}}
	return aws
}

// within fetches a tree, for as long as the context of init or of an invoke allows.
func within(t *testing.T, st *stand, k secret.Key, limit time.Duration) secret.Result {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), limit)
	defer cancel()
	return fetch(t, ctx, st.source, k)[k]
}

// TestLargeTree: pages have a limit each, and a tree has none.
func TestLargeTree(t *testing.T) {
	for name, tt := range map[string]struct {
		n     int
		delay time.Duration
		took  time.Duration
	}{
		"many pages": {300, page, 30 * page},
		"slow pages": {25, 1900 * time.Millisecond, 5700 * time.Millisecond},
	} {
		t.Run(name, func(t *testing.T) {
			play(t, forest(tt.n, tt.delay), nil, func(t *testing.T, st *stand) {
				start := time.Now()
				r := within(t, st, treeKey(t, "/many/*"), time.Hour)
				if r.Err != nil || len(r.Record.Members) != tt.n {
					t.Errorf("tree: %v, want all of it", r.Err)
				}
				if took := time.Since(start); took != tt.took {
					t.Errorf("tree took %v, want %v", took, tt.took)
				}
			})
		})
	}
}

// TestSlowPage: a page that does not come in five seconds ends the try.
func TestSlowPage(t *testing.T) {
	aws := forest(25, page)
	aws.Faults = []awstest.Fault{{Action: "GetParametersByPath", After: 1, Hang: true}}
	play(t, aws, nil, func(t *testing.T, st *stand) {
		start := time.Now()
		r := within(t, st, treeKey(t, "/many/*"), time.Hour)
		if r.Err == nil || r.Err.Class != secret.Timeout || r.Part == nil || len(r.Part.Members) != 10 {
			t.Errorf("tree: %v, want class Timeout and the ten of the first page", r.Err)
		}
		if took := time.Since(start); took != 5*time.Second {
			t.Errorf("tree took %v, want 5s", took)
		}
	})
}

// TestTreeIsReadOn: a try goes on after the pages that came, and its age counts from
// the first one. What has come is no tree.
func TestTreeIsReadOn(t *testing.T) {
	play(t, forest(300, page), nil, func(t *testing.T, st *stand) {
		k, start := treeKey(t, "/many/*"), time.Now()
		pages := 0
		for _, try := range []struct{ limit, freeze time.Duration }{
			{5*time.Second + page/2, time.Minute}, // init
			{2*page + page/2, time.Second},        // an invoke that is about to end
		} {
			began := time.Now()
			r := within(t, st, k, try.limit)
			pages += int(try.limit / page)
			switch {
			case r.Err == nil || r.Err.Class != secret.Canceled:
				t.Fatalf("tree after %d pages: %v, want class Canceled", pages, r.Err)
			case r.Part == nil || len(r.Part.Members) != 10*pages || r.Part.Value.Len() != 0:
				t.Fatalf("the part after %d pages: %+v, want their members and no value", pages, r.Part)
			}
			if older := began.Sub(start); r.Older < older || r.Older > older+1 {
				t.Errorf("the part is older than the try by %v, want %v", r.Older, older)
			}
			time.Sleep(try.freeze)
		}
		began, before := time.Now(), len(st.Calls())
		r := within(t, st, k, time.Hour)
		if r.Err != nil || len(r.Record.Members) != 300 || r.Part != nil {
			t.Fatalf("tree: %v, want all of it", r.Err)
		}
		if r.Older != began.Sub(start) {
			t.Errorf("the tree is older than the last try by %v, want %v", r.Older, began.Sub(start))
		}
		// The page that was cut is asked for once more.
		if calls := len(st.Calls()) - before; calls != 30-pages {
			t.Errorf("%d calls in the last try, want %d", calls, 30-pages)
		}
		anew := within(t, st, k, time.Hour)
		if anew.Older != 0 || anew.Record.Version != r.Record.Version {
			t.Errorf("a whole tree is read on: older by %v, version %s, want 0 and %s", anew.Older, anew.Record.Version, r.Record.Version)
		}
	})
}

// TestTreeIsReadAnew: when what came is too old, and when AWS does not know its own
// token any more.
func TestTreeIsReadAnew(t *testing.T) {
	for name, tt := range map[string]struct {
		wait  time.Duration
		fault *awstest.Fault
		calls int
	}{
		"five minutes later":  {5 * time.Minute, nil, 3},
		"a token is refused":  {time.Second, &awstest.Fault{Times: 1, Code: "InvalidNextToken"}, 4},
		"all tokens are":      {time.Second, &awstest.Fault{Code: "InvalidNextToken"}, 2},
		"it may not be read":  {time.Second, &awstest.Fault{Code: "AccessDeniedException"}, 1},
		"not even five later": {5*time.Minute - time.Second, nil, 1},
	} {
		t.Run(name, func(t *testing.T) {
			play(t, forest(25, page), nil, func(t *testing.T, st *stand) {
				k := treeKey(t, "/many/*")
				within(t, st, k, 2*page+page/2)
				time.Sleep(tt.wait)
				st.ClearFaults()
				if tt.fault != nil {
					if err := st.AddFault(*tt.fault); err != nil {
						t.Fatal(err)
					}
				}
				before := len(st.Calls())
				r := within(t, st, k, time.Hour)
				if calls := len(st.Calls()) - before; calls != tt.calls {
					t.Errorf("%d calls, want %d", calls, tt.calls)
				}
				if fails := tt.fault != nil && tt.fault.Times == 0; (r.Err != nil) != fails || r.Part != nil {
					t.Errorf("tree: %v, part %v; want a failure: %t, and no part", r.Err, r.Part, fails)
				} else if !fails && (len(r.Record.Members) != 25 || (r.Older == 0) != (tt.calls >= 3)) {
					t.Errorf("%d members, older by %v; want 25, and 0 if it was read anew", len(r.Record.Members), r.Older)
				}
			})
		})
	}
}

// TestUnfinishedTreesAreBounded: requests may name any tree.
func TestUnfinishedTreesAreBounded(t *testing.T) {
	aws := awstest.Config{Parameters: make(map[string]awstest.Parameter)}
	for tree := range 20 {
		for i := range 11 {
			aws.Parameters[fmt.Sprintf("/t%02d/%02d", tree, i)] = awstest.Parameter{Value: "v"}
		}
	}
	aws.Faults = []awstest.Fault{{Action: "GetParametersByPath", Delay: page}}
	play(t, aws, nil, func(t *testing.T, st *stand) {
		readOn := 0
		for round := range 2 {
			for tree := range 20 {
				r := within(t, st, treeKey(t, fmt.Sprintf("/t%02d/*", tree)), page+page/2)
				if round == 1 && r.Err == nil {
					readOn++
				}
			}
		}
		if readOn != 16 {
			t.Errorf("%d unfinished trees were read on, want 16", readOn)
		}
	})
}
