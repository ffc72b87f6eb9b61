package main

import (
	"fmt"
	"log/slog"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"larder/secret"
)

// What is the matter with a value: nothing, or words of the warning or mistake.
const (
	fine     = ""
	clamped  = "out of range"
	standard = "the default"
)

// given is a value of a variable and what becomes of it.
type given struct {
	text    string
	want    any
	problem string
}

// settingTests returns the table of all variables.
func settingTests() []struct {
	variable string
	read     func(s settings) any
	given    []given
} {
	const year = 365 * 24 * time.Hour
	truths := func(fallback bool) []given {
		return []given{
			{"true", true, fine}, {"TRUE", true, fine}, {" True\n", true, fine}, {"false", false, fine}, {"FaLsE", false, fine},
			{"1", fallback, "true or false"}, {"yes", fallback, "true or false"}, {"true false", fallback, "true or false"},
		}
	}
	ttls := []given{
		{"0", time.Duration(0), fine}, {"300", 5 * time.Minute, fine}, {"301", 301 * time.Second, fine}, {"5m", 5 * time.Minute, fine},
		{"1.5s", 1500 * time.Millisecond, fine}, {"31536000", year, fine}, {"8760h", year, fine},
		{"-1", time.Duration(0), clamped}, {"-1ms", time.Duration(0), clamped}, {"-99999999999999999999", time.Duration(0), clamped},
		{"31536001", year, clamped}, {"8761h", year, clamped}, {"18446744074", year, clamped}, {"99999999999999999999", year, clamped},
		{"abc", 5 * time.Minute, standard}, {"1.5", 5 * time.Minute, standard}, {"5 m", 5 * time.Minute, standard},
		{"9999999999h", 5 * time.Minute, standard}, {"0x10", 5 * time.Minute, standard},
	}
	timeouts := []given{
		{"0", time.Duration(0), fine}, {"1500", 1500 * time.Millisecond, fine}, {"5000", 5 * time.Second, fine},
		{"-1", time.Duration(0), clamped}, {"5001", 5 * time.Second, clamped},
		{"99999999999999999999", 5 * time.Second, clamped},
		{"1s", time.Duration(0), standard}, {"1.5", time.Duration(0), standard},
	}
	return []struct {
		variable string
		read     func(s settings) any
		given    []given
	}{
		{"PARAMETERS_SECRETS_EXTENSION_CACHE_ENABLED", func(s settings) any { return s.cacheEnabled }, truths(true)},
		{"PARAMETERS_SECRETS_EXTENSION_CACHE_SIZE", func(s settings) any { return s.entries }, []given{
			{"0", 0, fine}, {"1", 1, fine}, {" 1000 ", 1000, fine}, {"100000", 100_000, fine},
			{"-1", 0, clamped}, {"100001", 100_000, clamped}, {"99999999999999999999", 100_000, clamped}, {"-99999999999999999999", 0, clamped},
			{"many", 1000, standard}, {"1e3", 1000, standard}, {"1,000", 1000, standard},
		}},
		{"PARAMETERS_SECRETS_EXTENSION_HTTP_PORT", func(s settings) any { return s.port }, []given{
			{"1", 1, fine}, {"65535", 65535, fine}, {"2774", 2774, fine},
			{"0", 2773, standard}, {"-1", 2773, standard}, {"65536", 2773, standard}, {"http", 2773, standard}, {"99999999999999999999", 2773, standard},
		}},
		{"PARAMETERS_SECRETS_EXTENSION_LOG_LEVEL", func(s settings) any { return s.level }, []given{
			{"DEBUG", slog.LevelDebug, fine}, {"info", slog.LevelInfo, fine}, {"Warn", slog.LevelWarn, fine},
			{"ERROR", slog.LevelError, fine}, {"none", slog.LevelError + 1, fine},
			{"TRACE", slog.LevelInfo, standard}, {"-4", slog.LevelInfo, standard},
		}},
		{"PARAMETERS_SECRETS_EXTENSION_MAX_CONNECTIONS", func(s settings) any { return s.maxConnections }, []given{
			{"1", 1, fine}, {"100", 100, fine}, {"0", 1, clamped}, {"-3", 1, clamped}, {"101", 100, clamped}, {"three", 3, standard},
		}},
		{"SECRETS_MANAGER_TTL", func(s settings) any { return s.ttl[secret.SecretsManager] }, ttls},
		{"SECRETS_MANAGER_TIMEOUT_MILLIS", func(s settings) any { return s.timeout[secret.SecretsManager] }, timeouts},
		{"SSM_PARAMETER_STORE_TTL", func(s settings) any { return s.ttl[secret.ParameterStore] }, ttls},
		{"SSM_PARAMETER_STORE_TIMEOUT_MILLIS", func(s settings) any { return s.timeout[secret.ParameterStore] }, timeouts},
		{"LARDER_PREFETCH", func(s settings) any { return len(s.declarations) }, []given{
			{"secretsmanager://a", 1, fine}, {"\n secretsmanager://a , ssm:///b,\n", 2, fine}, {" , ", 0, fine},
			{"secretsmanager://a, b", 1, "item 2"},
		}},
		{"LARDER_NOT_REFERENCES", func(s settings) any { return strings.Join(s.notReferences, " ") }, []given{
			{"LARDER_NOT_REFERENCES", "LARDER_NOT_REFERENCES", fine},
			{" LARDER_NOT_REFERENCES,\tLARDER_NOT_REFERENCES,,", "LARDER_NOT_REFERENCES LARDER_NOT_REFERENCES", fine},
		}},
		{"LARDER_SCAN_ENV", func(s settings) any { return s.scan }, truths(true)},
		{"LARDER_INIT_TIMEOUT", func(s settings) any { return s.initTimeout }, []given{
			{"1", time.Second, fine}, {"250ms", 250 * time.Millisecond, fine}, {" 2m ", 2 * time.Minute, fine},
			{"0", 5 * time.Second, "no time"}, {"0s", 5 * time.Second, "no time"}, {"-1", 5 * time.Second, "negative"},
			{"900", 15 * time.Minute, fine}, {"15m1s", 5 * time.Second, "900 seconds"}, {"24h", 5 * time.Second, "900 seconds"},
			{"soon", 5 * time.Second, "not a duration"}, {"99999999999999999999", 5 * time.Second, "longer than a year"},
		}},
		{"LARDER_ON_INIT_FAILURE", func(s settings) any { return s.warn }, []given{
			{"fail", false, fine}, {"warn", true, fine}, {" warn ", true, fine}, {"ignore", false, "fail or warn"}, {"failwarn", false, "fail or warn"},
		}},
		{"LARDER_MAX_STALE", func(s settings) any { return s.maxStale }, []given{
			{"0", time.Duration(0), fine}, {"0s", time.Duration(0), fine}, {"90", 90 * time.Second, fine}, {" 24h ", 24 * time.Hour, fine},
			{"250ms", 250 * time.Millisecond, fine}, {"1h", time.Hour, fine}, {"31536000", year, fine},
			{"-1", time.Hour, "negative"}, {"-1h", time.Hour, "negative"}, {"never", time.Hour, "not a duration"}, {"1 h", time.Hour, "not a duration"},
			{"31536001", time.Hour, "longer than a year"}, {"99999999999999999999", time.Hour, "longer than a year"},
		}},
		{"LARDER_CACHE_BYTES", func(s settings) any { return s.cacheBytes }, []given{
			{"1", 1, fine}, {"1048576", 1 << 20, fine}, {"512KiB", 512 << 10, fine}, {"16 MiB", 16 << 20, fine}, {"16MB", 16_000_000, fine},
			{"5KB", 5000, fine}, {"2147483647", math.MaxInt32, fine},
			{"0", 16 << 20, "bytes"}, {"-1", 16 << 20, "bytes"}, {"2147483648", 16 << 20, "bytes"}, {"2048MiB", 16 << 20, "bytes"},
			{"4294967297KiB", 16 << 20, "bytes"}, {"1.5MiB", 16 << 20, "bytes"}, {"MiB", 16 << 20, "bytes"}, {"1GiB", 16 << 20, "bytes"},
		}},
		{"LARDER_DECLARED_ONLY", func(s settings) any { return s.declaredOnly }, truths(false)},
		{"LARDER_METRICS", func(s settings) any { return s.metrics }, []given{
			{"off", false, fine}, {"emf", true, fine}, {"EMF", false, "write off or emf"}, {"true", false, "write off or emf"},
		}},
		{"LARDER_NEXT_WRAPPER", func(settings) any { return "larder-exec's" }, []given{{"/opt/next", "larder-exec's", fine}}},
	}
}

func TestReadSettings(t *testing.T) {
	t.Parallel()
	usual, warnings, mistakes := readSettings(function())
	if len(warnings)+len(mistakes) > 0 {
		t.Fatalf("without settings: warnings %q, mistakes %q", text(warnings), text(mistakes))
	}
	var tested []string
	for _, test := range settingTests() {
		tested = append(tested, test.variable)
		all := append(slices.Clone(test.given), given{"", test.read(usual), fine}, given{" \t\n", test.read(usual), fine})
		for _, g := range all {
			s, warnings, mistakes := readSettings(function(test.variable + "=" + g.text))
			if got := test.read(s); got != g.want {
				t.Errorf("%s=%q is read as %v, want %v", test.variable, g.text, got, g.want)
			}
			problems, none := warnings, mistakes
			if strings.HasPrefix(test.variable, "LARDER_") {
				problems, none = mistakes, warnings
			}
			said := text(problems)
			if len(none) > 0 || (g.problem == fine) != (said == "") || !strings.Contains(said, g.problem) {
				t.Errorf("%s=%q gives the warnings %q and mistakes %q, want %q", test.variable, g.text, text(warnings), text(mistakes), g.problem)
			}
			if said != "" && !strings.HasPrefix(said, test.variable) {
				t.Errorf("%s=%q: %q does not begin with the variable", test.variable, g.text, said)
			}
		}
	}
	for _, v := range variables() {
		if !slices.Contains(tested, v.name) {
			t.Errorf("%s is not tested", v.name)
		}
	}
}

// TestFallbacks checks what read relies on.
func TestFallbacks(t *testing.T) {
	t.Parallel()
	for _, v := range variables() {
		s := settings{ttl: make(map[secret.Service]time.Duration), timeout: make(map[secret.Service]time.Duration)}
		if err := v.set(&s, v.fallback); err != nil {
			t.Errorf("the fallback of %s, %q, is not legal: %v", v.name, v.fallback, err)
		}
	}
}

// TestAlias checks the names that a release of the CDK wrote.
func TestAlias(t *testing.T) {
	t.Parallel()
	tests := []struct {
		environ []string
		port    int
		warning string
	}{
		{[]string{"PARAMETERS_AND_SECRETS_EXTENSION_HTTP_PORT=4000"}, 4000, ""},
		{[]string{"PARAMETERS_AND_SECRETS_EXTENSION_HTTP_PORT=4000", "PARAMETERS_SECRETS_EXTENSION_HTTP_PORT=5000"}, 5000, ""},
		{[]string{"PARAMETERS_AND_SECRETS_EXTENSION_HTTP_PORT=4000", "PARAMETERS_SECRETS_EXTENSION_HTTP_PORT= "}, 4000, ""},
		{[]string{"PARAMETERS_AND_SECRETS_EXTENSION_HTTP_PORT="}, 2773, ""},
		{[]string{"PARAMETERS_AND_SECRETS_EXTENSION_HTTP_PORT=x"}, 2773, "HTTP_PORT"},
		{[]string{"PARAMETERS_AND_SECRETS_EXTENSION_LARDER_HTTP_PORT=4000"}, 2773, ""},
	}
	for _, test := range tests {
		s, warnings, mistakes := readSettings(function(test.environ...))
		if s.port != test.port || len(mistakes) > 0 || !strings.Contains(text(warnings), test.warning) || (test.warning == "") != (len(warnings) == 0) {
			t.Errorf("%q: port %d, warnings %q, mistakes %q, want port %d, warning %q", test.environ, s.port, text(warnings), text(mistakes), test.port, test.warning)
		}
	}
}

// TestUnknownVariables checks that one warning names them all, or as many as a
// person reads, and what there is.
func TestUnknownVariables(t *testing.T) {
	t.Parallel()
	many := make([]string, 2000)
	for i := range many {
		many[i] = fmt.Sprintf("LARDER_X%04d=x", len(many)-i)
	}
	tests := []struct {
		environ []string
		want    string // the beginning of the warning
	}{
		{[]string{"LARDER_PREFECTH=true"}, "LARDER_PREFECTH: "},
		{[]string{"LARDER_=true"}, "LARDER_: "},
		{[]string{"LARDER_scan_env=x", "LARDER_TTL=x"}, "LARDER_TTL, LARDER_scan_env: "},
		{many[:10], "LARDER_X1991, LARDER_X1992, LARDER_X1993, LARDER_X1994, LARDER_X1995, LARDER_X1996, LARDER_X1997, LARDER_X1998, LARDER_X1999, LARDER_X2000: "},
		{many, "LARDER_X0001, LARDER_X0002, LARDER_X0003, LARDER_X0004, LARDER_X0005, LARDER_X0006, LARDER_X0007, LARDER_X0008, LARDER_X0009, LARDER_X0010 and 1990 more: "},
	}
	for _, test := range tests {
		_, warnings, mistakes := readSettings(function(test.environ...))
		if said := text(warnings); len(mistakes) > 0 || len(warnings) != 1 || !strings.HasPrefix(said, test.want) || strings.Count(said, "LARDER_PREFETCH") != 1 {
			t.Errorf("%d unknown variables: warnings %q, mistakes %q, want %q and what there is", len(test.environ), said, text(mistakes), test.want)
		}
	}
	if _, warnings, mistakes := readSettings(function("LARDERS=x", "MY_LARDER_X=x")); len(warnings)+len(mistakes) > 0 {
		t.Errorf("somebody else's variables: warnings %q, mistakes %q", text(warnings), text(mistakes))
	}
}

// FuzzSettings sets one variable to any text: either that is a mistake, or every
// setting is in its range.
func FuzzSettings(f *testing.F) {
	for i, test := range settingTests() {
		for _, g := range test.given {
			f.Add(i, g.text)
		}
	}
	all := variables()
	f.Fuzz(func(t *testing.T, i int, value string) {
		if i < 0 || i >= len(all) {
			t.Skip()
		}
		s, _, mistakes := readSettings(function(all[i].name + "=" + value))
		if len(mistakes) > 0 {
			return
		}
		in := map[string]bool{
			"entries":         s.entries >= 0 && s.entries <= maxEntries,
			"port":            s.port >= 1 && s.port <= 65535,
			"level":           s.level >= slog.LevelDebug && s.level <= levelNone,
			"max connections": s.maxConnections >= 1 && s.maxConnections <= maxConnections,
			"init timeout":    s.initTimeout > 0 && s.initTimeout <= maxInit,
			"max stale":       s.maxStale >= 0,
			"cache bytes":     s.cacheBytes > 0 && s.cacheBytes <= math.MaxInt32,
		}
		for _, service := range []secret.Service{secret.SecretsManager, secret.ParameterStore} {
			in["ttl of "+service.String()] = s.ttl[service] >= 0 && s.ttl[service] <= maxTTL
			in["timeout of "+service.String()] = s.timeout[service] >= 0 && s.timeout[service] <= maxTimeout*time.Millisecond
		}
		for name, ok := range in {
			if !ok {
				t.Errorf("%s=%q: the %s is out of its range", all[i].name, value, name)
			}
		}
	})
}
