// Package gotest is about the go command that runs the tests.
package gotest

import (
	"io/fs"
	"path/filepath"
	"testing"
)

// DependOn makes the result of a test depend on all files beneath a folder of the
// module, but for Git's and built ones. The go command takes a result from its
// cache until something changes that the test itself has opened, and does not see
// what a process has that the test starts, such as go build. Opening a folder
// stands for its files.
func DependOn(t testing.TB, folder string) {
	t.Helper()
	err := filepath.WalkDir(folder, func(_ string, entry fs.DirEntry, err error) error {
		if entry != nil && (entry.Name() == ".git" || entry.Name() == "dist") {
			return fs.SkipDir
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}
