//go:build integration

package integration_test

import (
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"larder/internal/awstest"
)

// TestRuntimes runs the example functions under AWS's own runtime clients, which the managed runtimes have inside: one
// that reads over HTTP, and one whose variables larder-exec has set.
func TestRuntimes(t *testing.T) {
	t.Parallel()
	values := exampleValues(t)
	whole := wholeAnswer(t, values)
	variables := whole
	variables.Cert = 0 // it holds a NUL, which no variable can
	// The first is a locale that every machine has: Java reads variables by it. The second keeps examples/ clean.
	env := []string{"LANG=C.UTF-8", "PYTHONDONTWRITEBYTECODE=1"}
	for _, lang := range languages(t) {
		t.Run(lang.name, func(t *testing.T) {
			if lang.missing != "" {
				t.Skip("SKIPPED: " + lang.missing)
			}
			cloud := startStandIn(t, values)
			for _, way := range []struct {
				handler, variables string
				want               answer
			}{
				{lang.app, "../examples/function.env", whole},
				{lang.environment, "../examples/environment/function.env", variables},
			} {
				t.Run(way.handler, func(t *testing.T) {
					e := example{append(lang.client, way.handler), lang.dir, way.handler, way.variables}
					f, err := startExample(t, e, cloud, env...)
					if err != nil {
						t.Fatalf("%v\n%s", err, f.printed())
					}
					checkAnswer(t, f, way.want)
					f.finish(t, values)
				})
			}
		})
	}
}

// language is a managed runtime's, and its two examples.
type language struct {
	name             string
	missing          string   // why it cannot run here; empty if it can
	client           []string // AWS's runtime client, but for the handler at the end
	dir              string
	app, environment string // handlers
}

func languages(t *testing.T) []language {
	t.Helper()
	const classes, jars = "../dist/java/target/classes", "../dist/java/target/dependency"
	python := language{name: "python", dir: "../examples/python", app: "app.handler", environment: "environment.handler"}
	python.client = []string{tool(t, "python"), "-m", "awslambdaric"}

	node := language{name: "node", dir: "../examples/node", app: "index.handler", environment: "environment.handler"}
	program, err := exec.LookPath("node")
	if err != nil {
		node.missing = "no Node.js on this machine"
	}
	client := absolute(t, "../dist/node/node_modules/aws-lambda-ric")
	if _, err := os.Stat(filepath.Join(client, "rapid-client.node")); err != nil && node.missing == "" {
		node.missing = "AWS's runtime client for Node.js is not installed"
	}
	node.client = []string{program, filepath.Join(client, "index.mjs")}

	java := language{name: "java", app: "function.App", environment: "function.Environment"}
	if program, err = exec.LookPath("java"); err != nil {
		java.missing = "no Java on this machine"
	} else if _, err := os.Stat(jars); err != nil {
		java.missing = "AWS's runtime client for Java is not installed, or the examples are not built"
	}
	java.client = []string{program, "-cp", absolute(t, classes) + ":" + absolute(t, jars) + "/*",
		"com.amazonaws.services.lambda.runtime.api.client.AWSLambda"}
	return []language{python, node, java}
}

func absolute(t *testing.T, path string) string {
	t.Helper()
	path, err := filepath.Abs(path)
	if err != nil {
		t.Fatal(err)
	}
	return path
}

// startStandIn serves values as AWS would, under the policy that comes with them.
func startStandIn(t *testing.T, values awstest.Config) *aws {
	t.Helper()
	standIn, err := awstest.New(values)
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(standIn)
	t.Cleanup(func() {
		standIn.Close()
		server.Close()
	})
	cloud := &aws{url: server.URL}
	cloud.signAs(standIn.Credentials())
	return cloud
}
