package source_test

import (
	"testing"
	"time"

	"larder/internal/awstest"
	"larder/secret"
)

func ptr[T any](v T) *T { return &v }

func full() awstest.Config {
	return awstest.Config{
		Secrets: map[string]awstest.Secret{"a": {String: "v"}, "b": {String: "v"}},
		Parameters: map[string]awstest.Parameter{
			"/a": {Value: "v"}, "/b": {Value: "v"}, "/tree/x": {Value: "v"}},
	}
}

// questions are what every kind of call is asked.
func questions(t *testing.T) map[string][]secret.Key {
	return map[string][]secret.Key{
		"GetSecretValue":      {secretKey(t, "a")},
		"BatchGetSecretValue": {secretKey(t, "a"), secretKey(t, "b")},
		"GetParameter":        {parameterKey(t, "/a")},
		"GetParameters":       {parameterKey(t, "/a"), parameterKey(t, "/b")},
		"GetParametersByPath": {treeKey(t, "/tree/*")},
	}
}

// trouble is what happens to a call, and the failure that comes of it.
type trouble struct {
	name     string
	fault    awstest.Fault
	want     secret.Class
	attempts int
}

// batches is how often a batch that meets the trouble is asked for, where that may be
// one key's fault.
func (tr trouble) batches() int {
	if tr.want == secret.Timeout {
		return 1
	}
	return 2
}

func troubles() []trouble {
	return []trouble{
		{"throttled", awstest.Fault{Code: "ThrottlingException", Message: "Rate exceeded"}, secret.Throttled, 4},
		{"500", awstest.Fault{Code: "InternalServerError", Status: 500}, secret.Unavailable, 4},
		{"exactly 500 from something in between", awstest.Fault{Body: ptr("<html>"), Status: 500}, secret.Unavailable, 4},
		{"503 from something in between", awstest.Fault{Body: ptr("<html>unavailable"), Status: 503}, secret.Unavailable, 4},
		{"429 from something in between", awstest.Fault{Body: ptr("slow down"), Status: 429}, secret.Throttled, 4},
		{"403 from something in between", awstest.Fault{Body: ptr("<html>no"), Status: 403}, secret.BadAnswer, 4},
		{"a redirect", awstest.Fault{Body: ptr(`{}`), Status: 307}, secret.BadAnswer, 4},
		{"hang", awstest.Fault{Hang: true}, secret.Timeout, 3},
		{"no body", awstest.Fault{Stall: ptr(0)}, secret.Timeout, 3},
		{"half a body", awstest.Fault{Stall: ptr(60)}, secret.Timeout, 3},
		{"reset", awstest.Fault{Reset: true}, secret.Unavailable, 4},
		{"cut at once", awstest.Fault{Cut: ptr(0)}, secret.BadAnswer, 4},
		{"cut in the middle", awstest.Fault{Cut: ptr(60)}, secret.BadAnswer, 4},
		{"garbage", awstest.Fault{Body: ptr("\x00\x01garbage")}, secret.BadAnswer, 4},
		{"no fields", awstest.Fault{Body: ptr("{}")}, secret.BadAnswer, 4},
		{"nothing", awstest.Fault{Body: ptr("")}, secret.BadAnswer, 4},
		{"null", awstest.Fault{Body: ptr("null")}, secret.BadAnswer, 4},
		{"a list", awstest.Fault{Body: ptr("[]")}, secret.BadAnswer, 4},
	}
}

// eachTrouble runs a story for every trouble with every kind of call. It happens
// so many times, or always if times is 0.
func eachTrouble(t *testing.T, times int, story func(*testing.T, *stand, trouble, []secret.Key)) {
	for _, tr := range troubles() {
		for action, keys := range questions(t) {
			if tr.want == secret.Throttled && action == "BatchGetSecretValue" {
				continue // see TestThrottledBatch
			}
			t.Run(tr.name+"/"+action, func(t *testing.T) {
				t.Parallel()
				aws := full()
				fault := tr.fault
				fault.Action, fault.Times = action, times
				aws.Faults = []awstest.Fault{fault}
				play(t, aws, nil, func(t *testing.T, st *stand) { story(t, st, tr, keys) })
			})
		}
	}
}

// TestTroubleStays: every kind of trouble has its class, and an end in time. What a
// batch meets and single calls do not, keeps nobody from the values.
func TestTroubleStays(t *testing.T) {
	eachTrouble(t, 0, func(t *testing.T, st *stand, tr trouble, keys []secret.Key) {
		if len(keys) > 1 && tr.want != secret.Throttled {
			for k, r := range fetch(t, t.Context(), st.source, keys...) {
				if outcome(r) != "v" {
					t.Errorf("Fetch of %v = %q, want its value", k, outcome(r))
				}
			}
			if n, want := len(st.Calls()), tr.batches()+len(keys); n != want {
				t.Errorf("%d calls (%s), want %d", n, st.counted(), want)
			}
			return
		}
		start := time.Now()
		got := fetch(t, t.Context(), st.source, keys...)
		if took := time.Since(start); took > 5*time.Second {
			t.Errorf("a call took %v, want at most 5s", took)
		}
		for _, k := range keys {
			if e := got[k].Err; e == nil || e.Class != tr.want {
				t.Errorf("Fetch of %v: %v, want class %v", k, e, tr.want)
			}
		}
		if n := len(st.Calls()); n != tr.attempts {
			t.Errorf("%d calls (%s), want %d", n, st.counted(), tr.attempts)
		}
	})
}

// TestTroublePasses: what happens once costs one more call and nothing else.
func TestTroublePasses(t *testing.T) {
	eachTrouble(t, 1, func(t *testing.T, st *stand, tr trouble, keys []secret.Key) {
		got := fetch(t, t.Context(), st.source, keys...)
		for _, k := range keys {
			if e := got[k].Err; e != nil {
				t.Errorf("Fetch of %v after one failure: %v, want a value", k, e)
			}
		}
		more := 1
		if len(keys) > 1 && tr.want == secret.Timeout {
			more = len(keys) // a batch that hangs is not waited for again
		}
		if n := len(st.Calls()); n != 1+more {
			t.Errorf("%d calls (%s), want %d", n, st.counted(), 1+more)
		}
		if a := st.attempts; len(a) != 1+more || a[0].Failure == 0 || a[1].Failure != 0 {
			t.Errorf("observed %+v, want a failure and OK", a)
		}
	})
}

// TestThrottledBatch: BatchGetSecretValue has a small quota of its own, so that
// single calls go through; with Parameter Store's they would not.
func TestThrottledBatch(t *testing.T) {
	aws := full()
	aws.Faults = []awstest.Fault{
		{Action: "BatchGetSecretValue", Code: "ThrottlingException"},
		{Action: "GetParameters", Code: "ThrottlingException", Times: 3},
	}
	play(t, aws, nil, func(t *testing.T, st *stand) {
		keys := []secret.Key{secretKey(t, "a"), secretKey(t, "b"), parameterKey(t, "/a"), parameterKey(t, "/b")}
		start := time.Now()
		got := fetch(t, t.Context(), st.source, keys...)
		for _, k := range keys {
			if got := outcome(got[k]); got != "v" {
				t.Errorf("Fetch of %v = %q, want its value", k, got)
			}
		}
		if want := "BatchGetSecretValue 1, GetParameters 4, GetSecretValue 2"; st.counted() != want {
			t.Errorf("calls: %s, want %s", st.counted(), want)
		}
		if took := time.Since(start); took == 0 || took > 700*time.Millisecond {
			t.Errorf("three back-offs took %v, want up to 0.7s", took)
		}
	})
}

// TestPartsOfAnswers: an answer that broke off must leave no trace in the next
// one, which would be a value under another secret's name.
func TestPartsOfAnswers(t *testing.T) {
	bodies := []string{
		`{"ARN":"arn:aws:secretsmanager:eu-west-1:123456789012:secret:a-AbCdEf","Name":"a","VersionId":"1","SecretString":"v"`,
		`{}`, ``, `{"VersionStages":["AWSCURRENT"]}`,
	}
	aws := full()
	for _, body := range bodies {
		aws.Faults = append(aws.Faults, awstest.Fault{Body: &body, Times: 1})
	}
	play(t, aws, nil, func(t *testing.T, st *stand) {
		k := secretKey(t, "a")
		if r := fetch(t, t.Context(), st.source, k)[k]; r.Err == nil || r.Err.Class != secret.BadAnswer {
			t.Errorf("Fetch = %v, want class BadAnswer", r.Err)
		}
	})
}

// TestOpenEnds: what a batch's answer does not settle is asked for once more.
func TestOpenEnds(t *testing.T) {
	const (
		aARN = `"arn:aws:secretsmanager:eu-west-1:123456789012:secret:a-AbCdEf"`
		good = `{"ARN":` + aARN + `,"Name":"a","VersionId":"00000000-0000-0000-0000-000000000000","SecretString":"v"}`
	)
	tests := []struct {
		name, body string
		calls      string
	}{
		{"one is missing", `{"SecretValues":[` + good + `]}`, "BatchGetSecretValue 1, GetSecretValue 1"},
		{"one lacks its value", `{"SecretValues":[` + good + `,{"ARN":"arn:b","Name":"b","VersionId":"1"}]}`, "BatchGetSecretValue 1, GetSecretValue 1"},
		{"one was throttled", `{"SecretValues":[` + good + `],"Errors":[{"SecretId":"b","ErrorCode":"ThrottlingException"}]}`, "BatchGetSecretValue 1, GetSecretValue 1"},
		{"one failed for no reason", `{"SecretValues":[` + good + `],"Errors":[{"SecretId":"b"}]}`, "BatchGetSecretValue 1, GetSecretValue 1"},
		{"strangers", `{"SecretValues":[{"ARN":"arn:x","Name":"x","VersionId":"1","SecretString":"y"}]}`, "BatchGetSecretValue 1, GetSecretValue 2"},
		{"the same twice", `{"SecretValues":[` + good + `,` + good + `]}`, "BatchGetSecretValue 1, GetSecretValue 1"},
		{"a value and a failure", `{"SecretValues":[` + good + `],"Errors":[{"SecretId":"a","ErrorCode":"InternalServiceError"}]}`, "BatchGetSecretValue 1, GetSecretValue 2"},
		{"two of one name", `{"SecretValues":[` + good + `,{"ARN":"arn:x","Name":"a","VersionId":"1","SecretString":"y"}]}`, "BatchGetSecretValue 1, GetSecretValue 2"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			aws := full()
			aws.Faults = []awstest.Fault{{Action: "BatchGetSecretValue", Body: &tt.body}}
			play(t, aws, nil, func(t *testing.T, st *stand) {
				a, b := secretKey(t, "a"), secretKey(t, "b")
				got := fetch(t, t.Context(), st.source, a, b)
				if outcome(got[a]) != "v" || outcome(got[b]) != "v" {
					t.Errorf("Fetch = %v and %v, want both values", got[a].Err, got[b].Err)
				}
				if calls := st.counted(); calls != tt.calls {
					t.Errorf("calls: %s, want %s", calls, tt.calls)
				}
			})
		})
	}
}
