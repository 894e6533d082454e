package pair

import (
	"fmt"
	"time"

	"loadshare/haserver/pairmsg"
)

// How two that are connected find out whether they go together, and where the zones of both stand.

// onHello judges who the partner is (checklist H11, H38; decision H-h).
func (m *Machine) onHello(h pairmsg.Hello) {
	switch {
	case m.link.hello != nil || m.link.rejected:
		return
	case h.Version < pairmsg.Oldest || pairmsg.Version < h.Oldest:
		m.reject(pairmsg.RejectVersion, VersionDiffers, fmt.Sprintf("versions of the protocol: here from %d to %d, there from %d to %d", pairmsg.Oldest, pairmsg.Version, h.Oldest, h.Version))
		return
	case h.Store == m.saved.Store:
		m.reject(pairmsg.RejectSelf, SameStore, "both servers have the same store: a state directory must not be copied")
		return
	case h.Configured == m.cfg.Role || h.Configured == pairmsg.Single:
		m.reject(pairmsg.RejectRole, RoleClash, "both configurations say "+m.cfg.Role.String())
		return
	}
	m.link.hello, m.link.attempts, m.link.clash = &h, 0, ""
	if h.Role == m.role() {
		switch {
		case m.role() == pairmsg.Backup && m.met() && !met(h) && m.saved.Epoch > h.Epoch:
			// The partner's disk is new, and roles were swapped before: who has the zones leads.
			m.setRole(pairmsg.Main, m.saved.Epoch+1, RoleTaken)
		case m.role() == pairmsg.Backup && !m.met() && met(h) && h.Epoch > m.saved.Epoch:
			m.saved.Epoch, m.dirty = h.Epoch+1, true
		case h.Epoch > m.saved.Epoch:
			m.setRole(h.Role.Other(), h.Epoch, RoleTaken)
		case h.Epoch == m.saved.Epoch:
			m.link.hello = nil
			m.reject(pairmsg.RejectRole, RoleClash, "both servers act as "+m.role().String())
			return
		}
	} else if h.Epoch > m.saved.Epoch {
		m.saved.Epoch, m.dirty = h.Epoch, true
	}
	switch {
	case h.PeerStore == m.saved.Store && h.PeerSeq > m.saved.Seq:
		m.rolledBack(h.PeerSeq)
	case h.PeerStore != m.saved.Store && met(h) && m.saved.PeerStore == h.Store && h.Seq >= m.saved.PeerSeq:
		m.rolledBack(m.saved.Seq) // we knew each other, and since then it has had another store for its partner
	}
	if !m.heard {
		m.heard = true
		m.counts() // for whatever was changed before
	}
	if m.saved.PeerStore != h.Store {
		m.saved.PeerStore, m.saved.PeerSeq, m.dirty = h.Store, h.Seq, true
	} else if h.Seq < m.saved.PeerSeq {
		m.note(Note{Reason: PartnerOlder})
	}
	m.heardClock(h.Clock)
	m.sawClock(h.Wall)
	m.link.partner, m.link.unfit = h.State, h.Unfit
	if m.link.boot != h.Boot {
		m.ready = readiness{by: m.ready.by} // it is a process of which nothing is known yet
	}
	resumed := m.state == pairmsg.Normal && h.State == pairmsg.Normal && m.link.boot == h.Boot
	m.link.boot = h.Boot
	m.link.beatAt = m.now.Mono + m.cfg.Heartbeat
	if m.ownUnfit() != "" || h.Unfit != "" {
		m.apart()
		return
	}
	if m.parted() && m.notYet() {
		return
	}
	if !resumed {
		m.enter(pairmsg.Negotiating, Contact)
	}
	m.negotiate()
}

// met says whether this store has ever had a partner.
func (m *Machine) met() bool { return m.saved.PeerStore != pairmsg.StoreID{} }

func met(h pairmsg.Hello) bool { return h.PeerStore != pairmsg.StoreID{} }

// apart: there is a connection, but one of the two can write nothing.
func (m *Machine) apart() {
	why := PartnerUnfit
	if m.ownUnfit() != "" {
		why = OwnUnfit
	}
	if m.state != pairmsg.Interrupted && m.state != pairmsg.PartnerDown {
		m.interrupt(why)
	}
}

// rolledBack: this store is older than what the partner has seen of it, or of the one that took its place. Nothing of it is worth an answer.
func (m *Machine) rolledBack(seen uint64) {
	m.note(Note{Reason: RolledBack})
	m.saved.Seq = max(m.saved.Seq, seen+1)
	m.dirty = true
	for _, key := range m.order {
		m.staleZone(m.zones[key])
	}
}

// staleZone: the partner's content takes the place of a zone's. What is not answered yet would be answered NOERROR and be gone with it.
func (m *Machine) staleZone(z *zoneState) {
	if z.saved.Flags&pairmsg.Stale != 0 {
		return
	}
	z.saved.Flags |= pairmsg.Stale
	m.saveZone(z)
	m.show(z)
	lost := false
	for _, p := range z.pend {
		if lost = lost || !p.acked; lost && p.change != nil {
			m.answer(p.change, Unacknowledged, ZoneStale)
			p.change = nil
		}
	}
}

func (m *Machine) sawClock(wall int64) {
	m.link.skew = wall - m.now.Wall
	off := max(m.link.skew, -m.link.skew) > skewWarn
	if off && !m.skewed {
		m.note(Note{Reason: ClockSkew, Text: time.Duration(m.link.skew * 1000).Round(time.Millisecond).String()})
	}
	m.skewed = off
}

// negotiate says where all zones stand.
func (m *Machine) negotiate() {
	if m.link.said || m.link.hello == nil || m.link.session == 0 {
		return
	}
	m.link.said = true
	list := make([]pairmsg.ZonePoint, 0, len(m.order))
	for _, key := range m.order {
		z := m.zones[key]
		z.peerHas, m.counted = false, false
		if z.known {
			list = append(list, z.zonePoint())
		}
	}
	for len(list) > 1000 {
		m.sendWhenDurable(pairmsg.Negotiate{Zones: list[:1000], More: true})
		list = list[1000:]
	}
	m.sendWhenDurable(pairmsg.Negotiate{Zones: list})
}

func (m *Machine) onNegotiate(n pairmsg.Negotiate) {
	if m.ownUnfit() != "" {
		return
	}
	if !m.link.said { // the partner is ready again after it, or this server, was unfit or waited too long
		if m.now.Mono < m.ready.deaf {
			return
		}
		m.enter(pairmsg.Negotiating, Contact)
		m.negotiate()
	}
	for _, p := range n.Zones {
		if z := m.zones[p.Zone.Key()]; z != nil {
			z.partner, z.peerHas, m.counted = p, true, false
			if worth(z.saved.Flags) == 1 && worth(p.Flags) == 2 {
				m.staleZone(z) // ours is from a file: nobody gets it any more, whatever becomes of this connection
			}
		}
	}
	if n.More {
		return
	}
	m.link.theirs = true
	m.sendWhenDurable(pairmsg.NegotiateReply{})
}

// onNegotiateReply: the partner is ready (checklist H16).
func (m *Machine) onNegotiateReply() {
	if m.link.theirs && m.link.said && m.ownUnfit() == "" {
		m.link.ready = true
	}
}

// bothReady: each has said so. What is shipped goes out after our own word, so that the partner is in normal when it comes.
func (m *Machine) bothReady() {
	if m.link.ready && m.link.answered && !m.link.negotiated && m.ownUnfit() == "" {
		m.link.negotiated = true
		m.link.partner = pairmsg.Normal // its heartbeat will say so
		m.enter(pairmsg.Normal, Ready)
		m.compareZones()
	}
}
