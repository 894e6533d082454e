package pairsim

import (
	"fmt"
	"time"

	"loadshare/internal/sim"
)

// world is the simulated world, whose whole trace can be printed.
type world struct {
	*sim.World
	verbose bool
}

// Note writes a line into the trace.
func (w *world) Note(format string, a ...any) {
	line := fmt.Sprintf(format, a...)
	if w.verbose {
		fmt.Printf("%s %s\n", w.Now().Format("15:04:05.000"), line)
	}
	w.World.Note("%s", line)
}

// After has do happen later; what, unless empty, is for the trace.
func (w *world) After(d time.Duration, what string, do func()) { w.At(w.Now().Add(d), what, do) }

// At has do happen at a time.
func (w *world) At(at time.Time, what string, do func()) {
	if what == "" {
		w.World.At(at, "", do)
		return
	}
	w.World.At(at, "", func() {
		w.Note("%s", what)
		do()
	})
}
