package main

import (
	"errors"
	"strconv"
	"strings"
	"syscall"
)

// environment is a list of NAME=value items.
type environment []string

// get returns the value of a variable, or "".
func (e environment) get(name string) string {
	for _, item := range e {
		if n, value, _ := strings.Cut(item, "="); n == name {
			return value
		}
	}
	return ""
}

// without returns the environment without some variables.
func (e environment) without(names ...string) environment {
	var rest environment
	for _, item := range e {
		if name, _, _ := strings.Cut(item, "="); !contains(names, name) {
			rest = append(rest, item)
		}
	}
	return rest
}

// maxPages is how many pages of memory Linux gives one item of an environment,
// its end included: MAX_ARG_STRLEN of include/uapi/linux/binfmts.h.
const maxPages = 32

// with returns the environment with the declared variables set. A declared
// variable that has no value is not in it: its reference is no value.
func (e environment) with(values answer) (environment, error) {
	if len(values.binary) > 0 {
		return nil, errors.New(strings.Join(values.binary, ", ") +
			": the value holds a NUL byte, which no environment variable can: read it over HTTP")
	}
	names := append([]string(nil), values.absent...)
	limit := maxPages * syscall.Getpagesize()
	for _, item := range values.items {
		name, value, _ := strings.Cut(item, "=")
		if len(item) >= limit {
			return nil, errors.New(name + ": the value has " + strconv.Itoa(len(value)) + " bytes, and an environment variable at most " +
				strconv.Itoa(limit-len(name)-len("=")-1) + ": read it over HTTP")
		}
		names = append(names, name)
	}
	return append(e.without(names...), values.items...), nil
}

func contains(list []string, text string) bool {
	for _, item := range list {
		if item == text {
			return true
		}
	}
	return false
}
