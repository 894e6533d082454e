package haserver

import (
	"math"
	"runtime/debug"
	"testing"
)

// TestHeadroom: "nil when the operator has a wish of his own (GOGC, GOMEMLIMIT)".
func TestHeadroom(t *testing.T) {
	t.Setenv("GOGC", "")
	if n := len(headroom()); n != headroomSize {
		t.Errorf("%d octets, want %d", n, headroomSize)
	}
	t.Setenv("GOGC", "50")
	if headroom() != nil {
		t.Error("headroom in spite of GOGC")
	}
	t.Setenv("GOGC", "")
	debug.SetMemoryLimit(1 << 40)
	defer debug.SetMemoryLimit(math.MaxInt64)
	if headroom() != nil {
		t.Error("headroom in spite of a memory limit")
	}
}
