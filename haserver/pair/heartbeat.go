package pair

import "loadshare/haserver/pairmsg"

// What is said in between: that one is there, how far it is, that zones hold the same or do not, and at last that one stops.

// onHeartbeat answers, and, at the backup, compares the main's digests with what is here: everything that was sent before it is in.
func (m *Machine) onHeartbeat(h pairmsg.Heartbeat) {
	m.heardClock(h.Clock)
	m.sawClock(h.Wall)
	m.link.partner = h.State
	m.saved.PeerSeq = max(m.saved.PeerSeq, h.Seq)
	m.send(pairmsg.HeartbeatReply{Number: h.Number, State: m.state, Wall: m.now.Wall, Echo: h.Wall})
	if h.Unfit != m.link.unfit {
		m.onPartnerUnfit(h.Unfit)
	}
	if m.role() != pairmsg.Backup || m.state != pairmsg.Normal || !m.link.negotiated {
		return
	}
	for _, p := range h.Digests {
		z := m.zones[p.Zone.Key()]
		if z == nil || z.sync != SyncComplete || z.point == p.Point {
			continue
		}
		m.note(Note{Reason: Drift, Zone: z.key})
		m.setSync(z, SyncPending, Drift)
		m.send(pairmsg.Inconsistent{Zone: z.name, Point: z.point, Why: Drift.String()})
	}
}

func (m *Machine) onHeartbeatReply(h pairmsg.HeartbeatReply) {
	m.link.partner = h.State
	trip := m.now.Wall - h.Echo
	m.sawClock(h.Wall + max(trip, 0)/2)
	if m.state == pairmsg.Normal && m.now.Wall-m.saved.Contact > 60_000_000 {
		m.saved.Contact, m.dirty = m.now.Wall, true
	}
}

// heartbeat goes out every cfg.Heartbeat, with digests of zones at rest in turn.
func (m *Machine) heartbeat() {
	m.link.beatAt = m.now.Mono + m.cfg.Heartbeat
	m.link.beat++
	h := pairmsg.Heartbeat{Number: m.link.beat, State: m.state, Wall: m.now.Wall, Clock: m.saved.Clock, Seq: m.durableSeq, Owed: uint32(min(m.owedNow(), 1<<31)), Unfit: m.ownUnfit()}
	if m.role() == pairmsg.Main && m.state == pairmsg.Normal && m.link.negotiated {
		for range min(len(m.order), 512) {
			m.link.turn = (m.link.turn + 1) % len(m.order)
			if z := m.zones[m.order[m.link.turn]]; m.atRest(z) {
				h.Digests = append(h.Digests, z.zonePoint())
				m.agree(z, z.point)
			}
		}
	}
	m.send(h)
	m.auditNext()
}

// owedNow is how many changes the partner has not confirmed.
func (m *Machine) owedNow() uint64 { return m.shipped - m.acked + m.owed }

func (m *Machine) onInconsistent(v pairmsg.Inconsistent) {
	z := m.zones[v.Zone.Key()]
	if z == nil || m.role() != pairmsg.Main || m.state != pairmsg.Normal {
		return
	}
	why := NotFitting
	if v.Why == Drift.String() {
		why = Drift
	}
	if z.job == nil {
		m.fallBack(z, why, v.Why)
	}
}

// onShutdown: the partner stops in order; it has sent all it owed (checklist transitions; decision H-c).
func (m *Machine) onShutdown(s pairmsg.Shutdown) {
	for _, p := range s.Last {
		if z := m.zones[p.Zone.Key()]; z != nil && z.point == p.Point {
			z.inOrder = true
			m.agree(z, z.point)
		}
	}
	if m.state == pairmsg.Normal || m.state == pairmsg.Negotiating {
		m.interrupt(PartnerStopped)
	}
	m.closeSession()
	m.link.wantDial, m.link.dialAt = true, m.now.Mono+m.cfg.CommTimeout
}
