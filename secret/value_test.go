package secret_test

import (
	"bytes"
	"encoding/gob"
	"encoding/json"
	"encoding/xml"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"reflect"
	"strings"
	"testing"

	"larder/internal/canary"
	"larder/secret"
)

// planted is what a Value holds here; it has characters that escapes change.
const planted = "canary-\"Zq7\"\n<&>/+%=é\x00-end"

// hidden returns the ways in which a Value can be inside something else.
func hidden() map[string]any {
	type exported struct{ V secret.Value }
	type unexported struct{ v secret.Value }
	type embedded struct{ secret.Value }
	type pointer struct{ v *secret.Value }
	type deep struct {
		m map[string][]*unexported
		i any
	}
	v := secret.NewValue([]byte(planted))
	p := &v
	record := secret.Record{Service: sm, Name: "db", Value: v, SourceResult: v, Members: []secret.Record{{Value: v}}}
	return map[string]any{
		"value":                v,
		"pointer":              p,
		"pointer to pointer":   &p,
		"slice":                []secret.Value{v},
		"slice of pointers":    []*secret.Value{p},
		"array":                [2]secret.Value{v, v},
		"map":                  map[string]secret.Value{"k": v},
		"map of pointers":      map[string]*secret.Value{"k": p},
		"slice of any":         []any{v, p},
		"exported field":       exported{v},
		"pointer to a struct":  &exported{v},
		"unexported field":     unexported{v},
		"pointer to such":      &unexported{v},
		"embedded":             embedded{v},
		"unexported pointer":   pointer{p},
		"unexported, deep":     deep{map[string][]*unexported{"k": {{v}}}, []any{unexported{v}}},
		"record":               record,
		"result":               secret.Result{Record: &record},
		"channel":              func() any { c := make(chan secret.Value, 1); c <- v; return c }(),
		"func":                 v.Reveal,
		"map of slices of any": map[any][]any{1: {map[string]any{"k": unexported{v}}}},
	}
}

func checkHidden(t *testing.T, where string, output []byte) {
	t.Helper()
	if form, found := canary.Find(output, []byte(planted)); found {
		t.Errorf("%s shows the value (%s)", where, form)
	}
}

func TestValueUnderEveryVerb(t *testing.T) {
	t.Parallel()
	verbs := strings.Split("v +v #v s +s #s q +q #q x #x X #X d +d b o O c U #U t e E f F g G p #p T w z 20v -20s .3s .50s x 08x 1000v", " ")
	verbs = append(verbs, " x", " X", "# x")
	for name, holder := range hidden() {
		for _, verb := range verbs {
			checkHidden(t, fmt.Sprintf("%%%s of %s", verb, name), fmt.Appendf(nil, "%"+verb, holder))
		}
		checkHidden(t, "Sprint of "+name, []byte(fmt.Sprint("a", holder, "b")))
		for _, format := range []string{"no verb", "%[2]*[1]d", "%[7]v", "%*v", "%!", "fetching: %v", "%w", "a %w: %[1]w"} {
			err := fmt.Errorf(format, holder)
			checkHidden(t, fmt.Sprintf("an error %q with %s", format, name), []byte(err.Error()))
			checkHidden(t, fmt.Sprintf("a printed error %q with %s", format, name), fmt.Appendf(nil, "%v %+v %#v %q", err, err, err, err))
			checkHidden(t, fmt.Sprintf("a wrapped error %q with %s", format, name),
				[]byte(errors.Join(err, fmt.Errorf("b %w", err)).Error()))
		}
	}
}

func TestValueShowsFixedWord(t *testing.T) {
	t.Parallel()
	for _, v := range []secret.Value{{}, secret.NewValue(nil), secret.NewValue([]byte(planted))} {
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d", "%99.1f"} {
			if got := fmt.Sprintf(verb, v); got != "[redacted]" {
				t.Errorf("Sprintf(%q) = %q, want [redacted]", verb, got)
			}
		}
		if got := v.String(); got != "[redacted]" {
			t.Errorf("String() = %q, want [redacted]", got)
		}
	}
}

func TestValueInLogs(t *testing.T) {
	t.Parallel()
	// A handler of another kind is given what LogValue returns.
	if got := slog.AnyValue(secret.NewValue([]byte(planted))).Resolve(); got.Kind() != slog.KindString || got.String() != "[redacted]" {
		t.Errorf("an attribute resolves to a %v, want the fixed word", got.Kind())
	}
	var out bytes.Buffer
	options := &slog.HandlerOptions{AddSource: true, Level: slog.LevelDebug}
	for _, handler := range []slog.Handler{slog.NewTextHandler(&out, options), slog.NewJSONHandler(&out, options)} {
		log := slog.New(handler)
		for name, holder := range hidden() {
			out.Reset()
			log.LogAttrs(t.Context(), slog.LevelInfo, "an attribute", slog.Any("v", holder))
			log.With("v", holder).WithGroup("g").Error("in a group", slog.Group("h", slog.Any("v", holder)))
			log.Info("without a key", holder)
			log.Info("an error", "err", fmt.Errorf("with %v", holder))
			if lines := bytes.Count(out.Bytes(), []byte("\n")); lines != 4 {
				t.Errorf("%T wrote %d lines about %s, want 4", handler, lines, name)
			}
			checkHidden(t, fmt.Sprintf("%T of %s", handler, name), out.Bytes())
		}
	}
}

func TestValueEncoded(t *testing.T) {
	t.Parallel()
	for name, holder := range hidden() {
		var out bytes.Buffer
		// Not everything can be encoded; what an encoder writes before it fails, and
		// its error, count.
		fmt.Fprintln(&out, json.NewEncoder(&out).Encode(holder))
		fmt.Fprintln(&out, xml.NewEncoder(&out).Encode(holder))
		fmt.Fprintln(&out, gob.NewEncoder(&out).Encode(holder))
		checkHidden(t, "an encoded "+name, out.Bytes())
	}
	v := secret.NewValue([]byte(planted))
	if got, err := json.Marshal(map[string]any{"v": v, "p": &v}); err != nil || string(got) != `{"p":"[redacted]","v":"[redacted]"}` {
		t.Errorf("Marshal = %s, %v, want the fixed word twice", got, err)
	}
}

// What the runtime prints of a panic is out of the reach of fmt.
func TestValueInPanic(t *testing.T) {
	t.Parallel()
	const variable = "LARDER_TEST_PANIC"
	if name := os.Getenv(variable); name != "" {
		panic(hidden()[name])
	}
	for name := range hidden() {
		cmd := exec.Command(os.Args[0], "-test.run=^"+t.Name()+"$")
		cmd.Env = append(os.Environ(), variable+"="+name, "GOTRACEBACK=system")
		out, err := cmd.CombinedOutput()
		if exit := (*exec.ExitError)(nil); !errors.As(err, &exit) || !bytes.Contains(out, []byte("panic: ")) {
			t.Errorf("a panic with %s: %v, want a failed process that says panic:", name, err)
		}
		checkHidden(t, "a panic with "+name, out)
	}
}

func TestValueUnderReflection(t *testing.T) {
	t.Parallel()
	for name, holder := range hidden() {
		var w walker
		w.walk(reflect.ValueOf(holder))
		if w.funcs == 0 && name != "channel" { // taking from a channel would change it
			t.Errorf("the walk through %s came to no Value", name)
		}
		checkHidden(t, "a walk through "+name, w.out.Bytes())
	}
	var w walker // the same walk does find what is not hidden
	w.walk(reflect.ValueOf(struct{ m map[string]any }{map[string]any{"k": []*[]byte{new([]byte(planted))}}}))
	if _, found := canary.Find(w.out.Bytes(), []byte(planted)); !found {
		t.Errorf("a walk does not come to bytes in an unexported map")
	}
}

// walker collects all texts and bytes that reflection can read.
type walker struct {
	out   bytes.Buffer
	funcs int // how many it met: behind one of them stands the value
}

func (w *walker) walk(v reflect.Value) {
	switch v.Kind() {
	case reflect.String:
		w.out.WriteString(v.String())
	case reflect.Pointer, reflect.Interface:
		w.walk(v.Elem())
	case reflect.Struct:
		for i := range v.NumField() {
			w.walk(v.Field(i))
		}
	case reflect.Slice, reflect.Array:
		for i := range v.Len() {
			if e := v.Index(i); e.Kind() == reflect.Uint8 {
				w.out.WriteByte(byte(e.Uint()))
			} else {
				w.walk(e)
			}
		}
	case reflect.Map:
		for pairs := v.MapRange(); pairs.Next(); {
			w.walk(pairs.Key())
			w.walk(pairs.Value())
		}
	case reflect.Func:
		w.funcs++
		fmt.Fprint(&w.out, v)
	}
}

func TestValueReveals(t *testing.T) {
	t.Parallel()
	for _, want := range []string{"", planted, "\xff\x00\xfe"} {
		if v := secret.NewValue([]byte(want)); string(v.Reveal()) != want || v.Len() != len(want) {
			t.Errorf("NewValue of %d bytes reveals %d, Len() = %d", len(want), len(v.Reveal()), v.Len())
		}
	}
	if zero := (secret.Value{}); zero.Reveal() != nil || zero.Len() != 0 {
		t.Errorf("the zero Value has %d bytes, Len() = %d, want none", len(zero.Reveal()), zero.Len())
	}
}
