package main

import (
	"os"
	"slices"
	"testing"
)

// TestArguments holds what the kernel tells against what package os does.
func TestArguments(t *testing.T) {
	t.Parallel()
	got, err := arguments()
	if err != nil {
		t.Fatal(err)
	}
	if want := os.Args[1:]; len(want) == 0 || !slices.Equal(got, want) {
		t.Errorf("arguments() = %q, want %q", got, want)
	}
}
