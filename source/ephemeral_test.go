package source_test

import (
	"context"
	"testing"
	"testing/synctest"

	"larder/internal/awstest"
	"larder/source"
)

func ephemeral(cfg *source.Config) {
	inContainer(cfg)
	cfg.Ephemeral = true
}

// TestEphemeral: before a snapshot every Fetch has its own credentials and
// connections, and leaves none behind; afterwards the first one makes those that
// stay.
func TestEphemeral(t *testing.T) {
	play(t, full(), ephemeral, func(t *testing.T, st *stand) {
		// A batch that is followed by single calls, and a tree: several requests.
		st.AddFault(awstest.Fault{Action: "BatchGetSecretValue", Code: "AccessDeniedException"})
		a, b, tree := secretKey(t, "a"), secretKey(t, "b"), treeKey(t, "/tree/*")
		ask := func(when string, loads int) {
			t.Helper()
			got := fetch(t, t.Context(), st.source, a, b, tree)
			if outcome(got[a]) != "v" || outcome(got[b]) != "v" || got[tree].Err != nil {
				t.Errorf("%s: Fetch = %v, %v, %v, want values", when, got[a].Err, got[b].Err, got[tree].Err)
			}
			synctest.Wait()
			if n := st.container.loads(); n != loads {
				t.Errorf("%s: credentials were loaded %d times, want %d", when, n, loads)
			}
		}
		for range 2 {
			before := st.opened.Load()
			ask("before Keep", 1)
			if open := st.open.Load(); open != 0 {
				t.Errorf("before Keep: %d connections are left, want none", open)
			}
			if st.opened.Load() == before {
				t.Error("before Keep: no connection was made")
			}
		}
		st.source.Keep()
		ask("after Keep", 1)
		opened := st.opened.Load()
		fetch(t, t.Context(), st.source, a)
		if again := st.opened.Load(); again != opened || st.container.loads() != 0 {
			t.Errorf("after Keep: %d new connections, want those that there are, and no load", again-opened)
		}
	})
}

// TestKeepDuringFetch: who is under way is not disturbed, and what he has is not
// kept.
func TestKeepDuringFetch(t *testing.T) {
	aws := full()
	aws.Faults = []awstest.Fault{{Hang: true, Times: 1}}
	play(t, aws, ephemeral, func(t *testing.T, st *stand) {
		k := secretKey(t, "a")
		done := make(chan struct{})
		go func() {
			defer close(done)
			if got := outcome(fetch(t, t.Context(), st.source, k)[k]); got != "v" {
				t.Errorf("the Fetch under way = %q, want a value", got)
			}
		}()
		synctest.Wait()
		st.source.Keep()
		<-done
		synctest.Wait()
		if open := st.open.Load(); open != 0 || st.container.loads() != 1 {
			t.Errorf("%d connections of the Fetch under way are left, want none, and one load", open)
		}
	})
}

// TestEphemeralCancelled: who gives up leaves nothing behind either.
func TestEphemeralCancelled(t *testing.T) {
	aws := full()
	aws.Faults = []awstest.Fault{{Hang: true}}
	play(t, aws, ephemeral, func(t *testing.T, st *stand) {
		ctx, cancel := context.WithCancel(t.Context())
		go func() {
			synctest.Wait()
			cancel()
		}()
		k := secretKey(t, "a")
		if got := outcome(fetch(t, ctx, st.source, k)[k]); got != "!Canceled" {
			t.Errorf("Fetch = %q, want !Canceled", got)
		}
		synctest.Wait()
		if open := st.open.Load(); open != 0 {
			t.Errorf("%d connections are left, want none", open)
		}
	})
}
