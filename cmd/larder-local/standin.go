package main

import (
	"cmp"
	"fmt"
	"net"
	"net/http"
	"strings"
	"time"

	"larder/internal/awstest"
	"larder/internal/lambdatest"
)

// pageSize is how many parameters Parameter Store returns at once for a path.
// https://docs.aws.amazon.com/systems-manager/latest/APIReference/API_GetParametersByPath.html
const pageSize = 10

// A standIn serves the secrets of a file as AWS would, on loopback.
type standIn struct {
	config   awstest.Config
	server   *awstest.Server
	http     *http.Server
	listener net.Listener
}

// serveSecrets reads the file and serves it until close.
func serveSecrets(path string) (*standIn, error) {
	config, err := awstest.ReadConfig(path)
	if err != nil {
		return nil, fmt.Errorf("--secrets: %w", err)
	}
	server, err := awstest.New(config)
	if err != nil {
		return nil, fmt.Errorf("--secrets %s: %w", path, err)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		server.Close()
		return nil, fmt.Errorf("serving the secrets: %w", err)
	}
	s := &standIn{config, server, &http.Server{Handler: server, ReadHeaderTimeout: 10 * time.Second}, listener}
	go s.http.Serve(listener)
	return s, nil
}

func (s *standIn) close() {
	s.server.Close()
	s.http.Close()
}

// env returns the variables with which an SDK finds the stand-in.
func (s *standIn) env() []string {
	region := cmp.Or(s.config.Region, "us-east-1")
	key, secret, token := s.server.Credentials()
	return []string{
		"AWS_ENDPOINT_URL=http://" + s.listener.Addr().String(),
		"AWS_REGION=" + region,
		"AWS_DEFAULT_REGION=" + region,
		"AWS_ACCESS_KEY_ID=" + key,
		"AWS_SECRET_ACCESS_KEY=" + secret,
		"AWS_SESSION_TOKEN=" + token,
	}
}

// credentials returns the keys that are good at the moment.
func (s *standIn) credentials() (lambdatest.Credentials, error) {
	key, secret, token := s.server.Credentials()
	return lambdatest.Credentials{AccessKeyID: key, SecretAccessKey: secret, SessionToken: token}, nil
}

// change makes AWS what a file says.
func (s *standIn) change(c change) error {
	if err := s.server.Change(c.config); err != nil {
		return fmt.Errorf("--change %s: %w", c.path, err)
	}
	s.config = c.config
	return nil
}

// pages returns how many calls it takes to read the tree that a reference such
// as ssm:///path/* names. Parameter Store cuts pages from everything beneath a
// path, also where only one level is asked for.
func (s *standIn) pages(ref string) int {
	path, _, _ := strings.Cut(strings.TrimPrefix(ref, "ssm://"), "*")
	beneath := 0
	for key, p := range s.config.Parameters {
		if strings.HasPrefix(cmp.Or(p.Name, key), path) {
			beneath++
		}
	}
	return max(1, (beneath+pageSize-1)/pageSize)
}
