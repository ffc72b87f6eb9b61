// Larder is an external Lambda extension that prefetches a function's secrets
// and parameters and serves them over localhost. Lambda starts it, without
// arguments, from /opt/extensions.
package main

import (
	"context"
	"fmt"
	"os"
)

func main() {
	if len(os.Args) > 1 {
		fmt.Fprintln(os.Stderr, "larder takes no arguments: Lambda starts it from /opt/extensions")
		os.Exit(2)
	}
	if extend(context.Background(), os.Args[0], os.Environ(), os.Stdout) != nil {
		os.Exit(1)
	}
}
