package timeline_test

import (
	"fmt"
	"html"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"larder/cmd/larder-local/internal/timeline"
	"larder/internal/awstest"
	"larder/internal/lambdatest"
)

func renderPage(t *testing.T, in timeline.Input) string {
	t.Helper()
	in.Start = start
	var out strings.Builder
	if err := timeline.Build(in).WriteHTML(&out); err != nil {
		t.Fatal(err)
	}
	return out.String()
}

var (
	tag     = regexp.MustCompile(`<[^>]*>`)
	heading = regexp.MustCompile(`<figcaption><h2>([^<]*)</h2>`)
	row     = regexp.MustCompile(`<tr( class="within")?><th scope="row">(.*?)</th>.*?<td>([^<]*)</td><td>([^<]*)</td></tr>`)
	bar     = regexp.MustCompile(`<rect class="bar [\w-]+" data-kind="([\w-]+)" x="([\d.]+)%" width="([\d.]+)%" y="3" height="12"><title>([^<]+)</title></rect>`)
)

func text(markup string) string { return html.UnescapeString(tag.ReplaceAllString(markup, "")) }

// outline is what a reader sees of the charts, a line for each row: its name, when
// it begins, how long it took.
func outline(page string) string {
	page, _, _ = strings.Cut(page, `<div class="logs">`)
	var out strings.Builder
	for _, figure := range strings.Split(page, "<figure>")[1:] {
		if h := heading.FindStringSubmatch(figure); h != nil {
			fmt.Fprintln(&out, "#", text(h[1]))
		}
		for _, r := range row.FindAllStringSubmatch(figure, -1) {
			indent := ""
			if r[1] != "" {
				indent = "  "
			}
			fmt.Fprintf(&out, "%s%s | %s | %s\n", indent, text(r[2]), r[3], r[4])
		}
	}
	return out.String()
}

func TestPageOfWholeRun(t *testing.T) {
	t.Parallel()
	page := renderPage(t, timeline.Input{
		StandIn: true,
		Events: []lambdatest.Event{
			{Time: at(0.5), Kind: lambdatest.Spawn, Source: "larder"},
			{Time: at(0.6), Kind: lambdatest.Spawn, Source: "other"},
			{Time: at(4), Kind: lambdatest.Register, Source: "larder"},
			{Time: at(4.5), Kind: lambdatest.Register, Source: "other"},
			{Time: at(5), Kind: lambdatest.RuntimeStart, Source: "runtime"},
			{Time: at(13), Kind: lambdatest.Next, Source: "larder"},
			{Time: at(60), Kind: lambdatest.Next, Source: "runtime"},
			{Time: at(61), Kind: lambdatest.InitDone, Duration: 60 * time.Millisecond},
			{Time: at(62), Kind: lambdatest.InvokeStart, RequestID: "a"},
			{Time: at(72), Kind: lambdatest.Responded, Source: "runtime", RequestID: "a", Duration: 10 * time.Millisecond},
			{Time: at(74), Kind: lambdatest.InvokeEnd, RequestID: "a", Duration: 12 * time.Millisecond},
			{Time: at(80), Kind: lambdatest.Stop, Reason: "spindown"},
			{Time: at(81), Kind: lambdatest.Left, Source: "runtime", Code: -1, Signal: "killed"},
			{Time: at(84.5), Kind: lambdatest.Left, Source: "larder"},
		},
		Lines: []timeline.Line{
			logged(3, "DEBUG", "listening", `,"addr":"127.0.0.1:2773"`),
			logged(30, "DEBUG", "listening", `,"addr":"127.0.0.2:1"`),
			logged(12, "DEBUG", "read", `,"path":"/env","ref":"","result":"wait","status":200,"ms":5`),
			logged(12.5, "INFO", "prefetch done", `,"declared":5,"fetched":4,"missing":["A","B"],"calls":2,"ms":7.25`),
			logged(64, "DEBUG", "read", `,"ref":"ssm:///p","result":"hit","ms":0.5`),
			logged(65, "DEBUG", "read", `,"ref":"ssm:///p","result":"hit","ms":0.25`),
			logged(66, "DEBUG", "refresh done", `,"due":3,"fetched":2,"calls":1,"ms":3.5`),
			logged(71, "DEBUG", "read", `,"ref":"ssm:///q","result":"miss","ms":2`),
			logged(71.5, "DEBUG", "read", `,"ref":"ssm:///r","result":"stale","ms":0.1`),
			logged(71.6, "WARN", "read", `,"ref":"ssm:///s","result":"error","ms":0.1`),
			logged(71.7, "DEBUG", "read", `,"path":"/","ref":"","result":"error","ms":0.01`),
		},
		Calls: []awstest.Call{
			{Time: at(6), Action: "BatchGetSecretValue", IDs: []string{"a", "b", "c", "d", "e", "f"}, Duration: 2 * time.Millisecond},
			{Time: at(7), Action: "GetParameter", IDs: []string{"/p"}, Duration: 3 * time.Millisecond},
			{Time: at(63), Action: "GetParameters", IDs: []string{"/p", "/q"}, Duration: time.Millisecond},
			{Time: at(69.5), Action: "GetParameter", IDs: []string{"/q"}, Code: "ThrottlingException", Duration: time.Millisecond},
		},
	})
	check(t, outline(page), `
# init
spawn larder | 0.50 ms | 2.50 ms
spawn other | 0.60 ms | 3.90 ms
register larder | 3.00 ms | 1.00 ms
register other | 4.50 ms | 0 ms
runtime start | 5.00 ms | 55.0 ms
  read: wait all variables | 7.00 ms | 5.00 ms
prefetch 4 of 5 fetched, missing: A, B | 5.25 ms | 7.25 ms
  AWS call BatchGetSecretValue a, b, c, d and 2 more | 6.00 ms | 2.00 ms
  AWS call GetParameter /p | 7.00 ms | 3.00 ms
next larder | 13.0 ms | 48.0 ms
next runtime | 60.0 ms | 1.00 ms
# invoke 1
handler | 0 ms | 10.0 ms
  read: hit ×2 ssm:///p | 1.50 ms | 0.75 ms
  read: miss ssm:///q | 7.00 ms | 2.00 ms
  AWS call GetParameter /q: ThrottlingException | 7.50 ms | 1.00 ms
  read: stale ssm:///r | 9.40 ms | 0.10 ms
  read: error ssm:///s | 9.50 ms | 0.10 ms
  read: error no reference | 9.69 ms | 0.01 ms
refresh 2 of 3 due fetched | 0.50 ms | 3.50 ms
  AWS call GetParameters /p, /q | 1.00 ms | 1.00 ms
# shutdown, spindown
shutdown runtime: killed | 0 ms | 1.00 ms
shutdown larder: exit 0 | 0 ms | 4.50 ms
`)
	for _, want := range []string{
		"<b>61.0 ms</b> prefetch done after 12.5 ms", "<b>1</b> median 10.0 ms to the response",
		"<b>6</b> 2 hits, 1 waited, 1 miss, 1 stale, 1 failed", "<b>4</b> these reads one by one: 10",
		"The extensions' logs have lines that somebody should read: 1 of level WARN, 0 of level ERROR.",
	} {
		if !strings.Contains(page, want) {
			t.Errorf("the page lacks %q", want)
		}
	}
	checkBars(t, page)
}

// checkBars checks that each bar has a width and lies in its track, and returns
// their kinds.
func checkBars(t *testing.T, page string) []string {
	t.Helper()
	var all []string
	for _, b := range bar.FindAllStringSubmatch(page, -1) {
		all = append(all, b[1])
		x, _ := strconv.ParseFloat(b[2], 64)
		width, _ := strconv.ParseFloat(b[3], 64)
		if width <= 0 || x < 0 || x+width > 100.002 {
			t.Errorf("a bar is at %s with the width %s: %s", b[2], b[3], b[4])
		}
	}
	if len(all) == 0 || len(all) != strings.Count(page, "data-kind=") {
		t.Errorf("%d bars of %d are understood", len(all), strings.Count(page, "data-kind="))
	}
	return all
}

// standingStill is a run with a snapshot, freezes, and an environment that is reset.
func standingStill() timeline.Input {
	return timeline.Input{
		Events: []lambdatest.Event{
			{Time: at(1), Kind: lambdatest.RuntimeStart, Source: "runtime"},
			{Time: at(10), Kind: lambdatest.Next, Source: "runtime"},
			{Time: at(10.5), Kind: lambdatest.InitDone, Duration: 10 * time.Millisecond},
			{Time: at(11), Kind: lambdatest.Snapshot},
			{Time: at(511), Kind: lambdatest.RestoreStart, Duration: 500 * time.Millisecond},
			{Time: at(515), Kind: lambdatest.RestoreDone, Duration: 4 * time.Millisecond},
			{Time: at(516), Kind: lambdatest.InvokeStart, RequestID: "a"},
			{Time: at(517), Kind: lambdatest.Frozen},
			{Time: at(3_600_517), Kind: lambdatest.Thawed, Duration: time.Hour},
			{Time: at(3_600_518), Kind: lambdatest.Responded, Source: "runtime", RequestID: "a", Duration: time.Hour},
			{Time: at(3_600_520), Kind: lambdatest.InvokeEnd, RequestID: "a"},
			{Time: at(3_600_521), Kind: lambdatest.InvokeStart, RequestID: "b"},
			{Time: at(3_600_522), Kind: lambdatest.Left, Source: "runtime", Code: 1},
			{Time: at(3_600_523), Kind: lambdatest.InvokeEnd, RequestID: "b", Fault: &lambdatest.Fault{Type: "Runtime.ExitError"}},
			{Time: at(3_600_524), Kind: lambdatest.Stop, Reason: "failure"},
			{Time: at(3_600_525), Kind: lambdatest.Left, Source: "larder", Code: 1},
			{Time: at(3_600_530), Kind: lambdatest.Spawn, Source: "larder"},
			{Time: at(3_600_532), Kind: lambdatest.InitFailed, Fault: &lambdatest.Fault{Type: "Extension.Crash"}},
			{Time: at(3_600_540), Kind: lambdatest.Frozen},
			{Time: at(3_600_640), Kind: lambdatest.Left, Source: "larder", Code: -1, Signal: "killed"},
		},
		Notes: []timeline.Note{{Time: at(100), Source: "aws", Text: "credentials renewed"}},
		Lines: []timeline.Line{
			logged(511.5, "DEBUG", "read", `,"ref":"ssm:///o","result":"miss","ms":1`), // by a clock that is a little late
			logged(513, "DEBUG", "read", `,"ref":"ssm:///p","result":"miss","ms":1`),
			logged(3_600_517.5, "DEBUG", "read", `,"ref":"ssm:///p","result":"hit","ms":3600001`), // from before the freeze
		},
	}
}

// Time that is frozen has a chart of its own, and no part in the next one; an
// environment that was reset begins once more.
func TestPageOfStandingStill(t *testing.T) {
	t.Parallel()
	page := renderPage(t, standingStill())
	check(t, outline(page), `
# init
runtime start | 1.00 ms | 9.00 ms
next runtime | 10.0 ms | 0.50 ms
frozen not to scale |  | 500 ms
# restore
runtime start after a restore | 0 ms | 4.00 ms
  read: miss ssm:///o | 0 ms | 0.50 ms
  read: miss ssm:///p | 1.00 ms | 1.00 ms
# invoke 1
handler | 0 ms | 1 h 0 min
  read: hit ssm:///p | 0.50 ms | 1 h 0 min
frozen not to scale |  | 1 h 0 min
# invoke 2
handler | 0 ms | 2.00 ms
shutdown runtime: exit 1 | 1.00 ms | 0 ms
# shutdown, failure
shutdown larder: exit 1 | 0 ms | 1.00 ms
# init once more
spawn larder | 0 ms | 110 ms
frozen not to scale |  | 100 ms
# shutdown
shutdown larder: killed | 0 ms | 0 ms
`)
	for _, want := range []string{
		"<h2>restore</h2> <span>4.00 ms, 511 ms into the run</span><p>Before it: aws, credentials renewed.</p>",
		"<h2>invoke 1</h2> <span>1.00 ms, 516 ms into the run</span>",
		"failed: Runtime.ExitError", "<li>invoke 2: Runtime.ExitError</li><li>init once more: Extension.Crash</li>",
		"1.00 ms of it here",
	} {
		if !strings.Contains(page, want) {
			t.Errorf("the page lacks %q:\n%s", want, page)
		}
	}
	checkBars(t, page)
}

// An invoke that stands still twice goes on under one name.
func TestPageOfTwoFreezes(t *testing.T) {
	t.Parallel()
	page := renderPage(t, timeline.Input{Events: []lambdatest.Event{
		{Time: at(1), Kind: lambdatest.InvokeStart, RequestID: "a"},
		{Time: at(2), Kind: lambdatest.Frozen},
		{Time: at(12), Kind: lambdatest.Thawed},
		{Time: at(13), Kind: lambdatest.Next, Source: "larder"},
		{Time: at(14), Kind: lambdatest.Frozen},
		{Time: at(34), Kind: lambdatest.Thawed},
		{Time: at(35), Kind: lambdatest.Next, Source: "other"},
		{Time: at(36), Kind: lambdatest.InvokeEnd, RequestID: "a"},
	}})
	check(t, outline(page), `
# invoke 1
handler | 0 ms | 35.0 ms
frozen not to scale |  | 10.0 ms
# invoke 1, continued
next larder | 1.00 ms | 0 ms
frozen not to scale |  | 20.0 ms
# invoke 1, continued
next other | 1.00 ms | 1.00 ms
`)
}

// lastLines are those in which Larder sums up the run when it is shut down.
func lastLines() []timeline.Line {
	return []timeline.Line{
		logged(1, "DEBUG", "declared", `,"extension":"larder","variable":"Z_KEY","ref":"ssm:///z","state":"missing"`),
		logged(1, "DEBUG", "declared", `,"extension":"larder","variable":"DB_PASSWORD","ref":"secretsmanager://prod/db#password","state":"stale","version":"v1","age":3725.2`),
		logged(2, "DEBUG", "declared", `,"extension":"larder","variable":"DB_PASSWORD","ref":"secretsmanager://prod/db#password","state":"fresh","version":"v2","age":12.3`),
		logged(3, "INFO", "shutdown", `,"extension":"larder","reason":"failure","reads":27,"hits":26,"waits":1,"misses":0,"stale":0,"refused":0,"errors":{"NotFound":1},"refreshes":1,"calls":3,"failedCalls":0,"worstAge":12.3`),
		logged(4, "INFO", "shutdown", `,"extension":"larder","reason":"spindown","reads":1000,"hits":900,"waits":2,"misses":3,"stale":4,"refused":5,"errors":{"Denied":2,"NotFound":6},"refreshes":7,"calls":8,"failedCalls":9,"worstAge":4000`),
	}
}

func TestPageOfLogs(t *testing.T) {
	t.Parallel()
	page := renderPage(t, timeline.Input{Lines: lastLines()})
	_, page, _ = strings.Cut(page, `<div class="logs">`)
	var got []string
	for _, line := range strings.Split(page, "<tr>")[1:] {
		line, _, _ = strings.Cut(line, "</tr>")
		cells := regexp.MustCompile(`<t[hd][^>]*>(.*?)</t[hd]>`).FindAllStringSubmatch(line, -1)
		for i := range cells {
			cells[i][0] = text(cells[i][1])
		}
		var values []string
		for _, c := range cells {
			values = append(values, c[0])
		}
		got = append(got, strings.Join(values, " | "))
	}
	check(t, strings.Join(got, "\n"), `
variable | reference | state | version | age
DB_PASSWORD | secretsmanager://prod/db#password | fresh | v2 | 12.3 s
Z_KEY | ssm:///z | missing |  | –
reads | 1027
hits, from memory | 926
waits for a fetch under way | 3
misses, for which AWS was asked | 3
stale, an old value as AWS failed | 4
refused | 5
failed: Denied | 2
failed: NotFound | 7
refreshes | 8
AWS calls | 11
AWS calls that failed | 9
age of the oldest value served | 1 h 6 min`)
	if !strings.Contains(page, "Summed up over 2 environments") || strings.Contains(page, "did not tell") {
		t.Errorf("the page does not say what it has:\n%s", page)
	}

	// An older one leaves without a word.
	page = renderPage(t, timeline.Input{Lines: []timeline.Line{logged(1, "INFO", "shutdown", `,"reason":"spindown"`)}})
	if strings.Count(page, "The extension did not tell.") != 2 {
		t.Errorf("the page does not say that two things are missing:\n%s", page)
	}
}
