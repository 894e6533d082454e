package pair

import "time"

// A partner that says Hello and heartbeats, and never that it is ready, must not keep this server from taking updates: after readyWithin
// times comm_timeout it goes on as if they were parted, though connected, and now and then it begins anew. The partner's own Negotiate ends
// the wait earlier.

// readiness is how long the partner's word is waited for.
type readiness struct {
	by    time.Duration // in negotiating: when the wait ends
	not   bool          // it has ended without that word, and since then there was none
	since int64         // wall
	again time.Duration // when this server begins anew; 0: at the next Hello
	deaf  time.Duration // before it the partner's Negotiate begins nothing: it said that more than once in vain
}

// beginNegotiating sets the end of the wait. Who was waited for in vain gets less time.
func (m *Machine) beginNegotiating() {
	wait := readyWithin * m.cfg.CommTimeout
	if m.ready.not {
		wait = m.cfg.CommTimeout
	}
	m.ready.by = m.now.Mono + wait
}

// notReady ends a negotiation that comes to nothing. The connection too: whatever the partner has taken it for ends with it.
func (m *Machine) notReady() {
	if m.ready.not {
		m.ready.deaf = m.now.Mono + 2*m.cfg.CommTimeout
	} else {
		m.ready.not, m.ready.since = true, m.now.Wall
	}
	m.ready.again = m.now.Mono + readyAgain*m.cfg.CommTimeout
	m.endTalks()
	m.alone(NotNegotiating)
	m.closeSession()
}

// notYet: the partner was waited for in vain, and it is not time for another attempt.
func (m *Machine) notYet() bool { return m.now.Mono < m.ready.again }
