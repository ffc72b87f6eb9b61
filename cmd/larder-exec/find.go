package main

import (
	"strings"
	"syscall"
)

// find returns the file that a command names: a path as it is, and a bare name as
// a shell finds it.
func find(command, path string) (string, error) {
	if strings.Contains(command, "/") {
		return command, nil
	}
	const executable = 1 // X_OK
	for _, folder := range strings.Split(path, ":") {
		if folder == "" {
			folder = "."
		}
		if file := folder + "/" + command; syscall.Access(file, executable) == nil && isFile(file) {
			return file, nil
		}
	}
	return "", syscall.ENOENT
}

func isFile(path string) bool {
	var stat syscall.Stat_t
	return syscall.Stat(path, &stat) == nil && stat.Mode&syscall.S_IFMT == syscall.S_IFREG
}
