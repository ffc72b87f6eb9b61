package main

import (
	"bytes"
	"errors"
	"fmt"
	"strings"

	"larder/secret"
)

// tokenVariable is the Workload Credentials Provider's way to a token: the token itself,
// or where it lies.
// Source: github.com/aws/aws-workload-credentials-provider
const (
	tokenVariable = "AWS_TOKEN"
	filePrefix    = "file://"
	maxToken      = 64 << 10 // as long as a header may be
)

// readToken reads a token that proves, like the session token, that a reader is the
// function. A file is looked at once, now.
func (s *sdkSettings) readToken(text string) (warning, mistake error) {
	text = strings.TrimSpace(text)
	if secret.IsReference(text) {
		return nil, fmt.Errorf("%s: it is a reference, and the token has to be known before anything can be read: write the token, or %sPATH", tokenVariable, filePrefix)
	}
	if path, ok := strings.CutPrefix(text, filePrefix); ok {
		content, err := readRegular(path, maxToken)
		if err != nil {
			return fmt.Errorf("%s: %w. The other tokens count", tokenVariable, err), nil
		}
		text = strings.TrimSpace(string(content))
	}
	s.token = secret.NewValue([]byte(text))
	return nil, nil
}

// checkToken makes sure that a reader can prove that it is the function: with the
// session token, with one of its own, or with SnapStart's token where that serves for
// credentials, too. Blanks are no token, because no header could hold them.
func (s *sdkSettings) checkToken() error {
	switch {
	case !isBlank(s.sessionToken), !isBlank(s.token):
		return nil
	case s.accessKeyID != "" && s.secretAccessKey.Len() > 0 || s.containerURI == "":
		return fmt.Errorf("AWS_SESSION_TOKEN: it is empty, so no reader could prove that it is the function. "+
			"Where the keys have none, as under sam local, set %s to a text of your own, and send that", tokenVariable)
	case isBlank(s.containerToken):
		return errors.New("AWS_CONTAINER_AUTHORIZATION_TOKEN: it is empty, so there are no credentials, and no reader could prove that it is the function")
	}
	return nil
}

func isBlank(v secret.Value) bool { return len(bytes.TrimSpace(v.Reveal())) == 0 }
