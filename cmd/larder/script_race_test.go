//go:build race

package main_test

// raceDetector says whether this test runs with the race detector: then the
// programs under test are built with it, too.
const raceDetector = true
