package engine

import (
	"fmt"
	"time"

	"loadshare/dhcp/failover"
	"loadshare/dhcp/lease"
)

const (
	stepLimit  = 60               // seconds between the clocks that make a step (decision D-g)
	agreement  = time.Minute      // for which the clocks must agree again
	partnerOff = 10               // seconds that a partner's clock may differ and still vouch for this one
	massShare  = 20               // a twentieth of the active leases due at once
	massLeast  = 100              // of fewer nothing is concluded
	massQuiet  = 10 * time.Minute // after a mass expiry that was waited for, the rest of it may end
)

// clock compares the wall clock with the monotonic one (decision D-g). After a step nobody knows which is right: until that is known the
// time goes on from before it, nothing ends, and nobody new is served; renewals are.
type clock struct {
	base    int64 // wall less monotonic seconds, as believed
	raw     int64 // the wall clock as it stands
	stepped bool
	near    time.Duration // since when the two agree again; 0: they do not
	sure    bool          // the partner vouches for what is believed: serve, though the wall clock is wrong
	mass    time.Duration // when a mass expiry was seen; 0: none
	passed  time.Duration // until then it is not looked for
	born    int64         // believed time at the start
}

func secs(d time.Duration) int64 { return int64(d / time.Second) }

// start: a clock that is behind the last write of the store has gone back.
func (c *clock) start(now failover.Now, lastCommit int64) {
	c.raw, c.base, c.born = now.Wall, now.Wall-secs(now.Mono), now.Wall
	if lastCommit > now.Wall+stepLimit {
		c.base += lastCommit - now.Wall
		c.stepped, c.born = true, lastCommit
	}
}

func (c *clock) doubted() bool { return c.stepped && !c.sure || c.mass > 0 }

// readClock sets m.now.Wall to the believed time.
func (m *Machine) readClock(now failover.Now) {
	c := &m.clock
	c.raw = now.Wall
	off := now.Wall - (c.base + secs(now.Mono))
	far := off > stepLimit || off < -stepLimit
	switch {
	case !c.stepped && far:
		c.stepped, c.near, c.sure = true, 0, false
		m.note(Note{Reason: ClockStepped, Text: fmt.Sprintf("the clock jumped by %d s: nobody new is served until it is confirmed", off)})
	case !c.stepped:
		c.base += off
	case far:
		c.near = 0
	case c.near == 0:
		c.near = now.Mono
	case now.Mono-c.near >= agreement:
		m.clockAgreed("it is back")
		c.base += off
	}
	if c.mass > 0 && now.Mono-c.mass >= agreement && !c.stepped {
		c.mass, c.passed = 0, now.Mono+massQuiet
		m.note(Note{Reason: ClockAgreed, Text: "the clocks agree for a minute"})
	}
	m.now.Wall = c.base + secs(now.Mono)
}

// clockAgreed: the wall clock is right. What was leased by the old time ends later by as much as it was behind,
// and its client was heard as much later: or the partner would take what it heard before for the newer word.
func (m *Machine) clockAgreed(why string) {
	c := &m.clock
	if c.mass > 0 {
		c.mass, c.passed = 0, m.now.Mono+massQuiet
	}
	if !c.stepped {
		return
	}
	c.stepped, c.sure, c.near = false, false, 0
	by := c.raw - (c.base + secs(m.now.Mono))
	c.base += by
	m.now.Wall = c.raw
	m.note(Note{Reason: ClockAgreed, Text: why})
	if by <= 0 {
		c.born = min(c.born, c.raw)
		return
	}
	for i := m.table.after(0); i >= 0; i = m.table.after(m.table.at(i).ip) {
		if r := m.table.at(i); r.state != uint8(lease.Active) || int64(r.cltt) < c.born || r.orphan {
			continue
		}
		l := m.table.at(i).lease(m.scopeNames)
		l.End, l.ToldEnd = min(l.End+by, lease.Forever), min(l.ToldEnd+by, lease.Forever)
		l.CLTT = min(l.CLTT+by, m.now.Wall)
		if r := m.table.at(i); r.pair >= 0 {
			l.Owed = true
		}
		m.put(l, change{why: Swept, ours: true, quiet: true})
		m.owe(l.IP)
	}
	c.born += by
}

// partnersClock: a message of a partner says what time it is there.
func (m *Machine) partnersClock(at int64) {
	c := &m.clock
	near := func(t int64) bool { return t-at <= partnerOff && at-t <= partnerOff }
	switch {
	case c.mass > 0 && near(m.now.Wall):
		c.mass, c.passed = 0, m.now.Mono+massQuiet
		m.note(Note{Reason: ClockAgreed, Text: "the partner agrees"})
	case !c.stepped:
	case near(c.raw):
		m.clockAgreed("the partner agrees")
	case near(m.now.Wall) && !c.sure:
		c.sure = true
		m.note(Note{Reason: ClockAgreed, Text: "the partner has the time of before the step; the clock of this host is wrong"})
	}
}

// massExpiry: so many leases that are long over, and were not seen to end, are rather a clock that is wrong. Those that end in time are
// none of it, however many end in one second: who takes many at once must not stop the service a lease later.
func (m *Machine) massExpiry() bool {
	c := &m.clock
	if c.mass > 0 {
		return true
	}
	limit := m.active / massShare
	if m.active < massLeast || m.now.Mono < c.passed {
		return false
	}
	n := m.timers.due(stamp(m.now.Wall), limit+1, func(i int32) bool {
		r := m.table.at(i)
		return r.state == uint8(lease.Active) && !r.orphan && int64(max(r.end, r.told)) < m.now.Wall-stepLimit
	})
	if n <= limit {
		return false
	}
	c.mass = m.now.Mono
	m.note(Note{Reason: MassExpiry, Text: fmt.Sprintf("more than %d leases of %d are over for more than a minute, and nobody saw them end", limit, m.active)})
	return true
}
