package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"path"
	"slices"
	"strings"
	"time"

	"larder/secret"
)

// Lambda's own rules, which a function's configuration meets before anything starts.
//
// Source: docs.aws.amazon.com/lambda/latest/dg/configuration-envvars.html and
// docs.aws.amazon.com/lambda/latest/api/API_Environment.html

// maxEnvironment is what Lambda allows all variables together, in bytes. It measures
// them as one JSON object.
const maxEnvironment = 4 << 10

// onDemandInit is what Lambda gives init on demand.
const onDemandInit = 10 * time.Second

// wrapperPath is where the layer has larder-exec.
const wrapperPath = "/opt/larder-exec"

// reserved are the variables that Lambda sets itself, and takes from nobody. Those that
// map to true make sense in a file for check: they say where and with whose credentials.
var reserved = map[string]bool{
	"AWS_REGION": true, "AWS_DEFAULT_REGION": true, "AWS_ACCESS_KEY_ID": true, "AWS_SECRET_ACCESS_KEY": true, "AWS_SESSION_TOKEN": true,
	"AWS_LAMBDA_INITIALIZATION_TYPE": true, "AWS_LAMBDA_FUNCTION_NAME": true, "AWS_LAMBDA_FUNCTION_VERSION": true, "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": true,
	"AWS_ACCESS_KEY": false, "AWS_EXECUTION_ENV": false, "AWS_LAMBDA_LOG_GROUP_NAME": false, "AWS_LAMBDA_LOG_STREAM_NAME": false,
	"AWS_LAMBDA_RUNTIME_API": false, "LAMBDA_TASK_ROOT": false, "LAMBDA_RUNTIME_DIR": false,
}

// mendNearMisses makes what the extension only warns of something to mend: here is the
// place for it.
func (r *report) mendNearMisses(s settings) {
	if warning := nearMissWarning(s.nearMisses); warning != nil {
		r.Warnings = slices.DeleteFunc(r.Warnings, func(text string) bool { return text == warning.Error() })
		r.Mistakes = append(r.Mistakes, warning.Error())
	}
}

// checkLambda says what Lambda would refuse in a file, and what it would not do as meant.
func (r *report) checkLambda(o checkOptions, s settings) {
	if o.file != nil {
		r.checkNames(o.file)
		if size := measured(o.file); size > maxEnvironment {
			r.Mistakes = append(r.Mistakes, fmt.Sprintf("all variables together have %d bytes, as Lambda measures them, and it takes %d: "+
				"name what is long in Secrets Manager or Parameter Store, and write the reference", size, maxEnvironment))
		}
	}
	if s.initTimeout > onDemandInit && o.environ["AWS_LAMBDA_INITIALIZATION_TYPE"] == "" {
		r.note(fmt.Sprintf("LARDER_INIT_TIMEOUT: on demand Lambda ends init after %v, whatever this says", onDemandInit))
	}
	if wrapper := strings.TrimSpace(o.environ["AWS_LAMBDA_EXEC_WRAPPER"]); path.Base(wrapper) == path.Base(wrapperPath) && wrapper != wrapperPath {
		r.note("AWS_LAMBDA_EXEC_WRAPPER: the layer has it at " + wrapperPath)
	}
}

// checkNames says which variables of a file Lambda would not take.
func (r *report) checkNames(file map[string]string) {
	var illegal, theirs, useful []string
	for _, name := range slices.Sorted(maps.Keys(file)) {
		switch helps, is := reserved[name]; {
		case is && helps:
			useful = append(useful, name)
		case is, name == "_HANDLER", name == "_X_AMZN_TRACE_ID":
			theirs = append(theirs, name)
		case !isLambdaName(name):
			illegal = append(illegal, name)
		}
	}
	if len(illegal) > 0 {
		r.Mistakes = append(r.Mistakes, some(illegal)+": Lambda takes no variable of that name: it has a letter first, then letters, digits or '_', "+
			"two characters at least. One that an image sets with a '_' first is hidden from extensions")
	}
	if len(theirs) > 0 {
		r.Mistakes = append(r.Mistakes, some(theirs)+": Lambda sets this itself, and refuses it in a function's configuration")
	}
	if len(useful) > 0 {
		r.note(some(useful) + ": Lambda sets this itself; in the file it is for this check, in a function's configuration it would be refused")
	}
}

// isLambdaName reports whether Lambda takes a variable of a name: [a-zA-Z]([a-zA-Z0-9_])+.
func isLambdaName(name string) bool {
	for i := range len(name) {
		c := name[i]
		letter := 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z'
		if !letter && (i == 0 || c != '_' && (c < '0' || c > '9')) {
			return false
		}
	}
	return len(name) > 1
}

// measured returns how many bytes the variables have that a function's configuration can
// have.
func measured(file map[string]string) int {
	own := maps.Clone(file)
	maps.DeleteFunc(own, func(name, _ string) bool { _, is := reserved[name]; return is })
	var text bytes.Buffer
	enc := json.NewEncoder(&text)
	enc.SetEscapeHTML(false)
	_ = enc.Encode(own) // strings always encode
	return text.Len() - len("\n")
}

// noteARNs says how to have prefetched what code reads by an ARN that a variable holds.
func (r *report) noteARNs(environ map[string]string) {
	for _, name := range slices.Sorted(maps.Keys(environ)) {
		value := environ[name]
		if !strings.HasPrefix(value, "arn:") {
			continue
		}
		key, err := secret.SecretKey(standIn, value, "", "")
		if err != nil {
			key, err = secret.ParameterKey(standIn, value, "", "", true)
		}
		if err == nil {
			r.note(fmt.Sprintf("%s: an ARN alone is a text, by which code may read. To have it prefetched as well, add %s to LARDER_PREFETCH", name, key))
		}
	}
}
