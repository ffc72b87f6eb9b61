package lambdatest_test

import (
	"fmt"
	"strings"
	"testing"

	"larder/internal/lambdatest"
)

func TestSubscriptionRefusals(t *testing.T) {
	t.Parallel()
	const (
		good  = `{"schemaVersion":"2025-01-29","types":["platform"],"destination":{"protocol":"HTTP","URI":"http://sandbox.localdomain:8080"}}`
		every = "2022-07-01, 2022-12-13, 2025-01-29"
		host  = "Invalid destination: destination.URI host must be sandbox.localdomain"
	)
	with := func(old, new string) string {
		if !strings.Contains(good, old) {
			panic(old)
		}
		return strings.Replace(good, old, new, 1)
	}
	buffering := func(fields string) string { return with(`{`, `{"buffering":{`+fields+`},`) }
	for _, platform := range []struct {
		name      string
		mode      lambdatest.Mode
		telemetry lambdatest.Telemetry
		bodies    map[string]string // with the message; empty if it is accepted
	}{
		{"full", "", lambdatest.TelemetryFull, map[string]string{
			good:                                   "",
			with("2025-01-29", "2022-12-13"):       "",
			with("2025-01-29", "2022-07-01"):       "",
			with("{", `{"unknown":1,`):             "",
			with("sandbox.localdomain", "sandbox"): "",
			with(`"platform"`, `"function","extension","platform"`):            "",
			buffering(`"maxItems":1000,"maxBytes":262144,"timeoutMs":25`):      "",
			buffering(`"maxItems":10000,"maxBytes":1048576,"timeoutMs":30000`): "",
			buffering(`"maxItems":null`):                                       "",

			"":   "unexpected end of JSON input",
			"x":  "invalid character 'x' looking for beginning of value",
			"{}": "schemaVersion should not be empty; destination should not be empty; types should not be empty",
			`{"schemaVersion":"2025-01-29","types":[],"destination":{"protocol":"HTTP","URI":"http://sandbox.localdomain"}}`: "URI port is not provided; types should not be empty",
			with("2025-01-29", "2020-08-15"): `schemaVersion "2020-08-15" is not supported, use ` + every,
			with("HTTP", "http"):             "destination.protocol should be HTTP or TCP",
			with(`"HTTP","URI":"http://sandbox.localdomain:8080"`, `"HTTP"`): "destination.URI is not provided",
			with("http://", "https://"):                                      "destination.URI should be an http:// URI",
			with("http://", ""):                                              "destination.URI should be an http:// URI",
			with("sandbox.localdomain", "127.0.0.1"):                         host,
			with("sandbox.localdomain:8080", "localhost"):                    host + "; URI port is not provided",
			with("8080", "9001"):                                             "URI port 9001 is reserved",
			with("8080", "65536"):                                            "URI port should be from 1 to 65535",
			with(`"HTTP"`, `"TCP"`):                                          "destination.port is not provided",
			with(`"HTTP"`, `"TCP","port":9001`):                              "destination.port 9001 is reserved",
			with(`"HTTP"`, `"TCP","port":0`):                                 "destination.port should be from 1 to 65535",
			with(`"HTTP"`, `"TCP","port":8080`):                              "the local Lambda does not deliver by TCP, use HTTP",
			with(`["platform"]`, `["platform","logs"]`):                      `type "logs" is not platform, function or extension`,
			buffering(`"maxItems":999`):                                      "buffering.maxItems should be from 1000 to 10000",
			buffering(`"maxItems":10001,"maxBytes":262143`):                  "buffering.maxItems should be from 1000 to 10000; buffering.maxBytes should be from 262144 to 1048576",
			buffering(`"maxBytes":1048577`):                                  "buffering.maxBytes should be from 262144 to 1048576",
			buffering(`"timeoutMs":24`):                                      "buffering.timeoutMs should be from 25 to 30000",
			buffering(`"timeoutMs":30001`):                                   "buffering.timeoutMs should be from 25 to 30000",
		}},
		{"old", "", lambdatest.TelemetryOld, map[string]string{
			good:                             `schemaVersion "2025-01-29" is not supported, use 2022-07-01, 2022-12-13`,
			with("2025-01-29", "2022-12-13"): "",
		}},
		{"managed", lambdatest.ManagedInstances, lambdatest.TelemetryFull, map[string]string{
			good:                             "",
			with("2025-01-29", "2022-12-13"): `schemaVersion "2022-12-13" is not supported, use 2025-01-29`,
		}},
	} {
		t.Run(platform.name, func(t *testing.T) {
			t.Parallel()
			s := newStage(t, "ext")
			s.cfg.Mode, s.cfg.Telemetry = platform.mode, platform.telemetry
			s.start()
			ext := s.actor("ext")
			ext.register()
			for body, message := range platform.bodies {
				if got := ext.subscribe(body); message != "" {
					platformError(t, "subscription "+body, got, 400, "ValidationError", message)
				} else if got.status != 200 || got.body != `"OK"` {
					t.Errorf("subscription %s = %d %s (%v), want 200 \"OK\"", body, got.status, got.body, got.err)
				}
			}
		})
	}
}

func TestSubscriptionIdentifier(t *testing.T) {
	t.Parallel()
	s := newStage(t, "ext")
	s.start()
	ext := s.actor("ext")
	for id, want := range map[string][2]string{
		"":        {"Extension.MissingExtensionIdentifier", "Missing Lambda-Extension-Identifier header"},
		"ext":     {"Extension.InvalidExtensionIdentifier", "Invalid Lambda-Extension-Identifier"},
		unknownID: {"Extension.UnknownExtensionIdentifier", "Unknown extension " + unknownID},
	} {
		ext.id = id
		platformError(t, fmt.Sprintf("subscription as %q", id), ext.subscribe("{}"), 403, want[0], want[1])
	}
	if got := ext.do("POST", "/2022-07-01/telemetry", "{}"); got.status != 405 {
		t.Errorf("POST of a subscription = %d, want 405", got.status)
	}
}

// After init it is too late, whatever is asked for.
func TestSubscriptionClosed(t *testing.T) {
	t.Parallel()
	s := newStage(t, "ext")
	_, cast := s.ready("INVOKE")
	platformError(t, "subscription after init", cast["ext"].subscribe("{}"), 403,
		"Telemetry.SubscriptionClosed", "Telemetry API subscription is closed")
}

// A platform that takes none refuses a good one, too.
func TestTelemetryClosed(t *testing.T) {
	t.Parallel()
	s := newStage(t, "ext")
	s.cfg.Telemetry = lambdatest.TelemetryClosed
	s.start()
	ext := s.actor("ext")
	ext.register("SHUTDOWN")
	platformError(t, "subscription during init", ext.subscribe(newSink(t).subscription(want{})), 403,
		"Telemetry.SubscriptionClosed", "Telemetry API subscription is closed")
}

// An older platform refuses what it does not know, and the extension may ask again.
func TestSubscriptionFallsBack(t *testing.T) {
	t.Parallel()
	s := newStage(t, "ext")
	s.cfg.Telemetry = lambdatest.TelemetryOld
	s.start()
	ext := s.actor("ext")
	ext.register()
	sink := newSink(t)
	platformError(t, "subscription", ext.subscribe(sink.subscription(want{})), 400, "ValidationError",
		`schemaVersion "2025-01-29" is not supported, use 2022-07-01, 2022-12-13`)
	ext.listens(sink, want{schema: "2022-12-13"})
	sink.await("platform.telemetrySubscription")
}

// Where there is no telemetry all are answered alike, and nothing is delivered.
func TestTelemetryAbsent(t *testing.T) {
	t.Parallel()
	s := newStage(t, "ext")
	s.cfg.Telemetry = lambdatest.TelemetryAbsent
	sink := newSink(t)
	result := s.start()
	ext := s.actor("ext")
	ext.register("SHUTDOWN")
	for _, body := range []string{sink.subscription(want{}), "x"} {
		platformError(t, "subscription", ext.subscribe(body), 202, "Telemetry.NotSupported", "Telemetry API is not supported")
	}
	runtime := s.actor("runtime")
	ext.park()
	invocation := runtime.park()
	lambda := (<-result).lambda
	done := invoke(t.Context(), lambda, "")
	runtime.answers(invocation)
	receive(t, "Invoke", done)
	s.shutdown(lambda, map[string]*actor{"ext": ext, "runtime": runtime})
	if deliveries, _ := sink.all(); len(deliveries) > 0 {
		t.Errorf("delivered: %+v", deliveries)
	}
}

// A subscription takes the place of the one before, and starts with init's start.
func TestSubscriptionAgain(t *testing.T) {
	t.Parallel()
	s := newStage(t, "ext")
	first, second := newSink(t), newSink(t)
	result := s.start()
	ext := s.actor("ext")
	ext.register()
	ext.listens(first, want{timeout: 30000})
	ext.listens(second, want{timeout: 30000})
	runtime := s.actor("runtime")
	ext.park()
	runtime.park()
	lambda := (<-result).lambda
	s.shutdown(lambda, map[string]*actor{"runtime": runtime})
	second.await("platform.initStart")
	second.await("platform.extension")
	if deliveries, _ := first.all(); len(deliveries) > 0 {
		t.Errorf("delivered to the first: %+v", deliveries)
	}
}

func TestTelemetryConfig(t *testing.T) {
	t.Parallel()
	for _, cfg := range []lambdatest.Config{
		{Runtime: []string{"x"}, Telemetry: "none"},
		{Runtime: []string{"x"}, Telemetry: lambdatest.TelemetryOld, Mode: lambdatest.ManagedInstances},
	} {
		if l, err := lambdatest.Start(t.Context(), cfg); err == nil || l != nil {
			t.Errorf("Start with telemetry %q, mode %q = %v, %v, want an error alone", cfg.Telemetry, cfg.Mode, l, err)
		}
	}
}
