package lambdatest

import (
	"fmt"
	"time"
)

// A Mode is a kind of environment. Its text is what the processes are given as
// AWS_LAMBDA_INITIALIZATION_TYPE.
// https://docs.aws.amazon.com/lambda/latest/dg/configuration-envvars.html#configuration-envvars-runtime
type Mode string

const (
	// OnDemand is the common kind: one invoke after the other, frozen between
	// them, and made anew after a failure.
	OnDemand Mode = "on-demand"

	// ProvisionedConcurrency is initialised in advance and differs from
	// OnDemand in the time that init may take.
	ProvisionedConcurrency Mode = "provisioned-concurrency"

	// SnapStart is restored from a snapshot that was taken at the end of init.
	// Start returns with all processes stopped where the snapshot was taken: what
	// is to happen until the restore, such as new keys, new secrets or cut
	// connections, happens then. The first Invoke restores it.
	//
	// The platform would restore one snapshot many times. Processes cannot be
	// copied, so that after a failure Invoke runs init again for a new one.
	SnapStart Mode = "snap-start"

	// ManagedInstances serves many invokes at once and is never frozen. When a
	// process leaves, it has ended for good: Invoke fails from then on.
	ManagedInstances Mode = "lambda-managed-instances"
)

// Check reports a mode that there is not.
func (m Mode) Check() error {
	switch m {
	case OnDemand, ProvisionedConcurrency, SnapStart, ManagedInstances:
		return nil
	}
	return fmt.Errorf("there is no mode %q: want %s, %s, %s or %s", m, OnDemand, ProvisionedConcurrency, SnapStart, ManagedInstances)
}

// initLimit is how long the platform gives to init.
// https://docs.aws.amazon.com/lambda/latest/dg/lambda-runtime-environment.html#runtimes-lifecycle-ib
func (m Mode) initLimit(timeout time.Duration) time.Duration {
	if m == OnDemand {
		return 10 * time.Second
	}
	return min(max(130*time.Second, timeout), 900*time.Second)
}
