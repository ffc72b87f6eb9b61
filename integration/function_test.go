//go:build integration

package integration_test

import (
	"archive/zip"
	"bytes"
	"context"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	sdk "github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
	"github.com/aws/aws-sdk-go-v2/service/ssm/types"

	"larder/internal/awstest"
	"larder/internal/canary"
	"larder/internal/lambdatest"
)

// token is the function's session token in tests that need no real one.
const token = "session-token"

// example is one of the example functions.
type example struct {
	runtime   []string // the process that speaks the Runtime API
	dir       string   // its code
	handler   string
	variables string // the file with its variables
}

// function is an example function with the layer of this machine, in a local Lambda.
type function struct {
	*lambdatest.Lambda
	address string // Larder's
	token   string

	mu     sync.Mutex
	output bytes.Buffer // all that the processes printed
}

// startFunction starts the example in Python with moto for AWS. The error is that of its init.
func startFunction(t *testing.T, moto *aws, env ...string) (*function, error) {
	t.Helper()
	python := example{runtime: []string{"../examples/python/bootstrap"}, variables: "../examples/function.env"}
	return startExample(t, python, moto, env...)
}

// startExample starts an example with its AWS. The error is that of its init.
func startExample(t *testing.T, e example, cloud *aws, env ...string) (*function, error) {
	t.Helper()
	address := freeAddress(t)
	_, port, _ := net.SplitHostPort(address)
	variables, err := os.ReadFile(e.variables)
	if err != nil {
		t.Fatal(err)
	}
	f := &function{address: address}
	cfg := lambdatest.Config{
		Opt:     unpackLayer(t),
		Runtime: e.runtime,
		Dir:     e.dir,
		Handler: e.handler,
		Timeout: 20 * time.Second, // the machine may be busy
		Env:     slices.Concat(cloud.env, strings.Fields(string(variables)), []string{"AWS_REGION=eu-west-1", "PARAMETERS_SECRETS_EXTENSION_HTTP_PORT=" + port}, env),
		Output: func(source string, line []byte) {
			f.mu.Lock()
			defer f.mu.Unlock()
			f.output.WriteString(source + ": " + string(line) + "\n")
		},
	}
	for _, variable := range cfg.Env {
		if value, ok := strings.CutPrefix(variable, "AWS_SESSION_TOKEN="); ok {
			f.token = value
		}
	}
	f.Lambda, err = lambdatest.Start(t.Context(), cfg)
	if f.Lambda != nil {
		t.Cleanup(f.Close)
	}
	return f, err
}

// get asks Larder as the function would.
func (f *function) get(t *testing.T, path string) (status int, body []byte) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+f.address+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("X-Aws-Parameters-Secrets-Token", f.token)
	answer, err := (&http.Transport{DisableKeepAlives: true}).RoundTrip(request)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	if body, err = io.ReadAll(answer.Body); err != nil {
		t.Fatal(err)
	}
	return answer.StatusCode, body
}

// finish shuts the function down, and checks how it left and that it has printed no value.
func (f *function) finish(t *testing.T, values awstest.Config) {
	t.Helper()
	exits, err := f.Shutdown(t.Context(), "spindown")
	if err != nil {
		t.Fatal(err)
	}
	for _, exit := range exits {
		if exit.Source == "larder" && exit.Code != 0 {
			t.Errorf("larder left with status %d, want 0", exit.Code)
		}
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.output.Len() == 0 {
		t.Error("nothing was printed, so the search for values in it proves nothing")
	}
	hidden := map[string]string{"the field password": password(t, values)}
	for name, secret := range values.Secrets {
		hidden[name] = secret.String + string(secret.Binary)
	}
	for name, parameter := range values.Parameters {
		hidden[name] = parameter.Value
	}
	for name, value := range hidden {
		if len(value) < canary.MinLength {
			continue // a flag
		}
		if form, found := canary.Find(f.output.Bytes(), []byte(value)); found {
			t.Errorf("the output holds the value of %s: %s", name, form)
		}
	}
}

// printed returns what the processes have printed so far.
func (f *function) printed() string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.output.String()
}

// exampleValues returns what the example function reads.
func exampleValues(t *testing.T) awstest.Config {
	t.Helper()
	values, err := awstest.ReadConfig("../examples/secrets.yaml")
	if err != nil {
		t.Fatal(err)
	}
	return values
}

// seed puts values into moto.
func seed(t *testing.T, moto *aws, values awstest.Config) {
	t.Helper()
	credentials := sdk.CredentialsProviderFunc(func(context.Context) (sdk.Credentials, error) {
		return sdk.Credentials{AccessKeyID: "id", SecretAccessKey: "key"}, nil
	})
	secrets := secretsmanager.New(secretsmanager.Options{BaseEndpoint: &moto.url, Region: values.Region, Credentials: credentials})
	for name, secret := range values.Secrets {
		input := &secretsmanager.CreateSecretInput{Name: &name, SecretBinary: secret.Binary}
		if secret.Binary == nil {
			input.SecretString = &secret.String
		}
		if _, err := secrets.CreateSecret(t.Context(), input); err != nil {
			t.Fatal(err)
		}
	}
	parameters := ssm.New(ssm.Options{BaseEndpoint: &moto.url, Region: values.Region, Credentials: credentials})
	for name, parameter := range values.Parameters {
		kind := types.ParameterTypeString
		if parameter.Type != "" {
			kind = types.ParameterType(parameter.Type)
		}
		input := &ssm.PutParameterInput{Name: &name, Value: &parameter.Value, Type: kind}
		if _, err := parameters.PutParameter(t.Context(), input); err != nil {
			t.Fatal(err)
		}
	}
}

// unpackLayer unpacks the zip for this machine as Lambda does to /opt.
func unpackLayer(t *testing.T) string {
	t.Helper()
	architecture := map[string]string{"amd64": "x86_64", "arm64": "arm64"}[runtime.GOARCH]
	archive, err := zip.OpenReader("../dist/larder-" + architecture + ".zip")
	if err != nil {
		t.Fatalf("%v: run make test-integration", err)
	}
	defer archive.Close()
	opt := t.TempDir()
	for _, entry := range archive.File {
		reader, err := entry.Open()
		if err != nil {
			t.Fatal(err)
		}
		content, err := io.ReadAll(reader)
		if err != nil {
			t.Fatal(err)
		}
		path := filepath.Join(opt, entry.Name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, content, entry.Mode()); err != nil {
			t.Fatal(err)
		}
	}
	return opt
}

// freeAddress returns a loopback address that nobody listens on.
func freeAddress(t *testing.T) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	return listener.Addr().String()
}
