package manifest_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"larder/manifest"
	"larder/secret"
)

func TestFind(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name    string
		environ []string
		noScan  bool
		want    []string // variable and reference
	}{
		{"nothing", nil, false, nil},
		{"other values", []string{"A=x", "B=", "C", "=D", "E=https://x", "F= ssm:///a", "G=SSM:///a", "H=ssm:/a", "PATH=/bin:ssm:///a"}, false, nil},
		{"both services, by name", []string{"B=ssm:///b", "A=secretsmanager://a#x"}, false, []string{"A secretsmanager://a#x", "B ssm:///b"}},
		{"names that are another's beginning", []string{"DB1=ssm:///1", "DB=ssm:///0", "DB_X=ssm:///x", "DB.Y=ssm:///y"}, false,
			[]string{"DB ssm:///0", "DB.Y ssm:///y", "DB1 ssm:///1", "DB_X ssm:///x"}},
		{"a value with '='", []string{"A=secretsmanager://a=b?stage=x#y=z"}, false, []string{"A secretsmanager://a=b?stage=x#y=z"}},
		{"a list", []string{"LARDER_PREFETCH=, ssm:///a,secretsmanager://b\n\tssm:///c/** ,, ssm:///d/*\r\n,"}, false,
			[]string{"LARDER_PREFETCH ssm:///a", "LARDER_PREFETCH secretsmanager://b", "LARDER_PREFETCH ssm:///c/**", "LARDER_PREFETCH ssm:///d/*"}},
		{"an empty list", []string{"LARDER_PREFETCH=", "A=ssm:///a"}, false, []string{"A ssm:///a"}},
		{"a list of separators", []string{"LARDER_PREFETCH= ,\n,"}, false, nil},
		{"without scan", []string{"A=ssm:///a", "B=ssm://not/legal", "LARDER_PREFETCH=ssm:///b"}, true, []string{"LARDER_PREFETCH ssm:///b"}},
	}
	for _, test := range tests {
		found, mistakes := manifest.Find(test.environ, !test.noScan, region)
		var got []string
		for _, d := range found {
			got = append(got, d.Variable+" "+d.Reference.String())
			is(t, test.name+": a variable", d.IsVariable(), d.Variable != "LARDER_PREFETCH")
			is(t, test.name+": Region", d.Key.Region, region)
		}
		if !slices.Equal(got, test.want) || len(mistakes) > 0 {
			t.Errorf("%s: Find = %q, %v, want %q", test.name, got, mistakes, test.want)
		}
	}
}

// All mistakes come at once, each by its variable, and none repeats a value.
func TestFindMistakes(t *testing.T) {
	t.Parallel()
	environ := []string{
		"Z=ssm://a/b", "A=secretsmanager://" + planted, "GOOD=ssm:///good", "B=ssm:///a?" + planted + "=1", "C=ssm:///a?ttl=" + planted,
		"LARDER_PREFETCH=ssm:///ok, " + planted + " ssm:///a?region=Evil.com,secretsmanager://x#",
	}
	found, mistakes := manifest.Find(environ, true, region)
	is(t, "what is right", len(found), 2)
	var places []string
	for _, err := range mistakes {
		place, _, _ := strings.Cut(err.Error(), ":")
		places = append(places, place)
		noCanary(t, "a mistake", []byte(err.Error()))
	}
	want := []string{"A", "B", "C", "LARDER_PREFETCH, item 2", "LARDER_PREFETCH, item 3", "LARDER_PREFETCH, item 4", "LARDER_PREFETCH, item 5", "Z"}
	if !slices.Equal(places, want) {
		t.Errorf("mistakes in %q, want %q", places, want)
	}
	if last := mistakes[len(mistakes)-1].Error(); !strings.Contains(last, "ssm:///a/b") {
		t.Errorf("a mistake says %q, want what was meant", last)
	}
	_, mistakes = manifest.Find([]string{"A=ssm:///a", "B=secretsmanager://arn:aws:secretsmanager:eu-west-1:123456789012:secret:x"}, true, "")
	is(t, "mistakes without a Region", len(mistakes), 1)
}

func TestKeys(t *testing.T) {
	t.Parallel()
	found, mistakes := manifest.Find([]string{
		"A=secretsmanager://a#x", "B=secretsmanager://a?ttl=60#y", "C=secretsmanager://a?ttl=30&stage=AWSCURRENT", "D=secretsmanager://a?ttl=5m",
		"E=ssm:///o?optional", "F=ssm:///o?optional=true#x", "G=ssm:///r?optional", "H=ssm:///r", "I=ssm:///z?ttl=0", "J=ssm:///z?ttl=1",
		"K=secretsmanager://a?stage=AWSPENDING", "L=secretsmanager://a?region=us-east-2", "M=ssm:///s", "N=ssm:///s?optional",
	}, true, region)
	if len(mistakes) > 0 {
		t.Fatal(mistakes)
	}
	var got []string
	for k, d := range manifest.Keys(found) {
		got = append(got, fmt.Sprintf("%v %s ttl=%v,%v optional=%v", k, k.Region, d.TTL, d.HasTTL, d.Optional))
	}
	slices.Sort(got)
	want := []string{
		"secretsmanager://a eu-west-1 ttl=30s,true optional=false",
		"secretsmanager://a us-east-2 ttl=0s,false optional=false",
		"secretsmanager://a?stage=AWSPENDING eu-west-1 ttl=0s,false optional=false",
		"ssm:///o eu-west-1 ttl=0s,false optional=true",
		"ssm:///r eu-west-1 ttl=0s,false optional=false",
		"ssm:///s eu-west-1 ttl=0s,false optional=false",
		"ssm:///z eu-west-1 ttl=0s,true optional=false",
	}
	if !slices.Equal(got, want) {
		t.Errorf("Keys = %q\nwant %q", got, want)
	}
	is(t, "keys of nothing", len(manifest.Keys(nil)), 0)
	is(t, "a declaration in words", found[1].String(), "B (secretsmanager://a?ttl=1m0s#y in eu-west-1)")
	is(t, "its TTL", found[1].Reference.TTL, time.Minute)
}

// What is printed never shows a value.
func TestPrinted(t *testing.T) {
	inBubble(t, "A=secretsmanager://a B=secretsmanager://b#x LARDER_PREFETCH=ssm:///t/**", func(t *testing.T, s *stand) {
		s.has("ssm:///t/**", tree("/t/**", record("/t/a", planted)))
		v := s.prefetch()
		s.Settle()
		all, _, err := s.Variables(t.Context(), manifest.Demand{})
		is(t, "an error", err != nil, true)
		is(t, "variables", len(all), 1)
		one, _ := s.Variable(t.Context(), "A", manifest.Demand{})
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d"} {
			for _, x := range []any{s.Manifest, v, &v, all, one, &one, err, v.Missing, v.Message(), &manifest.VariableError{Variable: "B", Err: v.Missing[0].Err}} {
				noCanary(t, fmt.Sprintf("%s of %T", verb, x), fmt.Appendf(nil, verb, x))
			}
		}
		if v.Missing[0].Err.Class != secret.NotJSON {
			t.Errorf("B is %v, want NotJSON", v.Missing[0].Err.Class)
		}
	})
}
