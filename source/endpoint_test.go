package source_test

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptrace"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"

	"larder/secret"
	"larder/source"
)

type roundTrip func(*http.Request) (*http.Response, error)

func (f roundTrip) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// recorder is a network that goes nowhere and writes down where to.
type recorder struct {
	mu   sync.Mutex
	urls []string
}

func (r *recorder) RoundTrip(req *http.Request) (*http.Response, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.urls = append(r.urls, req.URL.String())
	return nil, errors.New("no way")
}

// all returns where requests went, each once.
func (r *recorder) all() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	slices.Sort(r.urls)
	return slices.Compact(r.urls)
}

// bubble runs a subtest in which time costs nothing.
func bubble(t *testing.T, name string, f func(*testing.T)) {
	t.Run(name, func(t *testing.T) { synctest.Test(t, f) })
}

// TestEndpoints: where the requests go. The environment is cmd's business: the
// SDK must not look there behind its back.
func TestEndpoints(t *testing.T) {
	t.Setenv("AWS_ENDPOINT_URL", "https://environment.test")
	t.Setenv("AWS_ENDPOINT_URL_SSM", "https://environment.test")
	t.Setenv("AWS_USE_FIPS_ENDPOINT", "true")
	tests := []struct {
		name   string
		config source.Config
		region string
		want   []string
	}{
		{"default", source.Config{}, "eu-west-1",
			[]string{"https://secretsmanager.eu-west-1.amazonaws.com/", "https://ssm.eu-west-1.amazonaws.com/"}},
		{"China", source.Config{}, "cn-north-1",
			[]string{"https://secretsmanager.cn-north-1.amazonaws.com.cn/", "https://ssm.cn-north-1.amazonaws.com.cn/"}},
		{"a Region of tomorrow", source.Config{}, "xx-new-9",
			[]string{"https://secretsmanager.xx-new-9.amazonaws.com/", "https://ssm.xx-new-9.amazonaws.com/"}},
		{"FIPS", source.Config{FIPS: true}, "us-east-1",
			[]string{"https://secretsmanager-fips.us-east-1.amazonaws.com/", "https://ssm-fips.us-east-1.amazonaws.com/"}},
		{"dual stack", source.Config{DualStack: true}, "us-east-1",
			[]string{"https://secretsmanager.us-east-1.amazonaws.com/", "https://ssm.us-east-1.api.aws/"}}, // the former is dual stack
		{"FIPS and dual stack", source.Config{FIPS: true, DualStack: true}, "us-east-1",
			[]string{"https://secretsmanager-fips.us-east-1.amazonaws.com/", "https://ssm-fips.us-east-1.api.aws/"}},
		{"one's own", source.Config{Endpoint: "http://own.test:4566"}, "eu-west-1", []string{"http://own.test:4566/"}},
		{"one's own for a service", source.Config{Endpoint: "http://own.test", ParameterStoreEndpoint: "https://ssm.test/base"}, "eu-west-1",
			[]string{"http://own.test/", "https://ssm.test/base"}},
		{"one's own for one service only", source.Config{SecretsManagerEndpoint: "http://sm.test"}, "eu-west-1",
			[]string{"http://sm.test/", "https://ssm.eu-west-1.amazonaws.com/"}},
		{"FIPS excludes one's own", source.Config{FIPS: true, Endpoint: "http://own.test"}, "eu-west-1", nil},
		{"dual stack excludes one's own", source.Config{DualStack: true, Endpoint: "http://own.test"}, "eu-west-1", nil},
		{"no URL", source.Config{Endpoint: "::"}, "eu-west-1", nil},
	}
	for _, tt := range tests {
		bubble(t, tt.name, func(t *testing.T) {
			hosts := new(recorder)
			tt.config.AccessKeyID = "AKIDEXAMPLE"
			tt.config.SecretAccessKey = secret.NewValue([]byte("x"))
			tt.config.Transport = hosts
			s, p := inRegion(secretKey(t, "a"), tt.region), inRegion(parameterKey(t, "/a"), tt.region)
			got := fetch(t, t.Context(), source.New(tt.config), s, p)
			if urls := hosts.all(); !slices.Equal(urls, tt.want) {
				t.Errorf("requests to %v, want %v", urls, tt.want)
			}
			class := secret.Unavailable
			if tt.want == nil {
				class = secret.Rejected
			}
			for k, r := range got {
				if r.Err == nil || r.Err.Class != class {
					t.Errorf("Fetch of %v: %v, want class %v", k, r.Err, class)
				} else if class == secret.Rejected && (r.Err.Status != 0 || r.Err.Code != "" || !strings.HasPrefix(r.Err.Message, "AWS_ENDPOINT_URL: ")) {
					t.Errorf("Fetch of %v: %v, want the variable in front and nothing of AWS's", k, r.Err)
				}
			}
		})
	}
}

// traceDials tells whether a request in the context got a new connection.
func traceDials(ctx context.Context) (context.Context, *bool) {
	fresh := new(bool)
	return httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{
		GotConn: func(i httptrace.GotConnInfo) { *fresh = *fresh || !i.Reused },
	}), fresh
}
