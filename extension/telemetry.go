package extension

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
)

// The path and the schemas of the Telemetry API, the newest first. Managed Instances
// have no other than the newest.
// Source: docs.aws.amazon.com/lambda/latest/dg/telemetry-api-reference.html
const telemetryPath = "/2022-07-01/telemetry"

var telemetrySchemas = [...]string{"2025-01-29", "2022-12-13"}

// Bounds of what Lambda gathers before it delivers. The least of bytes and a short
// wait, as the sandbox freezes between invokes and what is gathered waits for the
// next one.
const (
	telemetryItems  = 1000
	telemetryBytes  = 256 << 10
	telemetryMillis = 100
)

// SubscribeTelemetry asks Lambda to deliver the platform's events to a receiver,
// which must be up by now. It is refused once init is over.
func (c *Client) SubscribeTelemetry(ctx context.Context, to *TelemetryReceiver) error {
	var status int
	var err error
	for _, schema := range telemetrySchemas {
		status, err = c.subscribe(ctx, schema, to.uri)
		r, isRefusal := errors.AsType[*refusal](err)
		if !isRefusal || r.status != http.StatusBadRequest { // which is how an unknown schema is refused
			break
		}
	}
	switch {
	case err != nil:
		return fmt.Errorf("subscribing to telemetry: %w", err)
	case status == http.StatusAccepted:
		return errors.New("this platform has no Telemetry API") // it delivers nothing
	}
	return nil
}

func (c *Client) subscribe(ctx context.Context, schema, uri string) (status int, err error) {
	body, err := json.Marshal(map[string]any{
		"schemaVersion": schema,
		"types":         []string{"platform"},
		"buffering":     map[string]int{"maxItems": telemetryItems, "maxBytes": telemetryBytes, "timeoutMs": telemetryMillis},
		"destination":   map[string]string{"protocol": "HTTP", "URI": uri},
	})
	if err != nil {
		return 0, err
	}
	answer, err := c.call(ctx, http.MethodPut, telemetryPath, http.Header{headerIdentifier: {c.identifier}}, body, nil)
	if err != nil {
		return 0, err
	}
	return answer.StatusCode, nil
}
