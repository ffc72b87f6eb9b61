package main_test

import (
	"bufio"
	"cmp"
	"encoding/pem"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"regexp"
	"slices"
	"strconv"
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

// expand makes values as long as the services allow, and many of them: {8KiB} and
// {64KiB} become so much text, and a line with {1..300} is written 300 times, with
// the numbers in that place.
func expand(ts *testscript.TestScript, neg bool, args []string) {
	name := one(ts, neg, args)
	const unit = "0123456789abcdef"
	text := strings.NewReplacer("{8KiB}", strings.Repeat(unit, 8<<10/len(unit)), "{64KiB}", strings.Repeat(unit, 64<<10/len(unit)))
	count := regexp.MustCompile(`\{1\.\.(\d+)\}`)
	var b strings.Builder
	for line := range strings.Lines(ts.ReadFile(name)) {
		found := count.FindStringSubmatch(line)
		if found == nil {
			text.WriteString(&b, line)
			continue
		}
		n, err := strconv.Atoi(found[1])
		ts.Check(err)
		for i := range n {
			text.WriteString(&b, strings.ReplaceAll(line, found[0], strconv.Itoa(i+1)))
		}
	}
	ts.Check(os.WriteFile(ts.MkAbs(name), []byte(b.String()), 0o644))
}

// impostor sets a variable of the script to a port where every request is answered
// with what is in a file, its lines ended as HTTP has them and the last one not at
// all, and a hang-up.
func impostor(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: impostor NAME FILE")
	}
	answer := strings.ReplaceAll(strings.TrimSuffix(ts.ReadFile(args[1]), "\n"), "\n", "\r\n")
	l, err := net.Listen("tcp", "127.0.0.1:0")
	ts.Check(err)
	ts.Defer(func() { l.Close() })
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			if _, err := http.ReadRequest(bufio.NewReader(conn)); err == nil {
				io.WriteString(conn, answer)
			}
			conn.Close()
		}
	}()
	_, port, err := net.SplitHostPort(l.Addr().String())
	ts.Check(err)
	ts.Setenv(args[0], port)
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
