//go:build integration

package integration_test

import (
	"encoding/json"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"

	"larder/internal/awstest"
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

// TestTemplatePolicy holds the function's policy against the one that the demo
// runs under, which is enough.
func TestTemplatePolicy(t *testing.T) {
	t.Parallel()
	config, err := awstest.ReadConfig("../examples/secrets.yaml")
	if err != nil {
		t.Fatal(err)
	}
	var want, got []string
	for _, s := range config.Policy.Statement {
		for _, action := range s.Action {
			for _, resource := range s.Resource {
				want = append(want, action+" "+resource)
			}
		}
	}
	names := strings.NewReplacer("${AWS::Partition}", "aws", "${AWS::Region}", config.Region, "${AWS::AccountId}", config.Account)
	for _, resource := range translate(t).Resources {
		for _, policy := range resource.Properties.Policies {
			for _, s := range policy.PolicyDocument.Statement {
				for _, action := range texts(s["Action"]) {
					for _, resource := range texts(s["Resource"]) {
						got = append(got, action+" "+names.Replace(resource))
					}
				}
			}
		}
	}
	slices.Sort(want)
	if slices.Sort(got); !slices.Equal(got, want) {
		t.Errorf("the function may\n%s\nwant what examples/secrets.yaml allows:\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

// texts returns a text, or a list of them, each of which may stand in Fn::Sub.
func texts(v any) []string {
	switch v := v.(type) {
	case string:
		return []string{v}
	case map[string]any:
		return texts(v["Fn::Sub"])
	case []any:
		var all []string
		for _, one := range v {
			all = append(all, texts(one)...)
		}
		return all
	}
	return nil // a condition: the statement for a customer managed key
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
			Policies                []struct {
				PolicyDocument struct{ Statement []map[string]any }
			}
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
