// Idle leaves at once: a runtime that costs nothing.
package main

func main() {}
