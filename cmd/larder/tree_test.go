package main

import (
	"fmt"
	"strconv"
	"strings"
	"testing"
	"time"

	"larder/internal/awstest"
)

// TestLargeTree: a tree that takes longer to read than init may wait is read on, at the
// invokes or by who reads it. Until it is whole, single parameters are there by name, and
// the tree is not; afterwards its age is that of its first page.
func TestLargeTree(t *testing.T) {
	const n, page = 300, 210 * time.Millisecond // so that init ends in the middle of one
	aws := awstest.Config{Parameters: map[string]awstest.Parameter{}}
	for i := range n {
		aws.Parameters[fmt.Sprintf("/many/%04d", i)] = awstest.Parameter{Value: fmt.Sprint("value ", i)}
	}
	aws.Faults = []awstest.Fault{{Action: "GetParametersByPath", Delay: page}}
	const tree = "/value?ref=ssm:///many/**"
	for _, invokes := range []int{0, 1} {
		t.Run(fmt.Sprint(invokes, " invokes"), func(t *testing.T) {
			inWhole(t, aws, func(t *testing.T, w *whole) {
				began := time.Now()
				if err := w.init(t.Context()); err != nil {
					t.Fatalf("init = %v", err)
				}
				if took := time.Since(began); took != 5*time.Second {
					t.Errorf("init took %v, want 5s", took)
				}
				for path, calls := range map[string]int{
					"/value?ref=ssm:///many/0001":                        0, // it has come
					"/systemsmanager/parameters/get?name=%2Fmany%2F0299": 1, // it has not
				} {
					before := w.calls()
					if answer := w.read(path); answer.Code != 200 || !strings.Contains(answer.Body.String(), "value ") {
						t.Errorf("%s: status %d, want 200", path, answer.Code)
					}
					if got := w.calls() - before; got != calls {
						t.Errorf("%s: %d calls, want %d", path, got, calls)
					}
				}
				for range invokes {
					w.invoke(t.Context(), event(10*time.Second))
				}
				reading := time.Now()
				answer := w.read(tree)
				if answer.Code != 200 || strings.Count(answer.Body.String(), `"value `) != n {
					t.Errorf("the tree: status %d, want 200 and all of it", answer.Code)
				}
				if waited := time.Since(reading); (waited == 0) != (invokes > 0) || waited > 2*time.Second {
					t.Errorf("the read of the tree waited for %v, want the rest of it, unless an invoke has brought that", waited)
				}
				age, _ := strconv.Atoi(answer.Header().Get("Age"))
				if want := int(time.Since(began).Seconds()); age != want {
					t.Errorf("the tree's age is %d s, want %d", age, want)
				}
				// One page was cut by the end of init.
				if calls := w.calls(); calls != n/10+1+1 {
					t.Errorf("%d calls, want %d pages, one of them twice, and one parameter", calls, n/10)
				}
			}, "LARDER_PREFETCH=ssm:///many/**")
		})
	}
}

// TestBlockedTree: where a tree does not answer, what lies beneath it does.
func TestBlockedTree(t *testing.T) {
	aws := awstest.Config{
		Parameters: map[string]awstest.Parameter{"/t/a": {Value: "value"}},
		Faults:     []awstest.Fault{{Action: "GetParametersByPath", Hang: true}},
	}
	inWhole(t, aws, func(t *testing.T, w *whole) {
		if err := w.init(t.Context()); err != nil {
			t.Fatalf("init = %v", err)
		}
		if answer := w.read("/value?ref=ssm:///t/a"); answer.Code != 200 {
			t.Errorf("a read beneath the tree: status %d, want 200", answer.Code)
		}
		if answer := w.read("/value?ref=ssm:///t/*"); answer.Code != 504 {
			t.Errorf("a read of the tree: status %d, want 504", answer.Code)
		}
	}, "LARDER_PREFETCH=ssm:///t/*")
}
