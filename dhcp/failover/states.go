package failover

import (
	"time"

	"loadshare/dhcp/failover/wire"
)

// become is the only writer of the state.
func (m *Machine) become(to wire.EndpointState, why Reason) {
	from := m.State()
	m.starting = false
	s := &m.saved
	if s.State == to && from == to {
		return
	}
	met := m.comm() && s.Peer != wire.ShutDown || s.State == to && s.Met // one that says that it stops serves nobody
	if s.State != to {
		s.Since = m.now.Wall
	}
	s.State, s.Why = to, why
	m.dirty, m.leaving = true, false
	m.asked = false
	m.note(Note{Reason: why, From: from, To: to})
	m.sayState()
	switch to {
	case wire.Normal:
		s.Fresh, s.Lost, s.Paired = false, false, true
		m.balanceAt, m.askAt = m.now.Mono, m.now.Mono+askPool
		m.updates.everything(m)
	case wire.CommInterrupted:
		m.startSafePeriod()
	case wire.PartnerDown:
		s.Met = met
	case wire.PotentialConflict:
		m.resolve()
	case wire.RecoverDone:
		if s.Lost && why != NothingToWaitFor {
			s.ForgotAt = m.now.Wall
		}
		s.Fresh, s.Lost = false, false
	}
}

// sayState tells the partner, once it is on disk.
func (m *Machine) sayState() {
	if m.link.up == 0 {
		return
	}
	s := &m.saved
	since := s.Since
	if s.State == wire.PartnerDown && !m.cfg.ISC {
		since = s.Down // so that a partner that served after it knows that the claim was false
	}
	m.sendWhenDurable(wire.State{State: s.State, Startup: m.starting, Since: uint32(since)}, 0, false)
	m.stated = m.after[len(m.after)-1].batch
}

// commLost is the loss of contact, by whatever sign.
func (m *Machine) commLost(why Reason) {
	if m.starting {
		return
	}
	if m.saved.Parted == 0 {
		m.saved.Parted, m.dirty = m.now.Wall, true
	}
	m.asked, m.leaving = false, false
	if to := awayFrom(m.saved.State); to != m.saved.State {
		m.become(to, why)
	}
}

// onState is a STATE of the partner: a change of contact or of the partner's state, both the same (draft 9.2).
func (m *Machine) onState(b wire.State) {
	if !b.State.Known() {
		m.note(Note{Reason: Protocol, Text: "unknown state"})
		return
	}
	first := !m.link.told
	m.link.told = true
	s := &m.saved
	s.Peer, s.PeerSince, m.dirty = b.State, int64(b.Since), true
	if first {
		if m.cfg.Role == Main { // a STATE goes out when what CONNECT said is on the backup's disk
			m.agree(m.link.mclt)
		}
		s.Parted = 0
		m.note(Note{Reason: ContactMade})
		m.updates.everything(m)
	}
	if m.starting {
		m.leaveStartup()
	}
	if s.State == wire.PartnerDown && b.Startup {
		return // "a server in PARTNER-DOWN ignores every STATE carrying it" (draft 9.2)
	}
	m.react(b.Startup)
}

// leaveStartup is the partner's first STATE while starting (draft 9.3).
func (m *Machine) leaveStartup() {
	s := &m.saved
	to, why := s.State, ContactMade
	if s.Peer == wire.PartnerDown {
		switch s.State {
		case wire.Recover, wire.RecoverWait, wire.RecoverDone:
		case wire.CommInterrupted:
			if m.cfg.ISC || s.PeerSince >= m.start.LastCommit {
				s.FailedAt = m.lastServed()
				to, why = wire.Recover, OutOfDate
			} else {
				to, why = wire.PotentialConflict, Conflict
			}
		default:
			to, why = wire.PotentialConflict, Conflict
		}
	}
	m.become(to, why)
}

// react is the draft's table of transitions (9.4 to 9.14): what this state does when contact is there and the partner is in its.
func (m *Machine) react(startup bool) {
	s := &m.saved
	peer := s.Peer
	switch {
	case s.State != wire.Normal || peer == wire.Normal:
	case peer == wire.ShutDown:
		m.partnerStopped()
		return
	case peer == wire.CommInterrupted: // as that state, this server would be back in normal at once
		m.sayState()
		m.updates.everything(m)
		return
	default:
		m.become(wire.CommInterrupted, PartnerState) // then as that
	}
	switch s.State {
	case wire.CommInterrupted:
		switch peer {
		case wire.Normal, wire.CommInterrupted, wire.RecoverDone:
			m.leaving, m.mark = true, m.updates.tail()
		case wire.PartnerDown, wire.PotentialConflict, wire.ConflictDone, wire.ResolutionInterrupted:
			m.become(wire.PotentialConflict, Conflict)
		case wire.ShutDown:
			m.partnerStopped()
		case wire.Recover:
			m.peerRecovers()
		}
	case wire.PartnerDown:
		m.metAgain()
		switch peer {
		case wire.Normal:
			if !m.cfg.ISC { // it goes to conflict when it hears ours; told first, it shuts down
				m.become(wire.PotentialConflict, Conflict)
			}
		case wire.CommInterrupted, wire.PartnerDown, wire.PotentialConflict, wire.ConflictDone, wire.ResolutionInterrupted:
			m.become(wire.PotentialConflict, Conflict)
		case wire.RecoverDone:
			m.leaving, m.mark = true, m.updates.tail()
		case wire.Recover:
			m.peerRecovers()
		}
	case wire.Recover:
		switch peer {
		case wire.PotentialConflict, wire.ConflictDone, wire.ResolutionInterrupted:
			m.become(wire.PotentialConflict, Conflict)
		default:
			if !startup && !m.asked {
				m.askUpdates(s.Lost)
			}
		}
	case wire.RecoverWait:
		switch peer {
		case wire.PotentialConflict, wire.ConflictDone, wire.ResolutionInterrupted:
			m.become(wire.PotentialConflict, Conflict)
		}
	case wire.RecoverDone:
		switch peer {
		case wire.Normal, wire.RecoverDone:
			m.become(wire.Normal, PartnerState)
		case wire.PotentialConflict, wire.ConflictDone, wire.ResolutionInterrupted:
			m.become(wire.PotentialConflict, Conflict)
		}
	case wire.ResolutionInterrupted:
		m.become(wire.PotentialConflict, ContactMade)
	case wire.PotentialConflict:
		m.resolve()
	case wire.ConflictDone:
		switch peer {
		case wire.Normal:
			m.become(wire.Normal, PartnerState)
		case wire.PartnerDown, wire.CommInterrupted:
			m.become(wire.PotentialConflict, Conflict)
		}
	}
}

// partnerStopped: it said SHUTDOWN, and serves nobody.
func (m *Machine) partnerStopped() {
	m.saved.Down = m.now.Wall
	m.become(wire.PartnerDown, PartnerStopped)
}

// metAgain: the partner is heard in partner-down. It may have served; from now on its share is its own, and lease lengths are bound.
func (m *Machine) metAgain() {
	if !m.saved.Met && m.saved.Peer != wire.ShutDown && m.saved.Peer != wire.Paused {
		m.saved.Met, m.dirty = true, true
	}
}

// peerRecovers: an ISC partner may skip the wait for the MCLT, and give us addresses whose clients it has forgotten.
func (m *Machine) peerRecovers() {
	if m.cfg.ISC && m.saved.HoldUntil < m.now.Wall {
		m.saved.HoldUntil, m.dirty = m.now.Wall+m.LongestMCLT(), true
		m.note(Note{Reason: PeerLostStore})
	}
}

// leave ends communications-interrupted and partner-down. What the partner did not know when it was ready must be told first: in
// normal it gives its share again, and part of it may have been given here.
func (m *Machine) leave() {
	s := &m.saved
	if !m.leaving || !m.comm() || m.durable < m.stated {
		return
	}
	if s.State == wire.PartnerDown && m.updates.before(m.mark) {
		return
	}
	m.leaving = false
	m.become(wire.Normal, PartnerState)
}

// resolve asks for the other side's updates: the main first; the backup when the main has them (checklist D18).
func (m *Machine) resolve() {
	if !m.comm() || m.asked {
		return
	}
	peer := m.saved.Peer
	switch {
	case m.cfg.Role == Main && (peer == wire.PotentialConflict || peer == wire.ResolutionInterrupted || m.cfg.ISC):
		m.askUpdates(false)
	case m.cfg.Role == Backup && peer == wire.ConflictDone:
		m.askUpdates(false)
	}
}

// askUpdates asks for what the partner has not told, or for all that it knows.
func (m *Machine) askUpdates(all bool) {
	m.asked = true
	m.sendDue()
	m.link.xid++
	m.askedXID = m.link.xid
	var body wire.Body = wire.UpdReq{}
	if all {
		body = wire.UpdReqAll{}
	}
	m.sendWhenDurable(body, m.askedXID, true)
}

// onUpdDone: the partner has told everything that was asked for.
func (m *Machine) onUpdDone(xid uint32) {
	if !m.asked || xid != m.askedXID {
		m.note(Note{Reason: Protocol, Text: "UPDDONE without a request"})
		return
	}
	m.asked = false
	switch m.saved.State {
	case wire.Recover:
		m.recovered()
	case wire.PotentialConflict:
		if m.cfg.Role == Main {
			m.become(wire.ConflictDone, UpdatesReceived)
		} else {
			m.become(wire.Normal, UpdatesReceived)
		}
	}
}

// recovered: this server knows what its partner knows; clients that neither knows have what is left of the MCLT.
func (m *Machine) recovered() {
	s := &m.saved
	switch {
	case s.Fresh && (m.cfg.ISC && recovering(s.Peer) || !m.cfg.ISC && s.FailedAt == 0):
		m.become(wire.RecoverDone, NothingToWaitFor)
	case m.now.Wall >= s.FailedAt+m.LongestMCLT()+m.slack():
		m.become(wire.RecoverDone, WaitOver)
	default:
		m.become(wire.RecoverWait, UpdatesReceived)
		return
	}
	m.react(false)
}

func recovering(s wire.EndpointState) bool {
	return s == wire.Recover || s == wire.RecoverWait || s == wire.RecoverDone
}

// judge compares what the partner knows of our store with our store (decision H-h).
func (m *Machine) judge(o wire.Ours) {
	s := &m.saved
	switch {
	case o.PeerStore == 0 && s.Fresh:
		s.FailedAt = 0 // it never spoke with any store of ours: there is nothing to wait for
		m.dirty = true
	case o.PeerStore == 0: // it is new itself
	case o.PeerStore != m.start.Store && s.State != wire.Recover:
		m.lost(DatabaseLost)
	case o.PeerStore != m.start.Store:
		s.Fresh, m.dirty = false, true
		m.note(Note{Reason: DatabaseLost})
	case o.PeerSeq > m.seq && !(recovering(s.State) && s.Lost):
		m.lost(RolledBack)
	}
	if s.PeerStore != o.Store {
		if s.PeerStore != 0 {
			m.note(Note{Reason: PeerLostStore})
		}
		s.PeerStore, s.PeerSeq, m.dirty = o.Store, 0, true
	}
}

// lost begins anew: everything is asked for, the partner's word stands, and the MCLT is waited for. Until when the run that is not on
// disk served nobody knows; it did not after this one began.
func (m *Machine) lost(why Reason) {
	m.saved.Lost, m.saved.Fresh, m.saved.FailedAt = true, false, m.now.Wall
	m.updates.reset()
	m.become(wire.Recover, why)
}

// startSafePeriod begins the wait after which this server serves as if the partner were down (checklist D34).
func (m *Machine) startSafePeriod() {
	m.safeEnd = 0
	if m.cfg.SafePeriod > 0 {
		m.safeEnd = m.now.Mono + m.cfg.SafePeriod
	}
}

func (m *Machine) stateTimers() {
	now, s := m.now.Mono, &m.saved
	if m.starting && now >= m.startEnd {
		why := StartupOver
		if s.Why == OtherRole {
			why = OtherRole
		}
		m.become(s.State, why)
	}
	switch {
	case m.starting:
	case s.State == wire.RecoverWait && m.now.Wall >= s.FailedAt+m.LongestMCLT()+m.slack():
		m.become(wire.RecoverDone, WaitOver)
		if m.comm() {
			m.react(false)
		}
	case s.State == wire.CommInterrupted && m.safeEnd > 0 && now >= m.safeEnd && !m.comm():
		s.Down = m.now.Wall
		m.become(wire.PartnerDown, SafePeriodOver)
	}
	m.forgetLongMCLT()
	if m.maintain > 0 && (now >= m.maintain || m.comm() && s.Peer == wire.PartnerDown || m.link.up == 0) {
		m.maintain = 0
		m.stop()
	}
}

// stateDue are the times of stateTimers.
func (m *Machine) stateDue() [4]time.Duration {
	var t [4]time.Duration
	if m.starting {
		t[0] = m.startEnd
	}
	if m.saved.State == wire.RecoverWait {
		t[1] = m.now.Mono + time.Duration(max(1, m.saved.FailedAt+m.LongestMCLT()+m.slack()-m.now.Wall))*time.Second
	}
	if m.saved.State == wire.CommInterrupted {
		t[2] = m.safeEnd
	}
	t[3] = m.maintain
	return t
}
