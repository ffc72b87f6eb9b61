// Package extension speaks Lambda's Extensions API and runs the lifecycle of an
// external extension: register, init, next, shutdown. It calls the few functions
// that it is given and knows nothing of secrets.
package extension

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"unicode"
)

// Names and paths of the Extensions API.
// Source: docs.aws.amazon.com/lambda/latest/dg/runtimes-extensions-api.html
const (
	apiVersion       = "/2020-01-01/extension"
	headerName       = "Lambda-Extension-Name"
	headerIdentifier = "Lambda-Extension-Identifier"
	headerErrorType  = "Lambda-Extension-Function-Error-Type"
)

// Client speaks to the Extensions API for one extension.
type Client struct {
	base       string
	name       string
	identifier string // from register
	http       *http.Client
}

// NewClient returns a client for the API at host:port, the value of
// AWS_LAMBDA_RUNTIME_API. name must be the base name of the extension's file:
// under any other name Lambda takes it for an internal extension, and init hangs.
func NewClient(api, name string) *Client {
	return &Client{
		base: "http://" + api,
		name: name,
		http: &http.Client{
			// No timeout: next blocks for as long as the function is not invoked. No
			// proxy: the API's address may be link-local, which HTTP_PROXY captures.
			Transport: &http.Transport{Proxy: nil, MaxResponseHeaderBytes: maxHeader},
			// The identifier is for nobody else, and no answer of Lambda's is elsewhere.
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		},
	}
}

// Bounds of an answer, which has a few hundred bytes, and of what is told of it.
const (
	maxHeader = 64 << 10
	maxAnswer = 1 << 20
	maxSaid   = 1 << 10
)

// Register announces the extension and the events that it wants. Lambda starts
// the runtime when every extension has registered.
func (c *Client) Register(ctx context.Context, events ...string) error {
	body, err := json.Marshal(map[string][]string{"events": append([]string{}, events...)})
	if err != nil {
		return err
	}
	answer, err := c.call(ctx, http.MethodPost, apiVersion+"/register", http.Header{headerName: {c.name}}, body, nil)
	if err != nil {
		return fmt.Errorf("registering as %q: %w", c.name, err)
	}
	if c.identifier = answer.Header.Get(headerIdentifier); c.identifier == "" {
		return fmt.Errorf("registering as %q: the answer has no %s header", c.name, headerIdentifier)
	}
	return nil
}

// Next says that the extension has done what it had to do and waits for the next
// event, without limit.
func (c *Client) Next(ctx context.Context) (Event, error) {
	var event Event
	header := http.Header{headerIdentifier: {c.identifier}}
	if _, err := c.call(ctx, http.MethodGet, apiVersion+"/event/next", header, nil, &event); err != nil {
		return Event{}, fmt.Errorf("asking for the next event: %w", err)
	}
	if event.Type == "" { // or the loop would go round and round on such answers
		return Event{}, errors.New("asking for the next event: the answer has no eventType")
	}
	return event, nil
}

// InitError tells Lambda why init fails. The failure comes when the process
// exits, so it must exit after this.
func (c *Client) InitError(ctx context.Context, f *Fault) error {
	return c.report(ctx, "/init/error", f)
}

// ExitError tells Lambda why the extension is about to exit after init.
func (c *Client) ExitError(ctx context.Context, f *Fault) error {
	return c.report(ctx, "/exit/error", f)
}

func (c *Client) report(ctx context.Context, path string, f *Fault) error {
	body, err := json.Marshal(map[string]any{
		"errorMessage": f.Message, "errorType": f.Type, "stackTrace": []string{},
	})
	if err != nil {
		return err
	}
	header := http.Header{headerIdentifier: {c.identifier}, headerErrorType: {f.Type}}
	if _, err := c.call(ctx, http.MethodPost, apiVersion+path, header, body, nil); err != nil {
		return fmt.Errorf("reporting %s: %w", f.Type, err)
	}
	return nil
}

// call makes one request and returns the answer, whose body it has read. Any 2xx is
// success: register and next answer 200, the two reports 202.
func (c *Client) call(ctx context.Context, method, path string, header http.Header, body []byte, into any) (*http.Response, error) {
	req, err := http.NewRequestWithContext(ctx, method, c.base+path, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	req.Header = header
	if body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	resp, err := c.http.Do(req)
	if err != nil {
		return nil, brief(err)
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer+1))
	switch {
	case err != nil:
		return nil, brief(err)
	case resp.StatusCode/100 != 2:
		return nil, refused(resp.StatusCode, answer)
	case len(answer) > maxAnswer:
		return nil, fmt.Errorf("the answer has more than %d bytes", maxAnswer)
	}
	if into != nil {
		// The content type is not checked: SHUTDOWN comes without one.
		if err := json.Unmarshal(answer, into); err != nil {
			return nil, err
		}
	}
	return resp, nil
}

// refusal is the error for an answer that is not a success.
type refusal struct {
	status        int
	kind, message string // Lambda's errorType and errorMessage; empty where it gave none
}

func refused(status int, answer []byte) error {
	var said struct{ ErrorMessage, ErrorType string }
	if json.Unmarshal(answer, &said) != nil {
		return &refusal{status: status}
	}
	return &refusal{status, plain(said.ErrorType), plain(said.ErrorMessage)}
}

// plain cuts what a peer says to what an error may hold, in one line.
func plain(text string) string {
	cut := text[:min(len(text), maxSaid)]
	line := strings.Map(func(r rune) rune {
		if unicode.IsControl(r) {
			return ' '
		}
		return r
	}, cut)
	if len(cut) < len(text) {
		line += "…"
	}
	return line
}

// brief returns err, or a plain one for one that is not: net/http repeats what is no HTTP.
func brief(err error) error {
	if text := err.Error(); plain(text) != text {
		return errors.New(plain(text))
	}
	return err
}

// Error says what Lambda said.
func (r *refusal) Error() string {
	if r.kind == "" {
		return fmt.Sprintf("status %d", r.status)
	}
	return fmt.Sprintf("%s: %s (status %d)", r.kind, r.message, r.status)
}
