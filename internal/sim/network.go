package sim

import "time"

// Quality is how bad a network is. The zero value is perfect and instantaneous.
type Quality struct {
	// Delay is the least, Delay+Jitter the most a message takes.
	Delay, Jitter time.Duration
	// Loss and Duplicate are probabilities, 0 to 1, a message.
	Loss, Duplicate float64
	// Late is the probability that a message takes up to LateBy longer.
	Late   float64
	LateBy time.Duration
}

// Network carries messages between named places. Messages overtake each other.
type Network struct {
	w   *World
	q   Quality
	cut map[[2]string]bool
}

// Network makes a network of a quality. All links are whole.
func (w *World) Network(q Quality) *Network {
	return &Network{w: w, q: q, cut: make(map[[2]string]bool)}
}

// SetQuality changes what happens to messages sent from now on.
func (n *Network) SetQuality(q Quality) { n.q = q }

// Send has deliver happen at the other end: once, more often, or never. what is
// for the trace; "" keeps small talk out of it. A link
// that is cut when the message is sent or when it arrives loses it.
func (n *Network) Send(from, to, what string, deliver func()) {
	copies := 1
	if n.w.Chance(n.q.Duplicate) {
		copies = 2
	}
	for range copies {
		d := n.q.Delay
		if n.q.Jitter > 0 {
			d += n.w.Between(0, n.q.Jitter)
		}
		if n.q.LateBy > 0 && n.w.Chance(n.q.Late) {
			d += n.w.Between(0, n.q.LateBy)
		}
		if n.w.Chance(n.q.Loss) || n.cut[[2]string{from, to}] {
			continue
		}
		n.w.After(d, "", func() {
			if n.cut[[2]string{from, to}] {
				return
			}
			if what != "" {
				n.w.Note("%s > %s: %s", from, to, what)
			}
			deliver()
		})
	}
}

// Whole reports whether messages pass from one place to another now.
func (n *Network) Whole(from, to string) bool { return !n.cut[[2]string{from, to}] }

// Cut stops one direction of a link.
func (n *Network) Cut(from, to string) { n.cut[[2]string{from, to}] = true }

// CutBoth stops both directions.
func (n *Network) CutBoth(a, b string) { n.Cut(a, b); n.Cut(b, a) }

// Heal lets one direction pass again.
func (n *Network) Heal(from, to string) { delete(n.cut, [2]string{from, to}) }

// HealBoth lets both directions pass again.
func (n *Network) HealBoth(a, b string) { n.Heal(a, b); n.Heal(b, a) }

// HealAll makes all links whole.
func (n *Network) HealAll() { clear(n.cut) }
