package lambdatest_test

import (
	"bytes"
	"fmt"
	"os"
	"testing"

	"larder/internal/lambdatest"
)

// Every process resolves the name, and the machine knows nothing of it.
func TestResolve(t *testing.T) {
	if err := lambdatest.CanResolve(); err != nil {
		t.Skip(err)
	}
	t.Setenv("TMPDIR", t.TempDir())
	before, err := os.ReadFile("/etc/hosts")
	if err != nil {
		t.Fatal(err)
	}
	s := newStage(t, "a", "b")
	lambda, cast := s.ready()
	for _, a := range cast {
		for _, name := range []string{"sandbox.localdomain", "sandbox"} {
			fmt.Fprintln(a.conn, "lookup", name)
			if got, want := receive(t, "lookup", a.said), "[127.0.0.2] <nil>"; got != want {
				t.Errorf("%s resolves %s to %s, want %s", a.name, name, got, want)
			}
		}
		fmt.Fprintln(a.conn, "lookup localhost")
		if got := receive(t, "lookup", a.said); !bytes.Contains([]byte(got), []byte("127.0.0.1")) {
			t.Errorf("%s resolves localhost to %s, want what the machine has", a.name, got)
		}
	}
	lambda.Close()
	after, err := os.ReadFile("/etc/hosts")
	if err != nil || !bytes.Equal(after, before) {
		t.Errorf("/etc/hosts was changed to %q (%v)", after, err)
	}
	left, err := os.ReadDir(os.Getenv("TMPDIR"))
	if err != nil || len(left) > 0 {
		t.Errorf("left in the folder for temporary files: %v (%v)", left, err)
	}
}
