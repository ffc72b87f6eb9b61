package secret_test

import (
	"strings"
	"testing"
	"time"

	"larder/secret"
)

func TestParseDuration(t *testing.T) {
	t.Parallel()
	tests := []struct {
		text string
		want time.Duration
		err  string // empty: legal
	}{
		{text: "0", want: 0},
		{text: "1", want: time.Second},
		{text: "300", want: 5 * time.Minute},
		{text: "0300", want: 5 * time.Minute}, // decimal, as in AWS's variables
		{text: "+5", want: 5 * time.Second},
		{text: "-0", want: 0},
		{text: "5m", want: 5 * time.Minute},
		{text: "1h30m", want: 90 * time.Minute},
		{text: "1.5s", want: 1500 * time.Millisecond},
		{text: "250ms", want: 250 * time.Millisecond},
		{text: "0s", want: 0},
		{text: "8760h", want: 365 * 24 * time.Hour},
		{text: "31536000", want: 365 * 24 * time.Hour},

		{text: "-1", err: `"-1" is negative`},
		{text: "-5m", err: `"-5m" is negative`},
		{text: "-9223372036854775808", err: "is negative"}, // times a second this would be 0
		{text: "-18446744074", err: "is negative"},         // and this positive
		{text: "-99999999999999999999", err: "is negative"},
		{text: "31536001", err: `"31536001" is longer than a year`},
		{text: "8761h", err: `"8761h" is longer than a year`},
		{text: "9223372036854775807", err: "is longer than a year"},
		{text: "99999999999999999999", err: "is longer than a year"},
		{text: "9999999999h", err: "not a duration"},

		{text: "", err: "not a duration"},
		{text: " 5", err: "not a duration"},
		{text: "5 m", err: "not a duration"},
		{text: "1.5", err: "not a duration"},
		{text: "5d", err: "not a duration"},
		{text: "1_000", err: "not a duration"},
		{text: "0x10", err: "not a duration"},
		{text: "1e3", err: "not a duration"},
		{text: "Inf", err: "not a duration"},
		{text: "٣", err: "not a duration"},
		{text: leak, err: "not a duration"},
		{text: "5" + leak, err: "not a duration"},
	}
	for _, test := range tests {
		got, err := secret.ParseDuration(test.text)
		switch {
		case test.err == "" && (err != nil || got != test.want):
			t.Errorf("ParseDuration(%q) = %v, %v, want %v", test.text, got, err, test.want)
		case test.err != "" && (err == nil || !strings.Contains(err.Error(), test.err) || got != 0):
			t.Errorf("ParseDuration(%q) = %v, %v, want an error with %q", test.text, got, err, test.err)
		case err != nil && strings.Contains(err.Error(), leak):
			t.Errorf("ParseDuration(%q): the error repeats the text: %v", test.text, err)
		}
	}
}
