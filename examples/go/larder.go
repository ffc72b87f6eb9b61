package main

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"time"
)

// read returns the bytes that Larder serves at path.
func read(ctx context.Context, path string) ([]byte, error) {
	// What Lambda gives to init; Larder answers well before.
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	port := cmp.Or(os.Getenv("PARAMETERS_SECRETS_EXTENSION_HTTP_PORT"), "2773")
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://localhost:"+port+path, nil)
	if err != nil {
		return nil, err
	}
	req.Header.Set("X-Aws-Parameters-Secrets-Token", os.Getenv("AWS_SESSION_TOKEN"))
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		return nil, fmt.Errorf("reading the answer to GET %s: %w", path, err)
	}
	if resp.StatusCode != http.StatusOK {
		line, _, _ := bytes.Cut(body, []byte("\n"))
		return nil, fmt.Errorf("GET %s: %d %s", path, resp.StatusCode, line)
	}
	return body, nil
}

// readJSON reads path and decodes its JSON into v.
func readJSON(ctx context.Context, path string, v any) error {
	body, err := read(ctx, path)
	if err != nil {
		return err
	}
	return json.Unmarshal(body, v)
}
