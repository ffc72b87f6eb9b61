package source_test

import (
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"larder/internal/awstest"
	"larder/secret"
	"larder/source"
)

const vault = "169.254.170.23" // where Amazon EKS has its credentials

// container is AWS and the endpoint for credentials behind one transport.
type container struct {
	aws    *awstest.Server
	loads  int
	answer func(http.ResponseWriter)
}

func (c *container) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.Host != vault {
		c.aws.ServeHTTP(w, r)
		return
	}
	c.loads++
	if r.Header.Get("Authorization") != "the token" {
		w.WriteHeader(http.StatusUnauthorized)
		return
	}
	c.answer(w)
}

func (c *container) current(w http.ResponseWriter) {
	id, key, token := c.aws.Credentials()
	json.NewEncoder(w).Encode(map[string]string{
		"AccessKeyId": id, "SecretAccessKey": key, "Token": token,
		"Expiration": time.Now().Add(time.Hour).UTC().Format(time.RFC3339),
	})
}

func withContainer(t *testing.T, story func(*testing.T, *container, *source.Source)) {
	synctest.Test(t, func(t *testing.T) {
		aws := full()
		aws.Region = home
		server, err := awstest.New(aws)
		if err != nil {
			t.Fatal(err)
		}
		defer server.Close()
		c := &container{aws: server}
		c.answer = c.current
		s := source.New(source.Config{
			ContainerURI:   "http://" + vault + "/v1/credentials",
			ContainerToken: secret.NewValue([]byte("the token")),
			Endpoint:       "http://aws.test",
			Transport:      pipe(t, c),
		})
		defer s.Close()
		story(t, c, s)
	})
}

func TestContainerCredentials(t *testing.T) {
	withContainer(t, func(t *testing.T, c *container, s *source.Source) {
		k, p := secretKey(t, "a"), parameterKey(t, "/a")
		steps := []struct {
			name  string
			do    func()
			loads int
		}{
			{"the first calls load once", func() {}, 1},
			{"they are kept", func() {}, 1},
			{"AWS calls them expired", func() { c.aws.RenewCredentials() }, 2},
			{"they are about to expire", func() { time.Sleep(59*time.Minute + time.Second) }, 3},
		}
		for _, step := range steps {
			step.do()
			got := fetch(t, t.Context(), s, k)
			fetch(t, t.Context(), s, p)
			if got := outcome(got[k]); got != "v" {
				t.Errorf("%s: Fetch = %q, want a value", step.name, got)
			}
			if c.loads != step.loads {
				t.Errorf("%s: loaded %d times, want %d", step.name, c.loads, step.loads)
			}
		}
	})
}

func TestContainerTrouble(t *testing.T) {
	tests := []struct {
		name   string
		answer func(http.ResponseWriter)
	}{
		{"refused", func(w http.ResponseWriter) {
			w.Header().Set("Content-Type", "application/json")
			w.WriteHeader(400)
			io.WriteString(w, `{"code":"canary","message":"canary"}`)
		}},
		{"failed", func(w http.ResponseWriter) { w.WriteHeader(500); io.WriteString(w, "canary") }},
		{"garbage", func(w http.ResponseWriter) { io.WriteString(w, "canary") }},
		{"no keys", func(w http.ResponseWriter) { io.WriteString(w, `{"Token":"canary"}`) }},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			withContainer(t, func(t *testing.T, c *container, s *source.Source) {
				c.answer = tt.answer
				k := secretKey(t, "a")
				e := fetch(t, t.Context(), s, k)[k].Err
				if e == nil || e.Class != secret.Credentials || strings.Contains(e.Error(), "canary") {
					t.Errorf("Fetch = %v, want class Credentials and nothing of the answer", e)
				}
				if n := len(c.aws.Calls()); n != 0 {
					t.Errorf("%d calls to AWS without credentials, want none", n)
				}
				c.answer = c.current
				if got := outcome(fetch(t, t.Context(), s, k)[k]); got != "v" {
					t.Errorf("Fetch after the trouble = %q, want a value", got)
				}
			})
		})
	}
}

func TestNoCredentials(t *testing.T) {
	tests := []struct {
		name   string
		config source.Config
		want   string
	}{
		{"none", source.Config{}, "AWS_ACCESS_KEY_ID"},
		{"half", source.Config{AccessKeyID: "AKIDEXAMPLE"}, "AWS_SECRET_ACCESS_KEY"},
		{"in the clear from afar", source.Config{ContainerURI: "http://evil.test/"}, "https"},
		{"no URL", source.Config{ContainerURI: "::"}, "https"},
		{"no host", source.Config{ContainerURI: "https:///x"}, "https"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			hosts := new(recorder)
			tt.config.Transport = hosts
			k := secretKey(t, "a")
			e := fetch(t, t.Context(), source.New(tt.config), k)[k].Err
			if e == nil || e.Class != secret.Credentials || !strings.Contains(e.Message, tt.want) {
				t.Errorf("Fetch = %v, want class Credentials and a word about %s", e, tt.want)
			}
			if urls := hosts.all(); len(urls) != 0 {
				t.Errorf("requests to %v, want none", urls)
			}
		})
	}
}

// TestExpired: credentials from the environment cannot be loaded anew, and a
// second attempt with them is in vain.
func TestExpired(t *testing.T) {
	play(t, full(), nil, func(t *testing.T, st *stand) {
		st.RenewCredentials()
		k := secretKey(t, "a")
		if e := fetch(t, t.Context(), st.source, k)[k].Err; e == nil || e.Class != secret.Credentials || e.Code != "ExpiredTokenException" {
			t.Errorf("Fetch = %v, want ExpiredTokenException of class Credentials", e)
		}
		if n := len(st.Calls()); n != 1 {
			t.Errorf("%d calls, want 1", n)
		}
	})
}

// TestClockSkew: a sandbox whose clock is an hour late signs by AWS's, from the
// second request on.
func TestClockSkew(t *testing.T) {
	const (
		late = `{"__type":"InvalidSignatureException","message":"Signature expired"}`
		good = `{"ARN":"arn","Name":"a","VersionId":"1","SecretString":"v"}`
	)
	synctest.Test(t, func(t *testing.T) {
		var signed []string
		s := source.New(source.Config{
			AccessKeyID: "AKIDEXAMPLE", SecretAccessKey: secret.NewValue([]byte("x")),
			Transport: roundTrip(func(r *http.Request) (*http.Response, error) {
				now := time.Now().Add(time.Hour).UTC()
				resp := &http.Response{StatusCode: 200, Request: r, Body: io.NopCloser(strings.NewReader(good)),
					Header: http.Header{"Date": {now.Format(http.TimeFormat)}}}
				date := r.Header.Get("X-Amz-Date")
				signed = append(signed, date)
				if date < now.Add(-15*time.Minute).Format("20060102T150405Z") {
					resp.StatusCode, resp.Body = 400, io.NopCloser(strings.NewReader(late))
				}
				return resp, nil
			}),
		})
		k := secretKey(t, "a")
		for range 2 {
			if got := outcome(fetch(t, t.Context(), s, k)[k]); got != "v" {
				t.Errorf("Fetch with a late clock = %q, want a value", got)
			}
		}
		if len(signed) != 3 {
			t.Errorf("requests signed at %v, want one too early and two good ones", signed)
		}
	})
}
