package cache_test

import (
	"context"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"larder/cache"
	"larder/secret"
)

// Several keys that are forced together are one call, and each keeps its rules: who
// is being asked for by force already follows when that has ended and its second has
// passed, and no other waits for it.
func TestForcedTogether(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := start(t)
		first := f.read(db, true)
		f.clock.tick(300 * time.Millisecond)
		together := f.forceAll(a, b, db)
		check(t, "calls", f.aws.count(), 2)
		check(t, "what may be asked for", f.aws.call(1).names(), a.ID+" "+b.ID)
		ordinary, queued := f.read(a, false), f.read(a, true)

		f.aws.call(1).answer(found(a, "v1"))
		check(t, "who joins the call of what is forced", ordinary.got(), "wait v1")
		check(t, "who asked after it began", queued.got(), "waiting")
		f.aws.call(1).answer(failed(b, secret.Throttled))
		f.aws.call(0).answer(found(db, "v1"))
		check(t, "the first", first.got(), "miss v1")
		f.clock.tick(700*time.Millisecond - 1)
		check(t, "calls before its second has passed", f.aws.count(), 2)
		f.clock.tick(1)
		check(t, "what follows", f.aws.call(2).names(), db.ID)
		check(t, "the replies", together.got(), "waiting")
		f.aws.call(2).answer(found(db, "v2"))
		check(t, "the replies", together.got(), "miss v1, miss Throttled, miss v2")
		f.clock.tick(300 * time.Millisecond)
		f.aws.call(3).answer(found(a, "v2"))
		check(t, "who asked after it began", queued.got(), "miss v2")
		check(t, "calls", f.aws.count(), 4)
	})
}

// What waits for the same second is one call then, however many have asked, and who
// has left is not asked for.
func TestForcedTogetherAgain(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := start(t)
		f.instant().set(found(a, "v1"), found(b, "v1"), found(db, "v1"))
		check(t, "the first", f.forceAll(a, b, db).got(), "miss v1, miss v1, miss v1")
		two, single, all := f.forceAll(a, b), f.read(db, true), f.forceAll(a, b, db)
		single.leave()
		two.leave()
		f.clock.tick(time.Second - 1)
		check(t, "calls within the second", f.aws.count(), 1)
		f.clock.tick(1)
		check(t, "calls a second later", f.aws.count(), 2)
		check(t, "of", f.aws.call(1).names(), a.ID+" "+b.ID+" "+db.ID)
		check(t, "who has left", two.got(), "miss context canceled, miss context canceled")
		check(t, "who has not", all.got(), "wait v1, wait v1, wait v1")

		gone := f.forceAll(a, b)
		kept := f.read(db, true)
		gone.leave()
		f.clock.tick(time.Second)
		check(t, "what is still wanted", f.aws.call(2).names(), db.ID)
		check(t, "its reader", kept.got(), "miss v1")
		check(t, "Idle", f.Idle(), true)
	})
}

// A timer that goes off before the cache's clock has it waits for the rest.
func TestForcedTooEarly(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := start(t)
		f.instant().set(found(db, "v1"))
		check(t, "the first", f.read(db, true).got(), "miss v1")
		r := f.read(db, true)
		f.clock.step(-time.Second/2, -time.Second/2)
		f.clock.tick(time.Second)
		check(t, "half a second too early", r.got(), "waiting")
		f.clock.tick(time.Second / 2)
		check(t, "in time", r.got(), "miss v1")
	})
}

// A forced call that hangs until what a later one has brought has expired is made
// again for who waits for it.
func TestForcedOutlived(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := start(t)
		f.read(db, false)
		f.aws.call(0).answer(found(db, "v0", dbARN))
		hangs := f.read(db, true)
		later := f.read(dbARN, true)
		f.aws.call(2).answer(found(dbARN, "v1"))
		check(t, "the later one, by ARN", later.got(), "miss v1")
		f.clock.tick(ttl)
		f.aws.call(1).answer(failed(db, secret.Timeout))
		check(t, "who waited for the one that hung", hangs.got(), "waiting")
		f.aws.call(3).answer(found(db, "v2"))
		check(t, "and for the next one", hangs.got(), "miss v2")
	})
}

// Close ends them, too.
func TestCloseEndsForcedTogether(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := start(t)
		r := f.forceAll(a, b)
		queued := f.forceAll(a, b)
		f.Close()
		check(t, "what ran", r.got(), "miss Canceled, miss Canceled")
		check(t, "what was queued", queued.got(), "miss Canceled, miss Canceled")
		f.clock.tick(2 * time.Second)
		check(t, "calls", f.aws.count(), 1)
	})
}

// forcing is a reader of several keys by force.
type forcing struct {
	done    chan struct{}
	leave   context.CancelFunc
	replies []cache.Reply
}

// forceAll starts one, and returns when it waits or has its answers.
func (f *fixture) forceAll(keys ...secret.Key) *forcing {
	ctx, cancel := context.WithCancel(f.t.Context())
	r := &forcing{done: make(chan struct{}), leave: cancel}
	go func() {
		defer close(r.done)
		defer cancel()
		r.replies = f.Force(ctx, keys)
	}()
	synctest.Wait()
	return r
}

func (r *forcing) got() string {
	synctest.Wait()
	select {
	case <-r.done:
	default:
		return "waiting"
	}
	var all []string
	for _, reply := range r.replies {
		all = append(all, say(reply.Answer, reply.Err))
	}
	return strings.Join(all, ", ")
}
