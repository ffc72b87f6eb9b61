// Command rotation logs in with a password that rotates, and answers how many attempts it took, never with the password.
package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"net/url"

	"github.com/aws/aws-lambda-go/lambda"

	"function/larder"
)

const path = "/env/DB_PASSWORD"

var errRefused = errors.New("the database refuses the password")

// connect calls logIn with the password. One that it refuses is read anew, and tried once.
func connect(ctx context.Context, logIn func(password []byte) error) error {
	password, version, err := larder.Read(ctx, path)
	if err != nil {
		return err
	}
	if err := logIn(password); !errors.Is(err, errRefused) {
		return err
	}
	// It may have rotated. Larder asks AWS, unless what it holds by now is no longer the version that was refused.
	password, _, err = larder.Read(ctx, path+"?seen="+url.QueryEscape(version))
	if err != nil {
		return err
	}
	return logIn(password)
}

// database stands in for a database, which keeps no more than a hash of its password.
type database struct {
	accepts  string
	attempts int
}

func (d *database) logIn(password []byte) error {
	d.attempts++
	if sum := sha256.Sum256(password); hex.EncodeToString(sum[:]) != d.accepts {
		fmt.Println(errRefused)
		return errRefused
	}
	fmt.Println("logged in")
	return nil
}

type event struct {
	Accepts string `json:"accepts"`
}

type answer struct {
	Attempts int `json:"attempts"`
}

// handle connects on every call, to meet the rotation. A function keeps its connection from event to event.
func handle(ctx context.Context, e event) (*answer, error) {
	d := &database{accepts: e.Accepts}
	if err := connect(ctx, d.logIn); err != nil {
		return nil, err
	}
	return &answer{d.attempts}, nil
}

func main() { lambda.Start(handle) }
