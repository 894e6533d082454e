package schedule

import (
	"os"
	"runtime/debug"
)

// gcPercent lets the heap grow to five times what is in use before it is
// collected: a schedule's own memory is small (1 KiB a check), and on one core
// every collection makes looks late.
const gcPercent = 400

// TuneCollector sets the garbage collector of this process for a large
// schedule, unless GOGC says otherwise. It is for the process that runs one.
func TuneCollector() {
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(gcPercent)
	}
}
