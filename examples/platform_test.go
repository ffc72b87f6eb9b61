package examples_test

import (
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"sync"
	"testing"
)

const token = "token/with+signs=="

// reply is one answer of the fake Larder.
type reply struct {
	status int
	body   string
	etag   string
}

// platform is a fake Lambda Runtime API and a fake Larder. It records the requests to both in one order.
type platform struct {
	runtime, larder *httptest.Server
	events          chan string   // the ids of the events that next hands out; then it waits
	payload         string        // of all events
	posted          chan struct{} // gets one for every response and error

	mu      sync.Mutex
	log     []string          // request lines
	bodies  map[string]string // by request line
	replies map[string]reply  // by URI: answered once in place of the usual
}

// newPlatform has an event for each of the ids.
func newPlatform(t *testing.T, ids ...string) *platform {
	p := &platform{
		events:  make(chan string, len(ids)),
		payload: "{}",
		posted:  make(chan struct{}, len(ids)+1),
		bodies:  map[string]string{},
		replies: map[string]reply{},
	}
	for _, id := range ids {
		p.events <- id
	}
	p.runtime = httptest.NewServer(http.HandlerFunc(p.serveRuntime))
	t.Cleanup(p.runtime.Close)
	p.larder = httptest.NewServer(http.HandlerFunc(p.serveLarder))
	t.Cleanup(p.larder.Close)

	// Like Larder, answer on ::1 too where there is one: old Node versions try nothing else for localhost.
	_, port, _ := net.SplitHostPort(p.larder.Listener.Addr().String())
	if listener, err := net.Listen("tcp", net.JoinHostPort("::1", port)); err == nil {
		six := &httptest.Server{Listener: listener, Config: &http.Server{Handler: p.larder.Config.Handler}}
		six.Start()
		t.Cleanup(six.Close)
	}
	return p
}

// env returns what Lambda and the user set for the function. The proxies must not be asked for localhost.
func (p *platform) env() []string {
	_, port, _ := net.SplitHostPort(p.larder.Listener.Addr().String())
	const nobody = "http://127.0.0.1:1"
	return []string{
		"AWS_LAMBDA_RUNTIME_API=" + p.runtime.Listener.Addr().String(),
		"AWS_SESSION_TOKEN=" + token,
		"PARAMETERS_SECRETS_EXTENSION_HTTP_PORT=" + port,
		"HTTP_PROXY=" + nobody, "http_proxy=" + nobody, "NO_PROXY=", "no_proxy=",
	}
}

// answer makes the fake Larder answer the next request for uri with r.
func (p *platform) answer(uri string, r reply) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.replies[uri] = r
}

// reply returns the answer to a request that the guard lets through.
func (p *platform) reply(uri string) reply {
	p.mu.Lock()
	defer p.mu.Unlock()
	r, ok := p.replies[uri]
	if !ok {
		return usual(uri)
	}
	delete(p.replies, uri)
	return r
}

func (p *platform) record(line string, body []byte) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.log = append(p.log, line)
	p.bodies[line] = string(body)
}

// requests returns the request lines so far, in the order of their arrival.
func (p *platform) requests() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Clone(p.log)
}

// body returns the body of the last request with this line, or "".
func (p *platform) body(line string) string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.bodies[line]
}

func (p *platform) serveRuntime(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	p.record("runtime: "+r.Method+" "+r.RequestURI, body)
	if r.Method == http.MethodPost {
		w.WriteHeader(http.StatusAccepted)
		select {
		case p.posted <- struct{}{}:
		case <-r.Context().Done():
		}
		return
	}
	select {
	case id := <-p.events:
		w.Header().Set("Lambda-Runtime-Aws-Request-Id", id)
		w.Header().Set("Lambda-Runtime-Deadline-Ms", "4102444800000") // the year 2100
		io.WriteString(w, p.payload)
	case <-r.Context().Done(): // the process was stopped
	}
}

func (p *platform) serveLarder(w http.ResponseWriter, r *http.Request) {
	p.record("larder: "+r.Method+" "+r.RequestURI, nil)
	answer, ok := guard(r)
	if ok {
		answer = p.reply(r.RequestURI)
	}
	if answer.etag != "" {
		w.Header().Set("ETag", answer.etag)
	}
	w.WriteHeader(answer.status)
	io.WriteString(w, answer.body)
}

// guard refuses what Larder refuses of anybody who asks.
func guard(r *http.Request) (refusal reply, ok bool) {
	if _, port, _ := net.SplitHostPort(r.Host); r.Host != "localhost:"+port {
		return reply{status: http.StatusMisdirectedRequest, body: "foreign host"}, false
	}
	if r.Header.Get("X-Aws-Parameters-Secrets-Token") != token {
		return reply{status: http.StatusUnauthorized, body: "bad session token or header key"}, false
	}
	return reply{}, true
}

// usual is what Larder answers. The lengths of the values in bytes and in characters differ on purpose.
func usual(uri string) reply {
	values := map[string]string{
		"/secretsmanager/get?secretId=demo/session-key": `{"ARN":"a","Name":"demo/session-key","SecretBinary":null,` +
			`"SecretString":"session CANARY \u00f6é","ResultMetadata":{}}`,
		"/value?ref=secretsmanager://demo/db&field=password": "pass CANARY ö!",
		"/systemsmanager/parameters/get?name=/demo/api-key&withDecryption=true": `{"Parameter":{"Name":"/demo/api-key",` +
			`"Type":"SecureString","Value":"api-key CANARY \u003c","Version":1},"ResultMetadata":{}}`,
		"/value?ref=secretsmanager://demo/cert": "\xff\x00\x80CANARY",
		"/value?ref=ssm:///demo/flags/*":        `{"checkout":"on","banner":"CANARY","Beta":"off"}`,
	}
	body, ok := values[uri]
	if !ok {
		return reply{status: http.StatusNotFound, body: "not found"}
	}
	return reply{status: http.StatusOK, body: body}
}
