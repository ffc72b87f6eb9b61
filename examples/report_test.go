package examples_test

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"html"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"larder/internal/gotest"
)

// screenshots names the folder for pictures of the page; without it they are the test's artifacts.
const screenshots = "LARDER_SCREENSHOTS"

// Chromium's names of the color schemes.
// https://source.chromium.org/chromium/chromium/src/+/main:third_party/blink/public/mojom/css/preferred_color_scheme.mojom
const (
	dark  = "0"
	light = "1"
)

// measure writes into the page what a browser made of its bars, and logs a line.
const measure = `<script>
const bars = [...document.querySelectorAll("[data-kind]")].map(bar => {
	const box = bar.getBoundingClientRect(), track = bar.closest("svg").getBoundingClientRect(), style = getComputedStyle(bar);
	const chart = bar.closest("figure").querySelector("h2");
	return {kind: bar.dataset.kind, chart: chart ? chart.textContent : "", left: box.left, right: box.right, top: box.top,
		trackLeft: track.left, trackRight: track.right, color: style.stroke == "none" ? style.fill : style.stroke};
});
const axes = [...document.querySelectorAll(".axis svg")].map(axis => [...axis.querySelectorAll("text")]
	.filter(text => text.textContent).map(text => text.getBoundingClientRect()).filter(box => box.width)
	.map(box => ({left: box.left, right: box.right, trackRight: axis.getBoundingClientRect().right})));
const words = [...document.querySelectorAll("h1, h2, p, th, td, dt, dd, li, span, b")].map(e => getComputedStyle(e).color);
const root = document.documentElement;
const found = document.createElement("script");
found.type = "application/json";
found.id = "found";
found.textContent = JSON.stringify({bars, axes, words, paper: getComputedStyle(document.body).backgroundColor,
	overflow: root.scrollWidth - root.clientWidth});
parent.document.body.append(found);
console.log("measured");
</script>`

// narrow is a page with another one in it, on a window as wide as a phone: chromium's own has 500 pixels at least.
const narrow = `<!doctype html><body style="margin: 0"><iframe style="border: 0; width: 360px; height: 3000px" srcdoc="%s"></iframe>`

// measured is what measure writes.
type measured struct {
	Bars     []bar
	Axes     [][]bar  // what is written at their marks
	Words    []string // the colors of texts
	Paper    string   // the color behind them
	Overflow float64
}

type bar struct {
	Kind, Chart           string
	Left, Right, Top      float64
	TrackLeft, TrackRight float64
	Color                 string
}

// TestReportInBrowser opens the page of a run of the real program.
func TestReportInBrowser(t *testing.T) {
	chromium, err := exec.LookPath("chromium")
	if err != nil {
		t.Skip("SKIPPED: there is no chromium to open the page in")
	}
	gotest.DependOn(t, "..")
	lang := languages()[slices.IndexFunc(languages(), func(l language) bool {
		return exec.Command(l.probe[0], l.probe[1:]...).Run() == nil
	})]
	page := filepath.Join(t.TempDir(), "report.html")
	_, output := buildLayer(t).run(t, lang.command(t),
		"--secrets", "secrets.yaml", "--env-file", "function.env", "--freeze", "20ms", "--report", page)
	if !strings.HasSuffix(output, "\nreport: "+page+"\n") {
		t.Errorf("the last line is not the page's path:\n%s", output)
	}
	content, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	checkLeak(t, string(content)+html.UnescapeString(string(content)), "secrets.yaml")
	if bytes.Contains(content, []byte("CANARY")) {
		t.Error("the page has a part of a value")
	}

	b := browser{chromium, cmp.Or(os.Getenv(screenshots), t.ArtifactDir())}
	dom, console := b.open(t, page, light, "report-light.png")
	if console != "" || !strings.Contains(dom, "data-kind") {
		t.Errorf("the browser says of the page:\n%s", console)
	}

	probe := filepath.Join(t.TempDir(), "probe.html")
	policy := regexp.MustCompile(`<meta http-equiv="Content-Security-Policy"[^>]*>`)
	if !policy.Match(content) {
		t.Error("the page has no policy")
	}
	content = bytes.Replace(policy.ReplaceAll(content, nil), []byte("</body>"), []byte(measure+"</body>"), 1)
	if err := os.WriteFile(probe, content, 0o644); err != nil {
		t.Fatal(err)
	}
	phone := filepath.Join(t.TempDir(), "phone.html")
	if err := os.WriteFile(phone, []byte(fmt.Sprintf(narrow, html.EscapeString(string(content)))), 0o644); err != nil {
		t.Fatal(err)
	}
	bright, night := b.measure(t, probe, light, ""), b.measure(t, probe, dark, "report-dark.png")
	if l, d := luminance(t, bright.Paper), luminance(t, night.Paper); l < 0.8 || d > 0.1 {
		t.Errorf("the page is %s by day and %s by night", bright.Paper, night.Paper)
	}
	for _, m := range []measured{bright, night, b.measure(t, phone, light, "report-phone.png")} {
		checkPlaces(t, m)
		checkContrast(t, m)
	}
}

// browser is a chromium without windows, and where its pictures go.
type browser struct{ program, pictures string }

// open loads a page, and returns what became of it, and what a developer would see in the console. It takes a picture
// if that has a name.
func (b browser) open(t *testing.T, page, scheme, picture string) (dom, console string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	home := t.TempDir()
	args := []string{
		"--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
		"--disable-component-update", "--disable-sync", "--disable-crash-reporter", "--user-data-dir=" + home,
		"--enable-logging=stderr", "--window-size=1200,1600", "--hide-scrollbars", "--blink-settings=preferredColorScheme=" + scheme, "--dump-dom",
	}
	if picture != "" {
		args = append(args, "--screenshot="+filepath.Join(b.pictures, picture))
	}
	cmd := exec.CommandContext(ctx, b.program, append(args, "file://"+page)...)
	cmd.Env = append(os.Environ(), "HOME="+home)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // its own processes go with it
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
	cmd.WaitDelay = 10 * time.Second
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	err := cmd.Run()
	if cmd.Process != nil {
		_ = cmd.Cancel() // who is left would write into a folder that is about to go
	}
	if err != nil {
		t.Fatalf("chromium: %v\n%s", err, &stderr)
	}
	if picture != "" {
		if _, err := os.Stat(filepath.Join(b.pictures, picture)); err != nil {
			t.Errorf("no picture: %v\n%s", err, &stderr)
		}
	}
	for line := range strings.Lines(stderr.String()) {
		if strings.Contains(line, ":CONSOLE") {
			console += line
		}
	}
	return stdout.String(), console
}

// measure opens a page that has the script of that name in it.
func (b browser) measure(t *testing.T, page, scheme, picture string) measured {
	t.Helper()
	dom, console := b.open(t, page, scheme, picture)
	if strings.Count(console, "\n") != 1 || !strings.Contains(console, "measured") {
		t.Errorf("the console has %q, want the script's one line", console)
	}
	_, text, _ := strings.Cut(dom, `<script type="application/json" id="found">`)
	text, _, _ = strings.Cut(text, "</script>")
	var m measured
	if err := json.Unmarshal([]byte(text), &m); err != nil {
		t.Fatalf("the script found %q: %v", text, err)
	}
	return m
}

// checkPlaces checks that bars lie where the time says: in their track, and in the order of what happened.
func checkPlaces(t *testing.T, m measured) {
	t.Helper()
	const pixel = 1
	first, kinds := map[string]bar{}, map[string]int{}
	for _, b := range m.Bars {
		if b.Right-b.Left < pixel || b.Left < b.TrackLeft-pixel || b.Right > b.TrackRight+pixel || b.TrackRight-b.TrackLeft < 300 {
			t.Errorf("a bar is out of its track, or too thin to see: %+v", b)
		}
		kinds[b.Kind]++
		if key := b.Chart + ": " + b.Kind; first[key] == (bar{}) {
			first[key] = b
		}
	}
	for kind, least := range map[string]int{
		"spawn": 1, "register": 1, "prefetch": 1, "call": 4, "runtime": 1, "handler": 3, "read-hit": 12, "next": 8, "frozen": 3, "shutdown": 2,
	} {
		if kinds[kind] < least {
			t.Errorf("%d bars are %s, want %d or more", kinds[kind], kind, least)
		}
	}
	order := []string{"init: spawn", "init: register", "init: runtime", "invoke 1: handler", "invoke 2: handler", "invoke 3: handler", "shutdown, spindown: shutdown"}
	for i, name := range order[1:] {
		before, after := first[order[i]], first[name]
		if after.Top <= before.Top || strings.HasPrefix(name, "init") && after.Left <= before.Left {
			t.Errorf("%s %+v is not before %s %+v", order[i], before, name, after)
		}
	}
	for _, b := range m.Bars {
		if prefetch := first["init: prefetch"]; b.Kind == "call" && (b.Left < prefetch.Left-pixel || b.Right > prefetch.Right+4*pixel) {
			t.Errorf("a call is not within the prefetch %+v: %+v", prefetch, b)
		}
		if handler := first[b.Chart+": handler"]; b.Kind == "read-hit" && b.Chart != "init" && (b.Left < handler.Left-pixel || b.Right > handler.Right+pixel) {
			t.Errorf("a read is not within the handler %+v: %+v", handler, b)
		}
	}
	if len(m.Axes) != 5 {
		t.Errorf("%d phases have an axis, want 5", len(m.Axes))
	}
	for _, marks := range m.Axes {
		for i, mark := range marks {
			if mark.Right > mark.TrackRight+pixel || i > 0 && mark.Left <= marks[i-1].Right {
				t.Errorf("a mark is not right of the one before, or leaves its axis: %+v", marks)
				break
			}
		}
	}
	if m.Overflow > 0 {
		t.Errorf("the page is wider than its window by %v", m.Overflow)
	}
}

// checkContrast holds what WCAG asks for: 4.5 for texts, 3 for what is drawn.
// https://www.w3.org/TR/WCAG22/#contrast-minimum, https://www.w3.org/TR/WCAG22/#non-text-contrast
func checkContrast(t *testing.T, m measured) {
	t.Helper()
	if len(m.Words) < 50 {
		t.Errorf("only %d texts were found", len(m.Words))
	}
	paper := luminance(t, m.Paper)
	contrast := func(color string) float64 {
		l := luminance(t, color)
		return (max(l, paper) + 0.05) / (min(l, paper) + 0.05)
	}
	for _, color := range slices.Compact(slices.Sorted(slices.Values(m.Words))) {
		if c := contrast(color); c < 4.5 {
			t.Errorf("a text has the contrast %.2f: %s on %s", c, color, m.Paper)
		}
	}
	for _, b := range m.Bars {
		if c := contrast(b.Color); c < 3 {
			t.Errorf("a bar has the contrast %.2f: %s on %s, %s", c, b.Color, m.Paper, b.Kind)
		}
	}
}

// luminance is how bright a color is, from 0 to 1.
// https://www.w3.org/TR/WCAG22/#dfn-relative-luminance
func luminance(t *testing.T, color string) float64 {
	t.Helper()
	var r, g, b float64
	if _, err := fmt.Sscanf(color, "rgb(%g, %g, %g)", &r, &g, &b); err != nil {
		t.Fatalf("color %q: %v", color, err)
	}
	linear := func(v float64) float64 {
		if v /= 255; v <= 0.04045 {
			return v / 12.92
		}
		return math.Pow((v+0.055)/1.055, 2.4)
	}
	return 0.2126*linear(r) + 0.7152*linear(g) + 0.0722*linear(b)
}
