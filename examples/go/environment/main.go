// Command environment takes its secrets from environment variables and answers with their lengths in bytes, never with
// a value.
package main

import (
	"context"
	"encoding/json"
	"maps"
	"os"
	"slices"

	"github.com/aws/aws-lambda-go/lambda"
)

type answer struct {
	SessionKey int      `json:"sessionKey"`
	Password   int      `json:"password"`
	APIKey     int      `json:"apiKey"`
	Flags      []string `json:"flags"`
}

// handle finds what larder-exec has set before this program started. It stays as it is for as long as the process lives.
func handle(context.Context) (*answer, error) {
	var flags map[string]string
	if err := json.Unmarshal([]byte(os.Getenv("FLAGS")), &flags); err != nil {
		return nil, err
	}
	return &answer{
		SessionKey: len(os.Getenv("SESSION_KEY")),
		Password:   len(os.Getenv("DB_PASSWORD")),
		APIKey:     len(os.Getenv("API_KEY")),
		Flags:      slices.Sorted(maps.Keys(flags)),
	}, nil
}

func main() { lambda.Start(handle) }
