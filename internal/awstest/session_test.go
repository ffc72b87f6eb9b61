package awstest_test

import (
	"encoding/xml"
	"net/http/httptest"
	"testing"
	"testing/synctest"
	"time"

	"larder/internal/awstest"
)

func TestExpiredSessions(t *testing.T) {
	t.Parallel()
	cfg := roles(reader)
	cfg.Secrets = map[string]awstest.Secret{"s": {Account: other, String: "v"}}
	srv := start(t, cfg)
	old := srv.assume(t, reader)
	srv.RenewCredentials()
	if got := old.secret(t, "s", ""); got.value != "v" {
		t.Errorf("after RenewCredentials the session gets %q, want the value", got.code)
	}
	srv.ExpireSessions()
	if got := old.secret(t, "s", ""); got.code != "ExpiredTokenException" {
		t.Errorf("an expired session gets %q, want ExpiredTokenException", got.code)
	}
	if answer, status := old.ask(t, stsCall("GetCallerIdentity")); status != 403 || answer.Code != "ExpiredToken" {
		t.Errorf("STS tells an expired session %d %q, want 403 ExpiredToken", status, answer.Code)
	}
	if got := srv.assume(t, reader).secret(t, "s", ""); got.value != "v" {
		t.Errorf("a new session gets %q, want the value", got.code)
	}
}

func TestSessionsEndInTime(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		cfg := roles(reader)
		cfg.Region = region
		srv, err := awstest.New(cfg)
		if err != nil {
			t.Fatal(err)
		}
		f := fixture{Server: srv, url: "http://localhost"}
		ask := func(f fixture, c rawCall) (answer stsAnswer) {
			w := httptest.NewRecorder()
			srv.ServeHTTP(w, c.request(t, f))
			if err := xml.Unmarshal(w.Body.Bytes(), &answer); err != nil {
				t.Fatal(err)
			}
			return answer
		}
		session := f.as(ask(f, stsCall("AssumeRole", "RoleArn="+reader, "RoleSessionName=fn")).credentials())
		for _, step := range []struct {
			after time.Duration
			code  string
		}{{59 * time.Minute, ""}, {time.Minute, "ExpiredToken"}} {
			time.Sleep(step.after) // in the bubble, where no time passes
			if got := ask(session, stsCall("GetCallerIdentity")).Code; got != step.code {
				t.Errorf("%v later the session gets %q, want %q", step.after, got, step.code)
			}
		}
	})
}
