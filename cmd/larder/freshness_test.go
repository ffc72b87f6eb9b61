package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"larder/extension/extensiontest"
	"larder/internal/awstest"
)

// alwaysExpired is a TTL after which everything is expired that a test reads.
const alwaysExpired = "SECRETS_MANAGER_TTL=1ns"

// invoke sends an INVOKE whose deadline is so far away.
func (st *stage) invoke(deadline time.Duration) {
	st.lambda.Send(fmt.Sprintf(`{"eventType":"INVOKE","deadlineMs":%d,"requestId":"r"}`, time.Now().Add(deadline).UnixMilli()))
}

// fail makes AWS answer every call with a fault.
func (st *stage) fail(t *testing.T, f awstest.Fault) {
	t.Helper()
	if err := st.aws.AddFault(f); err != nil {
		t.Fatal(err)
	}
}

// finish ends a life that should end well.
func (st *stage) finish(t *testing.T) {
	t.Helper()
	st.shutdown()
	if err := st.end(t); err != nil {
		t.Errorf("extend = %v", err)
	}
}

// TestExtendHoldsNext checks that the loop does not wait for an AWS that hangs, for
// which a call of AWS's own would take five seconds.
func TestExtendHoldsNext(t *testing.T) {
	st := newStage(t, awstest.Config{Secrets: map[string]awstest.Secret{"a": {String: "value"}}}, "A=secretsmanager://a", alwaysExpired)
	st.start(t)
	st.lambda.Await(extensiontest.Next, 1)
	st.fail(t, awstest.Fault{Hang: true})
	calls := len(st.aws.Calls())
	began := time.Now()
	st.invoke(1500 * time.Millisecond)
	st.lambda.Await(extensiontest.Next, 2)
	if took := time.Since(began); took > 4*time.Second {
		t.Errorf("next was asked for %v after an INVOKE with 1.5 s to its deadline", took)
	}
	if len(st.aws.Calls()) == calls {
		t.Error("the INVOKE made no call to AWS")
	}
	st.finish(t)
}

// TestExtendMaxStale checks that the setting reaches the cache.
func TestExtendMaxStale(t *testing.T) {
	for setting, want := range map[string]int{"": 200, "1m": 200, "0": 503, "1ns": 503} {
		t.Run(setting, func(t *testing.T) {
			st := newStage(t, awstest.Config{Secrets: map[string]awstest.Secret{"a": {String: "value"}}},
				"A=secretsmanager://a", alwaysExpired, "LARDER_MAX_STALE="+setting)
			st.start(t)
			st.lambda.Await(extensiontest.Next, 1)
			st.fail(t, awstest.Fault{Code: "ExpiredTokenException"})
			for range 2 {
				if status, _ := st.read("secretsmanager://a"); status != want {
					t.Errorf("a read while the credentials have expired: status %d, want %d", status, want)
				}
			}
			st.finish(t)
		})
	}
}

// TestExtendManaged checks that on Managed Instances, which refuse a registration
// for INVOKE, a timer does what INVOKE does elsewhere.
func TestExtendManaged(t *testing.T) {
	st := newStage(t, awstest.Config{Secrets: map[string]awstest.Secret{"a": {String: "value"}}},
		"A=secretsmanager://a", alwaysExpired, "AWS_LAMBDA_INITIALIZATION_TYPE=lambda-managed-instances")
	st.start(t)
	if r := st.lambda.Await(extensiontest.Register, 1); r.Body != `{"events":["SHUTDOWN"]}` {
		t.Errorf("registered for %s, want SHUTDOWN alone", r.Body)
	}
	st.lambda.Await(extensiontest.Next, 1)
	called := make(chan struct{}, 100)
	st.aws.Observe(func(awstest.Call) { called <- struct{}{} })
	select {
	case <-called:
	case <-time.After(patience):
		t.Error("nothing is refreshed")
	}
	st.finish(t)
	if got, want := st.lambda.Paths(), []string{"/register", "/event/next"}; !slices.Equal(got, want) {
		t.Errorf("the calls were %v, want %v", got, want)
	}
}

// TestExtendSnapStart checks that nothing is kept for the snapshot, neither values
// nor credentials, and both from the first INVOKE on.
func TestExtendSnapStart(t *testing.T) {
	st := newStage(t, awstest.Config{Secrets: map[string]awstest.Secret{"a": {String: "value"}, "b": {String: "value"}}},
		"A=secretsmanager://a", "B=secretsmanager://b", snapStarted)
	loads := st.container(t)
	check := func(when string, calls, loaded int) {
		t.Helper()
		if n := len(st.aws.Calls()); n != calls {
			t.Errorf("%s: %d calls to AWS, want %d", when, n, calls)
		}
		if n := int(loads.Load()); n != loaded {
			t.Errorf("%s: credentials were loaded %d times, want %d", when, n, loaded)
		}
	}
	read := func() {
		t.Helper()
		if status, _ := st.read("secretsmanager://a"); status != 200 {
			t.Errorf("a read: status %d, want 200", status)
		}
	}
	st.start(t)
	if r := st.lambda.Await(extensiontest.Register, 1); r.Body != `{"events":["INVOKE","SHUTDOWN"]}` {
		t.Errorf("registered for %s", r.Body)
	}
	st.lambda.Await(extensiontest.Next, 1)
	check("init", 0, 0)
	read()
	read()
	check("two reads before the first INVOKE", 2, 2)
	st.invoke(time.Minute)
	st.lambda.Await(extensiontest.Next, 2)
	check("the first INVOKE", 3, 3)
	read()
	st.invoke(time.Minute)
	st.lambda.Await(extensiontest.Next, 3)
	check("the second INVOKE", 3, 3)
	if status, _ := st.read("secretsmanager://c"); status != 404 {
		t.Errorf("a read of what is not there: status %d, want 404", status)
	}
	check("a call with the credentials of the first INVOKE", 4, 3)
	st.finish(t)
}

// container has Lambda give the credentials at an endpoint and not in the
// environment, and counts who asks there. Readers show the endpoint's token.
func (st *stage) container(t *testing.T) (loads *atomic.Int64) {
	t.Helper()
	const authorization = "container/token+1"
	loads = new(atomic.Int64)
	id, key, token := st.aws.Credentials()
	endpoint := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		loads.Add(1)
		if r.Header.Get("Authorization") != authorization {
			w.WriteHeader(http.StatusForbidden)
			return
		}
		_ = json.NewEncoder(w).Encode(map[string]any{
			"AccessKeyId": id, "SecretAccessKey": key, "Token": token, "Expiration": time.Now().Add(time.Hour).UTC(),
		})
	}))
	t.Cleanup(endpoint.Close)
	st.environ = slices.DeleteFunc(st.environ, func(item string) bool {
		return strings.HasPrefix(item, "AWS_ACCESS_KEY_ID=") || strings.HasPrefix(item, "AWS_SECRET_ACCESS_KEY=") || strings.HasPrefix(item, "AWS_SESSION_TOKEN=")
	})
	st.environ = append(st.environ, "AWS_CONTAINER_CREDENTIALS_FULL_URI="+endpoint.URL, "AWS_CONTAINER_AUTHORIZATION_TOKEN="+authorization)
	st.token = authorization
	return loads
}
