package lambdatest

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
)

// What can be subscribed to.
const (
	platformType  = "platform"
	functionType  = "function"
	extensionType = "extension"
)

// reservedPort was the Runtime API's, and is no destination.
const reservedPort = "9001"

// A subscription is what an extension asked the Telemetry API for.
type subscription struct {
	schema   string
	types    []string
	uri      string // with the host as it was written
	maxItems int
	maxBytes int
	timeout  time.Duration // that an event waits for others
}

func (s *subscription) takes(kind string) bool { return slices.Contains(s.types, kind) }

// subscriptionRequest is the body of a subscription; what is nil was not said.
type subscriptionRequest struct {
	Schema      string   `json:"schemaVersion"`
	Types       []string `json:"types"`
	Destination *struct {
		Protocol string `json:"protocol"`
		URI      string `json:"URI"`
		Port     *int   `json:"port"`
	} `json:"destination"`
	Buffering struct {
		MaxItems *int `json:"maxItems"`
		MaxBytes *int `json:"maxBytes"`
		Timeout  *int `json:"timeoutMs"`
	} `json:"buffering"`
}

// parseSubscription returns what the body asks for, or all that is wrong with it.
// The texts about the port, the types and the host are the platform's; the others
// are not documented, and of the same form. The documentation gives 1000 and 10000
// as the default of maxItems: it is the smaller here.
func parseSubscription(body []byte, schemas []string) (subscription, error) {
	var request subscriptionRequest
	if err := json.Unmarshal(body, &request); err != nil {
		return subscription{}, err
	}
	var wrong []string
	if request.Schema == "" {
		wrong = append(wrong, "schemaVersion should not be empty")
	} else if !slices.Contains(schemas, request.Schema) {
		wrong = append(wrong, fmt.Sprintf("schemaVersion %q is not supported, use %s", request.Schema, strings.Join(schemas, ", ")))
	}
	wrong = append(wrong, request.checkDestination()...)
	if len(request.Types) == 0 {
		wrong = append(wrong, "types should not be empty")
	}
	for _, kind := range request.Types {
		if !slices.Contains([]string{platformType, functionType, extensionType}, kind) {
			wrong = append(wrong, fmt.Sprintf("type %q is not platform, function or extension", kind))
		}
	}
	bounded := func(name string, given *int, low, high, absent int) int {
		if given == nil {
			return absent
		}
		if *given < low || *given > high {
			wrong = append(wrong, fmt.Sprintf("buffering.%s should be from %d to %d", name, low, high))
		}
		return *given
	}
	sub := subscription{
		schema: request.Schema, types: request.Types,
		maxItems: bounded("maxItems", request.Buffering.MaxItems, 1000, 10000, 1000),
		maxBytes: bounded("maxBytes", request.Buffering.MaxBytes, 262144, 1048576, 262144),
		timeout:  time.Duration(bounded("timeoutMs", request.Buffering.Timeout, 25, 30000, 1000)) * time.Millisecond,
	}
	if len(wrong) > 0 {
		return subscription{}, errors.New(strings.Join(wrong, "; "))
	}
	sub.uri = request.Destination.URI
	return sub, nil
}

// checkDestination returns what is wrong with the destination. One by TCP is
// refused even if it is good, as this Lambda does not deliver to it.
func (r *subscriptionRequest) checkDestination() []string {
	d := r.Destination
	switch {
	case d == nil:
		return []string{"destination should not be empty"}
	case d.Protocol == "HTTP":
		return checkURI(d.URI)
	case d.Protocol != "TCP":
		return []string{"destination.protocol should be HTTP or TCP"}
	case d.Port == nil:
		return []string{"destination.port is not provided"}
	}
	if wrong := checkPort("destination.port", strconv.Itoa(*d.Port)); wrong != nil {
		return wrong
	}
	return []string{"the local Lambda does not deliver by TCP, use HTTP"}
}

func checkURI(uri string) []string {
	u, err := url.Parse(uri)
	switch {
	case uri == "":
		return []string{"destination.URI is not provided"}
	case err != nil || u.Scheme != "http":
		return []string{"destination.URI should be an http:// URI"}
	}
	var wrong []string
	if host := u.Hostname(); host != "sandbox.localdomain" && host != "sandbox" {
		wrong = append(wrong, "Invalid destination: destination.URI host must be sandbox.localdomain")
	}
	if u.Port() == "" {
		return append(wrong, "URI port is not provided")
	}
	return append(wrong, checkPort("URI port", u.Port())...)
}

func checkPort(what, port string) []string {
	if port == reservedPort {
		return []string{what + " " + port + " is reserved"}
	}
	if n, err := strconv.Atoi(port); err != nil || n < 1 || n > 65535 {
		return []string{what + " should be from 1 to 65535"}
	}
	return nil
}
