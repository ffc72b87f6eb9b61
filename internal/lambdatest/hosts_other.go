//go:build !linux

package lambdatest

import "errors"

func isFirstThread() bool { return false }

func seeHosts([]byte) error { return errors.ErrUnsupported }
