package manifest_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"larder/manifest"
	"larder/secret"
)

// beforeDue and afterDue are ages at which a value is certainly not, and certainly
// due: that point lies between 70 and 85 % of the TTL, which is a minute.
const (
	beforeDue = 41 * time.Second
	afterDue  = 52 * time.Second
)

// refresh runs Refresh without a limit and checks what it returns.
func (s *stand) refresh(when string, asked, got int) {
	s.t.Helper()
	a, g := s.Refresh(s.t.Context())
	is(s.t, when+": asked", a, asked)
	is(s.t, when+": got", g, got)
}

func TestRefresh(t *testing.T) {
	inBubble(t, "A=secretsmanager://a P=ssm:///p IDLE=ssm:///idle", func(t *testing.T, s *stand) {
		s.init()
		s.refresh("after init", 0, 0)
		is(t, "what is not declared", s.get("secretsmanager://other").got(), "miss v-other")
		s.calls = nil
		read := func() {
			for _, key := range []string{"secretsmanager://a", "ssm:///p", "secretsmanager://other"} {
				is(t, key, s.get(key).got()[:4], "hit ")
			}
		}
		read()
		time.Sleep(beforeDue)
		s.refresh("nothing is due", 0, 0)
		s.asked("nothing is due")
		time.Sleep(afterDue - beforeDue)
		s.fails("ssm:///p", secret.Throttled)
		s.refresh("due", 3, 2)
		s.asked("due: one batch, without what nobody reads", "secretsmanager://a, secretsmanager://other, ssm:///p")
		s.refresh("again, at once: it backs off", 0, 0)
		time.Sleep(afterDue)
		s.has("ssm:///p", record("/p", planted))
		s.calls = nil
		s.refresh("what failed is still wanted, the rest was not read since", 1, 1)
		s.asked("what failed", "ssm:///p")
		read()
		time.Sleep(afterDue)
		s.refresh("all over again", 3, 3)
	}, maxStale, func(c *setup) { c.cache.Random = func() float64 { return 1 } })
}

// Refresh returns at the end of its time, and nothing of it is under way then.
func TestRefreshEnds(t *testing.T) {
	inBubble(t, "A=secretsmanager://a B=secretsmanager://b", func(t *testing.T, s *stand) {
		s.init()
		s.get("secretsmanager://a").got()
		s.get("secretsmanager://b").got()
		time.Sleep(afterDue)
		release := s.hold("secretsmanager://b")
		s.lag = 10 * time.Millisecond
		ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
		defer cancel()
		began := time.Now()
		asked, got := s.Refresh(ctx)
		is(t, "calls under way", s.underWay(), 0)
		is(t, "it took", time.Since(began), 310*time.Millisecond)
		is(t, "asked", asked, 2)
		is(t, "got", got, 1)
		s.asked("the batch", "secretsmanager://a, secretsmanager://b")
		is(t, "what did not come, while it is not expired", s.get("secretsmanager://b").got(), "hit v-b")
		s.asked("a read")
		release()
	})
}

// A reader who waits for something of a refresh that ends gets a call of its own.
func TestRefreshLeavesReaders(t *testing.T) {
	inBubble(t, "A=secretsmanager://a B=secretsmanager://b", func(t *testing.T, s *stand) {
		s.init()
		s.get("secretsmanager://a").got()
		s.get("secretsmanager://b").got()
		time.Sleep(2 * time.Minute)
		s.calls = nil
		releaseA, releaseB := s.hold("secretsmanager://a"), s.hold("secretsmanager://b")
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan struct{})
		go func() {
			defer close(ended)
			s.Refresh(ctx)
		}()
		synctest.Wait()
		reader := s.get("secretsmanager://a")
		is(t, "the reader", reader.got(), "waiting")
		cancel()
		<-ended
		is(t, "the reader, later", reader.got(), "waiting")
		s.asked("all", "secretsmanager://a, secretsmanager://b", "secretsmanager://a")
		releaseA()
		is(t, "the reader, at last", reader.got(), "wait v-a")
		synctest.Wait()
		is(t, "calls under way", s.underWay(), 0)
		releaseB()
	})
}

// Hours may pass between init and the first INVOKE, as with provisioned
// concurrency. The function will read what it has declared.
func TestFirstRefreshAfterHours(t *testing.T) {
	const all = "secretsmanager://a, secretsmanager://b, ssm:///p, ssm:///t/*"
	begin := func(t *testing.T, test func(*testing.T, *stand)) {
		inBubble(t, "A=secretsmanager://a B=secretsmanager://b P=ssm:///p LARDER_PREFETCH=ssm:///t/*", func(t *testing.T, s *stand) {
			s.init()
			time.Sleep(3 * time.Hour)
			test(t, s)
		})
	}
	t.Run("INVOKE first", func(t *testing.T) {
		begin(t, func(t *testing.T, s *stand) {
			s.refresh("the first", 4, 4)
			s.asked("the first", all)
			is(t, "a read", s.get("secretsmanager://a").got(), "hit v-a")
			s.asked("a read")
			time.Sleep(3 * time.Hour)
			s.refresh("a later one: only what was read", 1, 1)
			s.asked("a later one", "secretsmanager://a")
		})
	})
	t.Run("read first", func(t *testing.T) {
		begin(t, func(t *testing.T, s *stand) {
			release := s.hold("secretsmanager://b")
			reader := s.get("secretsmanager://b")
			ended := make(chan struct{})
			go func() {
				defer close(ended)
				s.refresh("while the read waits: it joins", 1, 1)
			}()
			synctest.Wait()
			s.asked("both", "secretsmanager://b, secretsmanager://a, ssm:///p, ssm:///t/*")
			release()
			<-ended
			is(t, "the reader", reader.got(), "miss v-b")
		})
	})
}

// What failed during init is asked for at its next read, be it a millisecond later:
// that may be after a freeze of hours.
func TestSettleForgetsFailures(t *testing.T) {
	inBubble(t, "LATE=ssm:///late OPTIONAL=secretsmanager://maybe?optional", func(t *testing.T, s *stand) {
		s.fails("ssm:///late", secret.Credentials)
		s.fails("secretsmanager://maybe", secret.NotFound)
		s.fails("secretsmanager://other", secret.NotFound)
		s.prefetch()
		is(t, "not declared", s.get("secretsmanager://other").got(), "miss NotFound")
		s.calls = nil
		is(t, "once more", s.get("secretsmanager://other").got(), "hit NotFound")
		is(t, "what is late", s.get("ssm:///late").got(), "hit Credentials")
		s.asked("while failures are remembered")
		s.Settle()
		s.has("secretsmanager://other", record("other", planted))
		s.has("ssm:///late", record("/late", planted))
		is(t, "not declared, after init", s.get("secretsmanager://other").got(), "miss v-other")
		is(t, "what was late, after init", s.get("ssm:///late").got(), "miss v-/late")
		is(t, "an absence, which is no failure", s.get("secretsmanager://maybe").got(), "hit NotFound")
		s.asked("after init", "secretsmanager://other", "ssm:///late")
	})
}

// Without Prefetch reads wait for nothing.
func TestSettleWithoutPrefetch(t *testing.T) {
	inBubble(t, "A=secretsmanager://a GONE=secretsmanager://gone LATE=ssm:///late", func(t *testing.T, s *stand) {
		s.fails("secretsmanager://gone", secret.NotFound)
		s.fails("ssm:///late", secret.Throttled)
		for range 2 { // nothing is kept, failures included
			is(t, "a read", s.get("secretsmanager://a").got(), "miss v-a")
			is(t, "of what is missing", s.get("secretsmanager://gone").got(), "miss NotFound")
			is(t, "of what fails", s.get("ssm:///late").got(), "miss Throttled")
			s.asked("reads", "secretsmanager://a", "secretsmanager://gone", "ssm:///late")
		}
		is(t, "variables", s.variables().got(), "A error: GONE: secretsmanager://gone in eu-west-1: NotFound: as the test wants\n"+
			"LATE: ssm:///late in eu-west-1: Throttled: as the test wants")
	}, deferred, ephemeral)
}

// After Settle, Prefetch does what it does in init; a reader meanwhile joins it, and
// waits for its next try.
func TestPrefetchAfterSettle(t *testing.T) {
	inBubble(t, "A=secretsmanager://a LATE=ssm:///late", func(t *testing.T, s *stand) {
		s.fails("ssm:///late", secret.Throttled)
		s.cache.Keep()
		done := make(chan manifest.Verdict, 1)
		go func() { done <- s.prefetch() }()
		synctest.Wait()
		s.asked("the first try", "secretsmanager://a, ssm:///late")
		between := s.get("ssm:///late")
		is(t, "a read between two tries", between.got(), "waiting")
		s.asked("a read between two tries")
		release := s.hold("ssm:///late")
		time.Sleep(500 * time.Millisecond) // the longest pause
		reader := s.get("ssm:///late")
		is(t, "a read during the second one", reader.got(), "waiting")
		s.asked("the second try, which the reader has joined", "ssm:///late")
		s.has("ssm:///late", record("/late", planted))
		release()
		is(t, "the reader", reader.got(), "wait v-/late")
		is(t, "the one between", between.got(), "wait v-/late")
		v := <-done
		is(t, "fetched", v.Fetched, 2)
		is(t, "late", len(v.Late), 0)
		is(t, "a read", s.get("secretsmanager://a").got(), "hit v-a")
		s.asked("all")
	}, deferred, ephemeral)
}

// The runtime has started long before: what Prefetch brings is nobody's first
// reading any more.
func TestSettleKeepsNothingForTheStart(t *testing.T) {
	inBubble(t, everything, func(t *testing.T, s *stand) {
		s.everything()
		s.prefetch()
		s.calls = nil
		is(t, "variables", s.variables().got(), "A B C")
		s.asked("variables", "secretsmanager://a, ssm:///b, ssm:///maybe")
	}, deferred, cacheOff)
}
