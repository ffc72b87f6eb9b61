// Mutants changes the code of packages in small ways and looks whether their tests
// notice: a mutant that lives is a test that is missing, code that is not needed, or
// one that says the same in other words. Those of the last kind are explained in
// survivors.txt, by function and mutation, so that the list outlives a move.
//
// Usage: go run ./internal/mutants PACKAGE... (folders of this module, such as cache)
//
// It fails where a mutant lives that is not in the list, and where the list has one that
// does not live any more.
package main

import (
	"fmt"
	"io"
	"log"
	"os"
	"path/filepath"
)

// list is the file of those that may live.
const list = "internal/mutants/survivors.txt"

func main() {
	log.SetOutput(io.Discard)
	if len(os.Args) < 2 {
		fmt.Fprintln(os.Stderr, "usage: go run ./internal/mutants PACKAGE...")
		os.Exit(2)
	}
	if err := run(os.Args[1:], os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "mutants:", err)
		os.Exit(1)
	}
}

func run(packages []string, out io.Writer) error {
	file, err := os.Open(list)
	if err != nil {
		return err
	}
	defer file.Close()
	explained, err := readList(file)
	if err != nil {
		return fmt.Errorf("%s: %w", list, err)
	}
	bin, err := os.MkdirTemp("", "mutants")
	if err != nil {
		return err
	}
	defer os.RemoveAll(bin)
	program, err := install(bin)
	if err != nil {
		return err
	}
	problems := 0
	for _, folder := range packages {
		folder = filepath.Clean(folder)
		result, err := unleash(program, folder)
		if err != nil {
			return fmt.Errorf("%s: %w", folder, err)
		}
		living, err := result.living(folder)
		if err != nil {
			return fmt.Errorf("%s: %w", folder, err)
		}
		found := compare(folder, living, explained)
		fmt.Fprintf(out, "%s: %d mutants were tried, %d live, %d problems\n", folder, result.Total, len(living), len(found))
		for _, problem := range found {
			fmt.Fprintln(out, "  "+problem)
		}
		problems += len(found)
	}
	if problems > 0 {
		return fmt.Errorf("%d problems: write the test that is missing, drop the code, or mend %s", problems, list)
	}
	return nil
}
