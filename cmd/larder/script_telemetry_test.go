package main_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/rogpeppe/go-internal/testscript"

	"larder/internal/lambdatest"
)

// subscribed returns where the extension wants the platform's events, as this process
// can reach it.
func (f *function) subscribed(ts *testscript.TestScript) *url.URL {
	var wants struct{ Destination struct{ URI string } }
	requests := f.lambda.Requests()
	i := slices.IndexFunc(requests, func(r lambdatest.Request) bool { return strings.HasSuffix(r.Path, "/telemetry") && r.Body != nil })
	if i < 0 {
		ts.Fatalf("nothing has subscribed to the platform's events")
	}
	ts.Check(json.Unmarshal(requests[i].Body, &wants))
	uri, err := url.Parse(wants.Destination.URI)
	ts.Check(err)
	uri.Host = net.JoinHostPort(lambdatest.TelemetryHost, uri.Port())
	return uri
}

// post sends a delivery and returns the status of the answer.
func post(ts *testscript.TestScript, method string, to *url.URL, body io.Reader) int {
	req, err := http.NewRequest(method, to.String(), body)
	ts.Check(err)
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}, Timeout: patience}
	resp, err := client.Do(req)
	ts.Check(err)
	resp.Body.Close()
	return resp.StatusCode
}

// flood delivers so many events of the platform besides its own, a thousand at once: as
// many invokes have responded after a millisecond.
func flood(ts *testscript.TestScript, neg bool, args []string) {
	total, err := strconv.Atoi(one(ts, neg, args))
	ts.Check(err)
	to := functionOf(ts).subscribed(ts)
	for from := 0; from < total; from += 1000 {
		var body strings.Builder
		for n := from; n < min(total, from+1000); n++ {
			fmt.Fprintf(&body, `%c{"time":"2026-10-12T00:00:00.%03dZ","type":"platform.runtimeDone","record":{"requestId":"flood-%d","status":"success",`+
				`"spans":[{"name":"responseLatency","start":"2026-10-12T00:00:00Z","durationMs":1}]}}`, "[,"[min(n-from, 1)], n%1000, n)
		}
		if status := post(ts, http.MethodPost, to, strings.NewReader(body.String()+"]")); status != http.StatusOK {
			ts.Fatalf("a delivery is answered with %d", status)
		}
	}
}

// forge sends what Lambda never does: deliveries by who does not know the path, of which
// nothing may be taken, and larger ones than Lambda's, or with what is no event in them.
func forge(ts *testscript.TestScript, neg bool, args []string) {
	none(ts, neg, args)
	const event = `{"time":"2026-10-12T00:00:00Z","type":"platform.report","record":{"requestId":"forged",` +
		`"metrics":{"durationMs":%s},"spans":[{"name":"extensionOverhead","durationMs":%[1]s}]}}`
	known := functionOf(ts).subscribed(ts)
	for _, attempt := range []struct {
		method, path, body string
		want               int
	}{
		{http.MethodPost, "/", fmt.Sprintf("["+event+"]", "1"), http.StatusNotFound},
		{http.MethodPost, strings.ToLower(known.Path), fmt.Sprintf("["+event+"]", "1"), http.StatusNotFound},
		{http.MethodPut, known.Path, fmt.Sprintf("["+event+"]", "1"), http.StatusMethodNotAllowed},
		{http.MethodPost, known.Path, "[" + strings.Repeat(" ", 2<<20) + fmt.Sprintf(event+"]", "1"), http.StatusRequestEntityTooLarge},
		{http.MethodPost, known.Path, fmt.Sprintf(event, "1"), http.StatusBadRequest},
		{http.MethodPost, known.Path, fmt.Sprintf("["+event+"]", "-1"), http.StatusOK},
		{http.MethodPost, known.Path, fmt.Sprintf("["+event+"]", "1e300"), http.StatusOK},
		{http.MethodPost, known.Path, `[{"time":"now"},null,1,"` + "\u2028" + `"]`, http.StatusOK},
	} {
		to := *known
		to.Path = attempt.path
		if status := post(ts, attempt.method, &to, strings.NewReader(attempt.body)); status != attempt.want {
			ts.Fatalf("%s %.200s is answered with %d, want %d", attempt.method, attempt.body, status, attempt.want)
		}
	}
}
