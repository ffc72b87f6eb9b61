package main

// mode is how Lambda starts the sandbox and what it does with it between invokes.
type mode uint8

const (
	onDemand         mode = iota // also provisioned concurrency, which differs in time only
	snapStart                    // a snapshot is taken after init, and restored before the first INVOKE
	managedInstances             // never frozen, many invokes at once
)

// readMode reads Lambda's own variable. A word that is not known is a mode that
// there was not yet: most likely it behaves as any other.
// Source: docs.aws.amazon.com/lambda/latest/dg/configuration-envvars.html
func readMode(env map[string]string) mode {
	switch env["AWS_LAMBDA_INITIALIZATION_TYPE"] {
	case "snap-start":
		return snapStart
	case "lambda-managed-instances":
		return managedInstances
	}
	return onDemand
}
