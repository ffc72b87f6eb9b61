package main_test

import (
	"bufio"
	"cmp"
	"encoding/pem"
	"io"
	"log"
	"net"
	"net/http/httptest"
	"os"
	"regexp"
	"slices"
	"strings"
	"sync"

	"github.com/rogpeppe/go-internal/testscript"

	"larder/internal/awstest"
)

// occupy sets a variable of the script to a port that somebody listens on.
func (b *bench) occupy(ts *testscript.TestScript, neg bool, args []string) {
	name := one(ts, neg, args)
	port, err := b.freePort()
	ts.Check(err)
	l, err := net.Listen("tcp", net.JoinHostPort("127.0.0.1", port))
	ts.Check(err)
	ts.Defer(func() { l.Close() })
	ts.Setenv(name, port)
}

// trapsKey finds the traps of a script in its values.
type trapsKey struct{}

// traps is what was asked of the traps of one script.
type traps struct {
	mu   sync.Mutex
	seen []string
}

// trap sets a variable of the script to an address that takes connections, notes
// the first line that comes, and hangs up.
func trap(ts *testscript.TestScript, neg bool, args []string) {
	name := one(ts, neg, args)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	ts.Check(err)
	ts.Defer(func() { l.Close() })
	all := ts.Value(trapsKey{}).(*traps)
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			line, _ := bufio.NewReader(conn).ReadString('\n')
			all.mu.Lock()
			all.seen = append(all.seen, "connection: "+line)
			all.mu.Unlock()
			conn.Close()
		}
	}()
	ts.Setenv(name, l.Addr().String())
}

// trapped looks for a connection to a trap whose first line matches.
func trapped(ts *testscript.TestScript, neg bool, args []string) {
	pattern := regexp.MustCompile(one(ts, false, args))
	all := ts.Value(trapsKey{}).(*traps)
	all.mu.Lock()
	defer all.mu.Unlock()
	if found := slices.ContainsFunc(all.seen, pattern.MatchString); found == neg {
		ts.Fatalf("connections to the traps: %q", all.seen)
	}
}

// join puts the test binary into the layer as one more extension, which knows its
// role by its name.
func join(ts *testscript.TestScript, neg bool, args []string) {
	name := one(ts, neg, args)
	ts.Check(os.CopyFS(ts.MkAbs("layer"), os.DirFS(ts.Getenv("LAYER"))))
	self, err := os.Executable()
	ts.Check(err)
	ts.Check(os.Symlink(self, ts.MkAbs("layer/extensions/"+name)))
	ts.Setenv("LAYER", ts.MkAbs("layer"))
}

// pack writes the layer as the zip that is published.
func (b *bench) pack(ts *testscript.TestScript, neg bool, args []string) {
	ts.Check(ts.Exec(b.packer, ts.Getenv("LAYER"), one(ts, neg, args)))
}

// expand makes values as long as the services allow.
func expand(ts *testscript.TestScript, neg bool, args []string) {
	name := one(ts, neg, args)
	const size = 64 << 10
	long := strings.Repeat("0123456789abcdef", size/16)
	ts.Check(os.WriteFile(ts.MkAbs(name), []byte(strings.ReplaceAll(ts.ReadFile(name), "{64KiB}", long)), 0o644))
}

// aws serves secrets.yaml over TLS, instead of larder-local: it adds to env what
// makes the function ask there, and writes the authority to trust to ca.pem.
func aws(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 0 {
		ts.Fatalf("usage: aws")
	}
	s := standIn(ts)
	server := httptest.NewUnstartedServer(s)
	server.Config.ErrorLog = log.New(io.Discard, "", 0) // of clients that do not trust it
	server.StartTLS()
	ts.Defer(server.Close)
	ca := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw})
	ts.Check(os.WriteFile(ts.MkAbs("ca.pem"), ca, 0o644))
	ts.Check(os.WriteFile(ts.MkAbs("env"), []byte(ts.ReadFile("env")+strings.Join(variablesFor(s, server.URL), "\n")+"\n"), 0o644))
	ts.Check(os.Rename(ts.MkAbs("secrets.yaml"), ts.MkAbs("served.yaml")))
}

// region is where the functions of stories are that run with a standIn.
const region = "eu-west-1"

// standIn returns AWS with what secrets.yaml says.
func standIn(ts *testscript.TestScript) *awstest.Server {
	config, err := awstest.ReadConfig(ts.MkAbs("secrets.yaml"))
	ts.Check(err)
	config.Region = cmp.Or(config.Region, region)
	s, err := awstest.New(config)
	ts.Check(err)
	ts.Defer(s.Close)
	return s
}

// variablesFor returns what makes an SDK use the stand-in.
func variablesFor(s *awstest.Server, url string) []string {
	key, secret, token := s.Credentials()
	return []string{
		"AWS_ENDPOINT_URL=" + url, "AWS_REGION=" + region,
		"AWS_ACCESS_KEY_ID=" + key, "AWS_SECRET_ACCESS_KEY=" + secret, "AWS_SESSION_TOKEN=" + token,
	}
}

// one returns the only argument of a command.
func one(ts *testscript.TestScript, neg bool, args []string) string {
	if neg || len(args) != 1 {
		ts.Fatalf("the command takes one argument and no !")
	}
	return args[0]
}
