package main

import "runtime/debug"

// Go's soft limit on memory, above which it collects garbage sooner. The extension has
// the function's memory in common with the runtime, of which a share is meant for it:
// what large answers leave behind shall not add up to more. What is kept, and the work
// on it, must fit well within the limit, or Go would do nothing but collect.
const (
	memoryShare  = 4        // of the function's memory one in so many
	workingRoom  = 16 << 20 // Go's own, answers of AWS, and readers
	roomForEntry = 1 << 10  // what an entry takes besides its value
)

// maxMemory bounds what is believed of the function's memory, in MB.
const maxMemory = 1 << 20

// memoryLimit returns that limit in bytes.
func (s *settings) memoryLimit() int64 {
	keeps := int64(s.cacheBytes) + int64(s.entries)*roomForEntry
	return max(int64(s.memory)<<20/memoryShare, keeps+workingRoom)
}

// limitMemory sets the limit, and how often garbage is collected below it. Go has read
// both from the environment by now, which is the function's: its GOMEMLIMIT and its
// GOGC are about a program of another size.
func limitMemory(s *settings) {
	debug.SetGCPercent(100)
	debug.SetMemoryLimit(s.memoryLimit())
}
