package main

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"larder/extension"
	"larder/manifest"
)

// deadlines are times until a deadline, and for how long next is held while AWS
// hangs; negative where AWS is not asked at all.
func deadlines() map[time.Duration]time.Duration {
	const none = -1
	return map[time.Duration]time.Duration{
		900 * time.Second:       2 * time.Second,
		2201 * time.Millisecond: 2 * time.Second,
		2200 * time.Millisecond: 2 * time.Second,
		2199 * time.Millisecond: 1999 * time.Millisecond,
		300 * time.Millisecond:  100 * time.Millisecond,
		201 * time.Millisecond:  time.Millisecond,
		200 * time.Millisecond:  none,
		199 * time.Millisecond:  none,
		0:                       none,
		-time.Second:            none,
		-24 * time.Hour:         none,
	}
}

func TestHoldNext(t *testing.T) {
	t.Parallel()
	for until, want := range deadlines() {
		synctest.Test(t, func(t *testing.T) {
			asked := false
			began := time.Now()
			holdNext(t.Context(), event(until), func(ctx context.Context) {
				asked = true
				<-ctx.Done()
			})
			if asked != (want >= 0) || time.Since(began) != max(want, 0) {
				t.Errorf("holdNext with %v to the deadline asks AWS: %t, and holds next for %v, want %t and %v",
					until, asked, time.Since(began), want >= 0, max(want, 0))
			}
		})
	}
	synctest.Test(t, func(t *testing.T) { // as if it had the shortest timeout that Lambda allows
		began := time.Now()
		holdNext(t.Context(), extension.Event{Type: extension.Invoke}, func(ctx context.Context) { <-ctx.Done() })
		if took := time.Since(began); took != 800*time.Millisecond {
			t.Errorf("holdNext without a deadline holds next for %v, want 800ms", took)
		}
	})
}

// What is due is fetched while the handler runs, and next is not held for longer
// than that takes.
func TestInvoke(t *testing.T) {
	inBubble(t, func(t *testing.T, b *bubble) {
		b.start()
		b.holds("an invoke with nothing due", 0, b.invoke, event(900*time.Second))
		b.asked("nothing due")
		if strings.Contains(b.output.String(), "refresh done") {
			t.Errorf("the log tells of a refresh that was none:\n%s", b.output.String())
		}
		b.read("a")
		time.Sleep(2 * time.Minute)
		b.holds("an invoke", 0, b.invoke, event(900*time.Second))
		b.asked("what is due and was read", "a")
		if want := `msg="refresh done" due=1 fetched=1 calls=1 ms=0`; !strings.Contains(b.output.String(), want) {
			t.Errorf("the log does not say %s:\n%s", want, b.output.String())
		}
		time.Sleep(2 * time.Minute)
		b.holds("an invoke that nobody has read before", 0, b.invoke, event(900*time.Second))
		b.asked("what nobody reads")
	}, "A=secretsmanager://a", "B=ssm:///b")
}

// AWS may hang: next is asked for in time, with nothing under way, and the handler
// has been served what is due meanwhile.
func TestInvokeWhileAWSHangs(t *testing.T) {
	for until, want := range deadlines() {
		t.Run(until.String(), func(t *testing.T) {
			inBubble(t, func(t *testing.T, b *bubble) {
				b.start()
				b.read("a")
				time.Sleep(55 * time.Second) // due, not expired
				b.hang(true)
				handler := make(chan string, 1)
				go func() {
					synctest.Wait()
					handler <- b.read("a")
				}()
				b.holds("an invoke", max(want, 0), b.invoke, event(until))
				if got := <-handler; got != "hit" {
					t.Errorf("the handler's read was answered with a %s, want a hit", got)
				}
				if want < 0 {
					b.asked("no time")
				} else {
					b.asked("an invoke", "a")
				}
			}, "A=secretsmanager://a")
		})
	}
}

// Hours after init, as with provisioned concurrency, the first INVOKE fetches all
// that is declared in one batch.
func TestInvokeAfterHours(t *testing.T) {
	inBubble(t, func(t *testing.T, b *bubble) {
		b.start()
		time.Sleep(5 * time.Hour)
		b.holds("an invoke", 0, b.invoke, event(900*time.Second))
		b.asked("the first invoke", "a b /p")
	}, "A=secretsmanager://a", "B=secretsmanager://b", "P=ssm:///p", "AWS_LAMBDA_INITIALIZATION_TYPE=provisioned-concurrency")
}

// With caching off, what init fetched is for the start of the runtime only, which
// the first INVOKE ends.
func TestInvokeDropsWhatWasForTheStart(t *testing.T) {
	for _, invoked := range []bool{false, true} {
		t.Run(fmt.Sprint(invoked), func(t *testing.T) {
			inBubble(t, func(t *testing.T, b *bubble) {
				b.start()
				if invoked {
					b.holds("an invoke", 0, b.invoke, event(time.Second))
				}
				if _, _, err := b.manifest.Variables(t.Context(), manifest.Demand{}); err != nil {
					t.Errorf("Variables: %v", err)
				}
				if invoked {
					b.asked("the variables", "a")
				} else {
					b.asked("the variables")
				}
			}, "A=secretsmanager://a", "PARAMETERS_SECRETS_EXTENSION_CACHE_ENABLED=false")
		})
	}
}

// On Managed Instances a timer takes the place of INVOKE.
func TestManagedRefresh(t *testing.T) {
	inBubble(t, func(t *testing.T, b *bubble) {
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		if err := b.initManaged(ctx); err != nil {
			t.Fatal(err)
		}
		b.asked("init", "a b")
		b.read("a")
		time.Sleep(41 * time.Second)
		b.asked("before anything is due")
		time.Sleep(11 * time.Second)
		b.asked("when it is due", "a")
		time.Sleep(time.Hour)
		b.asked("while nobody reads")
		if got := b.read("a"); got != "miss" {
			t.Errorf("a read of what is expired is a %s, want a miss", got)
		}
		b.asked("the read", "a")
		b.hang(true)
		for range 52 { // until the first try: others follow, each after a longer pause
			if time.Sleep(time.Second); !b.quiet() {
				break
			}
		}
		b.asked("while AWS hangs", "a")
		began := time.Now()
		cancel()
		b.close()
		if took := time.Since(began); took > 0 {
			t.Errorf("the end waits %v for a refresh", took)
		}
	}, "A=secretsmanager://a", "B=secretsmanager://b", "AWS_LAMBDA_INITIALIZATION_TYPE=lambda-managed-instances")
}

// An init that fails starts no timer.
func TestManagedInitFails(t *testing.T) {
	inBubble(t, func(t *testing.T, b *bubble) {
		if err := b.initManaged(t.Context()); err == nil || !strings.Contains(err.Error(), secretMissing) {
			t.Errorf("initManaged = %v, want a %s", err, secretMissing)
		}
		b.read("b")
		b.fetches = nil
		time.Sleep(time.Hour)
		b.asked("afterwards")
	}, "A=secretsmanager://a#x", "B=secretsmanager://b", "AWS_LAMBDA_INITIALIZATION_TYPE=lambda-managed-instances")
}
