// Package larder reads from Larder.
package larder

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"time"
)

// Read returns the bytes that Larder serves at path, and their version, which is its ETag.
func Read(ctx context.Context, path string) (value []byte, version string, err error) {
	// What Lambda gives to init; Larder answers well before.
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	port := cmp.Or(os.Getenv("PARAMETERS_SECRETS_EXTENSION_HTTP_PORT"), "2773")
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://localhost:"+port+path, nil)
	if err != nil {
		return nil, "", err
	}
	// With SnapStart, Lambda gives a function the second one.
	token := cmp.Or(os.Getenv("AWS_SESSION_TOKEN"), os.Getenv("AWS_CONTAINER_AUTHORIZATION_TOKEN"))
	req.Header.Set("X-Aws-Parameters-Secrets-Token", token)
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return nil, "", err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		return nil, "", fmt.Errorf("reading the answer to GET %s: %w", path, err)
	}
	if resp.StatusCode != http.StatusOK {
		line, _, _ := bytes.Cut(body, []byte("\n"))
		return nil, "", fmt.Errorf("GET %s: %d %s", path, resp.StatusCode, line)
	}
	return body, resp.Header.Get("ETag"), nil
}
