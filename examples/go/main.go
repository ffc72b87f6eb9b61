// Command function reads its secrets from Larder and answers with their lengths in bytes, never with a value.
package main

import (
	"context"
	"encoding/json"
	"log"
	"maps"
	"slices"

	"github.com/aws/aws-lambda-go/lambda"

	"function/larder"
)

type answer struct {
	SessionKey int      `json:"sessionKey"`
	Password   int      `json:"password"`
	APIKey     int      `json:"apiKey"`
	Cert       int      `json:"cert"`
	Flags      []string `json:"flags"`
}

func main() {
	// Read before the first event, as with AWS's own layer. Larder has been fetching it since before this program started.
	var sessionKey struct{ SecretString string }
	if err := readJSON(context.Background(), "/secretsmanager/get?secretId=demo/session-key", &sessionKey); err != nil {
		log.Fatal(err)
	}
	lambda.Start(func(ctx context.Context) (*answer, error) {
		return handle(ctx, sessionKey.SecretString)
	})
}

// handle reads on every call: these come from Larder's memory, and follow a rotation.
func handle(ctx context.Context, sessionKey string) (*answer, error) {
	password, _, err := larder.Read(ctx, "/value?ref=secretsmanager://demo/db&field=password")
	if err != nil {
		return nil, err
	}
	var apiKey struct{ Parameter struct{ Value string } }
	if err := readJSON(ctx, "/systemsmanager/parameters/get?name=/demo/api-key&withDecryption=true", &apiKey); err != nil {
		return nil, err
	}
	cert, _, err := larder.Read(ctx, "/value?ref=secretsmanager://demo/cert")
	if err != nil {
		return nil, err
	}
	var flags map[string]string
	if err := readJSON(ctx, "/value?ref=ssm:///demo/flags/*", &flags); err != nil {
		return nil, err
	}
	return &answer{
		SessionKey: len(sessionKey),
		Password:   len(password),
		APIKey:     len(apiKey.Parameter.Value),
		Cert:       len(cert),
		Flags:      slices.Sorted(maps.Keys(flags)),
	}, nil
}

// readJSON reads path and decodes its JSON into v.
func readJSON(ctx context.Context, path string, v any) error {
	body, _, err := larder.Read(ctx, path)
	if err != nil {
		return err
	}
	return json.Unmarshal(body, v)
}
