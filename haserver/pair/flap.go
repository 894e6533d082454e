package pair

import (
	"fmt"
	"time"
)

// Flapping of the pair: it parts again and again, and comes back each time. The return is never held up (docs/decisions/0017): together
// an update is on two disks and one server takes it, kept apart by a timer it would be on one and both would. It is told instead.
const (
	flapCount  = 5 // partings
	flapWindow = 10 * time.Minute
	flapWords  = "10 minutes"
)

// flaps remembers when the pair parted.
type flaps struct {
	at    [flapCount]time.Duration // the newest, as a ring
	n     int                      // in all
	since int64                    // wall: when it became flapping; 0: it is not
}

// parting notes that normal was left, other than by an order to the partner.
func (m *Machine) parting(why Reason) {
	if why == PartnerStopped {
		return
	}
	f := &m.flaps
	m.steady()
	f.at[f.n%flapCount] = m.now.Mono
	f.n++
	if f.since == 0 && f.recent(m.now.Mono) == flapCount {
		f.since = m.now.Wall
		m.note(Note{Reason: Flapping, Text: fmt.Sprintf("%d times in %v", flapCount, (m.now.Mono - f.at[f.n%flapCount]).Round(time.Second))})
	}
}

// recent is how many partings the window has, flapCount at most.
func (f *flaps) recent(now time.Duration) int {
	n := 0
	for i := range min(f.n, flapCount) {
		if now-f.at[i] < flapWindow {
			n++
		}
	}
	return n
}

// steady ends the flapping when the window went by without a parting.
func (m *Machine) steady() {
	if m.flaps.since != 0 && m.flaps.recent(m.now.Mono) == 0 {
		m.flaps.since = 0
	}
}

// flapping is how long the pair must stay as it is until it counts as steady; 0: it does.
func (m *Machine) flapping() time.Duration {
	f := &m.flaps
	if f.since == 0 {
		return 0
	}
	return max(0, f.at[(f.n-1)%flapCount]+flapWindow-m.now.Mono)
}
