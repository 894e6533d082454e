package pair

import (
	"fmt"
	"slices"
	"time"

	"loadshare/haserver/pairmsg"
)

// link is the connection to the partner. One is in use; others wait for their Hello and replace it only when it is of no use any more.
type link struct {
	session uint64 // in use; 0: none
	dialled bool   // by us
	hello   *pairmsg.Hello
	talks
	rejected  bool
	clash     string // why the two do not go together; outlives the connection, until one is good
	clashAt   int64  // wall: since when it is this
	opened    time.Duration
	heard     time.Duration // last message
	everHeard int64         // wall

	candidates map[uint64]bool // dialled

	wantDial bool
	dialling bool
	dialAt   time.Duration
	attempts int
	refused  []time.Duration

	beatAt  time.Duration
	beat    uint64
	turn    int   // of zones whose digest goes along
	skew    int64 // the partner's clock less ours, microseconds
	partner pairmsg.State
	boot    uint64 // of the last Hello
	unfit   string // of the partner
}

// talks is how far both are with telling each other that they are ready.
type talks struct {
	said       bool // our Negotiate is out, or waits for the disk
	theirs     bool // the partner's Negotiate is complete
	answered   bool // our NegotiateReply is out
	ready      bool // the partner's has come
	negotiated bool // both
}

// endTalks: what was said of being ready holds no more.
func (m *Machine) endTalks() {
	m.link.talks = talks{}
	m.after = slices.DeleteFunc(m.after, func(s sendAt) bool {
		switch s.message.(type) {
		case pairmsg.Negotiate, pairmsg.NegotiateReply:
			return true
		}
		return false
	})
}

func (m *Machine) linked() bool { return m.link.session != 0 && m.link.negotiated }

func (m *Machine) send(msg pairmsg.Message) { m.out.Send = append(m.out.Send, msg) }

func (m *Machine) onConnected(c Connected) {
	if c.Dialled {
		m.link.dialling = false
	}
	m.link.refused = nil
	switch {
	case m.stopping:
		m.out.Close = append(m.out.Close, c.Session)
	case m.link.session == 0:
		m.adopt(c.Session, c.Dialled)
	case c.Dialled && (m.link.hello != nil || m.cfg.Role != pairmsg.Main):
		m.out.Close = append(m.out.Close, c.Session)
	case c.Dialled:
		m.adopt(c.Session, true)
	default:
		if m.link.candidates == nil {
			m.link.candidates = map[uint64]bool{}
		}
		if len(m.link.candidates) >= 4 {
			m.out.Close = append(m.out.Close, c.Session)
			return
		}
		m.link.candidates[c.Session] = c.Dialled
	}
}

// adopt makes a session the one in use and says Hello.
func (m *Machine) adopt(session uint64, dialled bool) {
	if m.link.session != 0 {
		m.out.Close = append(m.out.Close, m.link.session)
		m.unlink()
	}
	m.out.Send = m.out.Send[:0]
	delete(m.link.candidates, session)
	m.link.session, m.link.dialled = session, dialled
	m.link.opened, m.link.heard = m.now.Mono, m.now.Mono
	m.link.wantDial = false
	m.send(m.hello())
}

func (m *Machine) hello() pairmsg.Hello {
	state := m.state
	if state == pairmsg.Startup && m.saved.State != pairmsg.Alone {
		state = m.saved.State
	}
	if m.saved.Whole {
		state = pairmsg.PartnerDown
	}
	return pairmsg.Hello{
		Version: pairmsg.Version, Oldest: pairmsg.Oldest, Role: m.role(), Configured: m.cfg.Role, Epoch: m.saved.Epoch,
		Store: m.saved.Store, Boot: m.saved.Boot, Seq: m.durableSeq, PeerStore: m.saved.PeerStore, PeerSeq: m.saved.PeerSeq,
		State: state, Wall: m.now.Wall, Clock: m.saved.Clock, Unfit: m.ownUnfit(), Config: m.cfg.Settings,
	}
}

func (m *Machine) ownUnfit() string {
	if m.failed != "" {
		return m.failed
	}
	return m.unfit
}

// unlink forgets everything that was of the session.
func (m *Machine) unlink() {
	l := &m.link
	*l = link{candidates: l.candidates, everHeard: l.everHeard, heard: l.heard, skew: l.skew, boot: l.boot, partner: l.partner, refused: l.refused,
		dialling: l.dialling, attempts: l.attempts, unfit: l.unfit, beat: l.beat, turn: l.turn, clash: l.clash, clashAt: l.clashAt}
	m.out.Send = m.out.Send[:0]
	m.unshipAll()
	m.shipped, m.acked, m.replies = 0, 0, nil
	m.after, m.coming = nil, nil
	m.swapLost()
	for _, key := range m.order {
		z := m.zones[key]
		m.endJob(z)
		z.other, z.draining = 0, false
		if z.sync == Synchronizing || z.sync == SyncComplete || z.sync == SyncFailed {
			m.setSync(z, SyncPending, NoReason)
		}
	}
	m.queue, m.retry = nil, nil
	for _, key := range m.order {
		m.zones[key].queued = false
	}
}

func (m *Machine) onLost(session uint64) {
	if session != m.link.session {
		delete(m.link.candidates, session)
		return
	}
	m.afterLoss()
}

// afterLoss: the connection in use is gone. The next attempt is at once (decision H-e); but a partner that never says Hello, or whose
// connections break as soon as they are made, is not asked faster than a few times a second, or than comm_timeout.
func (m *Machine) afterLoss() {
	met, young := m.link.hello != nil, m.now.Mono-m.link.opened < time.Second
	m.unlink()
	m.link.session = 0
	m.link.wantDial, m.link.dialAt = true, m.now.Mono
	switch {
	case met && young:
		m.link.dialAt += refusedWait
	case !met:
		if m.link.attempts++; m.link.attempts <= refusals {
			m.link.dialAt += refusedWait
		} else {
			m.link.dialAt += m.cfg.CommTimeout
		}
	}
	if m.state == pairmsg.Negotiating {
		m.backFromNegotiating(Silent)
	}
}

func (m *Machine) onDialFailed(refused bool) {
	m.link.dialling = false
	m.link.attempts++
	if m.link.session != 0 {
		return
	}
	m.link.wantDial = true
	if refused {
		m.link.refused = append(m.link.refused, m.now.Mono)
		if n := len(m.link.refused); n >= refusals && m.now.Mono-m.link.refused[n-refusals] <= refusedIn && m.state == pairmsg.Normal {
			m.link.refused = nil
			m.interrupt(ConnRefused)
		}
		if len(m.link.refused) > refusals {
			m.link.refused = m.link.refused[1:]
		}
		if m.state == pairmsg.Normal {
			m.link.attempts = 0
			m.link.dialAt = m.now.Mono + refusedWait
			return
		}
	} else {
		m.link.refused = nil
	}
	m.link.dialAt = m.now.Mono + time.Duration(min(m.link.attempts, maxBackoff))*m.cfg.CommTimeout
}

func (m *Machine) onReceived(in Received) {
	if in.Session != m.link.session {
		m.fromCandidate(in)
		return
	}
	m.link.heard, m.link.everHeard = m.now.Mono, m.now.Wall
	if h, ok := in.Message.(pairmsg.Hello); ok {
		m.onHello(h)
		return
	}
	if m.link.hello == nil || m.link.rejected {
		if r, ok := in.Message.(pairmsg.Reject); ok {
			m.onReject(r)
		}
		return
	}
	m.dispatch(in.Message)
}

// fromCandidate: another connection of the partner has said Hello.
func (m *Machine) fromCandidate(in Received) {
	dialled, ok := m.link.candidates[in.Session]
	if !ok {
		return
	}
	h, isHello := in.Message.(pairmsg.Hello)
	if !isHello {
		return
	}
	fromMain := dialled == (m.cfg.Role == pairmsg.Main)
	usedFromMain := m.link.dialled == (m.cfg.Role == pairmsg.Main)
	stale := m.now.Mono-m.link.heard > m.cfg.Heartbeat*3/2
	switch {
	case m.link.session == 0, stale,
		m.link.hello == nil && fromMain && !usedFromMain,
		m.link.hello != nil && h.Boot != m.link.hello.Boot:
		m.adopt(in.Session, dialled)
		m.link.heard = m.now.Mono
		m.onHello(h)
	default:
		delete(m.link.candidates, in.Session)
		m.out.Close = append(m.out.Close, in.Session)
	}
}

func (m *Machine) dispatch(msg pairmsg.Message) {
	switch v := msg.(type) {
	case pairmsg.Reject:
		m.onReject(v)
	case pairmsg.Negotiate:
		m.onNegotiate(v)
	case pairmsg.NegotiateReply:
		m.onNegotiateReply()
	case pairmsg.Heartbeat:
		m.onHeartbeat(v)
	case pairmsg.HeartbeatReply:
		m.onHeartbeatReply(v)
	case pairmsg.Unfit:
		m.onPartnerUnfit(v.Why)
	case pairmsg.Update:
		m.onUpdate(v)
	case pairmsg.UpdateReply:
		m.onUpdateReply(v)
	case pairmsg.Inconsistent:
		m.onInconsistent(v)
	case pairmsg.Shutdown:
		m.onShutdown(v)
	case pairmsg.SwapAsk:
		m.onSwapAsk(v)
	case pairmsg.SwapReply:
		m.onSwapReply(v)
	default:
		m.dispatchSync(msg)
	}
}

func (m *Machine) reject(r pairmsg.RejectReason, why Reason, text string) {
	m.link.rejected = true
	m.clashes(text)
	m.note(Note{Reason: why, Text: text})
	m.send(pairmsg.Reject{Reason: r, Text: text})
}

// clashes notes why the two do not go together.
func (m *Machine) clashes(why string) {
	if why != m.link.clash {
		m.link.clash, m.link.clashAt = why, m.now.Wall
	}
}

func (m *Machine) onReject(r pairmsg.Reject) {
	why := HelloLate
	if r.Reason != pairmsg.RejectOlder && m.link.clash == "" {
		m.clashes("the partner refuses: " + r.Text)
	}
	switch r.Reason {
	case pairmsg.RejectVersion:
		why = VersionDiffers
	case pairmsg.RejectRole:
		why = RoleClash
	case pairmsg.RejectSelf:
		why = SameStore
	case pairmsg.RejectOlder:
	}
	m.note(Note{Reason: why, Text: "the partner refuses: " + r.Reason.String() + "; " + r.Text})
	m.closeSession()
	m.link.attempts = maxBackoff
	m.link.dialAt = m.now.Mono + m.cfg.CommTimeout
}

// closeSession ends the one in use.
func (m *Machine) closeSession() {
	if m.link.session == 0 {
		return
	}
	m.out.Close = append(m.out.Close, m.link.session)
	m.onLost(m.link.session)
}

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
