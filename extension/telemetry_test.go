package extension_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"reflect"
	"slices"
	"strings"
	"testing"

	"larder/extension/extensiontest"
)

// TestSubscribe plays the platforms that there are.
func TestSubscribe(t *testing.T) {
	t.Parallel()
	refuse := func(status int, body string) http.HandlerFunc { return answer(status, body) }
	const unknownSchema = `{"errorType":"ValidationError","errorMessage":"schemaVersion is not supported"}`
	tests := []struct {
		name    string
		answers map[string]http.HandlerFunc // by schema
		schemas []string
		want    string // of the error; "" for none
	}{
		{"the newest schema", nil, []string{"2025-01-29"}, ""},
		{"an older platform", map[string]http.HandlerFunc{"2025-01-29": refuse(400, unknownSchema)}, []string{"2025-01-29", "2022-12-13"}, ""},
		{"one that knows neither", map[string]http.HandlerFunc{"2025-01-29": refuse(400, unknownSchema), "2022-12-13": refuse(400, unknownSchema)},
			[]string{"2025-01-29", "2022-12-13"}, "ValidationError: schemaVersion is not supported"},
		{"no Telemetry API", map[string]http.HandlerFunc{
			"2025-01-29": refuse(202, `{"errorMessage":"Telemetry API is not supported","errorType":"Telemetry.NotSupported"}`)},
			[]string{"2025-01-29"}, "this platform has no Telemetry API"},
		{"too late", map[string]http.HandlerFunc{
			"2025-01-29": refuse(403, `{"errorType":"Telemetry.SubscriptionClosed","errorMessage":"Telemetry API subscription is closed"}`)},
			[]string{"2025-01-29"}, "Telemetry.SubscriptionClosed"},
		{"a broken platform", map[string]http.HandlerFunc{"2025-01-29": refuse(500, "")}, []string{"2025-01-29"}, "status 500"},
	}
	for _, tt := range tests {
		api, client := start(t)
		var schemas []string
		var sent map[string]any
		api.Instead(extensiontest.Telemetry, func(w http.ResponseWriter, _ *http.Request) {
			call := api.Await(extensiontest.Telemetry, len(schemas)+1)
			sent = nil
			if err := json.Unmarshal([]byte(call.Body), &sent); err != nil || call.Method != http.MethodPut {
				t.Errorf("%s: %s with %q: %v", tt.name, call.Method, call.Body, err)
			}
			if got := call.Header.Get("Lambda-Extension-Identifier"); got != extensiontest.Identifier {
				t.Errorf("%s: identifier %q", tt.name, got)
			}
			schema := fmt.Sprint(sent["schemaVersion"])
			schemas = append(schemas, schema)
			if h := tt.answers[schema]; h != nil {
				h(w, nil)
				return
			}
			io.WriteString(w, `"OK"`)
		})
		if err := client.Register(t.Context()); err != nil {
			t.Fatal(err)
		}
		r := receive(t)
		err := client.SubscribeTelemetry(t.Context(), r.TelemetryReceiver)
		if (err == nil) != (tt.want == "") || err != nil && !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: SubscribeTelemetry = %v, want %q", tt.name, err, tt.want)
		}
		if !slices.Equal(schemas, tt.schemas) {
			t.Errorf("%s: the schemas were %q, want %q", tt.name, schemas, tt.schemas)
		}
		want := map[string]any{
			"schemaVersion": tt.schemas[len(tt.schemas)-1],
			"types":         []any{"platform"},
			"buffering":     map[string]any{"maxItems": 1000., "maxBytes": 262144., "timeoutMs": 100.},
			"destination":   map[string]any{"protocol": "HTTP", "URI": r.URI()},
		}
		if !reflect.DeepEqual(sent, want) {
			t.Errorf("%s: the subscription is %v, want %v", tt.name, sent, want)
		}
		if port := r.addr[strings.LastIndexByte(r.addr, ':'):]; !strings.HasPrefix(r.URI(), "http://sandbox.localdomain"+port+"/") {
			t.Errorf("%s: the destination is %q, and the listener on %s", tt.name, r.URI(), r.addr)
		}
	}
}
