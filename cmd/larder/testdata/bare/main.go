// Bare is the least that an extension in Go can be: it registers and asks for
// the next event. BenchmarkStartup measures larder beside it.
package main

import (
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
)

func main() {
	base := "http://" + os.Getenv("AWS_LAMBDA_RUNTIME_API") + "/2020-01-01/extension"
	header := ask("POST", base+"/register", "Lambda-Extension-Name", "bare", `{"events":["INVOKE","SHUTDOWN"]}`)
	ask("GET", base+"/event/next", "Lambda-Extension-Identifier", header.Get("Lambda-Extension-Identifier"), "")
}

func ask(method, url, header, value, body string) http.Header {
	req, err := http.NewRequest(method, url, strings.NewReader(body))
	if err != nil {
		fail(err)
	}
	req.Header.Set(header, value)
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		fail(err)
	}
	defer resp.Body.Close()
	if _, err := io.Copy(io.Discard, resp.Body); err != nil {
		fail(err)
	}
	return resp.Header
}

func fail(err error) {
	fmt.Fprintln(os.Stderr, err)
	os.Exit(1)
}
