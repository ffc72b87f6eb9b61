//go:build integration

package integration_test

import (
	"encoding/json"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
)

func TestTemplateLints(t *testing.T) {
	t.Parallel()
	if output, err := exec.Command(tool(t, "cfn-lint"), "../template.yaml").CombinedOutput(); err != nil {
		t.Errorf("cfn-lint: %v\n%s", err, output)
	}
}

// TestTemplateTranslates looks at what CloudFormation gets to see after AWS SAM.
func TestTemplateTranslates(t *testing.T) {
	t.Parallel()
	template := translate(t)
	layers := make(map[string]string) // architecture by logical id
	for id, resource := range template.Resources {
		if resource.Type != "AWS::Lambda::LayerVersion" {
			continue
		}
		layers[id] = strings.Join(resource.Properties.CompatibleArchitectures, " ")
		if resource.DeletionPolicy != "Retain" {
			t.Errorf("%s has DeletionPolicy %q, want Retain: functions may still use an older version", id, resource.DeletionPolicy)
		}
	}
	for output, architecture := range map[string]string{"LayerX86Arn": "x86_64", "LayerArm64Arn": "arm64"} {
		if id := template.Outputs[output].Value.Ref; layers[id] != architecture {
			t.Errorf("%s is %q, want the layer for %s of %v", output, id, architecture, layers)
		}
	}
	function := template.Resources["ExampleFunction"].Properties
	if len(function.Layers) != 1 || !slices.Equal(function.Architectures, []string{layers[function.Layers[0].Ref]}) {
		t.Errorf("the function runs on %v with the layers %v of %v", function.Architectures, function.Layers, layers)
	}
	variables, err := os.ReadFile("../examples/function.env")
	if err != nil {
		t.Fatal(err)
	}
	want := slices.Sorted(slices.Values(strings.Fields(string(variables))))
	var got []string
	for name, value := range function.Environment.Variables {
		got = append(got, name+"="+value)
	}
	if slices.Sort(got); !slices.Equal(got, want) {
		t.Errorf("the function has the variables %q, want those of examples/function.env: %q", got, want)
	}
}

// translated is the part of a CloudFormation template that the test looks at.
type translated struct {
	Resources map[string]struct {
		Type           string
		DeletionPolicy string
		Properties     struct {
			Architectures           []string
			CompatibleArchitectures []string
			Environment             struct{ Variables map[string]string }
			Layers                  []struct{ Ref string }
		}
	}
	Outputs map[string]struct{ Value struct{ Ref string } }
}

func translate(t *testing.T) translated {
	t.Helper()
	cmd := exec.Command(tool(t, "python"), "translate.py", "../template.yaml")
	cmd.Stderr = os.Stderr
	output, err := cmd.Output()
	if err != nil {
		t.Fatalf("the SAM translator: %v", err)
	}
	var template translated
	if err := json.Unmarshal(output, &template); err != nil {
		t.Fatal(err)
	}
	return template
}
