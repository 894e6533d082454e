package failover

import (
	"fmt"
	"slices"
	"time"

	"loadshare/dhcp/failover/wire"
)

const maintainWait = 10 * time.Second // for the partner to say that it serves alone

const stoppedForMaintenance = "this server was stopped for maintenance: restart the service; it recovers by itself"

func (m *Machine) operate(in Operate) {
	refused := ""
	switch in.Command {
	case SetPartnerDown:
		refused = m.setPartnerDown(in)
	case RecoverFrom:
		refused = m.recoverFrom(in)
	case Maintain:
		refused = m.leaveFor(wire.ShutDown)
		if refused == "" {
			m.maintain = m.now.Mono + maintainWait
		}
	case Pause:
		refused = m.leaveFor(wire.Paused)
	case Resume:
		switch {
		case m.saved.State == wire.ShutDown:
			refused = stoppedForMaintenance
		case m.saved.State != wire.Paused:
			refused = "not paused"
		case m.saved.Why == Unfit: // it would say that it serves, and cannot
			refused = "this server cannot write its leases: the pause ends when it can, or when it is started again after the disk is mended"
		default:
			m.resume(ByOperator)
		}
	case Rebalance:
		if m.State() != wire.Normal || !m.comm() {
			refused = fmt.Sprintf("addresses change sides only in normal; this is %s", m.State())
		} else {
			m.balance(false)
		}
	default:
		refused = "unknown command"
	}
	m.out.Replies = append(m.out.Replies, Reply{in.ID, refused})
}

// setPartnerDown is the operator's word that the partner serves nobody, since At (checklist D35; decision D-l).
func (m *Machine) setPartnerDown(in Operate) string {
	s := &m.saved
	at := in.At
	if at == 0 {
		at = m.now.Wall
	}
	newSite := in.Force && s.State == wire.Recover && s.Fresh && s.Peer == 0
	switch {
	case m.comm():
		return "the partner is connected: it is not down"
	case s.State == wire.PartnerDown && !s.Met:
		return "in partner-down already"
	case s.Peer == wire.PartnerDown && !(m.cfg.Gone && in.Force):
		return "the partner was in partner-down when last heard: never both"
	case at > m.now.Wall:
		return "the date is in the future"
	case newSite:
		at = alwaysDown
	case s.State == wire.Recover && s.Fresh && s.Peer == 0:
		return "this server has no past and may not know of clients that the partner serves; if there is no partner yet, say so (--new-site)"
	case s.State != wire.CommInterrupted && s.State != wire.ResolutionInterrupted && s.State != wire.PartnerDown:
		return fmt.Sprintf("not from %s", s.State)
	case at < s.Parted && !in.Force:
		return fmt.Sprintf("the partner was heard until %s, after that date", time.Unix(s.Parted, 0).UTC().Format(time.DateTime))
	}
	if m.link.up != 0 {
		m.drop(ByOperator, "the partner is said to be down") // what is left of a silent connection
	}
	s.Down, s.Met, m.dirty = at, false, true // anew when the partner was there and has gone again
	m.become(wire.PartnerDown, ByOperator)
	return ""
}

// recoverFrom is failover-recover (checklist D20; decision D-d): the leases on this disk are of an earlier time. It clears itself.
func (m *Machine) recoverFrom(in Operate) string {
	at := in.At
	if at == 0 {
		at = m.now.Wall
	}
	s := &m.saved
	switch {
	case at > m.now.Wall:
		return "the date is in the future"
	case s.State == wire.ShutDown: // there is no connection any more over which it could recover
		return stoppedForMaintenance
	case m.unwell != "":
		return "this server cannot write its leases: mend the disk and start it again first"
	case in.Force:
	case s.State == wire.PartnerDown && !m.comm():
		return "this server serves alone, and its partner is not there to ask: nobody would serve. Start the partner first, or stop this server; --force does it all the same"
	case m.comm() && !serving(s.Peer):
		return fmt.Sprintf("the partner is in %s: nobody would serve. Wait until it serves; --force does it all the same", s.Peer)
	}
	m.updates.reset()
	s.Lost, s.Fresh, s.FailedAt = true, false, at
	m.become(wire.Recover, ByOperator)
	if m.comm() {
		m.react(false)
	}
	return ""
}

// serving says that a server in that state serves new clients.
func serving(s wire.EndpointState) bool {
	switch s {
	case wire.Normal, wire.CommInterrupted, wire.PartnerDown, wire.ResolutionInterrupted, wire.ConflictDone:
		return true
	}
	return false
}

// leaveFor stops serving in a way that the partner is told.
func (m *Machine) leaveFor(to wire.EndpointState) string {
	s := &m.saved
	if s.State == wire.Paused || s.State == wire.ShutDown {
		return fmt.Sprintf("in %s already", s.State)
	}
	if !m.comm() {
		return "the partner is not connected: nobody would serve"
	}
	s.Before = s.State
	m.become(to, ByOperator)
	return ""
}

// resume is the end of Paused: as after a loss of contact.
func (m *Machine) resume(why Reason) {
	m.become(awayFrom(m.saved.Before), why)
	if m.comm() {
		m.react(false)
	}
}

// onUnwell: a server that cannot write must not give leases; the partner serves (decision H-i). While it starts, and while an operator has
// it paused, that waits: finish asks again.
func (m *Machine) onUnwell(why string) {
	m.unwell = why
	switch {
	case why != "" && m.saved.State != wire.Paused && m.saved.State != wire.ShutDown && !m.starting:
		m.note(Note{Reason: Unfit, Text: why})
		m.saved.Before = m.saved.State
		m.become(wire.Paused, Unfit)
		if m.link.up != 0 {
			// The disk may never answer, so the state does not wait for it. Answers do: if it comes on after all, the partner waits for them.
			m.after = slices.DeleteFunc(m.after, func(w waiting) bool { return w.body.Type() == wire.TypeState })
			m.stated = 0
			m.send(wire.State{State: wire.Paused, Since: uint32(m.saved.Since)})
		}
	case why == "" && m.saved.State == wire.Paused && m.saved.Why == Unfit:
		m.resume(Fit)
	}
}

// stop closes the connection. The partner goes to communications-interrupted at once, and back to normal when this server is there
// again (decision D-d).
func (m *Machine) stop() {
	if m.stopping { // for maintenance, before
		m.out.Stopped = true
		return
	}
	m.stopping = true
	m.note(Note{Reason: Stopping})
	for _, c := range m.link.conns {
		m.out.Close = append(m.out.Close, c.session)
	}
	m.link.conns, m.link.up = nil, 0
	m.link.told, m.link.quiet = false, false
	m.out.Stopped = true
}
