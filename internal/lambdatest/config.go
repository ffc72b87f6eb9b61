package lambdatest

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// Config describes a function and the layer it runs with.
type Config struct {
	// Opt is the folder that stands in for /opt: a layer as it was unpacked.
	// Every file directly in its extensions folder is started. Empty, or
	// without such a folder, the function has no extensions.
	Opt string

	// Runtime is the command that speaks the Runtime API. A program without a
	// slash is looked up in the caller's PATH. Required.
	Runtime []string

	// Provided says that Runtime is the bootstrap of a custom runtime, such as
	// provided.al2023, for which the platform ignores AWS_LAMBDA_EXEC_WRAPPER.
	// False means a runtime of the platform's own: a wrapper is started in its
	// place, with the command as its arguments. One in /opt is looked up in Opt.
	// https://docs.aws.amazon.com/lambda/latest/dg/runtimes-modify.html#runtime-wrapper
	Provided bool

	// Dir is the function's code folder: the runtime's working directory and
	// LAMBDA_TASK_ROOT. Empty means the caller's working directory.
	Dir string

	// Env holds NAME=value: the function's variables, its credentials, and
	// AWS_REGION (us-east-1 where it is absent). Nothing of the caller's own
	// environment reaches a process.
	Env []string

	// Mode is what kind of environment it is. Empty means OnDemand.
	Mode Mode

	// Credentials returns the role's keys, as often as a process asks for them:
	// in SnapStart mode, where its environment has none. Nil means those in Env.
	Credentials func() (Credentials, error)

	// Host is the IP address of this machine on which the APIs are served, those
	// credentials included: everybody who can reach it can speak to them. Empty
	// means 127.0.0.1. The platform has one that is not a loopback address.
	Host string

	// Function, Version, Handler and Account describe the function in
	// variables, answers and its ARN. Empty means "function", "$LATEST",
	// "index.handler" and "123456789012".
	Function, Version, Handler, Account string

	// Memory in MB appears in the environment and limits nothing. Zero means 128.
	Memory int

	// Timeout bounds one invoke, from its start until the runtime and the
	// extensions have called next. Zero means 3 s, the platform's default.
	Timeout time.Duration

	// Deadline is how far away the processes are told that an invoke's deadline
	// is. Zero means Timeout, which is the truth. A test that tells less sees what
	// they do in time, and a busy machine that is late does not end the invoke.
	Deadline time.Duration

	// InitTimeout bounds init. Zero means the platform's limit: 10 s on demand,
	// and in the other modes 130 s or Timeout if that is more, up to 15 minutes.
	InitTimeout time.Duration

	// RestoreTimeout bounds the restore of a snapshot. Zero means 10 s, the
	// platform's limit.
	RestoreTimeout time.Duration

	// Freeze has the processes stopped between invokes, from the end of one for
	// at least so long: the next Invoke waits for that. In SnapStart mode it is
	// the least age of a snapshot, too. Zero stops none between invokes, and
	// restores a snapshot at once. Managed instances are never frozen.
	Freeze time.Duration

	// Telemetry is what there is of the Telemetry API. Empty means all of it.
	// What an extension subscribed to is sent to TelemetryHost; CanResolve tells
	// whether it can resolve sandbox.localdomain to that. Destinations by TCP are
	// refused.
	Telemetry Telemetry

	// UpperCaseReasons sends shutdown reasons as SPINDOWN, TIMEOUT and FAILURE,
	// as the documentation has them, and not in AWS's own code's lower case.
	UpperCaseReasons bool

	// Output gets every line that a process prints to stdout or stderr, without
	// its newline; source is an extension's file name or "runtime". The slice
	// is the callee's to keep. Calls come one at a time. Nil discards them.
	Output func(source string, line []byte)

	// Observe gets every event as it happens, one at a time and in order. It
	// must neither block nor call the Lambda. Nil means nobody looks.
	Observe func(Event)
}

// complete checks the required fields and fills in the defaults.
func (c *Config) complete() error {
	if len(c.Runtime) == 0 || c.Runtime[0] == "" {
		return errors.New("no runtime command: set Config.Runtime")
	}
	setDefault(&c.Mode, OnDemand)
	if err := c.Mode.Check(); err != nil {
		return err
	}
	if c.Mode == ManagedInstances && c.Freeze > 0 {
		return errNeverFrozen
	}
	if err := c.Telemetry.check(c.Mode); err != nil {
		return err
	}
	for _, nameValue := range c.Env {
		if i := strings.IndexByte(nameValue, '='); i <= 0 {
			return errors.New("every item of Config.Env must be NAME=value")
		}
	}
	dir, err := filepath.Abs(c.Dir)
	if err != nil {
		return fmt.Errorf("code folder: %w", err)
	}
	c.Dir = dir
	if c.Opt != "" {
		if c.Opt, err = filepath.Abs(c.Opt); err != nil {
			return fmt.Errorf("layer folder: %w", err)
		}
		if info, err := os.Stat(c.Opt); err != nil {
			return fmt.Errorf("layer folder: %w", err)
		} else if !info.IsDir() {
			return fmt.Errorf("layer folder %s is a file: unpack it first", c.Opt)
		}
	}
	// A program that cannot be found stays as it is: starting it fails with
	// Runtime.InvalidEntrypoint, as on the platform.
	c.Runtime = slices.Clone(c.Runtime)
	if path, err := exec.LookPath(c.Runtime[0]); err == nil {
		if c.Runtime[0], err = filepath.Abs(path); err != nil {
			return fmt.Errorf("runtime: %w", err)
		}
	}
	setDefault(&c.Function, "function")
	setDefault(&c.Version, "$LATEST")
	setDefault(&c.Handler, "index.handler")
	setDefault(&c.Account, "123456789012")
	setDefault(&c.Memory, 128)
	setDefault(&c.Timeout, 3*time.Second)
	setDefault(&c.Deadline, c.Timeout)
	setDefault(&c.InitTimeout, c.Mode.initLimit(c.Timeout))
	setDefault(&c.RestoreTimeout, 10*time.Second)
	setDefault(&c.Host, "127.0.0.1")
	return nil
}

func setDefault[T comparable](field *T, value T) {
	var zero T
	if *field == zero {
		*field = value
	}
}
