package main_test

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"
)

// request is one read and what must come of it.
type request struct {
	// Path is the target of the request as it is sent, with {etag} replaced by the
	// last ETag that this client has got, percent-encoded.
	Path string `json:"path"`
	// Method is GET unless it is set.
	Method string `json:"method"`
	// Header replaces headers that the reader sends, and adds others. Empty: the
	// header is not sent.
	Header map[string]string `json:"header"`
	// Count makes so many reads of it, with {n} in Path, Variable and Want replaced
	// by the numbers from 1 on. Zero: one, as it is.
	Count int `json:"count"`
	// After is how many milliseconds the function works before the read. Zero: none.
	After int `json:"after"`
	// For makes the read over and over for so many milliseconds, or until the body is
	// as it must be, and shows each line once. Zero: one read.
	For int `json:"for"`
	// Within marks an answer as late that took longer, in milliseconds. Zero: none is.
	Within int `json:"within"`

	// Variable is an environment variable that is looked at, and Args are the
	// arguments of the process, both instead of a read: see look. Empty: a read.
	Variable string   `json:"variable"`
	Args     []string `json:"args"`

	// Want is the value that must come, Bytes one in base64, Wants the object of
	// all variables, and Match a regular expression for the body.
	Want  *string           `json:"want"`
	Bytes []byte            `json:"bytes"`
	Wants map[string]string `json:"wants"`
	Match string            `json:"match"`
	// Show puts the body into the response, whatever it is: a leak.
	Show bool `json:"show"`
}

// reader is a function's runtime. It makes the reads of each event and answers
// with a line for each: see read. Those of READER_INIT it makes at module load and
// those of READER_RESTORE after the restore of a snapshot, and prints the lines.
// READER_COUNT clients make all the reads at once, each on a connection of its own
// and beginning with another read.
func reader() {
	api := "http://" + os.Getenv("AWS_LAMBDA_RUNTIME_API") + "/2018-06-01/runtime/"
	if text := os.Getenv("READER_INIT"); text != "" {
		fmt.Println(beginsToRead)
		os.Stdout.WriteString(carryOut([]byte(text)))
	}
	platform := &http.Client{Transport: &http.Transport{}}
	if text := os.Getenv("READER_RESTORE"); text != "" {
		if _, err := platform.Get(api + "restore/next"); err != nil {
			leave(err)
		}
		os.Stdout.WriteString(carryOut([]byte(text)))
	}
	api += "invocation/"
	for {
		next, err := platform.Get(api + "next")
		if err != nil {
			leave(err)
		}
		event, err := io.ReadAll(next.Body)
		if err != nil {
			leave(err)
		}
		answer := carryOut(event)
		id := next.Header.Get("Lambda-Runtime-Aws-Request-Id")
		resp, err := platform.Post(api+id+"/response", "text/plain", strings.NewReader(answer))
		if err != nil {
			leave(err)
		}
		resp.Body.Close()
	}
}

// beginsToRead is what the reader prints in front of its reads at module load.
const beginsToRead = "reading"

// leave ends a process that cannot go on. os.Exit would wait for a second where
// the race detector is on.
func leave(err error) {
	fmt.Println("giving up:", err)
	syscall.Exit(1)
}

// carryOut makes the reads of an event and returns the lines. Those of several
// clients are sorted, with their number in front.
func carryOut(event []byte) string {
	var requests []request
	if err := json.Unmarshal(event, &requests); err != nil {
		return fmt.Sprintln("not a list of reads:", err)
	}
	requests = expandRequests(requests)
	readers, err := strconv.Atoi(cmp.Or(os.Getenv("READER_COUNT"), "1"))
	if err != nil {
		return fmt.Sprintln("READER_COUNT:", err)
	}
	lines := make([][]string, readers)
	var wg sync.WaitGroup
	for i := range readers {
		wg.Go(func() {
			client := newLocalClient()
			defer client.CloseIdleConnections()
			for n := range requests {
				lines[i] = append(lines[i], requests[(n+i)%len(requests)].repeat(client)...)
			}
		})
	}
	wg.Wait()
	if readers == 1 {
		return strings.Join(lines[0], "")
	}
	count := make(map[string]int)
	for _, line := range slices.Concat(lines...) {
		count[line]++
	}
	var b strings.Builder
	for _, line := range slices.Sorted(maps.Keys(count)) {
		fmt.Fprintf(&b, "%d× %s", count[line], line)
	}
	return b.String()
}

func expandRequests(requests []request) []request {
	var all []request
	for _, r := range requests {
		if r.Count == 0 {
			all = append(all, r)
			continue
		}
		for n := range r.Count {
			number := strings.NewReplacer("{n}", strconv.Itoa(n+1))
			one := r
			one.Path = number.Replace(r.Path)
			one.Variable = number.Replace(r.Variable)
			if r.Want != nil {
				want := number.Replace(*r.Want)
				one.Want = &want
			}
			all = append(all, one)
		}
	}
	return all
}

// localClient is a client with connections of its own, which shows redirects
// instead of following them.
type localClient struct {
	http.Client
	etag string // the last one that it got
}

func newLocalClient() *localClient {
	return &localClient{Client: http.Client{
		Transport:     &http.Transport{},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		Timeout:       20 * time.Second,
	}}
}

// localAddress is where the extension listens.
func localAddress() string {
	return "localhost:" + cmp.Or(os.Getenv("PARAMETERS_SECRETS_EXTENSION_HTTP_PORT"), "2773")
}

// repeat makes the read once, or as often as it must, and returns the lines.
func (r *request) repeat(client *localClient) []string {
	<-time.After(time.Duration(r.After) * time.Millisecond)
	end := time.Now().Add(time.Duration(r.For) * time.Millisecond)
	var lines []string
	for {
		line := r.read(client)
		if !slices.Contains(lines, line) {
			lines = append(lines, line)
		}
		if strings.Contains(line, same) || !time.Now().Before(end) {
			return lines
		}
	}
}

// read makes the read and returns its line: status, same or different or -, the
// path, and the headers that matter. The body follows only if it is an error's,
// which holds no value.
func (r *request) read(client *localClient) string {
	if r.Variable != "" || r.Args != nil {
		return r.look()
	}
	path := strings.ReplaceAll(r.Path, "{etag}", url.QueryEscape(client.etag))
	req, err := http.NewRequest(cmp.Or(r.Method, "GET"), "http://"+localAddress()+path, nil)
	if err != nil {
		return fmt.Sprintln("not a request:", err)
	}
	req.Header.Set("X-Aws-Parameters-Secrets-Token", cmp.Or(os.Getenv("AWS_SESSION_TOKEN"), os.Getenv("AWS_CONTAINER_AUTHORIZATION_TOKEN")))
	for name, value := range r.Header {
		switch {
		case name == "Host":
			req.Host = value
		case value == "":
			req.Header.Del(name)
		default:
			req.Header.Set(name, value)
		}
	}
	begin := time.Now()
	resp, err := client.Do(req)
	if err != nil {
		return trouble(err) + " " + r.Path + "\n"
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		return "cut off " + r.Path + "\n"
	}
	client.etag = cmp.Or(resp.Header.Get("ETag"), client.etag)
	line := fmt.Sprint(resp.StatusCode) + r.judge(resp, body) + r.Path
	if r.Within != 0 && time.Since(begin) > time.Duration(r.Within)*time.Millisecond {
		line += " late"
	}
	for _, name := range []string{"Age", "ETag"} { // differ from run to run
		if resp.Header.Get(name) != "" {
			line += " " + name
		}
	}
	for _, name := range []string{
		"Content-Type", "Location", "Allow", "Retry-After", "Larder-Stale", "Larder-Error", "Larder-Action", "Larder-Region", "Larder-Binary",
	} {
		if value := resp.Header.Get(name); value != "" {
			line += " " + name + "=" + strings.ReplaceAll(value, " ", "")
		}
	}
	if resp.StatusCode >= 400 || r.Show {
		line += " " + string(body)
	}
	return line + "\n"
}

// trouble says whether nobody listens, or somebody hung up.
func trouble(err error) string {
	if op := (*net.OpError)(nil); errors.As(err, &op) && op.Op == "dial" {
		return "unreachable"
	}
	return "cut off"
}
