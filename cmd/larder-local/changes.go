package main

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"larder/internal/awstest"
)

// changes are what AWS is from an invoke on, as a flag N=FILE that may be
// repeated. The first invoke is 1.
type changes map[int]change

// A change is a file that was read.
type change struct {
	path   string
	config awstest.Config
}

// String is the default that the help shows, which is none.
func (c changes) String() string { return "" }

// Set reads the file.
func (c changes) Set(s string) error {
	number, path, found := strings.Cut(s, "=")
	n, err := strconv.Atoi(number)
	if !found || err != nil || n < 1 {
		return errors.New("not of the form N=FILE with the number of an invoke, from 1")
	}
	if before, ok := c[n]; ok {
		return fmt.Errorf("invoke %d has %s already", n, before.path)
	}
	config, err := awstest.ReadConfig(path)
	if err != nil {
		return err
	}
	c[n] = change{path, config}
	return nil
}

// check refuses what would have no effect.
func (c changes) check(invokes int, standIn bool) error {
	for n := range c {
		switch {
		case !standIn:
			return errors.New("--change: there is nothing to change without --secrets")
		case n > invokes:
			return fmt.Errorf("--change %d: there are only %d invokes", n, invokes)
		}
	}
	return nil
}
