// Pack writes a folder as the zip of a Lambda layer and prints its size.
//
// Usage: go run ./layer/pack FOLDER FILE.zip
package main

import (
	"bytes"
	"fmt"
	"os"

	"larder/layer"
)

func main() {
	if len(os.Args) != 3 {
		fmt.Fprintln(os.Stderr, "usage: pack FOLDER FILE.zip")
		os.Exit(2)
	}
	if err := run(os.Args[1], os.Args[2]); err != nil {
		fmt.Fprintln(os.Stderr, "pack:", err)
		os.Exit(1)
	}
}

// run packs in memory, so that a failure leaves no half a zip to publish.
func run(folder, file string) error {
	var zip bytes.Buffer
	if err := layer.Pack(&zip, os.DirFS(folder)); err != nil {
		return fmt.Errorf("%s: %w", folder, err)
	}
	fmt.Printf("%s: %d bytes (%.2f MiB)\n", file, zip.Len(), float64(zip.Len())/(1<<20))
	return os.WriteFile(file, zip.Bytes(), 0o644)
}
