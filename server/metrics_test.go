package server_test

import (
	"fmt"
	"log/slog"
	"net/http"
	"strconv"
	"strings"
	"testing"

	"larder/secret"
)

// sample returns a sample of /metrics.
func (s *stand) sample(name string) string {
	s.t.Helper()
	a := s.get("/metrics")
	noCanary(s.t, "/metrics", []byte(a.body))
	is(s.t, "/metrics: status", a.status, http.StatusOK)
	is(s.t, "/metrics: Content-Type", a.header.Get("Content-Type"), "text/plain; version=0.0.4; charset=utf-8")
	for line := range strings.Lines(a.body) {
		if rest, ok := strings.CutPrefix(line, name+" "); ok {
			return strings.TrimSpace(rest)
		}
	}
	return ""
}

func (s *stand) counted(result string) string {
	s.t.Helper()
	return s.sample(fmt.Sprintf("larder_reads_total{result=%q}", result))
}

// Every read counts once, by how it was answered, on every path.
func TestReadsAreCounted(t *testing.T) {
	t.Parallel()
	targets := []string{"/env/A", "/env", "/value?ref=secretsmanager://a", secretPath + "?secretId=a", parameterPath + "?name=/a", "/v1/a"}
	for _, target := range targets {
		s := start(t, environ("A=secretsmanager://a"))
		s.get(target)
		is(t, target+": misses", s.counted("miss"), "1")
		s.get(target)
		s.get(target)
		is(t, target+": hits", s.counted("hit"), "2")
		s.get(target, "X-Vault-Token: wrong")
		s.send("POST " + target + " HTTP/1.1")
		is(t, target+": refused", s.counted("refused"), "2")
		is(t, target+": entries", s.sample("larder_cache_entries"), "1")
	}
	s := start(t)
	s.fails("x", secret.Error{Class: secret.Denied, Code: "AccessDeniedException"})
	for _, target := range []string{"/value?ref=secretsmanager://x", secretPath + "?secretId=x", "/v1/x"} {
		s.get(target)
	}
	illegal := []string{
		"/value?ref=x", "/value?x=%zz", "/env?x=1", "/env/A?x=1", secretPath, secretPath + "?secretId=a&refreshNow=x", parameterPath + "?name=a&roleArn=",
		"/v1/", "/v1/a?x=1", "/v1/a?x=%zz", "/v1/a?refreshNow=x", "/v1/a?roleArn=x", "/v1/%20",
	}
	for _, target := range illegal {
		s.get(target)
	}
	s.get("/nothing")
	s.get("/ping")
	is(t, "denied", s.counted("AccessDenied"), "3")
	is(t, "not legal", s.counted("BadReference"), strconv.Itoa(len(illegal)))
	is(t, "and in the log", strings.Count(s.logged(), "level=WARN msg=read"), 3+len(illegal))
	is(t, "no such path", s.counted("refused"), "1")
	for _, result := range []string{"hit", "wait", "miss", "stale"} {
		is(t, "neither a failure nor /ping nor /metrics: "+result, s.counted(result), "0")
	}
}

// At the usual level the log names what is declared, and nothing else that a request
// may ask for, whatever AWS says of it.
func TestLogNamesWhatIsDeclared(t *testing.T) {
	t.Parallel()
	const told = "told-name"
	tests := []struct {
		target string
		named  bool
	}{
		{"/env/A", true}, {"/env", true},
		{"/value?ref=secretsmanager://" + told, true}, {"/value?ref=secretsmanager://" + told + "%23field", true},
		{secretPath + "?secretId=" + told, true}, {"/v1/" + told, true},
		{"/value?ref=secretsmanager://" + told + "?stage=AWSPREVIOUS", false},
		{"/value?ref=secretsmanager://other-" + told, false}, {"/value?ref=ssm://" + told, false}, {"/value?ref=ssm://a/" + told, false},
		{secretPath + "?secretId=other-" + told, false}, {"/v1/other-" + told, false}, {parameterPath + "?name=" + told, false},
	}
	for _, tt := range tests {
		s := start(t, environ("A=secretsmanager://"+told), warn, func(c *setup) { c.level = slog.LevelInfo })
		denied := secret.Error{Class: secret.Denied, Code: "AccessDeniedException", Action: "x:Get", Message: "no resource " + told}
		for _, id := range []string{told, told + "?stage=AWSPREVIOUS", "other-" + told} {
			s.fails(id, denied)
		}
		a := s.get(tt.target)
		if tt.target == "/env" { // under warn it has what there is
			continue
		}
		is(t, tt.target+": failed", a.status >= 400, true)
		is(t, tt.target+": named in the log", strings.Contains(s.logged(), told), tt.named)
		is(t, tt.target+": told in the log", strings.Contains(s.logged(), "level=WARN"), true)
		if !strings.Contains(tt.target, "a/") { // which AWS was not asked for
			is(t, tt.target+": the action in the log", strings.Contains(s.logged(), "needs x:Get"), true)
		}
	}
}
