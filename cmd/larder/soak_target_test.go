//go:build soak

package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/url"
	"strings"
	"time"
)

// The freshness of what the soak test reads. All of it passes within moments, so
// that every state occurs, and in real time.
const (
	secretTTL    = 500 * time.Millisecond
	parameterTTL = 400 * time.Millisecond
	shortTTL     = 200 * time.Millisecond // of what is declared with ?ttl=
	maxStaleness = 2 * time.Second
)

// settingsOfSoak is what the function declares and sets. More is read than there is
// room for.
func settingsOfSoak() []string {
	return []string{
		"DB_PASSWORD=secretsmanager://soak/db#password",
		"DB_USER=secretsmanager://soak/db#user",
		"TOKEN=secretsmanager://soak/token?ttl=" + shortTTL.String(),
		"MOVING=secretsmanager://soak/moving?optional",
		"KEY=ssm:///soak/key",
		"PLAIN=ssm://soak-plain",
		"OPTION=ssm:///soak/option?optional",
		"TREE=ssm://" + treePath + "*",
		"SECRETS_MANAGER_TTL=" + secretTTL.String(),
		"SSM_PARAMETER_STORE_TTL=" + parameterTTL.String(),
		"LARDER_MAX_STALE=" + maxStaleness.String(),
		"PARAMETERS_SECRETS_EXTENSION_CACHE_SIZE=16",
		"PARAMETERS_SECRETS_EXTENSION_MAX_CONNECTIONS=8",
	}
}

// target is something to read, by one of the paths.
type target struct {
	class string // the row of the report
	path  string // with a query
	kind  contract
	many  bool            // the answer is put together from several
	items map[string]item // what the answer holds; a single value has the name ""
	open  func(body []byte) (map[string]string, error)
}

// item is one value in an answer.
type item struct {
	*thing
	order string                  // what names the same: of it no older value follows a newer one
	text  func(serial int) string // what it looks like
	ttl   time.Duration
	shift int // 1 for AWSPREVIOUS: it is served while the next one is current
}

// contract is whose contract a path follows.
type contract int

const (
	ours contract = iota
	awsExtension
	provider
)

// targets returns everything that is read, what is declared more often.
func (w *world) targets() []target {
	var all []target
	for range 3 {
		all = append(all, w.declared()...)
	}
	all = append(all, w.environment(), w.previous())
	all = append(all, w.byARN()...)
	for i := range undeclared {
		s, p := w.things[fmt.Sprint("soak/extra-", i)], w.things[fmt.Sprint("/soak/extra/", i)]
		all = append(all,
			single("undeclared", ours, valuePath("secretsmanager://"+s.name), s.whole(secretTTL), bare),
			single("undeclared", awsExtension, "/secretsmanager/get?secretId="+s.name, s.whole(secretTTL), secretString),
			single("undeclared", provider, "/v1/"+s.name+"?", s.whole(secretTTL), secretString),
			single("undeclared", ours, valuePath("ssm://"+p.name), p.whole(parameterTTL), bare),
			single("undeclared", awsExtension, "/systemsmanager/parameters/get?name="+p.name, p.whole(parameterTTL), parameterValue))
	}
	return all
}

// declared returns the reads of what is declared, but for the object of all.
func (w *world) declared() []target {
	db, token, moving := w.things["soak/db"], w.things["soak/token"], w.things["soak/moving"]
	key, plain, option := w.things["/soak/key"], w.things["soak-plain"], w.things["/soak/option"]
	all := []target{
		single("secret", ours, "/env/DB_PASSWORD?", db.part("password", secretTTL), bare),
		single("secret", ours, "/env/DB_USER?", db.part("user", secretTTL), bare),
		single("secret", ours, valuePath("secretsmanager://soak/db#password"), db.part("password", secretTTL), bare),
		single("secret", ours, valuePath("secretsmanager://soak/db"), db.whole(secretTTL), bare),
		single("secret", awsExtension, "/secretsmanager/get?secretId=soak/db", db.whole(secretTTL), secretString),
		single("secret", provider, "/v1/soak/db?", db.whole(secretTTL), secretString),
		single("short TTL", ours, "/env/TOKEN?", token.whole(shortTTL), bare),
		single("short TTL", awsExtension, "/secretsmanager/get?secretId=soak/token", token.whole(shortTTL), secretString),
		single("optional", ours, "/env/MOVING?", moving.whole(secretTTL), bare),
		single("optional", provider, "/v1/soak/moving?", moving.whole(secretTTL), secretString),
		single("optional", ours, "/env/OPTION?", option.whole(parameterTTL), bare),
		single("parameter", ours, "/env/KEY?", key.whole(parameterTTL), bare),
		single("parameter", awsExtension, "/systemsmanager/parameters/get?withDecryption=true&name=/soak/key", key.whole(parameterTTL), parameterValue),
		single("parameter", ours, "/env/PLAIN?", plain.whole(parameterTTL), bare),
		single("parameter", awsExtension, "/systemsmanager/parameters/get?name=soak-plain", plain.whole(parameterTTL), parameterValue),
		w.tree("/env/TREE?"), w.tree(valuePath("ssm://" + treePath + "*")),
	}
	for i := range members {
		m := w.things[fmt.Sprint(treePath, i)]
		all = append(all, single("in a tree", ours, valuePath("ssm://"+m.name), m.whole(parameterTTL), bare))
	}
	return all
}

func valuePath(reference string) string { return "/value?ref=" + url.QueryEscape(reference) }

func single(class string, kind contract, path string, i item, open func([]byte) (string, error)) target {
	return target{class: class, kind: kind, path: path, items: map[string]item{"": i}, open: func(body []byte) (map[string]string, error) {
		text, err := open(body)
		return map[string]string{"": text}, err
	}}
}

// tree is the read of the tree as a whole. It is fetched on its own, so its members
// have an order that is not the one of reads by name.
func (w *world) tree(path string) target {
	items := make(map[string]item)
	for i := range members {
		m := w.things[fmt.Sprint(treePath, i)]
		one := m.whole(parameterTTL)
		one.order = "tree " + m.name
		items[strings.TrimPrefix(m.name, treePath)] = one
	}
	return target{class: "tree", path: path, items: items, open: object}
}

// environment is the read of all variables, but for the one that is a tree itself.
func (w *world) environment() target {
	items := make(map[string]item)
	for _, t := range w.declared() {
		if name, ok := strings.CutPrefix(t.path, "/env/"); ok && t.class != "tree" {
			items[strings.TrimSuffix(name, "?")] = t.items[""]
		}
	}
	return target{class: "all variables", path: "/env?", many: true, items: items, open: func(body []byte) (map[string]string, error) {
		all, err := object(body)
		maps.DeleteFunc(all, func(name, _ string) bool { return name == "TREE" })
		return all, err
	}}
}

// previous is the version of the database's secret that was current before.
func (w *world) previous() target {
	i := w.things["soak/db"].whole(secretTTL)
	i.order, i.shift = i.order+" AWSPREVIOUS", 1
	return single("AWSPREVIOUS", ours, valuePath("secretsmanager://soak/db?stage=AWSPREVIOUS"), i, bare)
}

// byARN are the reads of two secrets by ARN.
func (w *world) byARN() []target {
	var all []target
	for _, name := range []string{"soak/db", "soak/extra-1"} {
		t := w.things[name]
		i := t.whole(secretTTL)
		i.order = "ARN " + i.order
		arn := "arn:aws:secretsmanager:eu-west-1:123456789012:secret:" + t.name + "-" + t.suffix
		all = append(all,
			single("by ARN", ours, valuePath("secretsmanager://"+arn), i, bare),
			single("by ARN", awsExtension, "/secretsmanager/get?secretId="+url.QueryEscape(arn), i, secretString))
	}
	return all
}

func (t *thing) whole(ttl time.Duration) item {
	return item{thing: t, order: t.name, text: t.text, ttl: ttl}
}

func (t *thing) part(field string, ttl time.Duration) item {
	return item{thing: t, order: t.name, ttl: ttl, text: func(serial int) string { return t.field(serial, field) }}
}

// The forms of answers.

func bare(body []byte) (string, error) { return string(body), nil }

func secretString(body []byte) (string, error) {
	var answer struct{ SecretString *string }
	if err := json.Unmarshal(body, &answer); err != nil || answer.SecretString == nil {
		return "", errors.New("the answer has no SecretString")
	}
	return *answer.SecretString, nil
}

func parameterValue(body []byte) (string, error) {
	var answer struct{ Parameter struct{ Value *string } }
	if err := json.Unmarshal(body, &answer); err != nil || answer.Parameter.Value == nil {
		return "", errors.New("the answer has no Parameter.Value")
	}
	return *answer.Parameter.Value, nil
}

func object(body []byte) (all map[string]string, err error) {
	if json.Unmarshal(body, &all) != nil { // whose error may quote a value
		return nil, errors.New("the answer is no object of strings")
	}
	return all, nil
}
