package awstest

import (
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"go.yaml.in/yaml/v3"
)

// Config says what a Server holds and how it behaves. The zero Config is
// valid: no values, everything allowed, no faults.
type Config struct {
	// Account is the twelve-digit account of the function, and of every entry
	// that names no other. Zero: 123456789012.
	Account string `yaml:"account"`
	// Region is where every entry lives that names no other. Zero: us-east-1.
	Region string `yaml:"region"`

	// AccessKeyID is the function's key; besides it, only the sessions of roles
	// may sign. Zero: made up by New.
	AccessKeyID string `yaml:"access-key-id"`
	// SecretAccessKey belongs to AccessKeyID. Zero: made up by New.
	SecretAccessKey string `yaml:"secret-access-key"`
	// SessionToken must come with each call. Zero: made up by New, because
	// a Lambda function always has one.
	SessionToken string `yaml:"session-token"`

	// Secrets are Secrets Manager's, by name. Zero: none.
	Secrets map[string]Secret `yaml:"secrets"`
	// Parameters are Parameter Store's, by name. Zero: none.
	Parameters map[string]Parameter `yaml:"parameters"`

	// Policy is the identity policy of the function's own role, which is called
	// function-role. Zero: everything is allowed.
	Policy *Policy `yaml:"policy"`
	// Roles are those that can be assumed, by ARN. Zero: none.
	Roles map[string]Role `yaml:"roles"`
	// Faults are tried in order, see [Fault]. Zero: none.
	Faults []Fault `yaml:"faults"`
}

// Secret is one secret. With String or Binary it has one version, which is
// AWSCURRENT; with Versions it has those; with none of the three it exists and
// has no value yet.
type Secret struct {
	// Name is the friendly name. Zero: the entry's key, which then need not
	// be unique among accounts and Regions.
	Name string `yaml:"name"`
	// Account owns the secret. Zero: Config.Account.
	Account string `yaml:"account"`
	// Region holds the secret. Zero: Config.Region.
	Region string `yaml:"region"`
	// Suffix is the six letters or digits at the end of the ARN.
	// Zero: derived from the name, the same in every run; a secret that is made
	// anew after one of its name was deleted gets others.
	Suffix string `yaml:"suffix"`

	// String is the current version's text. Zero: none.
	String string `yaml:"string"`
	// Binary is the current version's bytes. Zero: none.
	Binary Binary `yaml:"binary"`
	// Versions are all versions, oldest first. Zero: see String.
	Versions []SecretVersion `yaml:"versions"`

	// Deleted marks the secret as scheduled for deletion. Zero: it is not.
	Deleted bool `yaml:"deleted"`
	// KMSKey is the customer managed key that encrypts the secret, as an id, an
	// alias or an ARN: the policy must then allow kms:Decrypt. Zero: AWS's own
	// key, which asks for no permission.
	KMSKey string `yaml:"kms-key"`
	// KMSDenied makes decryption fail whatever the policy says. Zero: it works.
	KMSDenied bool `yaml:"kms-denied"`
}

// SecretVersion is one version of a secret: either String or Binary is set.
type SecretVersion struct {
	// ID is the version's id. Zero: derived from the ARN, the same in every run.
	ID string `yaml:"id"`
	// Stages are the staging labels, like AWSCURRENT. Zero: none, and the
	// version can be had by ID only.
	Stages []string `yaml:"stages"`
	// String is the text. Zero: none.
	String string `yaml:"string"`
	// Binary is the bytes. Zero: none.
	Binary Binary `yaml:"binary"`
}

// Parameter is one parameter. Value makes one version, Versions make several.
type Parameter struct {
	// Name is the full name. Zero: the entry's key, which then need not be
	// unique among accounts and Regions.
	Name string `yaml:"name"`
	// Account owns the parameter. Zero: Config.Account.
	Account string `yaml:"account"`
	// Region holds the parameter. Zero: Config.Region.
	Region string `yaml:"region"`
	// Type is String, StringList or SecureString. Zero: String.
	Type string `yaml:"type"`
	// DataType is what the service calls the kind of text. Zero: text.
	DataType string `yaml:"data-type"`

	// Value is the text of the newest version. Zero: see Versions.
	Value string `yaml:"value"`
	// Labels are the newest version's labels, with Value. Zero: none.
	Labels []string `yaml:"labels"`
	// Versions are all versions, oldest first, numbered from 1. Zero: see Value.
	Versions []ParameterVersion `yaml:"versions"`

	// KMSKey is as in Secret; only a SecureString has one.
	KMSKey string `yaml:"kms-key"`
	// KMSDenied is as in Secret; only a SecureString has one.
	KMSDenied bool `yaml:"kms-denied"`
}

// ParameterVersion is one version of a parameter.
type ParameterVersion struct {
	// Value is the text; the service has no empty ones.
	Value string `yaml:"value"`
	// Labels can stand behind the name, as in /p:label. Zero: none.
	Labels []string `yaml:"labels"`
}

// Binary is bytes, written in a file as standard base64. Zero: no bytes.
type Binary []byte

// UnmarshalYAML reads base64. Its error tells the line, not the text.
func (b *Binary) UnmarshalYAML(n *yaml.Node) error {
	decoded, err := base64.StdEncoding.DecodeString(n.Value)
	if n.Kind != yaml.ScalarNode || err != nil {
		return fmt.Errorf("line %d: binary is not base64", n.Line)
	}
	*b = decoded
	return nil
}

// Format prints where the secret is and none of its values, under every verb.
func (s Secret) Format(f fmt.State, _ rune) { fmt.Fprintf(f, "{secret %s}", s.Name) }

// Format prints the version's id and not its value, under every verb.
func (v SecretVersion) Format(f fmt.State, _ rune) { fmt.Fprintf(f, "{version %s}", v.ID) }

// Format prints where the parameter is and none of its values, under every verb.
func (p Parameter) Format(f fmt.State, _ rune) { fmt.Fprintf(f, "{parameter %s}", p.Name) }

// Format prints the labels and not the value, under every verb.
func (v ParameterVersion) Format(f fmt.State, _ rune) { fmt.Fprintf(f, "{version %q}", v.Labels) }

// ReadConfig reads a YAML file. A key it does not know is an error, so that a
// misspelt one does not go unnoticed; no error repeats a value of the file.
// What the entries say is checked by New.
func ReadConfig(path string) (Config, error) {
	f, err := os.Open(path)
	if err != nil {
		return Config{}, err
	}
	defer f.Close()
	var cfg Config
	dec := yaml.NewDecoder(f)
	dec.KnownFields(true)
	if err := dec.Decode(&cfg); err != nil && !errors.Is(err, io.EOF) {
		return Config{}, fmt.Errorf("reading %s: %w", path, withoutValues(err))
	}
	return cfg, nil
}

// withoutValues is a YAML error without the texts that it quotes: they may be
// secrets that stand in the wrong place.
func withoutValues(err error) error {
	lines := []string{strings.TrimPrefix(err.Error(), "yaml: ")}
	var typed *yaml.TypeError
	if errors.As(err, &typed) {
		lines = typed.Errors
	}
	clean := make([]string, len(lines))
	for i, line := range lines {
		clean[i] = line
		for _, quote := range []string{"`", "'"} {
			first, last := strings.Index(clean[i], quote), strings.LastIndex(clean[i], quote)
			if first < last {
				clean[i] = clean[i][:first] + "…" + clean[i][last+1:]
			}
		}
	}
	return errors.New(strings.Join(clean, "; "))
}
