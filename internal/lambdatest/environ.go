package lambdatest

import (
	"maps"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// What an extension is not given although the runtime is, besides every name
// that starts with an underscore.
// https://docs.aws.amazon.com/lambda/latest/dg/runtimes-extensions-api.html#runtimes-extensions-api-reg
func runtimeOnly(name string) bool {
	switch name {
	case "AWS_EXECUTION_ENV", "AWS_LAMBDA_LOG_GROUP_NAME", "AWS_LAMBDA_LOG_STREAM_NAME", "AWS_LAMBDA_MAX_CONCURRENCY",
		"AWS_XRAY_CONTEXT_MISSING", "AWS_XRAY_DAEMON_ADDRESS", "LAMBDA_RUNTIME_DIR", "LAMBDA_TASK_ROOT":
		return true
	}
	return strings.HasPrefix(name, "_")
}

// variables returns the function's own variables; of equal names the last wins.
func (s *sandbox) variables() map[string]string {
	env := map[string]string{}
	for _, nameValue := range s.cfg.Env {
		name, value, _ := strings.Cut(nameValue, "=")
		env[name] = value
	}
	return env
}

// extensionEnv returns the environment of an extension.
func (s *sandbox) extensionEnv() []string {
	env := s.variables()
	maps.DeleteFunc(env, func(name, _ string) bool { return runtimeOnly(name) })
	s.addPlatform(env)
	if s.cfg.Mode == ManagedInstances {
		s.addSystem(env)
	}
	return environ(env)
}

// runtimeEnv returns the environment of the runtime, which has more.
// https://docs.aws.amazon.com/lambda/latest/dg/configuration-envvars.html#configuration-envvars-runtime
func (s *sandbox) runtimeEnv() []string {
	env := s.variables()
	s.addPlatform(env)
	env["_HANDLER"] = s.cfg.Handler
	env["LAMBDA_TASK_ROOT"] = s.cfg.Dir
	env["LAMBDA_RUNTIME_DIR"] = "/var/runtime"
	env["AWS_LAMBDA_LOG_GROUP_NAME"] = "/aws/lambda/" + s.cfg.Function
	env["AWS_LAMBDA_LOG_STREAM_NAME"] = "local"
	s.addSystem(env)
	return environ(env)
}

// addSystem adds what only the runtime has, and with managed instances the
// extensions as well.
func (s *sandbox) addSystem(env map[string]string) {
	addDefault(env, "LANG", "en_US.UTF-8")
	addDefault(env, "PATH", "/usr/local/bin:/usr/bin/:/bin:"+s.inOpt("/opt/bin"))
}

// addPlatform adds what the platform gives to every process. What it reserves
// wins over the function's variables; the rest are defaults.
func (s *sandbox) addPlatform(env map[string]string) {
	env["AWS_LAMBDA_RUNTIME_API"] = s.addr
	env["AWS_LAMBDA_FUNCTION_NAME"] = s.cfg.Function
	env["AWS_LAMBDA_FUNCTION_VERSION"] = s.cfg.Version
	env["AWS_LAMBDA_FUNCTION_MEMORY_SIZE"] = strconv.Itoa(s.cfg.Memory)
	env["AWS_REGION"] = s.region()
	addDefault(env, "AWS_DEFAULT_REGION", s.region())
	env["AWS_LAMBDA_INITIALIZATION_TYPE"] = string(s.cfg.Mode)
	addDefault(env, "TZ", ":UTC")
	if s.cfg.Mode == SnapStart {
		s.moveKeys(env)
	}
}

// runtimeArgv returns the runtime's command, behind the wrapper if there is one.
func (s *sandbox) runtimeArgv() []string {
	wrapper := s.variables()["AWS_LAMBDA_EXEC_WRAPPER"]
	if wrapper == "" || s.cfg.Provided {
		return s.cfg.Runtime
	}
	return append([]string{s.inOpt(wrapper)}, s.cfg.Runtime...)
}

// inOpt returns where path is, if it lies in /opt, and else path.
func (s *sandbox) inOpt(path string) string {
	if rest, ok := strings.CutPrefix(path, "/opt/"); ok && s.cfg.Opt != "" {
		return filepath.Join(s.cfg.Opt, rest)
	}
	return path
}

func (s *sandbox) region() string {
	if region := s.variables()["AWS_REGION"]; region != "" {
		return region
	}
	return "us-east-1"
}

func (s *sandbox) functionARN() string {
	return "arn:aws:lambda:" + s.region() + ":" + s.cfg.Account + ":function:" + s.cfg.Function
}

func addDefault(env map[string]string, name, value string) {
	if _, ok := env[name]; !ok {
		env[name] = value
	}
}

func environ(env map[string]string) []string {
	list := make([]string, 0, len(env))
	for _, name := range slices.Sorted(maps.Keys(env)) {
		list = append(list, name+"="+env[name])
	}
	return list
}
