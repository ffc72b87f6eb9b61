package source_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"larder/internal/awstest"
	"larder/secret"
	"larder/source"
)

// numbered returns the ARN of one of many roles.
func numbered(n int) string { return fmt.Sprintf("arn:aws:iam::123456789012:role/r%d", n) }

// numberedRoles is a full AWS with numbered roles.
func numberedRoles(roles int) awstest.Config {
	aws := full()
	aws.Roles = make(map[string]awstest.Role)
	for n := range roles {
		aws.Roles[numbered(n)] = awstest.Role{}
	}
	return aws
}

// with fetches a secret with numbered roles, and returns the outcomes in words.
func (st *stand) with(t *testing.T, from, to int) (words []string) {
	t.Helper()
	var keys []secret.Key
	for n := from; n < to; n++ {
		keys = append(keys, withRole(t, secretKey(t, "a"), numbered(n)))
	}
	got := fetch(t, t.Context(), st.source, keys...)
	for _, k := range keys {
		words = append(words, outcome(got[k]))
	}
	return words
}

// TestTwentyRoles: more are refused, unless one of the twenty is of no use.
func TestTwentyRoles(t *testing.T) {
	aws := numberedRoles(30)
	delete(aws.Roles, numbered(7))
	play(t, aws, inFunction, func(t *testing.T, st *stand) {
		want := slices.Repeat([]string{"v"}, source.MaxRoles)
		want[7] = "!AccessDenied"
		if got := st.with(t, 0, source.MaxRoles); !slices.Equal(got, want) {
			t.Errorf("Fetch with twenty roles = %q, want %q", got, want)
		}
		if got := st.with(t, 20, 21); got[0] != "v" {
			t.Errorf("Fetch with another role in place of the one that is denied = %q, want a value", got)
		}
		if err := st.SetRole(numbered(7), awstest.Role{}); err != nil {
			t.Fatal(err)
		}
		for _, n := range []int{21, 7, 21} { // 7 has lost its place
			k := withRole(t, secretKey(t, "a"), numbered(n))
			e := fetch(t, t.Context(), st.source, k)[k].Err
			if e == nil || e.Class != secret.Rejected || !strings.Contains(e.Message, "can use 20") {
				t.Errorf("Fetch with role %d: %v, want class Rejected and the limit", n, e)
			}
		}
		if got := st.with(t, 0, 1); got[0] != "v" {
			t.Errorf("Fetch with the first role = %q, want a value", got)
		}
		if n := st.asked(assumeRole)[own]; n != 21 {
			t.Errorf("%d calls of AssumeRole, want 21: none for a role too many", n)
		}
	})
}

// TestDeclaredRoles: whatever requests name, a role that is declared has its place,
// also when it could not be assumed at first.
func TestDeclaredRoles(t *testing.T) {
	declare := func(cfg *source.Config) {
		inFunction(cfg)
		cfg.Roles = []string{numbered(28), numbered(29)}
	}
	play(t, numberedRoles(29), declare, func(t *testing.T, st *stand) {
		if got := st.with(t, 29, 30); got[0] != "!AccessDenied" {
			t.Fatalf("Fetch with a role that does not exist = %q", got)
		}
		refused := 0
		for _, word := range st.with(t, 0, 20) {
			if word == "!Rejected" {
				refused++
			}
		}
		if refused != 2 {
			t.Errorf("%d of 20 undeclared roles are refused, want 2: two places are not theirs", refused)
		}
		if err := st.SetRole(numbered(29), awstest.Role{}); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Minute)
		if got := st.with(t, 28, 30); got[0] != "v" || got[1] != "v" {
			t.Errorf("Fetch with the declared roles = %q, want values", got)
		}
	})
}

// TestTwentyRolesAtOnce: a role that is being assumed keeps its place.
func TestTwentyRolesAtOnce(t *testing.T) {
	aws := numberedRoles(30)
	aws.Faults = []awstest.Fault{{Action: assumeRole, Delay: time.Second}}
	play(t, aws, inFunction, func(t *testing.T, st *stand) {
		words := make(map[string]int)
		for _, word := range st.with(t, 0, 30) {
			words[word]++
		}
		if words["v"] != source.MaxRoles || words["!Rejected"] != 30-source.MaxRoles {
			t.Errorf("Fetch with 30 roles = %v, want 20 values", words)
		}
	})
}
