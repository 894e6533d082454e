package pair

import (
	"time"

	"loadshare/haserver/pairmsg"
)

// enter changes the server's state (checklist H11 to H15).
func (m *Machine) enter(s pairmsg.State, why Reason) {
	if s == m.state {
		return
	}
	from := m.state
	m.state, m.why, m.since = s, why, m.now.Wall
	m.note(Note{Reason: why, From: from, To: s})
	switch s {
	case pairmsg.Normal:
		m.saved.State, m.saved.Reason, m.saved.Since, m.saved.Contact = s, why, m.now.Wall, m.now.Wall
		m.dirty = true
		m.ready = readiness{}
		for _, key := range m.order {
			z := m.zones[key]
			z.jumped, z.inOrder, z.expired = false, false, false
		}
	case pairmsg.Interrupted, pairmsg.PartnerDown:
		if from == pairmsg.Normal {
			m.saved.Contact = max(m.saved.Contact, m.link.everHeard)
		}
		m.saved.State, m.saved.Reason, m.saved.Since = s, why, m.now.Wall
		m.saved.Whole = m.saved.Whole || s == pairmsg.PartnerDown
		m.dirty = true
		m.markBehind()
	case pairmsg.Negotiating:
		m.beginNegotiating()
	case pairmsg.Alone, pairmsg.Startup:
	}
	if from == pairmsg.Normal {
		m.parting(why)
		m.unshipAll()
		for _, key := range m.order {
			z := m.zones[key]
			m.endJob(z)
			if z.ackedAt != (pairmsg.Point{}) { // at the backup: what the main has sent
				m.agree(z, z.ackedAt)
			}
		}
		m.queue, m.retry = nil, nil
	}
	for _, key := range m.order {
		z := m.zones[key]
		if s != pairmsg.Normal {
			z.queued, z.draining = false, false
			m.setSync(z, ServerPending, NoReason)
		}
		m.show(z)
	}
	m.unlock = true
}

// interrupt parts the pair: from now on each side works for itself and writes down what the other lacks.
func (m *Machine) interrupt(why Reason) {
	m.endTalks()
	m.enter(pairmsg.Interrupted, why)
}

// alone is the end of the wait for the partner after the start.
func (m *Machine) alone(why Reason) {
	to := pairmsg.Interrupted
	if m.saved.State == pairmsg.PartnerDown {
		to, why = pairmsg.PartnerDown, Resumed
	}
	if to == pairmsg.Interrupted && why != OperatorAlone && m.saved.Contact != 0 {
		for _, key := range m.order {
			z := m.zones[key]
			if e := expire(z.tip); e > 0 && m.now.Wall-m.saved.Contact > e {
				z.expired = true
				m.note(Note{Reason: ZoneExpired, Zone: z.key})
			}
		}
	}
	m.enter(to, why)
}

// backFromNegotiating: the partner went away before both were ready.
func (m *Machine) backFromNegotiating(why Reason) {
	m.endTalks()
	switch {
	case m.saved.State == pairmsg.PartnerDown:
		m.enter(pairmsg.PartnerDown, Resumed)
	case m.now.Mono < m.grace:
		m.enter(pairmsg.Startup, why)
	default:
		m.alone(why)
	}
}

// advance does what is due by the clock, before anything else is looked at.
func (m *Machine) advance() {
	if m.state == pairmsg.Alone {
		return
	}
	m.expireHeld()
	silence := m.now.Mono - m.link.heard
	switch m.state {
	case pairmsg.Startup:
		if m.now.Mono >= m.grace && (m.link.session == 0 || silence >= m.cfg.CommTimeout) {
			m.graceOver()
		}
	case pairmsg.Negotiating:
		if silence >= m.cfg.CommTimeout {
			m.closeSession() // goes back
		} else if m.now.Mono >= m.ready.by {
			m.notReady()
		}
	case pairmsg.Normal:
		if silence >= m.cfg.CommTimeout {
			m.interrupt(Silent)
			m.closeSession()
		}
	case pairmsg.Interrupted, pairmsg.PartnerDown:
		if m.link.session != 0 && silence >= m.cfg.CommTimeout {
			m.closeSession()
		} else if m.ready.again != 0 && m.now.Mono >= m.ready.again {
			m.ready.again = 0
			m.closeSession() // both begin anew
		}
	case pairmsg.Alone:
	}
	if m.link.session != 0 && m.link.hello == nil && m.now.Mono-m.link.opened >= m.helloTime() {
		m.note(Note{Reason: HelloLate})
		m.closeSession()
		m.link.dialAt = m.now.Mono + m.cfg.CommTimeout
	}
	if m.link.session != 0 && m.link.hello != nil && m.now.Mono >= m.link.beatAt {
		m.heartbeat()
	}
	if m.link.session == 0 && m.link.wantDial && !m.link.dialling && !m.stopping && m.now.Mono >= m.link.dialAt {
		m.link.dialling, m.link.wantDial = true, false
		m.out.Dial = true
	}
	m.syncTimes()
}

// graceOver: a server that does not go together with its partner (role, version, store) stays where it is until an operator has mended that
// or says serve-alone: both would take updates, and two of one role name them with the same serials.
func (m *Machine) graceOver() {
	if m.link.clash != "" {
		return
	}
	m.alone(GraceOver)
}

func (m *Machine) helloTime() time.Duration {
	return min(helloWithin, max(m.cfg.CommTimeout, time.Second))
}

// next is when something is due.
func (m *Machine) next() time.Duration {
	var t time.Duration
	due := func(d time.Duration) {
		if d > 0 && (t == 0 || d < t) {
			t = d
		}
	}
	if m.state == pairmsg.Alone {
		return 0
	}
	if len(m.held) > 0 {
		due(m.held[0].until)
	}
	due(m.ackDue())
	if m.stopping && m.stopAt == 0 {
		due(m.stopBy)
	}
	switch m.state {
	case pairmsg.Startup:
		due(max(m.grace, 1))
		if m.now.Mono >= m.grace {
			t = 0
			if m.link.session != 0 && !m.link.rejected {
				due(m.link.heard + m.cfg.CommTimeout)
			}
		}
	case pairmsg.Negotiating:
		due(m.link.heard + m.cfg.CommTimeout)
		due(m.ready.by)
	case pairmsg.Normal:
		due(m.link.heard + m.cfg.CommTimeout)
	case pairmsg.Interrupted, pairmsg.PartnerDown:
		if m.link.session != 0 {
			due(m.link.heard + m.cfg.CommTimeout)
			due(m.ready.again)
		}
	case pairmsg.Alone:
	}
	if m.link.session != 0 {
		if m.link.hello == nil {
			due(m.link.opened + m.helloTime())
		} else {
			due(m.link.beatAt)
		}
	} else if m.link.wantDial && !m.link.dialling && !m.stopping {
		due(max(m.link.dialAt, 1))
	}
	m.syncDue(due)
	if len(m.held) > 0 {
		due(m.held[0].until)
	}
	return t
}

// onUnfit: this server can write nothing, or can again (decision H-i).
func (m *Machine) onUnfit(why string) {
	before := m.ownUnfit()
	m.unfit = why
	now := m.ownUnfit()
	if (before == "") == (now == "") && m.failed == "" {
		return
	}
	m.unlock = true
	if m.state == pairmsg.Alone {
		if now != "" {
			m.note(Note{Reason: OwnUnfit, Text: now})
		}
		return
	}
	m.note(Note{Reason: OwnUnfit, Text: now})
	if m.link.session != 0 && m.link.hello != nil {
		m.send(pairmsg.Unfit{Why: now})
	}
	if now != "" {
		if m.state == pairmsg.Normal || m.state == pairmsg.Negotiating {
			m.interrupt(OwnUnfit)
		}
		return
	}
	m.fitAgain()
}

// fitAgain: both can write, and there is a connection: they begin anew.
func (m *Machine) fitAgain() {
	if m.link.session == 0 || m.link.hello == nil || m.link.rejected || m.ownUnfit() != "" || m.link.unfit != "" || !m.parted() || m.notYet() {
		return
	}
	m.enter(pairmsg.Negotiating, Contact)
	m.negotiate()
}

func (m *Machine) onPartnerUnfit(why string) {
	if why == m.link.unfit {
		return
	}
	m.link.unfit = why
	m.note(Note{Reason: PartnerUnfit, Text: why})
	if why != "" {
		if m.state == pairmsg.Normal || m.state == pairmsg.Negotiating {
			m.interrupt(PartnerUnfit)
			m.link.beatAt = m.now.Mono // it hears at once that updates are taken here
		}
		return
	}
	m.fitAgain()
}
