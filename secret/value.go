package secret

import (
	"fmt"
	"log/slog"
)

// redacted is what a Value shows instead of itself.
const redacted = "[redacted]"

// Value holds the bytes of a secret and does not show them: every formatting
// verb, JSON, text marshalling and slog give a fixed word instead. The zero Value
// is empty.
//
// The bytes stand behind a func on purpose. fmt does not call the methods of a
// value in an unexported field, and follows slices, maps and structs there; a
// func it can only print as an address, and reflection cannot look into it.
type Value struct {
	reveal func() []byte
}

// NewValue wraps b, which must not be changed afterwards.
func NewValue(b []byte) Value {
	return Value{reveal: func() []byte { return b }}
}

// Reveal returns the bytes, not a copy. It is the only way to them: its callers
// are the places to look at when reviewing what can leak.
func (v Value) Reveal() []byte {
	if v.reveal == nil {
		return nil
	}
	return v.reveal()
}

// Len returns the number of bytes.
func (v Value) Len() int { return len(v.Reveal()) }

// Format writes the fixed word under every verb.
func (Value) Format(s fmt.State, _ rune) { _, _ = s.Write([]byte(redacted)) }

// String returns the fixed word.
func (Value) String() string { return redacted }

// MarshalText returns the fixed word, also for encoding/json.
func (Value) MarshalText() ([]byte, error) { return []byte(redacted), nil }

// LogValue returns the fixed word.
func (Value) LogValue() slog.Value { return slog.StringValue(redacted) }
