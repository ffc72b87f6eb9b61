package extension_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"larder/extension/extensiontest"
)

// TestUnknownEvents has Lambda tell of nothing but an event that nobody knows: it is asked
// for the next one after a pause that grows, and begins anew after an event that is known.
func TestUnknownEvents(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		api, client := startInBubble(t)
		began := time.Now()
		var at []time.Duration // when next was asked for
		api.Instead(extensiontest.Next, func(w http.ResponseWriter, _ *http.Request) {
			at = append(at, time.Since(began))
			switch len(at) {
			case 11:
				io.WriteString(w, invoke)
			case 14:
				io.WriteString(w, shutdown)
			default:
				io.WriteString(w, `{"eventType":"THAW"}`)
			}
		})
		d := newDiary(client)
		if err := d.Run(t.Context()); err != nil || len(d.invoked) != 1 || len(d.shutdown) != 1 {
			t.Errorf("Run = %v with %d Invoke and %d Shutdown, want one of each", err, len(d.invoked), len(d.shutdown))
		}
		var pauses []time.Duration
		for i := range at[1:] {
			pauses = append(pauses, (at[i+1]-at[i])/time.Millisecond)
		}
		if want := []time.Duration{10, 20, 40, 80, 160, 320, 640, 1000, 1000, 1000, 0, 10, 20}; !slices.Equal(pauses, want) {
			t.Errorf("next was asked for after pauses of %d ms, want %d", pauses, want)
		}
	})
}

// TestCancelledInPause ends Run in the pause after an event that nobody knows.
func TestCancelledInPause(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		api, client := startInBubble(t)
		api.Instead(extensiontest.Next, answer(http.StatusOK, `{"eventType":"THAW"}`))
		ctx, cancel := context.WithCancelCause(t.Context())
		began, cause := time.Now(), errors.New("broken")
		time.AfterFunc(10*time.Second, func() { cancel(cause) })
		if err := newDiary(client).Run(ctx); !errors.Is(err, cause) || time.Since(began) != 10*time.Second {
			t.Errorf("Run = %v after %v, want the cause at once", err, time.Since(began))
		}
	})
}
