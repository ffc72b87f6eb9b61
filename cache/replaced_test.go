package cache_test

import (
	"testing"
	"testing/synctest"
	"time"

	"larder/secret"
)

// A declared secret that is deleted and made anew between two refreshes has
// another ARN and version. The old ARN leads nowhere any more.
func TestRecreatedBetweenRefreshes(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name  string
		fails secret.Class // of the refresh between; 0: there was none
		want  string       // of a read after that
	}{
		{"at once", 0, "hit old"},
		{"seen while it was gone", secret.NotFound, "hit NotFound"},
		{"not seen, as AWS failed", secret.Throttled, "hit old"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				f := start(t, bounded, declare(db))
				aws := f.instant()
				aws.set(found(db, "old", dbARN), found(dbARN, "old"))
				check(t, "a read", f.get(db), "miss old")
				if tt.fails != 0 {
					aws.set(failed(db, tt.fails), failed(dbARN, tt.fails))
					f.clock.tick(soon)
					check(t, "Refresh asks for", f.refreshed(), db.ID)
				}
				check(t, "a read between", f.get(db), tt.want)
				delete(aws, dbARN)
				aws.set(found(db, "new", newDBARN), found(newDBARN, "new"))
				f.clock.tick(ttl)
				f.refreshed()
				want := "hit new"
				if tt.fails == secret.NotFound {
					want = "miss new" // nothing was left to refresh
				}
				check(t, "a read", f.get(db), want)
				check(t, "a read by the new ARN", f.get(newDBARN), "hit new")
				check(t, "Same of name and old ARN", f.Same(db, dbARN), false)
				check(t, "a read by the old ARN", f.get(dbARN), "miss NotFound")
				check(t, "PinnedBytes", f.PinnedBytes(), len(text))

				f.clock.tick(soon)
				f.get(db)
				check(t, "Refresh asks for", f.refreshed(), db.ID)
				if err := f.Check(); err != nil {
					t.Error(err)
				}
			})
		})
	}
}

// A parameter that becomes a SecureString while it is refreshed: its cipher text
// is another thing, and is asked for when somebody wants it.
func TestTypeChangesInRefresh(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := start(t, bounded, declare(open))
		aws := f.instant()
		aws.set(found(open, "plain", openARN, sealed, sealedARN), found(sealed, "plain", sealedARN, open, openARN))
		check(t, "a read", f.get(open), "miss plain")
		check(t, "a read without decryption", f.get(sealed), "hit plain")
		check(t, "a read", f.get(open), "hit plain")

		aws.set(found(open, "text", openARN), found(sealed, "cipher", sealedARN))
		f.clock.tick(soon)
		check(t, "Refresh asks for", f.refreshed(), open.ID)
		check(t, "a read", f.get(open), "hit text")
		check(t, "a read without decryption", f.get(sealed), "miss cipher")
		check(t, "a read without decryption, by ARN", f.get(sealedARN), "hit cipher")
		check(t, "Same", f.Same(open, sealed), false)

		// AWS fails: each is stale by itself. The cipher text was last read by ARN.
		f.clock.tick(ttl)
		aws.set(failed(open, secret.Throttled), failed(sealedARN, secret.Throttled))
		check(t, "a read", f.get(open), "stale text")
		check(t, "a read without decryption", f.get(sealed), "stale cipher")
	})
}

// A tree is one record: what it gains and loses, it gains and loses with the next
// answer, and never in part.
func TestTreeIsReplaced(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		tree := must(secret.TreeKey(region, "/app/**"))
		version := func(names string) secret.Result {
			r := found(tree, names)
			r.Record.Value = secret.NewValue([]byte(names))
			return r
		}
		f := start(t, bounded, declare(tree))
		aws := f.instant()
		for i, names := range []string{"a", "a,b", "b", "", "c"} {
			aws.set(version(names))
			if i == 0 {
				check(t, "a read", f.get(tree), "miss "+names)
				continue
			}
			f.clock.tick(soon)
			check(t, "Refresh asks for", f.refreshed(), tree.ID)
			r := f.read(tree, false)
			check(t, "a read", r.got(), "hit "+names)
			if got := string(r.answer.Record.Value.Reveal()); got != names {
				t.Errorf("the tree's names are %q, want %q", got, names)
			}
			check(t, "PinnedBytes", f.PinnedBytes(), len(names))
		}
		f.clock.tick(ttl)
		aws.set(failed(tree, secret.Denied))
		check(t, "a read while a page of it is denied", f.get(tree), "stale c")
		f.clock.tick(5 * time.Second)
		check(t, "a read when that lasts", f.get(tree), "miss AccessDenied")
	})
}
