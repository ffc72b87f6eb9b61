package timeline_test

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"html"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"larder/cmd/larder-local/internal/timeline"
	"larder/internal/awstest"
	"larder/internal/canary"
	"larder/internal/lambdatest"
)

// everywhere is a run with a text in each place that takes one from outside.
func everywhere(s string) timeline.Input {
	quotedText, _ := json.Marshal(s)
	q := string(quotedText)
	fault := &lambdatest.Fault{Type: "Runtime.ExitError", Source: s, Message: s, ReportedType: s, ReportedMessage: s}
	in := timeline.Input{
		StandIn: true, Command: s,
		Events: []lambdatest.Event{
			{Time: at(1), Kind: lambdatest.Spawn, Source: s},
			{Time: at(2), Kind: lambdatest.Register, Source: s},
			{Time: at(3), Kind: lambdatest.RuntimeStart, Source: "runtime"},
			{Time: at(4), Kind: lambdatest.Next, Source: s},
			{Time: at(5), Kind: lambdatest.InitReport, Source: s, Fault: fault},
			{Time: at(6), Kind: lambdatest.InitFailed, Fault: fault},
			{Time: at(7), Kind: lambdatest.InvokeStart, RequestID: s},
			{Time: at(9), Kind: lambdatest.InvokeEnd, RequestID: s, Fault: fault},
			{Time: at(10), Kind: lambdatest.Stop, Reason: s},
			{Time: at(11), Kind: lambdatest.Left, Source: s, Signal: s},
		},
		Notes: []timeline.Note{{Time: at(6.5), Source: s, Text: s}},
		Calls: []awstest.Call{{Time: at(8), Action: s, IDs: []string{s}, Code: s}},
		Lines: []timeline.Line{
			logged(6, "INFO", "prefetch done", `,"declared":1,"missing":[`+q+`],"ms":1`),
			logged(8, "DEBUG", "read", `,"path":`+q+`,"ref":`+q+`,"result":"hit","ms":0.1`),
			logged(8, "DEBUG", "read", `,"path":`+q+`,"ref":`+q+`,"result":`+q+`,"ms":0.1`),
			logged(12, "DEBUG", "declared", `,"variable":`+q+`,"ref":`+q+`,"state":`+q+`,"version":`+q+`,"age":1`),
			logged(12, "INFO", "shutdown", `,"reads":1,"errors":{`+q+`:1}`),
		},
	}
	for i := range in.Lines {
		in.Lines[i].Source = s
	}
	return in
}

// No text becomes markup: with any, the page has the same tags and attributes.
func TestPageIsOnlyOurs(t *testing.T) {
	t.Parallel()
	quoted := regexp.MustCompile(`"[^"]*"`)
	markup := func(page string) []string {
		tags := tag.FindAllString(page, -1)
		for i := range tags {
			tags[i] = quoted.ReplaceAllString(tags[i], `""`)
		}
		return tags
	}
	want := markup(renderPage(t, everywhere("harmless")))
	if len(want) < 100 {
		t.Fatalf("only %d tags are found", len(want))
	}
	for _, hostile := range []string{
		`</style><script>alert(1)</script>`, `</title></svg><script>alert(1)</script>`, `"><img src=x onerror=alert(1)>`,
		`' onmouseover='alert(1)`, "` onfocus=`x", `]]><!--`, `--><script>`, `{{.}}<b>`, `&lt;script&gt;`, "\x00<\u202e\u2028script>",
		`</td></tr></table><iframe>`,
	} {
		page := renderPage(t, everywhere(hostile))
		if !slices.Equal(markup(page), want) {
			t.Errorf("%q changes the page's markup", hostile)
		}
		if strings.ContainsAny(page, "\x00\u202e\u2028") {
			t.Errorf("%q: a sign that steers is in the page", hostile)
		}
	}
}

// The page's policy lets a browser load nothing, and apply its own style.
func TestPageLoadsNothing(t *testing.T) {
	t.Parallel()
	page := renderPage(t, everywhere("x"))
	_, style, _ := strings.Cut(page, "<style>")
	style, _, _ = strings.Cut(style, "</style>")
	sum := sha256.Sum256([]byte(style))
	policy := "default-src 'none'; style-src 'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'; base-uri 'none'; form-action 'none'"
	meta := regexp.MustCompile(`<meta http-equiv="Content-Security-Policy" content="([^"]*)">`).FindStringSubmatch(page)
	if meta == nil || html.UnescapeString(meta[1]) != policy {
		t.Errorf("policy %q, want %q", meta, policy)
	}
	for _, pattern := range []string{`(?i)<script`, `(?i)\bsrc=`, `href="[^#]`, `url\([^#]`, `@import`, `\sstyle=`, `(?i)\son\w+=`, `https?://`} {
		if found := regexp.MustCompile(pattern).FindString(page); found != "" {
			t.Errorf("the page has %q", found)
		}
	}
}

// What a process printed, or gave as a reason, is nowhere in it.
func TestPageHoldsNoSecret(t *testing.T) {
	t.Parallel()
	const value = "CANARY \"7f3\" <&>/+é end"
	q, _ := json.Marshal(value)
	fault := &lambdatest.Fault{Type: "Runtime.ExitError", Source: "runtime", Message: value, ReportedType: "Function.X", ReportedMessage: value}
	in := timeline.Input{
		Command: "bootstrap --password " + value, Raw: true,
		Events: []lambdatest.Event{
			{Time: at(1), Kind: lambdatest.InitReport, Source: "larder", Fault: fault},
			{Time: at(2), Kind: lambdatest.InitFailed, Fault: fault},
			{Time: at(3), Kind: lambdatest.InvokeStart, RequestID: "a"},
			{Time: at(4), Kind: lambdatest.InvokeEnd, RequestID: "a", Fault: fault},
		},
		Lines: []timeline.Line{
			{Time: at(1), Source: "runtime", Text: []byte(value)},
			{Time: at(1), Source: "larder", Text: []byte("panic: " + value)},
			{Time: at(1), Source: "runtime", Text: []byte(`{"time":"2026-03-01T12:00:00Z","level":"DEBUG","msg":"read","ref":` + string(q) + `}`)},
			logged(1, "WARN", "trouble", `,"problem":`+string(q)),
			logged(1, "ERROR", "read", `,"path":"/value","ref":"ssm:///p","result":"error","problem":`+string(q)+`,"ms":0.1`),
		},
	}
	if _, found := canary.Find([]byte(render(t, in)), []byte(value)); !found {
		t.Error("the text lacks the value, so that the page proves nothing")
	}
	page := renderPage(t, in)
	for _, text := range []string{page, html.UnescapeString(page)} {
		if form, found := canary.Find([]byte(text), []byte(value)); found {
			t.Errorf("the page holds the value: %s", form)
		}
	}
	if !strings.Contains(page, "read: error</b> <span>ssm:///p</span>") {
		t.Errorf("the page lacks the read:\n%s", page)
	}
}

// Thousands of reads and invokes make a page that opens at once. What matters
// most is drawn, and what is not is said.
func TestPageStaysSmall(t *testing.T) {
	t.Parallel()
	in := timeline.Input{Events: []lambdatest.Event{{Time: at(1), Kind: lambdatest.RuntimeStart, Source: "runtime"}}}
	for i := range 6000 {
		in.Lines = append(in.Lines, read(2+float64(i)/1000, fmt.Sprintf("ssm:///p/%d", i%300), "hit"))
	}
	in.Lines = append(in.Lines, read(23, "ssm:///last", "stale"))
	for i := range 300 {
		id, ms := strconv.Itoa(i), float64(100+2*i)
		in.Events = append(in.Events,
			lambdatest.Event{Time: at(ms), Kind: lambdatest.InvokeStart, RequestID: id},
			lambdatest.Event{Time: at(ms + 1), Kind: lambdatest.InvokeEnd, RequestID: id})
	}
	page := renderPage(t, in)
	first, _, _ := strings.Cut(page, "<h2>invoke 1</h2>")
	if n := len(checkBars(t, first)); n > 300 || n < 200 {
		t.Errorf("%d bars in one chart, want about 300", n)
	}
	for _, want := range []string{"ssm:///last", "Not drawn: 5240 more × read: hit", "read: hit ×20", "<h2>269 more phases</h2>", "<h2>invoke 300</h2>"} {
		if !strings.Contains(page, want) {
			t.Errorf("the page lacks %q", want)
		}
	}
	if len(page) > 300_000 {
		t.Errorf("the page has %d bytes", len(page))
	}
}
