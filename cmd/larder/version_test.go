package main

import (
	"os"
	"regexp"
	"testing"
)

// TestVersion holds the constant against the changelog: the newest heading is
// either that version, or says that there are changes towards it.
func TestVersion(t *testing.T) {
	t.Parallel()
	changelog, err := os.ReadFile("../../CHANGELOG.md")
	if err != nil {
		t.Fatal(err)
	}
	heading := regexp.MustCompile(`(?m)^## \[(.+?)\]`).FindSubmatch(changelog)
	if heading == nil {
		t.Fatal("the changelog has no heading")
	}
	pattern := `^` + regexp.QuoteMeta(string(heading[1])) + `$`
	if string(heading[1]) == "Unreleased" {
		pattern = `^\d+\.\d+\.\d+-dev$`
	}
	if !regexp.MustCompile(pattern).MatchString(version) {
		t.Errorf("the version is %q, and the newest heading of the changelog %q: want %s", version, heading[1], pattern)
	}
	if !regexp.MustCompile(`^larder \S+ go1\.\S+ [a-z]+/[a-z0-9]+$`).MatchString(versionLine()) {
		t.Errorf("larder version prints %q", versionLine())
	}
}
