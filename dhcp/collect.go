package dhcp

import (
	"os"
	"runtime"
	"runtime/debug"
	"runtime/metrics"
)

// Garbage is collected when a third of what is in use was allocated. A lease leaves little of it behind, so that memory is cheap here
// and processor time is not dear: 100,000 leases fit into 64 MiB also while they are given (docs/benchmarks.md). A server with few leases
// would collect several times a second, and each time clients wait for its core: it uses leastHeap before it begins.
const (
	gcPercent = 33
	leastHeap = 16 << 20
	goLeast   = 4 << 20 // what the runtime uses at GOGC=100 before it begins; more at more
)

// tuneCollector sets the garbage collector of this process, unless GOGC says otherwise, and returns what reading the leases took.
func tuneCollector() {
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(gcPercent)
		afterCollection()
	}
	debug.FreeOSMemory()
}

// afterCollection says after each collection, beginning with the next one, when the one after it is due.
func afterCollection() {
	mark := new([16]byte)
	runtime.AddCleanup(mark, func(struct{}) {
		s := []metrics.Sample{{Name: "/gc/heap/live:bytes"}}
		metrics.Read(s)
		debug.SetGCPercent(percentOf(s[0].Value.Uint64()))
		afterCollection()
	}, struct{}{})
}

// percentOf is GOGC until the next collection, when so many octets are in use.
func percentOf(live uint64) int {
	if live < goLeast {
		return 100 * leastHeap / goLeast
	}
	return max(gcPercent, int(100*leastHeap/live)-100)
}
