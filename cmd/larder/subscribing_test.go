package main

import (
	"context"
	"net"
	"slices"
	"strings"
	"sync"
	"testing"

	"larder/internal/awstest"
)

// TestInitFailsWhileSubscribing has init fail while nobody answers who looks up where
// Lambda delivers: the failure is told without a wait for that.
func TestInitFailsWhileSubscribing(t *testing.T) {
	if _, err := net.LookupHost("sandbox.localdomain"); err == nil {
		t.Skip("sandbox.localdomain is known here: nobody is asked for it")
	}
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
	st.start(t)
	<-asked
	release()
	if err := st.end(t); err == nil || !strings.Contains(err.Error(), secretMissing) {
		t.Errorf("extend = %v, want %s", err, secretMissing)
	}
	if got, want := st.lambda.Paths(), []string{"/register", "/init/error"}; !slices.Equal(got, want) {
		t.Errorf("the calls were %v, want %v", got, want)
	}
	if strings.Contains(st.output.String(), "no metrics of the platform") {
		t.Errorf("the failure waited for the subscription:\n%s", st.output.String())
	}
}
