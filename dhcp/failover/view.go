package failover

import (
	"time"

	"loadshare/dhcp/failover/wire"
)

// What people are shown of an endpoint. Nothing here changes it.

// Saved is what would be on disk after this Step.
func (m *Machine) Saved() Saved { return m.saved }

// InContact says that the partner's state was heard on the connection, and that it is not silent now.
func (m *Machine) InContact() bool { return m.comm() }

// Late says that there is contact, but the partner, one of ours, should have spoken by now.
func (m *Machine) Late() bool {
	return m.comm() && !m.cfg.ISC && m.cfg.Fast > 0 && m.now.Mono-m.link.heard >= m.lateAfter()
}

// Heard is when the partner was heard last, on the monotonic clock; 0: not in this run.
func (m *Machine) Heard() time.Duration { return m.link.heard }

// Unacked is how many updates the partner has not confirmed: in the air, and to be sent. While there is no contact it counts what will be
// told first; the rest is found in the table.
func (m *Machine) Unacked() int {
	u := &m.updates
	n := len(u.inAir) + len(u.queue) + len(u.soon)
	for _, ip := range u.refused { // nothing is left to say where the two have agreed otherwise since
		if _, flying := u.inAir[ip]; !flying && !u.queued[ip] {
			if l, _ := m.get(ip); l.Owed {
				n++
			}
		}
	}
	return n
}

// SafeEnd is when the safe period is over, on the monotonic clock; 0: it does not run.
func (m *Machine) SafeEnd() time.Duration {
	if s := m.State(); s != wire.CommInterrupted || m.comm() {
		return 0
	}
	return m.safeEnd
}

// WaitEnd is when recover-wait is over; 0: it is not waited.
func (m *Machine) WaitEnd() int64 {
	if m.State() != wire.RecoverWait {
		return 0
	}
	return m.saved.FailedAt + m.LongestMCLT() + m.slack()
}
