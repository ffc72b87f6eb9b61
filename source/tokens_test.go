package source_test

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"larder/secret"
	"larder/source"
)

// TestRecognizesKeys: with keys in the environment there is one token, and nobody
// to ask for another.
func TestRecognizesKeys(t *testing.T) {
	const token = "IQoJb3JpZ2luX2VjEXAMPLE+/=="
	s := source.New(source.Config{
		AccessKeyID: "AKIDEXAMPLE", SecretAccessKey: secret.NewValue([]byte("x")),
		SessionToken: secret.NewValue([]byte(token)), Transport: new(recorder),
	})
	for presented, want := range map[string]bool{
		token: true, "": false, "x": false, token + "x": false, token[1:]: false, strings.ToLower(token): false, " " + token: false,
	} {
		if got := s.Recognizes(t.Context(), presented); got != want {
			t.Errorf("Recognizes(%q) = %t, want %t", presented, got, want)
		}
	}
	if none := source.New(source.Config{}); none.Recognizes(t.Context(), "") || none.Recognizes(t.Context(), "x") {
		t.Error("a Source without a token recognizes one")
	}
}

// TestRecognizes: the function may have newer credentials than we, or older ones.
func TestRecognizes(t *testing.T) {
	for _, adjust := range []func(*source.Config){inContainer, ephemeral} {
		play(t, full(), adjust, func(t *testing.T, st *stand) {
			_, _, first := st.Credentials()
			step := func(what, token string, want bool, loads int) {
				t.Helper()
				if got := st.source.Recognizes(t.Context(), token); got != want {
					t.Errorf("%s is recognized: %t, want %t", what, got, want)
				}
				if n := st.container.loads(); n != loads {
					t.Errorf("%s: credentials were loaded %d times, want %d", what, n, loads)
				}
			}
			step("the authorization token", containerToken, true, 0)
			step("the first session token", first, true, 1)
			step("the first session token again", first, true, 0)
			step("nothing", "", false, 0)
			step("a wrong token within a second", "wrong", false, 0)
			time.Sleep(time.Second)
			step("a wrong token", "wrong", false, 1)
			_, _, second := st.RenewCredentials()
			step("a new token within a second", second, false, 0)
			st.jump(time.Second) // a freeze that the monotonic clock slept through
			step("a new token", second, true, 1)
			step("the one before", first, true, 0)
			st.jump(-time.Hour)
			time.Sleep(time.Second)
			_, _, third := st.RenewCredentials()
			step("a third token, by a clock that was set back", third, true, 1)
			step("the second", second, true, 0)
			time.Sleep(time.Second)
			step("the first, which is too old", first, false, 1)
			synctest.Wait()
			if open := st.open.Load(); open != 0 {
				t.Errorf("%d connections are left of loading credentials, want none", open)
			}
		})
	}
}

// TestLearnedTwice: credentials that are loaded again without a change push nothing out.
func TestLearnedTwice(t *testing.T) {
	play(t, full(), inContainer, func(t *testing.T, st *stand) {
		_, _, first := st.Credentials()
		st.source.Recognizes(t.Context(), first)
		_, _, second := st.RenewCredentials()
		for range 3 {
			time.Sleep(time.Second)
			if !st.source.Recognizes(t.Context(), second) || st.source.Recognizes(t.Context(), "wrong") {
				t.Error("the new token is not recognized, or a wrong one is")
			}
		}
		st.container.loads()
		if !st.source.Recognizes(t.Context(), first) || st.container.loads() > 0 {
			t.Error("the token before the present one is not recognized")
		}
	})
}

// TestRecognizesShared: a crowd with wrong tokens costs one load, one with the
// new token is let in by it, and the next call to AWS signs with what it brought.
func TestRecognizesShared(t *testing.T) {
	play(t, full(), inContainer, func(t *testing.T, st *stand) {
		k := secretKey(t, "a")
		fetch(t, t.Context(), st.source, k)
		st.container.loads()
		_, _, renewed := st.RenewCredentials()
		var readers sync.WaitGroup
		for n := range 50 {
			token := renewed
			if n%2 == 0 {
				token = fmt.Sprint("wrong ", n)
			}
			readers.Go(func() {
				if got := st.source.Recognizes(t.Context(), token); got != (token == renewed) {
					t.Errorf("reader %d is recognized: %t", n, got)
				}
			})
		}
		readers.Wait()
		fetch(t, t.Context(), st.source, k)
		if n := st.container.loads(); n != 1 || st.counted() != "GetSecretValue 2" {
			t.Errorf("credentials were loaded %d times, calls: %s, want one load and no refused call", n, st.counted())
		}
	})
}

// TestRecognizesSlowly: an endpoint that hangs holds up who presents an unknown
// token, and not who presents a known one.
func TestRecognizesSlowly(t *testing.T) {
	play(t, full(), inContainer, func(t *testing.T, st *stand) {
		st.container.fails(hang)
		start := time.Now()
		var readers sync.WaitGroup
		readers.Go(func() {
			got := st.source.Recognizes(t.Context(), "wrong")
			if took := time.Since(start); got || took != 2*time.Second {
				t.Errorf("a wrong token is recognized: %t, after %v, want false after 2s", got, took)
			}
		})
		synctest.Wait()
		if !st.source.Recognizes(t.Context(), containerToken) || time.Since(start) != 0 {
			t.Error("the authorization token is not recognized at once")
		}
		readers.Wait()
	})
}

// TestRecognizesLeaver: a reader who leaves does not use up the load of the others.
func TestRecognizesLeaver(t *testing.T) {
	play(t, full(), inContainer, func(t *testing.T, st *stand) {
		mended := make(chan struct{})
		st.container.fails(func(w http.ResponseWriter, r *http.Request) {
			select {
			case <-mended:
				st.container.fails(nil)
				st.container.ServeHTTP(w, r)
			case <-r.Context().Done():
			}
		})
		_, _, token := st.Credentials()
		leaver, leave := context.WithCancel(t.Context())
		var readers sync.WaitGroup
		readers.Go(func() { st.source.Recognizes(leaver, "wrong") })
		synctest.Wait()
		readers.Go(func() {
			if !st.source.Recognizes(t.Context(), token) {
				t.Error("the session token is not recognized after another reader left")
			}
		})
		synctest.Wait()
		leave()
		synctest.Wait()
		close(mended)
		readers.Wait()
	})
}

// TestNothingPrinted: no verb shows the credentials or tokens of a Source.
func TestNothingPrinted(t *testing.T) {
	play(t, full(), inContainer, func(t *testing.T, st *stand) {
		k := secretKey(t, "a")
		fetch(t, t.Context(), st.source, k)
		id, key, token := st.Credentials()
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x"} {
			text := fmt.Sprintf(verb, st.source)
			for _, hidden := range []string{id, key, token, containerToken} {
				if strings.Contains(text, hidden) || strings.Contains(text, fmt.Sprintf("%x", hidden)) {
					t.Errorf("%s of a Source shows a part of its credentials", verb)
				}
			}
		}
	})
}
