package main_test

import (
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

// BenchmarkStartup starts larder and a bare extension in turn, as many times as
// -benchtime says, and reports the medians of the time from exec to register and
// of the memory resident at next, with their ratios. One run is a pair.
func BenchmarkStartup(b *testing.B) {
	folder := b.TempDir()
	larder := build(b, filepath.Join(folder, "larder"), "LEAN", "./cmd/larder")
	bare := build(b, filepath.Join(folder, "bare"), "LEAN", "./cmd/larder/testdata/bare")
	api := newExtensionsAPI(b)
	var ours, theirs samples
	for b.Loop() {
		theirs.add(api.start(b, bare))
		ours.add(api.start(b, larder))
	}
	b.ReportMetric(0, "ns/op") // of a pair with its pauses: says nothing
	b.ReportMetric(median(ours.register), "register-ms")
	b.ReportMetric(median(theirs.register), "bare-register-ms")
	b.ReportMetric(median(ours.register)/median(theirs.register), "register-ratio")
	b.ReportMetric(median(ours.resident), "resident-MB")
	b.ReportMetric(median(theirs.resident), "bare-resident-MB")
	b.ReportMetric(median(ours.resident)/median(theirs.resident), "resident-ratio")
}

// build makes a program as the Makefile makes those of the layer, with one of its
// variables of further flags: LEAN as the extension, TINY as larder-exec.
func build(b *testing.B, path, flags, pkg string) string {
	b.Helper()
	recipe := fmt.Sprintf("program: ; $(BUILD) $(%s) -o %q %s", flags, path, pkg)
	if out, err := exec.Command("make", "-C", "../..", "--eval", recipe, "program").CombinedOutput(); err != nil {
		b.Fatalf("building %s: %v\n%s", pkg, err, out)
	}
	return path
}

// extensionsAPI is as much of the Extensions API as a start needs.
type extensionsAPI struct {
	addr       string
	registered chan time.Time
	next       chan chan struct{} // closing what comes out ends the extension
}

func newExtensionsAPI(b *testing.B) *extensionsAPI {
	api := &extensionsAPI{registered: make(chan time.Time, 1), next: make(chan chan struct{})}
	mux := http.NewServeMux()
	mux.HandleFunc("POST /2020-01-01/extension/register", func(w http.ResponseWriter, r *http.Request) {
		api.registered <- time.Now()
		w.Header().Set("Lambda-Extension-Identifier", "one")
		fmt.Fprintln(w, "{}")
	})
	mux.HandleFunc("GET /2020-01-01/extension/event/next", func(w http.ResponseWriter, r *http.Request) {
		over := make(chan struct{})
		api.next <- over
		<-over
		fmt.Fprintf(w, `{"eventType":"SHUTDOWN","deadlineMs":%d}`, time.Now().Add(time.Second).UnixMilli())
	})
	server := httptest.NewServer(mux)
	b.Cleanup(server.Close)
	api.addr = server.Listener.Addr().String()
	return api
}

// start runs a program until it has asked for the next event, measures, and ends
// it.
func (api *extensionsAPI) start(b *testing.B, path string) (register, residentMB float64) {
	b.Helper()
	begin := time.Now()
	e := api.launch(b, path,
		"AWS_REGION=eu-west-1", "AWS_SESSION_TOKEN=token", "AWS_ACCESS_KEY_ID=id", "AWS_SECRET_ACCESS_KEY=key",
		"PARAMETERS_SECRETS_EXTENSION_HTTP_PORT="+freePort(b))
	resident := residentMemory(b, e.cmd.Process.Pid)
	e.end(b)
	return float64(e.registered.Sub(begin).Microseconds()) / 1000, resident
}

// waiting is an extension that has asked for its next event.
type waiting struct {
	cmd        *exec.Cmd
	registered time.Time
	over       chan struct{}
}

// launch starts an extension and waits until it has asked for the next event. It
// must be ended.
func (api *extensionsAPI) launch(b *testing.B, path string, env ...string) *waiting {
	b.Helper()
	cmd := exec.Command(path)
	cmd.Env = append(env, "AWS_LAMBDA_RUNTIME_API="+api.addr, "PARAMETERS_SECRETS_EXTENSION_LOG_LEVEL=NONE")
	if err := cmd.Start(); err != nil {
		b.Fatal(err)
	}
	return &waiting{cmd, <-api.registered, <-api.next}
}

func (e *waiting) end(b *testing.B) {
	b.Helper()
	close(e.over)
	if err := e.cmd.Wait(); err != nil {
		b.Fatalf("%s: %v", filepath.Base(e.cmd.Path), err)
	}
}

func freePort(b testing.TB) string {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	defer l.Close()
	_, port, _ := net.SplitHostPort(l.Addr().String())
	return port
}

func residentMemory(b *testing.B, pid int) float64 {
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		b.Skip("no /proc on this machine: ", err)
	}
	for line := range strings.Lines(string(status)) {
		if fields := strings.Fields(line); len(fields) == 3 && fields[0] == "VmRSS:" {
			kb, err := strconv.Atoi(fields[1])
			if err != nil {
				b.Fatal(err)
			}
			return float64(kb) / 1024
		}
	}
	b.Fatal("no VmRSS in /proc")
	return 0
}

type samples struct{ register, resident []float64 }

func (s *samples) add(register, resident float64) {
	s.register = append(s.register, register)
	s.resident = append(s.resident, resident)
}

func median(values []float64) float64 {
	sorted := slices.Sorted(slices.Values(values))
	return sorted[len(sorted)/2]
}
