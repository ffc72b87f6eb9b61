package main

import (
	"context"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"

	"larder/extension/extensiontest"
	"larder/internal/awstest"
)

// TestInitFailsWhileSubscribing has init fail while nobody answers who looks up where
// Lambda delivers, nor, where this machine knows that, who subscribes: the failure is
// told without a wait for either.
func TestInitFailsWhileSubscribing(t *testing.T) {
	asked := make(chan struct{})
	first := sync.OnceFunc(func() { close(asked) })
	usual := net.DefaultResolver
	t.Cleanup(func() { net.DefaultResolver = usual })
	net.DefaultResolver = &net.Resolver{PreferGo: true, Dial: func(ctx context.Context, _, _ string) (net.Conn, error) {
		first()
		<-ctx.Done()
		return nil, ctx.Err()
	}}
	fault, _, release := hold("*")
	st := newStage(t, awstest.Config{Faults: []awstest.Fault{fault}}, "A=secretsmanager://a", "LARDER_METRICS=emf")
	st.lambda.Instead(extensiontest.Telemetry, func(_ http.ResponseWriter, r *http.Request) {
		first()
		<-r.Context().Done()
	})
	st.start(t)
	<-asked
	release()
	if err := st.end(t); err == nil || !strings.Contains(err.Error(), secretMissing) {
		t.Errorf("extend = %v, want %s", err, secretMissing)
	}
	paths := slices.DeleteFunc(st.lambda.Paths(), func(path string) bool { return path == extensiontest.Telemetry })
	if got, want := paths, []string{"/register", "/init/error"}; !slices.Equal(got, want) {
		t.Errorf("the calls were %v, want %v", got, want)
	}
	if strings.Contains(st.output.String(), "no metrics of the platform") {
		t.Errorf("the failure waited for the subscription:\n%s", st.output.String())
	}
}
