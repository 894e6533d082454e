package notify

import (
	"fmt"
	"net/netip"
	"time"

	"loadshare/haserver/zone"
)

// settle counts a question for the SOA as "needs no transfer" when none was asked for in time.
func (t *target) settle(now, grace time.Duration) {
	if t.asked && now-t.askedAt >= grace {
		t.asked = false
		t.held, t.evidence = t.askedFor, BySOA
		t.judge(now)
	}
}

// note takes down what t was seen doing.
func (t *target) note(now time.Duration, in Seen) {
	switch in.Sign {
	case Asked:
		if !t.asked { // of several the first: one that asks all the time has had time since then
			t.asked, t.askedFor, t.askedAt = true, in.Serial, now
		}
	case Named:
		t.asked = false
		t.held, t.evidence = in.Serial, ByRequest
	case Whole:
		t.asked = false
	case Took:
		t.asked = false
		t.held, t.evidence = in.Serial, ByTransfer
		t.trouble = ""
	case Refused:
		t.asked = false
		t.trouble = "it asked for a transfer and did not get it: " + in.Why
	}
}

// judge says whether t has the zone's serial, and if not, since when.
func (t *target) judge(now time.Duration) {
	z := t.zone
	was := t.current
	t.current = t.evidence != NotSeen && !zone.SerialNewer(z.serial, t.held)
	switch {
	case t.current:
	case t.evidence == NotSeen:
		if was {
			t.since = now
		}
	default:
		t.since = z.after(t.held, t.since, was, now)
	}
}

// after is when the first change after a serial came, as far as that is known.
func (z *zoneState) after(serial uint32, since time.Duration, was bool, now time.Duration) time.Duration {
	for i := len(z.steps) - 1; i >= 0; i-- {
		if !zone.SerialNewer(z.steps[i].from, serial) {
			return z.steps[i].at
		}
	}
	if was {
		return now
	}
	return since
}

// Secondaries are those of a zone, as they are known now.
func (m *Machine) Secondaries(now time.Duration, name string) []Secondary {
	z := m.zones[name]
	if z == nil {
		return nil
	}
	list := make([]Secondary, 0, len(z.targets))
	for _, t := range z.targets {
		list = append(list, m.known(now, t))
	}
	return list
}

func (m *Machine) known(now time.Duration, t *target) Secondary {
	t.settle(now, m.config.Grace)
	s := Secondary{
		Address: t.addr, Told: t.told, Notified: t.sent, Answered: t.answered, At: t.at, Held: t.held, Evidence: t.evidence,
		Current: t.current, Tries: t.tries, Trouble: t.trouble,
	}
	if t.current {
		if zone.SerialNewer(t.held, t.zone.serial) && s.Trouble == "" {
			s.Trouble = fmt.Sprintf("it has serial %d, newer than ours: it takes nothing until ours has passed it", t.held)
		}
		return s
	}
	if t.evidence != NotSeen {
		s.Behind = t.zone.serial - t.held
	}
	s.Lag = now - t.since
	return s
}

// Lags is for how long each address has not been known to be current, over all zones the longest.
func (m *Machine) Lags(now time.Duration) map[netip.AddrPort]time.Duration {
	lags := map[netip.AddrPort]time.Duration{}
	for _, z := range m.zones {
		for _, t := range z.targets {
			lags[t.addr] = max(lags[t.addr], m.known(now, t).Lag)
		}
	}
	return lags
}

// Addresses are those that Seen is of any use for.
func (m *Machine) Addresses() map[netip.Addr]struct{} {
	addrs := map[netip.Addr]struct{}{}
	for _, z := range m.zones {
		for _, t := range z.targets {
			addrs[t.addr.Addr()] = struct{}{}
		}
	}
	return addrs
}
