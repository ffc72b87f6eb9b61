package main

import (
	"slices"
	"strings"
	"testing"
	"time"
)

const snapStarted = "AWS_LAMBDA_INITIALIZATION_TYPE=snap-start"

// Under SnapStart nothing is fetched before the first INVOKE but what somebody
// reads, and that is not kept. Then comes what is init elsewhere.
func TestSnapStart(t *testing.T) {
	inBubble(t, func(t *testing.T, b *bubble) {
		if err := b.beforeSnapshot(t.Context()); err != nil {
			t.Fatal(err)
		}
		time.Sleep(30 * 24 * time.Hour) // the snapshot is stored, and restored
		b.asked("before anybody reads")
		for range 2 {
			if got := b.read("a"); got != "miss" {
				t.Errorf("a read before the first INVOKE is a %s, want a miss", got)
			}
		}
		b.asked("reads before the first INVOKE", "a", "a")
		b.busy = true
		if got := b.read("a"); !strings.Contains(got, "Throttled") {
			t.Errorf("a read before the first INVOKE, while AWS throttles, is a %s, want a failure at once", got)
		}
		b.busy = false
		b.asked("a read while AWS throttles", "a")
		b.holds("the first INVOKE", 0, b.afterRestore, event(900*time.Second))
		b.asked("the first INVOKE", "a b")
		if got := b.read("a"); got != "hit" {
			t.Errorf("a read after it is a %s, want a hit", got)
		}
		time.Sleep(2 * time.Minute)
		b.holds("the second INVOKE", 0, b.afterRestore, event(900*time.Second))
		b.asked("the second INVOKE, with everything expired: what was read", "a")
		time.Sleep(2 * time.Minute)
		b.holds("the third INVOKE", 0, b.afterRestore, event(900*time.Second))
		b.asked("the third INVOKE, before which nobody has read")
		if n := strings.Count(b.output.String(), `msg="prefetch done"`); n != 1 {
			t.Errorf("there were %d prefetches, want 1", n)
		}
	}, "A=secretsmanager://a", "B=secretsmanager://b", snapStarted)
}

// The first INVOKE has a deadline like any other.
func TestSnapStartWhileAWSHangs(t *testing.T) {
	for until, want := range deadlines() {
		t.Run(until.String(), func(t *testing.T) {
			inBubble(t, func(t *testing.T, b *bubble) {
				if err := b.beforeSnapshot(t.Context()); err != nil {
					t.Fatal(err)
				}
				b.hang(true)
				b.holds("the first INVOKE", max(want, 0), b.afterRestore, event(until))
				if want < 0 {
					b.asked("no time")
				} else {
					b.asked("the first INVOKE", "a")
				}
				b.hang(false)
				got := []string{b.read("a"), b.read("a")}
				if !slices.Equal(got, []string{"miss", "hit"}) {
					t.Errorf("reads after it are %q, want a miss and a hit", got)
				}
			}, "A=secretsmanager://a", snapStarted)
		})
	}
}

// An INVOKE that leaves no time for prefetch, as one does that the restore has taken
// most of, leaves it to the next. Who reads meanwhile asks by himself, and is not cut.
func TestSnapStartLate(t *testing.T) {
	inBubble(t, func(t *testing.T, b *bubble) {
		if err := b.beforeSnapshot(t.Context()); err != nil {
			t.Fatal(err)
		}
		for range 2 {
			b.holds("an INVOKE without time", 0, b.afterRestore, event(200*time.Millisecond))
			b.asked("an INVOKE without time")
		}
		b.pause(time.Second)
		reader := make(chan string, 1)
		go func() { reader <- b.read("a") }()
		b.asked("a read before there was time", "a")
		began := time.Now()
		b.afterRestore(t.Context(), event(900*time.Second))
		if took := time.Since(began); took != time.Second {
			t.Errorf("the first INVOKE with time takes %v, want the second that AWS takes", took)
		}
		b.asked("the first INVOKE with time", "b c")
		if got := <-reader; got != "miss" {
			t.Errorf("the read is a %s, want a miss", got)
		}
		for _, name := range []string{"a", "b", "c"} {
			if got := b.read(name); got != "hit" {
				t.Errorf("a read of %s afterwards is a %s, want a hit", name, got)
			}
		}
		b.pause(0)
		time.Sleep(2 * time.Minute)
		b.holds("an INVOKE afterwards", 0, b.afterRestore, event(900*time.Second))
		b.asked("an INVOKE afterwards: what is due", "a b c")
		if n := strings.Count(b.output.String(), `msg="prefetch done" declared=3 fetched=3`); n != 1 {
			t.Errorf("there were %d prefetches, want 1:\n%s", n, b.output.String())
		}
	}, "A=secretsmanager://a", "B=secretsmanager://b", "C=secretsmanager://c", snapStarted)
}

// A prefetch that the deadline has cut is not made again: the next read brings all of it.
func TestSnapStartCut(t *testing.T) {
	inBubble(t, func(t *testing.T, b *bubble) {
		if err := b.beforeSnapshot(t.Context()); err != nil {
			t.Fatal(err)
		}
		b.hang(true)
		b.holds("the first INVOKE", 100*time.Millisecond, b.afterRestore, event(300*time.Millisecond))
		b.asked("the first INVOKE", "a b")
		b.hang(false)
		b.holds("the second INVOKE", 0, b.afterRestore, event(900*time.Second))
		b.asked("the second INVOKE, before which nobody has read")
		if got := []string{b.read("b"), b.read("a")}; !slices.Equal(got, []string{"miss", "hit"}) {
			t.Errorf("reads after it are %q, want a miss that brings the other", got)
		}
		b.asked("the reads", "b a")
	}, "A=secretsmanager://a", "B=secretsmanager://b", snapStarted)
}

// What cannot be had is told in the log when the first INVOKE comes too late to
// stop init.
func TestSnapStartMissing(t *testing.T) {
	inBubble(t, func(t *testing.T, b *bubble) {
		if err := b.beforeSnapshot(t.Context()); err != nil {
			t.Fatal(err)
		}
		b.holds("the first INVOKE", 0, b.afterRestore, event(900*time.Second))
		if want := `msg=missing problem="A (secretsmanager://a#x in eu-west-1): NotJSON`; !strings.Contains(b.output.String(), want) {
			t.Errorf("the log does not say %s:\n%s", want, b.output.String())
		}
	}, "A=secretsmanager://a#x", snapStarted)
}
