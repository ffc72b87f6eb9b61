package main

import (
	"errors"
	"fmt"
	"log/slog"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"larder/manifest"
	"larder/secret"
)

// awsPrefix starts the names of those of AWS's nine variables that are not about
// one service. awsAlias is what a release of the CDK wrote instead.
const (
	awsPrefix = "PARAMETERS_SECRETS_EXTENSION_"
	awsAlias  = "PARAMETERS_AND_SECRETS_EXTENSION_"
	ourPrefix = "LARDER_"

	levelVariable         = awsPrefix + "LOG_LEVEL"
	notReferencesVariable = ourPrefix + "NOT_REFERENCES"
)

// variable is one setting. The README's table is tested against these.
type variable struct {
	name     string
	fallback string // what an empty or unset variable means
	set      func(s *settings, text string) error
}

// replaced is the error of a value that was replaced by the nearest one that
// makes sense.
type replaced struct{ with string }

func (r replaced) Error() string {
	return "the value is out of range or not legal; " + r.with + " is used"
}

// read sets the setting from the environment. A bad value of AWS's is replaced
// with a warning, as AWS's extension does; one of ours is a mistake.
func (v variable) read(s *settings, env map[string]string) (warning, mistake error) {
	text := strings.TrimSpace(env[v.name])
	if rest, ok := strings.CutPrefix(v.name, awsPrefix); ok && text == "" {
		text = strings.TrimSpace(env[awsAlias+rest])
	}
	if v.name == levelVariable && text == "" {
		text = lambdaLevel(env["AWS_LAMBDA_LOG_LEVEL"])
	}
	if text == "" {
		text = v.fallback
	}
	err := v.set(s, text)
	if err == nil {
		return nil, nil
	}
	err = fmt.Errorf("%s: %w", v.name, err)
	ours := strings.HasPrefix(v.name, ourPrefix)
	if r := (replaced{}); !errors.As(err, &r) { // not a text of its kind at all
		_ = v.set(s, v.fallback) // also one of ours: what depends on it is checked all the same
		if !ours {
			err = fmt.Errorf("%w; the default, %s, is used", err, v.fallback)
		}
	}
	if ours {
		return nil, err
	}
	return err, nil
}

// Bounds of AWS's variables. AWS allows 1000 entries and 300 seconds; more was
// asked for often.
const (
	maxEntries     = 100_000
	maxConnections = 100  // of 1,024 file descriptors
	maxTimeout     = 5000 // milliseconds: no call to AWS takes longer, see source
)

func variables() []variable { return append(awsVariables(), ourVariables()...) }

func awsVariables() []variable {
	return []variable{
		{awsPrefix + "CACHE_ENABLED", "TRUE", func(s *settings, text string) (err error) {
			s.cacheEnabled, err = truth(text)
			return err
		}},
		{awsPrefix + "CACHE_SIZE", "1000", func(s *settings, text string) (err error) {
			s.entries, err = number(text, 0, maxEntries)
			return err
		}},
		{awsPrefix + "HTTP_PORT", "2773", func(s *settings, text string) error {
			n, err := strconv.Atoi(text)
			if err != nil || n < 1 || n > 65535 {
				return errors.New("a port is a number from 1 to 65535") // the nearest one would not be found by anybody
			}
			s.port = n
			return nil
		}},
		{levelVariable, "INFO", func(s *settings, text string) (err error) {
			s.level, err = level(text)
			return err
		}},
		{awsPrefix + "MAX_CONNECTIONS", "3", func(s *settings, text string) (err error) {
			s.maxConnections, err = number(text, 1, maxConnections)
			return err
		}},
		{"SECRETS_MANAGER_TTL", "300", setTTL(secret.SecretsManager)},
		{"SECRETS_MANAGER_TIMEOUT_MILLIS", "0", setTimeout(secret.SecretsManager)},
		{"SSM_PARAMETER_STORE_TTL", "300", setTTL(secret.ParameterStore)},
		{"SSM_PARAMETER_STORE_TIMEOUT_MILLIS", "0", setTimeout(secret.ParameterStore)},
	}
}

func ourVariables() []variable {
	return []variable{
		{manifest.PrefetchVariable, "", func(*settings, string) error { return nil }}, // manifest.Find reads it
		{"LARDER_SCAN_ENV", "true", func(s *settings, text string) (err error) {
			s.scan, err = truth(text)
			return err
		}},
		{notReferencesVariable, "", func(s *settings, text string) error {
			s.notReferences = manifest.Items(text)
			return nil
		}},
		{"LARDER_INIT_TIMEOUT", "5s", func(s *settings, text string) (err error) {
			s.initTimeout, err = initTimeout(text)
			return err
		}},
		{"LARDER_ON_INIT_FAILURE", "fail", func(s *settings, text string) error {
			if text != "fail" && text != "warn" {
				return errors.New("write fail or warn")
			}
			s.warn = text == "warn"
			return nil
		}},
		{"LARDER_MAX_STALE", "1h", func(s *settings, text string) (err error) {
			s.maxStale, err = secret.ParseDuration(text)
			return err
		}},
		{"LARDER_CACHE_BYTES", "16MiB", func(s *settings, text string) (err error) {
			s.cacheBytes, err = size(text)
			return err
		}},
		{"LARDER_DECLARED_ONLY", "false", func(s *settings, text string) (err error) {
			s.declaredOnly, err = truth(text)
			return err
		}},
		{"LARDER_METRICS", "off", func(s *settings, text string) error {
			if text != "off" && text != "emf" {
				return errors.New("write off or emf")
			}
			s.metrics = text == "emf"
			return nil
		}},
		{"LARDER_NEXT_WRAPPER", "", func(*settings, string) error { return nil }}, // larder-exec reads it
	}
}

func setTTL(of secret.Service) func(*settings, string) error {
	return func(s *settings, text string) (err error) {
		s.ttl[of], err = ttl(text)
		return err
	}
}

func setTimeout(of secret.Service) func(*settings, string) error {
	return func(s *settings, text string) error {
		n, err := number(text, 0, maxTimeout)
		s.timeout[of] = time.Duration(n) * time.Millisecond
		return err
	}
}

// unknownVariables warns of names that look like ours: a misspelt setting would
// otherwise be off without a word.
func unknownVariables(names []string) error {
	var known []string
	for _, v := range variables() {
		if strings.HasPrefix(v.name, ourPrefix) {
			known = append(known, v.name)
		}
	}
	unknown := slices.DeleteFunc(slices.Clone(names), func(name string) bool {
		return !strings.HasPrefix(name, ourPrefix) || slices.Contains(known, name)
	})
	if len(unknown) == 0 {
		return nil
	}
	return fmt.Errorf("%s: there is no such setting; there are %s", some(unknown), strings.Join(known, ", "))
}

func truth(text string) (bool, error) {
	switch strings.ToLower(text) {
	case "true":
		return true, nil
	case "false":
		return false, nil
	}
	return false, errors.New("write true or false")
}

// number reads a whole number and brings it into its range.
func number(text string, lowest, highest int) (int, error) {
	n, err := strconv.Atoi(text)
	switch {
	case errors.Is(err, strconv.ErrRange) && strings.HasPrefix(text, "-"), err == nil && n < lowest:
		return lowest, replaced{strconv.Itoa(lowest)}
	case errors.Is(err, strconv.ErrRange), err == nil && n > highest:
		return highest, replaced{strconv.Itoa(highest)}
	case err != nil:
		return 0, errors.New("not a whole number")
	}
	return n, nil
}

// maxTTL is the longest TTL. Values older than that are nobody's wish.
const maxTTL = 365 * 24 * time.Hour

func ttl(text string) (time.Duration, error) {
	d, err := time.ParseDuration(text)
	switch {
	case err != nil: // AWS's own form: seconds
		n, err := number(text, 0, int(maxTTL/time.Second))
		return time.Duration(n) * time.Second, err
	case d < 0:
		return 0, replaced{"0"}
	case d > maxTTL:
		return maxTTL, replaced{maxTTL.String()}
	}
	return d, nil
}

// maxInit is the longest init that Lambda allows, that of provisioned concurrency.
// Source: docs.aws.amazon.com/lambda/latest/dg/lambda-runtime-environment.html
const maxInit = 15 * time.Minute

func initTimeout(text string) (time.Duration, error) {
	d, err := secret.ParseDuration(text)
	switch {
	case err != nil:
		return 0, err
	case d == 0:
		return 0, errors.New("0 would leave no time to fetch anything")
	case d > maxInit:
		return 0, errors.New("longer than the 900 seconds that Lambda allows init at most")
	}
	return d, nil
}

// size reads a number of bytes: 1048576, 512KiB, 16MiB, 16MB.
func size(text string) (int, error) {
	unit := 1
	for _, u := range []struct {
		name  string
		bytes int
	}{{"KiB", 1 << 10}, {"MiB", 1 << 20}, {"KB", 1e3}, {"MB", 1e6}} {
		if rest, ok := strings.CutSuffix(text, u.name); ok {
			text, unit = strings.TrimSpace(rest), u.bytes
			break
		}
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 1 || n > math.MaxInt32/unit {
		return 0, errors.New("write a number of bytes, such as 1048576, 512KiB or 16MiB, up to 2 GiB")
	}
	return n * unit, nil
}

// levelNone is above every level that is logged.
const levelNone = slog.LevelError + 1

func level(text string) (slog.Level, error) {
	switch strings.ToUpper(text) {
	case "DEBUG":
		return slog.LevelDebug, nil
	case "INFO":
		return slog.LevelInfo, nil
	case "WARN":
		return slog.LevelWarn, nil
	case "ERROR":
		return slog.LevelError, nil
	case "NONE":
		return levelNone, nil
	}
	return 0, errors.New("write DEBUG, INFO, WARN, ERROR or NONE")
}

// lambdaLevel returns the level that the function is set to, in our words, and ""
// for none.
// Source: docs.aws.amazon.com/lambda/latest/dg/monitoring-cloudwatchlogs-log-level.html
func lambdaLevel(text string) string {
	switch text = strings.ToUpper(strings.TrimSpace(text)); text {
	case "TRACE":
		return "DEBUG"
	case "FATAL":
		return "ERROR"
	case "DEBUG", "INFO", "WARN", "ERROR":
		return text
	}
	return ""
}
