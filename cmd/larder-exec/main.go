// Larder-exec starts a program with the function's declared variables in its
// environment. It asks the Larder extension for all of them at once, and becomes
// the program, with all its arguments:
//
//	AWS_LAMBDA_EXEC_WRAPPER=/opt/larder-exec     Lambda's native runtimes
//	exec /opt/larder-exec ./server               one's own bootstrap
//
// It stands on the way of every cold start, between Lambda and the runtime, so it
// is a program of its own, without package net and most others: see deps_test.go.
//
// Source: docs.aws.amazon.com/lambda/latest/dg/runtimes-modify.html
package main

import (
	"errors"
	"strings"
	"syscall"
)

// nextVariable names the wrapper that gets the command, for who needs two.
const nextVariable = "LARDER_NEXT_WRAPPER"

func main() {
	confine()
	command, err := arguments()
	if err == nil {
		err = start(command, syscall.Environ())
	}
	say(err.Error()) // only where the program could not be started
	syscall.Exit(1)
}

// confine keeps others of the function's user from looking into this process, which will
// hold the values, and keeps it from writing a core. Exec ends that. The limit of cores
// would outlast it, and stays the function's.
func confine() { _, _, _ = syscall.RawSyscall(syscall.SYS_PRCTL, syscall.PR_SET_DUMPABLE, 0, 0) }

// maxLine bounds what is said: CloudWatch makes several events of a longer line.
const maxLine = 8 << 10

// say tells whoever reads the function's log something, in one line.
func say(text string) {
	_, _ = syscall.Write(syscall.Stderr, []byte("larder-exec: "+oneLine(text[:min(len(text), maxLine)])+"\n"))
}

// arguments returns what the program was started with, without its own name.
// Package os would tell, and be an eighth of the program.
func arguments() ([]string, error) {
	const file = "/proc/self/cmdline"
	fd, err := syscall.Open(file, syscall.O_RDONLY|syscall.O_CLOEXEC, 0)
	if err != nil {
		return nil, errors.New(file + " cannot be opened: " + err.Error())
	}
	defer syscall.Close(fd)
	raw, err := readAll(fd, nil)
	if err != nil {
		return nil, errors.New(file + " cannot be read: " + err.Error())
	}
	return strings.Split(strings.TrimSuffix(raw, "\x00"), "\x00")[1:], nil
}

// start becomes the program that command starts. It returns only with an error.
func start(command, environ []string) error {
	if len(command) == 0 {
		return errors.New("nothing to start: write /opt/larder-exec COMMAND ARGUMENTS, or set AWS_LAMBDA_EXEC_WRAPPER=/opt/larder-exec")
	}
	env := environment(environ)
	if env.get("AWS_LAMBDA_INITIALIZATION_TYPE") == "snap-start" {
		return errors.New("it does not run with SnapStart: the values would be in the snapshot, and never change. " +
			"Take it out of AWS_LAMBDA_EXEC_WRAPPER, and read the values over HTTP")
	}
	if next := strings.TrimSpace(env.get(nextVariable)); next != "" {
		command = append([]string{next}, command...)
		env = env.without(nextVariable) // it is said to us, not to what comes behind
	}
	values, err := ask(env)
	if err != nil {
		return err
	}
	if env, err = env.with(values); err != nil {
		return err
	}
	return become(command, env, values)
}

// become replaces this process by the program: the same process id, so that
// signals reach it, and the same open files.
func become(command []string, env environment, values answer) error {
	program, err := find(command[0], env.get("PATH"))
	if err == nil {
		err = syscall.Exec(program, command, env)
	}
	switch err {
	case syscall.E2BIG:
		return values.tooMuch()
	case syscall.ENOENT:
		return errors.New(command[0] + " cannot be started: there is no such file, or what its first line names is not there")
	case syscall.ENOEXEC:
		return errors.New(command[0] + " cannot be started: it is no program for this architecture, or a script without #! in its first line")
	}
	return errors.New(command[0] + " cannot be started: " + err.Error())
}
