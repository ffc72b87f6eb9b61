package main_test

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"larder/extension/extensiontest"
	"larder/internal/gotest"
)

// TestConfined looks at the real extension from outside while it waits for an event.
func TestConfined(t *testing.T) {
	t.Parallel()
	c := newConfined(t)
	api := new(extensiontest.API)
	server := httptest.NewServer(api)
	defer server.Close()
	cmd := c.command(c.build(t, "larder", "."))
	cmd.Env = []string{
		"AWS_LAMBDA_RUNTIME_API=" + server.Listener.Addr().String(), "AWS_REGION=eu-west-1", "AWS_SESSION_TOKEN=token",
		"PARAMETERS_SECRETS_EXTENSION_HTTP_PORT=" + freePort(t), "PARAMETERS_SECRETS_EXTENSION_LOG_LEVEL=NONE",
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	api.Await(extensiontest.Next, 1)
	if owner := c.owner(t, cmd); owner != 0 {
		t.Errorf("the process can be looked into by user %d", owner)
	}
	if limit := coreLimit(t, cmd.Process.Pid); limit != "0" {
		t.Errorf("the process may write a core of %s bytes", limit)
	}
	api.Send(`{"eventType":"SHUTDOWN","deadlineMs":4102444800000,"shutdownReason":"spindown"}`)
	if err := cmd.Wait(); err != nil {
		t.Errorf("larder: %v", err)
	}
}

// TestConfinedUntilExec looks at larder-exec while it waits for an answer, and then at
// the program that it has become, which is as it would have been without.
func TestConfinedUntilExec(t *testing.T) {
	t.Parallel()
	c := newConfined(t)
	asked, answer := make(chan struct{}), make(chan struct{})
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		close(asked)
		<-answer
		w.Header().Set("Content-Type", "application/octet-stream")
		io.WriteString(w, "KNOWN=value")
	}))
	defer server.Close()
	_, port, _ := net.SplitHostPort(server.Listener.Addr().String())
	cmd := c.command(c.build(t, "larder-exec", "../larder-exec"), "/bin/sh", "-c", `echo "$KNOWN"; read -r line`)
	cmd.Env = []string{"PARAMETERS_SECRETS_EXTENSION_HTTP_PORT=" + port}
	input, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	output, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	<-asked
	if owner := c.owner(t, cmd); owner != 0 {
		t.Errorf("larder-exec can be looked into by user %d", owner)
	}
	before := coreLimit(t, cmd.Process.Pid)
	close(answer)
	said := make([]byte, len("value"))
	if _, err := io.ReadFull(output, said); err != nil || string(said) != "value" {
		t.Fatalf("the program said %q, %v", said, err)
	}
	if owner := c.owner(t, cmd); owner != c.user {
		t.Errorf("what larder-exec has become belongs to user %d, want %d", owner, c.user)
	}
	if after := coreLimit(t, cmd.Process.Pid); after != before || before != c.core {
		t.Errorf("the core limit is %s in larder-exec and %s after it, want %s", before, after, c.core)
	}
	fmt.Fprintln(input)
	if err := cmd.Wait(); err != nil {
		t.Errorf("the program: %v", err)
	}
}

// confined starts programs as a user who is not root, who owns what may be looked into
// by that user; all else in /proc belongs to root. Their core limit is as high as it can be.
type confined struct {
	folder string
	user   uint32
	core   string
}

func newConfined(t *testing.T) *confined {
	gotest.DependOn(t, "../..")
	c := &confined{t.TempDir(), uint32(os.Getuid()), ""}
	if c.user == 0 {
		c.user = 65534
		if err := os.Chmod(filepath.Dir(c.folder), 0o755); err != nil { // or it could start nothing there
			t.Fatal(err)
		}
	}
	var core syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_CORE, &core); err != nil {
		t.Fatal(err)
	}
	if c.core = fmt.Sprint(core.Max); core.Max == ^uint64(0) {
		c.core = "unlimited"
	}
	return c
}

func (c *confined) build(t *testing.T, name, pkg string) string {
	t.Helper()
	path := filepath.Join(c.folder, name)
	if out, err := exec.Command("go", "build", "-buildvcs=false", "-o", path, pkg).CombinedOutput(); err != nil {
		t.Fatalf("building %s: %v\n%s", pkg, err, out)
	}
	return path
}

func (c *confined) command(path string, args ...string) *exec.Cmd {
	cmd := exec.Command("/bin/sh", append([]string{"-c", `ulimit -S -c "$(ulimit -H -c)"; exec "$0" "$@"`, path}, args...)...)
	cmd.Stderr = os.Stderr
	if os.Getuid() == 0 {
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: c.user, Gid: c.user}}
	}
	return cmd
}

// owner returns to whom the files belong that show what is in a process.
func (c *confined) owner(t *testing.T, cmd *exec.Cmd) uint32 {
	t.Helper()
	info, err := os.Stat(fmt.Sprintf("/proc/%d/mem", cmd.Process.Pid))
	if err != nil {
		t.Fatal(err)
	}
	return info.Sys().(*syscall.Stat_t).Uid
}

// coreLimit returns how large a core a process may write.
func coreLimit(t *testing.T, pid int) string {
	t.Helper()
	limits, err := os.ReadFile(fmt.Sprintf("/proc/%d/limits", pid))
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(limits)) {
		if rest, ok := strings.CutPrefix(line, "Max core file size"); ok {
			return strings.Fields(rest)[0]
		}
	}
	t.Fatalf("no core limit in %s", limits)
	return ""
}
