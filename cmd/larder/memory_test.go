package main

import (
	"io"
	"runtime/debug"
	"testing"
)

func TestMemoryLimit(t *testing.T) {
	t.Parallel()
	const mb = 1 << 20
	tests := []struct {
		environ []string
		want    int64
	}{
		{[]string{"AWS_LAMBDA_FUNCTION_MEMORY_SIZE=1024"}, 256 * mb},
		{[]string{"AWS_LAMBDA_FUNCTION_MEMORY_SIZE=10240"}, 2560 * mb},
		// What the cache may hold comes first: 16 MiB, 1 KiB for each entry, and room to work.
		{[]string{"AWS_LAMBDA_FUNCTION_MEMORY_SIZE=128"}, 32*mb + 1000<<10},
		{[]string{"AWS_LAMBDA_FUNCTION_MEMORY_SIZE=128", "LARDER_CACHE_BYTES=100MiB"}, 116*mb + 1000<<10},
		{[]string{"AWS_LAMBDA_FUNCTION_MEMORY_SIZE=128", "PARAMETERS_SECRETS_EXTENSION_CACHE_SIZE=100000"}, 32*mb + 100_000<<10},
		{[]string{"AWS_LAMBDA_FUNCTION_MEMORY_SIZE=512", "PARAMETERS_SECRETS_EXTENSION_CACHE_ENABLED=false"}, 128 * mb},
		{nil, 32*mb + 1000<<10},
		{[]string{"AWS_LAMBDA_FUNCTION_MEMORY_SIZE=much"}, 32*mb + 1000<<10},
		{[]string{"AWS_LAMBDA_FUNCTION_MEMORY_SIZE=-1"}, 32*mb + 1000<<10},
		{[]string{"AWS_LAMBDA_FUNCTION_MEMORY_SIZE=99999999999999999999"}, 1 << 38},
	}
	for _, test := range tests {
		s, _, mistakes := readSettings(function(test.environ...))
		if got := s.memoryLimit(); got != test.want || len(mistakes) > 0 {
			t.Errorf("%q: the limit is %d, want %d; mistakes: %q", test.environ, got, test.want, text(mistakes))
		}
	}
}

// Go's limits are the extension's own, whatever the function's GOGC and GOMEMLIMIT have
// made of them before main.
func TestOwnLimits(t *testing.T) {
	percent, limit := debug.SetGCPercent(-1), debug.SetMemoryLimit(1<<20)
	defer func() {
		debug.SetGCPercent(percent)
		debug.SetMemoryLimit(limit)
	}()
	if err := extend(t.Context(), "larder", []string{"AWS_LAMBDA_FUNCTION_MEMORY_SIZE=1024"}, io.Discard); err == nil {
		t.Error("extend without Lambda gives no error")
	}
	if got := debug.SetMemoryLimit(-1); got != 256<<20 {
		t.Errorf("the limit is %d bytes, want 256 MiB", got)
	}
	if got := debug.SetGCPercent(100); got != 100 {
		t.Errorf("garbage is collected at %d %%, want 100", got)
	}
}
