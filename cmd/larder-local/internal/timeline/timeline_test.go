package timeline_test

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"larder/cmd/larder-local/internal/timeline"
	"larder/internal/awstest"
	"larder/internal/lambdatest"
)

var start = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// at returns the time so many milliseconds after the start.
func at(ms float64) time.Time {
	return start.Add(time.Duration(ms * float64(time.Millisecond)))
}

// logged is a line of Larder's log, seen later than it was written.
func logged(ms float64, level, msg, attrs string) timeline.Line {
	text := fmt.Sprintf(`{"time":%q,"level":%q,"msg":%q%s}`, at(ms).Format(time.RFC3339Nano), level, msg, attrs)
	return timeline.Line{Time: at(ms + 500), Source: "larder", Text: []byte(text)}
}

func read(ms float64, ref, result string) timeline.Line {
	return logged(ms, "DEBUG", "read", fmt.Sprintf(`,"path":"/value","ref":%q,"result":%q,"status":200,"ms":0.1`, ref, result))
}

func render(t *testing.T, in timeline.Input) string {
	t.Helper()
	in.Start = start
	var out strings.Builder
	if err := timeline.Build(in).WriteText(&out); err != nil {
		t.Fatal(err)
	}
	return out.String()
}

// check compares line by line, without regard to trailing spaces.
func check(t *testing.T, got, want string) {
	t.Helper()
	g, w := strings.Split(got, "\n"), strings.Split(strings.TrimPrefix(want, "\n"), "\n")
	for i := range max(len(g), len(w)) {
		var a, b string
		if i < len(g) {
			a = strings.TrimRight(g[i], " ")
		}
		if i < len(w) {
			b = w[i]
		}
		if a != b {
			t.Errorf("line %d:\n got %q\nwant %q", i+1, a, b)
		}
	}
}

func TestWholeRun(t *testing.T) {
	t.Parallel()
	got := render(t, timeline.Input{
		Command: "python bootstrap",
		StandIn: true,
		Pages:   func(string) int { return 3 },
		Events: []lambdatest.Event{
			{Time: at(0.5), Kind: lambdatest.Spawn, Source: "larder"},
			{Time: at(4), Kind: lambdatest.Register, Source: "larder"},
			{Time: at(5), Kind: lambdatest.RuntimeStart, Source: "runtime"},
			{Time: at(13), Kind: lambdatest.Next, Source: "larder"},
			{Time: at(60), Kind: lambdatest.Next, Source: "runtime"},
			{Time: at(60), Kind: lambdatest.InitDone, Duration: 60 * time.Millisecond},
			{Time: at(61), Kind: lambdatest.InvokeStart, RequestID: "a"},
			{Time: at(63), Kind: lambdatest.Responded, Source: "runtime", RequestID: "a", Duration: 2040 * time.Microsecond},
			{Time: at(64), Kind: lambdatest.InvokeEnd, RequestID: "a", Duration: 3 * time.Millisecond, PostRuntime: 100 * time.Microsecond},
			{Time: at(71), Kind: lambdatest.InvokeStart, RequestID: "b"},
			{Time: at(72), Kind: lambdatest.Responded, Source: "runtime", RequestID: "b", Duration: time.Millisecond},
			{Time: at(80), Kind: lambdatest.InvokeEnd, RequestID: "b", Duration: 9 * time.Millisecond, PostRuntime: 7 * time.Millisecond},
			{Time: at(90), Kind: lambdatest.Stop, Reason: "spindown"},
			{Time: at(91), Kind: lambdatest.Left, Source: "runtime", Code: -1, Signal: "killed"},
			{Time: at(1234.56), Kind: lambdatest.Left, Source: "larder"},
		},
		Lines: []timeline.Line{
			logged(3, "DEBUG", "listening", `,"addr":"127.0.0.1:2773"`),
			logged(4.1, "DEBUG", "registered", ``),
			read(12, "secretsmanager://x", "wait"),
			logged(12.1, "DEBUG", "read", `,"path":"/env","ref":"","result":"wait","status":200,"ms":7.04`),
			logged(12.5, "INFO", "prefetch done", `,"declared":5,"fetched":4,"calls":1,"ms":7.31`),
			read(62, "ssm:///p/*", "hit"),
			read(62.1, "secretsmanager://x#f", "hit"),
			read(62.2, "secretsmanager://x#f", "hit"),
			logged(71.45, "DEBUG", "refresh done", `,"due":3,"fetched":2,"calls":1,"ms":2.5`),
			read(71.5, "ssm:///q", "miss"),
			read(71.52, "ssm:///s", "stale"),
			read(71.6, "ssm:///r", "error"),
			read(71.7, "", "error"),
			logged(92, "INFO", "shutdown", `,"reason":"spindown"`),
		},
		Calls: []awstest.Call{
			{Time: at(6), Action: "BatchGetSecretValue", IDs: []string{"x", "y"}, Status: 200},
			{Time: at(71.4), Action: "GetParameter", IDs: []string{"/q"}, Status: 200},
			{Time: at(71.55), Action: "GetParameter", IDs: []string{"/r"}, Status: 400, Code: "ParameterNotFound"},
		},
	})
	check(t, got, `
       ms  source   event
      0.5  larder   spawn
      3.0  larder   listen on 127.0.0.1:2773
      4.0  larder   register
      5.0  runtime  start python bootstrap
      6.0  aws      BatchGetSecretValue x, y
     12.1  larder   all variables given out after 7.0 ms
     12.5  larder   prefetch done: 4 of 5 fetched with 1 AWS call, 7.3 ms
     13.0  larder   next
     60.0  runtime  next
     60.0  lambda   init done after 60.0 ms
                      waited for: all variables, secretsmanager://x
     61.0  lambda   invoke 1
     63.0  runtime  invoke 1 answered after 2.0 ms
                      hit: secretsmanager://x#f ×2, ssm:///p/*
     71.0  lambda   invoke 2
     71.4  aws      GetParameter /q
     71.5  larder   refresh done: 2 of 3 due fetched with 1 AWS call, 2.5 ms
     71.5  aws      GetParameter /r: ParameterNotFound
     72.0  runtime  invoke 2 answered after 1.0 ms
                      missed: ssm:///q
                      stale: ssm:///s
                      failed: ssm:///r
     80.0  lambda   invoke 2 held by extensions for 7.0 ms
     90.0  lambda   shutdown, spindown
     91.0  runtime  ended by signal: killed
   1234.6  larder   exit 0

8 reads: 3 hits, 2 waited for, 1 miss, 1 stale, 1 failed
3 AWS calls (BatchGetSecretValue 1, GetParameter 2); these reads one by one: 14
`)
}

// A snapshot, its restore and a freeze are told in words; what was read after the
// restore, before any invoke, stands at its end.
func TestStandingStill(t *testing.T) {
	t.Parallel()
	got := render(t, timeline.Input{
		Events: []lambdatest.Event{
			{Time: at(10), Kind: lambdatest.InitDone, Duration: 10 * time.Millisecond},
			{Time: at(11), Kind: lambdatest.Snapshot},
			{Time: at(511), Kind: lambdatest.RestoreStart, Duration: 500 * time.Millisecond},
			{Time: at(515), Kind: lambdatest.RestoreDone, Duration: 4 * time.Millisecond},
			{Time: at(516), Kind: lambdatest.InvokeStart, RequestID: "a"},
			{Time: at(518), Kind: lambdatest.Responded, Source: "runtime", RequestID: "a", Duration: 2 * time.Millisecond},
			{Time: at(519), Kind: lambdatest.InvokeEnd, RequestID: "a", Duration: 3 * time.Millisecond},
			{Time: at(520), Kind: lambdatest.Frozen},
			{Time: at(2520), Kind: lambdatest.Thawed, Duration: 2 * time.Second},
			{Time: at(2521), Kind: lambdatest.InvokeStart, RequestID: "b"},
			{Time: at(2522), Kind: lambdatest.Responded, Source: "runtime", RequestID: "b", Duration: time.Millisecond},
			{Time: at(3000), Kind: lambdatest.RestoreStart, Duration: time.Millisecond},
			{Time: at(3003), Kind: lambdatest.RestoreFailed, Duration: 3 * time.Millisecond, Fault: &lambdatest.Fault{
				Type: "Runtime.HookFailed", Source: "runtime"}},
		},
		Notes: []timeline.Note{{Time: at(100), Source: "aws", Text: "credentials renewed"}},
		Lines: []timeline.Line{
			read(5, "secretsmanager://x", "wait"),
			read(513, "secretsmanager://x", "miss"),
			read(517, "secretsmanager://x", "hit"),
			read(3001, "secretsmanager://y", "error"),
		},
	})
	check(t, got, `
       ms  source   event
     10.0  lambda   init done after 10.0 ms
                      waited for: secretsmanager://x
     11.0  lambda   snapshot taken, all processes stopped
    100.0  aws      credentials renewed
    511.0  lambda   restore of a snapshot that is 500.0 ms old
    515.0  lambda   restore done after 4.0 ms
                      missed: secretsmanager://x
    516.0  lambda   invoke 1
    518.0  runtime  invoke 1 answered after 2.0 ms
                      hit: secretsmanager://x
    520.0  lambda   frozen, all processes stopped
   2520.0  lambda   thawed after 2000.0 ms
   2521.0  lambda   invoke 2
   2522.0  runtime  invoke 2 answered after 1.0 ms
   3000.0  lambda   restore of a snapshot that is 1.0 ms old
   3003.0  lambda   restore failed after 3.0 ms: Runtime.HookFailed of runtime
                      failed: secretsmanager://y

4 reads: 1 hit, 1 waited for, 1 miss, 1 failed
`)
}

func TestFailures(t *testing.T) {
	t.Parallel()
	got := render(t, timeline.Input{Events: []lambdatest.Event{
		{Time: at(0.5), Kind: lambdatest.InitReport, Source: "larder", Fault: &lambdatest.Fault{
			Type: "Extension.InitError", Source: "larder", ReportedType: "Extension.ConfigInvalid", ReportedMessage: "LARDER_X"}},
		{Time: at(1), Kind: lambdatest.InitFailed, Duration: time.Millisecond, Fault: &lambdatest.Fault{
			Type: "Extension.InitError", Message: "exit status 1", Source: "larder",
			ReportedType: "Extension.ConfigInvalid", ReportedMessage: "LARDER_X"}},
		{Time: at(2), Kind: lambdatest.InvokeStart, RequestID: "a"},
		{Time: at(3), Kind: lambdatest.InvokeEnd, RequestID: "a", Duration: time.Millisecond, Fault: &lambdatest.Fault{
			Type: "Sandbox.Timeout", Message: "Task timed out"}},
		{Time: at(4), Kind: lambdatest.ExitReport, Source: "larder", Fault: &lambdatest.Fault{
			Type: "Extension.ExitError", Source: "larder", ReportedType: "Extension.ServerFailed", ReportedMessage: "out of\nsockets"}},
	}})
	check(t, got, `
       ms  source  event
      0.5  larder  init error Extension.ConfigInvalid: LARDER_X
      1.0  lambda  init failed after 1.0 ms: Extension.InitError of larder: exit status 1 (it reported Extension.ConfigInvalid: LARDER_X)
      2.0  lambda  invoke 1
      3.0  lambda  invoke 1 failed after 1.0 ms: Sandbox.Timeout: Task timed out
      4.0  larder  exit error Extension.ServerFailed: out of�sockets

0 reads: 0 hits, 0 waited for, 0 misses
`)
}

// What nobody has told is not known, and no zero. What the extension has counted is.
func TestUnknownReads(t *testing.T) {
	t.Parallel()
	spawn := []lambdatest.Event{{Time: at(0.5), Kind: lambdatest.Spawn, Source: "larder"}}
	const (
		none   = "reads: not known, an extension's log tells of them in JSON and at level DEBUG\n0 AWS calls\n"
		counts = `,"reason":"spindown","reads":9,"hits":3,"waits":1,"misses":2,"stale":1,"refused":4,"errors":{"Denied":1,"NotFound":1}`
	)
	tests := []struct {
		name  string
		in    timeline.Input
		want  string
		tiles []string
	}{
		{"no extension", timeline.Input{}, "0 reads: 0 hits, 0 waited for, 0 misses\n0 AWS calls; these reads one by one: 0\n",
			[]string{"<b>0</b> 0 hits", "<b>0</b> these reads one by one: 0"}},
		{"no log", timeline.Input{Events: spawn}, none, []string{"<b>?</b> not known", "<b>0</b> </dd>"}},
		{"level WARN", timeline.Input{Events: spawn, Lines: []timeline.Line{
			logged(12, "WARN", "read", `,"path":"/value","ref":"ssm:///p","result":"Denied","status":403,"ms":1`)}}, none, []string{"<b>?</b> not known"}},
		{"level INFO", timeline.Input{Events: spawn, Lines: []timeline.Line{logged(12, "INFO", "shutdown", counts)}},
			"9 reads: 3 hits, 1 waited for, 2 misses, 1 stale, 2 failed\n0 AWS calls\n", []string{"<b>9</b> 3 hits, 1 waited"}},
		{"all variables", timeline.Input{Events: spawn, Pages: func(string) int { return 3 }, Lines: []timeline.Line{
			logged(12, "DEBUG", "read", `,"path":"/env","result":"wait","status":200,"ms":7.04`),
			logged(13, "DEBUG", "read", `,"path":"/env","result":"refused","status":403,"ms":7.04`),
			logged(20, "DEBUG", "declared", `,"variable":"A","ref":"secretsmanager://a","state":"fresh"`),
			logged(20, "DEBUG", "declared", `,"variable":"T","ref":"ssm:///t/*","state":"fresh"`),
			logged(20, "DEBUG", "declared", `,"variable":"LARDER_PREFETCH","ref":"secretsmanager://b","state":"fresh"`)}},
			"1 read: 0 hits, 1 waited for, 0 misses\n0 AWS calls; these reads one by one: 4\n", []string{"<b>1</b> 0 hits, 1 waited"}},
	}
	for _, test := range tests {
		test.in.StandIn = true
		if got := render(t, test.in); !strings.HasSuffix(got, "\n\n"+test.want) {
			t.Errorf("%s: the text is\n%s\nwant at its end\n%s", test.name, got, test.want)
		}
		page := renderPage(t, test.in)
		for _, want := range test.tiles {
			if !strings.Contains(page, want) {
				t.Errorf("%s: the page lacks %q", test.name, want)
			}
		}
	}
}

// Warnings and errors are shown in full, other programs' lines as they are.
func TestLines(t *testing.T) {
	t.Parallel()
	lines := []timeline.Line{
		logged(1, "WARN", "setting", `,"problem":"a \"b\"","count":3,"list":{"x":[1]}`),
		logged(2, "ERROR", "missing", ``),
		logged(3, "INFO", "something new", `,"a":1`),
		{Time: at(4), Source: "larder", Text: []byte("panic: \x1b[31mred\x00")},
		{Time: at(5), Source: "larder", Text: []byte(`{"_aws":{},"reads":1}`)},
		{Time: at(6), Source: "larder", Text: []byte(`{"time":"2026-03-01T12:00:00Z","level":"WARN","msg":"cut`)},
		{Time: at(7), Source: "runtime", Text: []byte(`{"time":"2026-03-01T12:00:00Z","level":"WARN","msg":"the function's own"}`)},
	}
	const quiet = `
       ms  source   event
      1.0  larder   WARN: setting problem="a \"b\"" count=3 list={"x":[1]}
      2.0  larder   ERROR: missing
      4.0  larder   | panic: �[31mred�
      5.0  larder   | {"_aws":{},"reads":1}
      6.0  larder   | {"time":"2026-03-01T12:00:00Z","level":"WARN","msg":"cut
      7.0  runtime  | {"time":"2026-03-01T12:00:00Z","level":"WARN","msg":"the function's own"}

0 reads: 0 hits, 0 waited for, 0 misses
`
	check(t, render(t, timeline.Input{Lines: lines}), quiet)

	raw := render(t, timeline.Input{Lines: lines, Raw: true})
	for _, l := range lines {
		text := strings.NewReplacer("\x1b", "�", "\x00", "�").Replace(string(l.Text))
		if !strings.Contains(raw, "| "+text+"\n") {
			t.Errorf("with Raw, %q is not in\n%s", text, raw)
		}
	}
}

// The same run is the same text and page, in whatever order it was observed.
func TestAnyOrder(t *testing.T) {
	t.Parallel()
	in := standingStill()
	in.Command, in.StandIn = "bootstrap", true
	in.Lines = append(in.Lines, lastLines()...)
	in.Notes = append(in.Notes, timeline.Note{Time: at(200), Source: "aws", Text: "secret rotated"})
	in.Calls = []awstest.Call{
		{Time: at(512), Action: "GetParameter", IDs: []string{"/o"}, Duration: time.Millisecond},
		{Time: at(513.5), Action: "GetParameter", IDs: []string{"/p"}, Duration: time.Millisecond},
	}
	text, page := render(t, in), renderPage(t, in)
	for seed := range uint64(20) {
		random := rand.New(rand.NewPCG(seed, 0))
		shuffle(random, in.Events)
		shuffle(random, in.Lines)
		shuffle(random, in.Notes)
		shuffle(random, in.Calls)
		check(t, render(t, in), text)
		check(t, renderPage(t, in), page)
		if t.Failed() {
			t.Fatalf("shuffled with the seed %d", seed)
		}
	}
}

func shuffle[T any](random *rand.Rand, all []T) {
	random.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
}
