package lambdatest

import (
	"fmt"
	"os"
	"syscall"
)

func isFirstThread() bool { return syscall.Gettid() == os.Getpid() }

// seeHosts gives the calling thread a mount namespace, in which /etc/hosts has
// this content. The file is gone from its folder at once, and from the disk when
// the last process that sees it has left.
func seeHosts(content []byte) error {
	// Without the mounts made private the machine would see what comes after.
	if err := syscall.Unshare(syscall.CLONE_NEWNS); err != nil {
		return fmt.Errorf("a mount namespace: %w", err)
	}
	if err := syscall.Mount("", "/", "", syscall.MS_REC|syscall.MS_PRIVATE, ""); err != nil {
		return fmt.Errorf("private mounts: %w", err)
	}
	file, err := os.CreateTemp("", "lambdatest-hosts-")
	if err != nil {
		return err
	}
	defer os.Remove(file.Name())
	defer file.Close()
	if _, err := file.Write(content); err != nil {
		return err
	}
	if err := file.Chmod(0o644); err != nil { // whoever the process becomes
		return err
	}
	if err := syscall.Mount(file.Name(), hostsFile, "", syscall.MS_BIND, ""); err != nil {
		return fmt.Errorf("mounting over %s: %w", hostsFile, err)
	}
	return nil
}
