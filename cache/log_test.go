package cache_test

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"larder/cache"
	"larder/secret"
)

// One line when refreshing an entry begins to fail, and one when it works again.
func TestLog(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name  string
		steps []step
		want  []string
	}{
		{"nothing fails", []step{{0, 0}, {time.Second, 0}}, nil},
		{"one failure", []step{{0, secret.Timeout}}, []string{"WARN"}},
		{"many failures", []step{{0, secret.Timeout}, {time.Second, secret.Throttled}, {time.Minute, secret.Denied}}, []string{"WARN"}},
		{"until it works", []step{{0, secret.Timeout}, {time.Second, secret.Denied}, {time.Second, 0}, {time.Second, 0}}, []string{"WARN", "INFO"}},
		{"again", []step{{0, secret.Timeout}, {time.Second, 0}, {time.Second, secret.Rejected}}, []string{"WARN", "INFO", "WARN"}},
		{"cancelled", []step{{0, secret.Canceled}}, nil},
		{"deleted: nothing is served", []step{{0, secret.NotFound}, {time.Second, 0}}, nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				f := start(t, bounded)
				aws := f.instant()
				aws.set(found(db, "v1"))
				f.get(db)
				for _, s := range tt.steps {
					f.clock.tick(s.after)
					aws.set(found(db, "v2"))
					if s.class != 0 {
						aws.set(failed(db, s.class))
					}
					f.force(db)
				}
				want := make([]string, len(tt.want))
				for i, level := range tt.want {
					want[i] = fmt.Sprint(level, " ", db)
				}
				check(t, "log", f.logged(), strings.Join(want, ", "))
			})
		})
	}
	t.Run("an absence that lasts", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			f := start(t, bounded, func(c *cache.Config) {
				c.Declared = map[secret.Key]cache.Declaration{db: {Optional: true}}
			})
			f.instant()
			for range 3 {
				check(t, "a read", f.get(db), "miss NotFound")
				f.clock.tick(ttl)
			}
			check(t, "log", f.logged(), "")
		})
	})
}

// At the usual level the log names what is declared, and nothing else.
func TestLogNamesWhatIsDeclared(t *testing.T) {
	t.Parallel()
	for _, declared := range []bool{true, false} {
		synctest.Test(t, func(t *testing.T) {
			var lines strings.Builder
			f := start(t, bounded, func(c *cache.Config) {
				c.Log = slog.New(slog.NewTextHandler(&lines, nil))
				if declared {
					declare(db)(c)
				}
			})
			aws := f.instant()
			aws.set(found(db, "v1"))
			f.get(db)
			denied := failed(db, secret.Denied)
			denied.Err.Code, denied.Err.Action = "AccessDeniedException", secret.GetSecretValue
			denied.Err.Message = "not authorized on resource: " + db.ID
			for _, r := range []secret.Result{denied, found(db, "v2")} {
				aws.set(r)
				f.force(db)
			}
			check(t, fmt.Sprintf("declared %t: named", declared), strings.Contains(lines.String(), db.ID), declared)
			check(t, fmt.Sprintf("declared %t: told", declared), strings.Count(lines.String(), "\n"), 2)
			check(t, "the action", strings.Contains(lines.String(), "needs "+secret.GetSecretValue), true)
		})
	}
}

// slow is a log that takes long: in every line it asks the cache something.
type slow struct {
	slog.Handler
	ask func()
}

func (h slow) Handle(ctx context.Context, line slog.Record) error {
	h.ask()
	return h.Handler.Handle(ctx, line)
}

// Nobody waits for the log.
func TestLogIsWrittenOutsideTheLock(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var f *fixture
		lines := 0
		ask := func() {
			lines++
			if f.Locked() {
				t.Error("a line is written under the lock")
			}
		}
		f = start(t, bounded, func(c *cache.Config) { c.Log = slog.New(slow{slog.NewTextHandler(io.Discard, nil), ask}) })
		aws := f.instant()
		aws.set(found(db, "v1"))
		f.get(db)
		for _, r := range []secret.Result{failed(db, secret.Timeout), found(db, "v2")} {
			aws.set(r)
			f.force(db)
		}
		check(t, "lines", lines, 2)
	})
}
