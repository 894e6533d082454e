package dhcp

import (
	"slices"
	"sync"
	"time"

	"loadshare/dhcp/engine"
	"loadshare/dhcp/failover"
)

const (
	maxConflicts = 20 // of a pair, that are shown
	massLasts    = 15 * time.Minute
)

// events are what happened at one moment, for as long as people should know.
type events struct {
	mu        sync.Mutex // the loop writes, status reads
	conflicts map[string][]Conflict
	clock     string // why the clock was doubted last
	clockAt   time.Time
	mass      time.Time // of the last mass expiry
}

func (e *events) note(n *engine.Note, now time.Time) {
	switch n.Reason {
	case engine.ClockStepped, engine.MassExpiry:
	default:
		return
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	if n.Reason == engine.MassExpiry {
		e.mass = now
		return
	}
	e.clock, e.clockAt = n.Text, now
	if e.clock == "" {
		e.clock = "the clock was set while the server ran"
	}
}

func (e *events) conflict(pair string, c *failover.TwoHolders, now time.Time) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.conflicts == nil {
		e.conflicts = map[string][]Conflict{}
	}
	one := Conflict{At: now.UTC(), Address: c.IP.String(), Kept: c.Kept.String(), Lost: c.Lost.String(), LostUntil: time.Unix(c.LostUntil, 0).UTC()}
	list := e.conflicts[pair]
	for i := range list { // both servers' word of it, or one that is told again
		if same := &list[i]; same.Address == one.Address && same.Kept == one.Kept && same.Lost == one.Lost && !now.After(same.LostUntil) {
			if one.LostUntil.After(same.LostUntil) {
				same.LostUntil = one.LostUntil
			}
			return
		}
	}
	list = slices.Insert(list, 0, one)
	e.conflicts[pair] = list[:min(len(list), maxConflicts)]
}

func (e *events) ofPair(pair string) []Conflict {
	e.mu.Lock()
	defer e.mu.Unlock()
	return append([]Conflict{}, e.conflicts[pair]...)
}

// clockDoubt is why times are not believed, and since when; "" when they are.
func (e *events) clockDoubt(doubted bool) (string, time.Time) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if !doubted {
		return "", time.Time{}
	}
	return e.clock, e.clockAt
}

func (e *events) massExpiry(now time.Time) (time.Time, bool) {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.mass, now.Sub(e.mass) < massLasts
}
