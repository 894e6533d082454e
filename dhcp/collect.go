package dhcp

import (
	"os"
	"runtime/debug"
)

// gcPercent collects garbage when two fifths of what is in use were allocated. A lease leaves little of it behind, so that memory is
// cheap here and processor time is not dear: 100,000 leases fit into 64 MiB also while they are given (docs/benchmarks.md).
const gcPercent = 40

// tuneCollector sets the garbage collector of this process, unless GOGC says otherwise, and returns what reading the leases took.
func tuneCollector() {
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(gcPercent)
	}
	debug.FreeOSMemory()
}
