package main

import "runtime"

// version is the newest release of the changelog; while that has changes that are
// not released, it is the next one with "-dev" behind it.
const version = "0.1.0-dev"

func versionLine() string {
	return "larder " + version + " " + runtime.Version() + " " + runtime.GOOS + "/" + runtime.GOARCH
}
