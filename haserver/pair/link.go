package pair

import (
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
