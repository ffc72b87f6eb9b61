package source_test

import (
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"

	"larder/internal/awstest"
	"larder/secret"
	"larder/source"
)

// TestLargestAnswer: twenty secrets of 64 KiB of control characters, which JSON writes in
// six bytes each, and as many bytes, which it writes in base64.
func TestLargestAnswer(t *testing.T) {
	aws := awstest.Config{Secrets: map[string]awstest.Secret{}}
	var keys []secret.Key
	for i := range 20 {
		name := fmt.Sprintf("%s%02d", strings.Repeat("n", 510), i)
		aws.Secrets[name] = awstest.Secret{String: strings.Repeat("\x01", 64<<10)}
		keys = append(keys, secretKey(t, name))
	}
	play(t, aws, nil, func(t *testing.T, st *stand) {
		for k, r := range fetch(t, t.Context(), st.source, keys...) {
			if r.Err != nil || r.Record.Value.Len() != 64<<10 {
				t.Fatalf("Fetch of %.10s: %v, want 64 KiB", k.ID, r.Err)
			}
		}
		if want := "BatchGetSecretValue 1"; st.counted() != want {
			t.Errorf("calls: %s, want %s", st.counted(), want)
		}
	})
}

// endless is an answer that does not end, and counts what is read of it.
type endless struct{ read int64 }

func (e *endless) Read(b []byte) (int, error) {
	for i := range b {
		b[i] = ' '
	}
	e.read += int64(len(b))
	return len(b), nil
}

func (*endless) Close() error { return nil }

// TestEndlessAnswers: of what says that it is too large nothing is read, and of what does
// not, no more than an answer may have.
func TestEndlessAnswers(t *testing.T) {
	for action, most := range map[string]int64{
		"GetSecretValue": 2 << 20, "BatchGetSecretValue": 8 << 20, "GetParameter": 2 << 20, "GetParameters": 2 << 20, "GetParametersByPath": 2 << 20,
	} {
		for name, length := range map[string]int64{"chunked": -1, "100 MB": 100e6} {
			t.Run(action+" "+name, func(t *testing.T) {
				var mu sync.Mutex
				var bodies []*endless
				play(t, full(), func(c *source.Config) {
					c.Transport = roundTrip(func(r *http.Request) (*http.Response, error) {
						mu.Lock()
						defer mu.Unlock()
						bodies = append(bodies, new(endless))
						return &http.Response{StatusCode: 200, ContentLength: length, Body: bodies[len(bodies)-1], Header: http.Header{}, Request: r}, nil
					})
				}, func(t *testing.T, st *stand) {
					for k, r := range fetch(t, t.Context(), st.source, questions(t)[action]...) {
						if r.Err == nil || r.Err.Class != secret.BadAnswer {
							t.Errorf("Fetch of %v: %v, want class BadAnswer", k, r.Err)
						}
					}
				})
				most := most
				if length > 0 {
					most = 64 << 10
				}
				for _, body := range bodies {
					if body.read > most+1 { // which tells that there is more
						t.Errorf("%d bytes of an answer were read, want %d at most", body.read, most)
					}
				}
			})
		}
	}
}
