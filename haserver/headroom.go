package haserver

import (
	"math"
	"os"
	"runtime/debug"
)

// headroomSize is the least that is allocated between two garbage collections. Without it a small server that takes many updates would
// collect dozens of times a second, for a tenth of its processor time.
const headroomSize = 32 << 20

// headroom is memory that must be kept and is never touched: the collector counts it as in use and waits until as much again was
// allocated, while the system has not given a page of it. nil when the operator has a wish of his own (GOGC, GOMEMLIMIT).
func headroom() []byte {
	if os.Getenv("GOGC") != "" || debug.SetMemoryLimit(-1) != math.MaxInt64 {
		return nil
	}
	return make([]byte, headroomSize)
}
