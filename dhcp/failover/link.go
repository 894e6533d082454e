package failover

import (
	"slices"
	"time"

	"loadshare/dhcp/failover/wire"
)

// link is what is known of the connections.
type link struct {
	conns   []*conn
	up      uint64 // session of the one in use: CONNECT was accepted; 0: none
	heard   time.Duration
	sent    time.Duration
	told    bool // the partner said its state on it
	quiet   bool // it has been silent for too long, but is still there
	unacked int  // that the partner takes
	mclt    int64
	contact time.Duration
	xid     uint32

	dialAt  time.Duration
	dialing bool
}

type conn struct {
	session uint64
	since   time.Duration
	asked   bool  // CONNECT was sent
	mclt    int64 // that it said
	xid     uint32
}

// comm says that communications are OK (draft 8.3).
func (m *Machine) comm() bool { return m.link.up != 0 && m.link.told && !m.link.quiet }

func (m *Machine) conn(session uint64) *conn {
	for _, c := range m.link.conns {
		if c.session == session {
			return c
		}
	}
	return nil
}

// heard takes note that the partner is there.
func (m *Machine) heard(session uint64) {
	if session != 0 && session == m.link.up {
		m.link.heard = m.now.Mono
	}
}

// onConnected: the main speaks first, on any new connection, whoever dialled (as ISC dhcpd).
func (m *Machine) onConnected(in Connected) {
	if in.Dialled {
		m.link.dialing = false
	}
	if m.stopping {
		m.out.Close = append(m.out.Close, in.Session)
		return
	}
	c := &conn{session: in.Session, since: m.now.Mono}
	if m.cfg.Role == Main {
		if m.link.up != 0 && m.now.Mono-m.link.heard < alive || slices.ContainsFunc(m.link.conns, func(o *conn) bool { return o.asked && o.session != m.link.up }) {
			m.out.Close = append(m.out.Close, in.Session) // the other one is used
			return
		}
		if m.link.up != 0 {
			m.drop(ContactLost, "the partner connected anew") // it would not if it still heard us
		}
		m.link.conns = append(m.link.conns, c)
		m.sendConnect(c)
		return
	}
	m.link.conns = append(m.link.conns, c)
}

func (m *Machine) sendConnect(c *conn) {
	c.asked, c.mclt = true, m.cfg.MCLT
	body := wire.Connect{
		Has: wire.SetOf(wire.OptName, wire.OptMaxUnacked, wire.OptReceiveTimer, wire.OptVendor, wire.OptVersion, wire.OptTLSRequest,
			wire.OptMCLT, wire.OptBuckets),
		Name: m.cfg.Name, MaxUnacked: uint32(m.cfg.MaxUnacked), ReceiveTimer: uint32(m.cfg.PollTimeout / time.Second), Vendor: m.vendor(),
		Version: 1, MCLT: uint32(m.cfg.MCLT), Buckets: Assignment(m.cfg.ISC, m.cfg.Balancing), Ours: m.ours(),
	}
	if !m.cfg.ISC {
		body.Has |= wire.SetOf(wire.OptVendorData)
	}
	m.sendReply(c.session, body, c.xid)
}

func (m *Machine) vendor() string {
	if m.cfg.Vendor == "" {
		return "loadshare"
	}
	return m.cfg.Vendor
}

func (m *Machine) ours() wire.Ours {
	if m.cfg.ISC {
		return wire.Ours{}
	}
	return wire.Ours{
		Store: m.start.Store, Boot: m.start.Boot, PeerStore: m.saved.PeerStore, PeerSeq: m.saved.PeerSeq,
		Fast: uint32(m.cfg.Fast / time.Millisecond),
	}
}

// sendReply says body on a connection with a given xid.
func (m *Machine) sendReply(session uint64, body wire.Body, xid uint32) {
	msg := wire.Message{Time: uint32(m.now.Wall), XID: xid, Body: body}
	if !m.cfg.ISC {
		msg.Seq = m.seq
	}
	m.out.Send = append(m.out.Send, Send{session, msg})
	if session == m.link.up {
		m.link.sent = m.now.Mono
	}
}

// send says body on the connection in use, and returns the xid; 0 is never used (ISC dhcpd takes it for "none").
func (m *Machine) send(body wire.Body) uint32 {
	m.link.xid++
	if m.link.xid == 0 {
		m.link.xid++
	}
	m.sendReply(m.link.up, body, m.link.xid)
	return m.link.xid
}

// close ends a connection, and forgets it.
func (m *Machine) close(session uint64) {
	m.out.Close = append(m.out.Close, session)
	m.link.conns = slices.DeleteFunc(m.link.conns, func(c *conn) bool { return c.session == session })
}

func (m *Machine) onLost(session uint64) {
	was := len(m.link.conns)
	m.link.conns = slices.DeleteFunc(m.link.conns, func(c *conn) bool { return c.session == session })
	if session == m.link.up && session != 0 {
		m.down(ContactLost, "")
	} else if len(m.link.conns) != was {
		m.redialIn(m.backoff())
	}
}

func (m *Machine) backoff() time.Duration {
	if m.cfg.ISC {
		return redialISC
	}
	return redialOurs
}

func (m *Machine) redialIn(d time.Duration) { m.link.dialAt = max(m.link.dialAt, m.now.Mono+d) }

func (m *Machine) onDialFailed() {
	m.link.dialing = false
	m.redialIn(m.backoff())
}

// drop ends the connection in use.
func (m *Machine) drop(why Reason, text string) {
	session := m.link.up
	m.close(session)
	m.down(why, text)
}

// down is the end of the connection in use.
func (m *Machine) down(why Reason, text string) {
	m.link.up = 0
	m.link.told, m.link.quiet = false, false
	m.updates.disconnected()
	m.asked, m.leaving = false, false
	m.link.dialAt = m.now.Mono // at once; the backup leaves the main the first try
	if m.cfg.Role == Backup {
		m.link.dialAt += redialOurs / 2
	}
	m.note(Note{Reason: why, Text: text})
	m.commLost(why)
}

// refuse says why, and closes.
func (m *Machine) refuse(session uint64, body wire.Body, xid uint32, why wire.Reject, text string) {
	m.sendReply(session, body, xid)
	m.close(session)
	m.note(Note{Reason: RefusedConnect, Reject: why, Text: text})
}

// onReceived takes one message.
func (m *Machine) onReceived(in Received) {
	c := m.conn(in.Session)
	if c == nil {
		return
	}
	msg := in.Message
	if in.Session != m.link.up {
		switch body := msg.Body.(type) {
		case wire.Connect:
			m.onConnect(c, msg, body)
		case wire.ConnectAck:
			m.onConnectAck(c, msg, body)
		case wire.Disconnect:
			m.note(Note{Reason: Disconnected, Reject: body.Reject, Text: body.Text})
			m.close(c.session)
			m.redialIn(redialRefuse)
		case wire.Other, wire.Contact:
		default:
			m.note(Note{Reason: Protocol, Text: msg.Body.Type().String() + " before CONNECT"})
			m.close(c.session)
			m.redialIn(m.backoff())
		}
		return
	}
	m.unquiet()
	if msg.Seq > m.saved.PeerSeq {
		m.saved.PeerSeq = msg.Seq // on disk with the next thing that is
	}
	switch body := msg.Body.(type) {
	case wire.Connect:
		m.onConnect(c, msg, body)
	case wire.ConnectAck:
		m.note(Note{Reason: Protocol, Text: "CONNECTACK twice"})
	case wire.PoolReq:
		n := m.balance(true)
		m.note(Note{Reason: PoolAsked, Count: n})
		m.sendReply(m.link.up, wire.PoolResp{Transferred: uint32(n)}, msg.XID)
	case wire.BndUpd:
		m.onBndUpd(body, msg.XID)
	case wire.BndAck:
		m.onBndAck(body, msg.XID)
	case wire.UpdReq:
		m.updates.ask(msg.XID, false)
	case wire.UpdReqAll:
		if m.saved.Paired {
			m.saved.ForgotAt, m.dirty = m.now.Wall, true
		}
		m.updates.ask(msg.XID, true)
	case wire.UpdDone:
		m.onUpdDone(msg.XID)
	case wire.State:
		if body.State == wire.RecoverDone && !m.cfg.ISC {
			m.saved.PeerSeq, m.dirty = msg.Seq, true // if it was rolled back, it counts from there now
		}
		m.onState(body)
	case wire.Disconnect:
		m.note(Note{Reason: Disconnected, Reject: body.Reject, Text: body.Text})
		m.drop(Disconnected, body.Text)
		m.redialIn(redialRefuse)
	}
}

// connected makes a connection the one in use, and says the state on it.
func (m *Machine) connected(c *conn, unacked, timer uint32, ours wire.Ours) {
	for _, o := range slices.Clone(m.link.conns) {
		if o != c {
			m.close(o.session)
		}
	}
	l := &m.link
	l.up, l.heard, l.sent = c.session, m.now.Mono, m.now.Mono
	l.told, l.quiet, l.xid = false, false, c.xid
	l.unacked = int(min(unacked, 1000))
	l.contact = max(time.Duration(min(timer, 86400))*time.Second/3, time.Second)
	if !m.cfg.ISC {
		l.contact = min(l.contact, m.cfg.PollInterval)
		if ours.Fast > 0 {
			l.contact = min(l.contact, max(time.Duration(ours.Fast)*time.Millisecond/pulses, 50*time.Millisecond))
		}
		m.judge(ours)
	}
	m.sayState()
}

// timers does what the time has come for.
func (m *Machine) timers() {
	now := m.now.Mono
	for _, c := range slices.Clone(m.link.conns) {
		if c.session != m.link.up && now-c.since >= handshake {
			if m.cfg.Role == Backup && m.link.up == 0 {
				m.note(Note{Reason: TwoServers, Text: "the partner takes connections, and never begins to speak, as the main would: it seems to be configured as the backup too"})
			}
			m.close(c.session)
			m.redialIn(m.backoff())
		}
	}
	if m.link.up != 0 {
		silent := now - m.link.heard
		switch {
		case silent >= m.cfg.PollTimeout:
			m.send(wire.Disconnect{Reject: wire.NoTraffic})
			m.drop(Silence, "")
		case !m.cfg.ISC && m.cfg.Fast > 0 && silent >= m.quietAfter() && !m.link.quiet:
			m.link.quiet = true
			m.note(Note{Reason: Silence})
			m.commLost(Silence)
		}
	}
	m.stateTimers()
	if m.comm() && m.saved.State == wire.Normal && !m.starting {
		if now >= m.balanceAt {
			m.balance(false)
		}
		if now >= m.askAt {
			m.askForPool()
		}
	}
	m.updates.timers(now)
}

// pulses is how often in its fast_detect one of ours hears this server.
const pulses = 4

// quietAfter is the silence that is taken for an interruption: three pulses are missing, and as long as one more remains to serve the partner's
// clients in.
func (m *Machine) quietAfter() time.Duration { return m.cfg.Fast * (pulses - 1) / pulses }

// lateAfter is the silence in which half a pulse is overdue.
func (m *Machine) lateAfter() time.Duration { return m.cfg.Fast * 3 / (2 * pulses) }

// unquiet is the end of a silence without the end of the connection.
func (m *Machine) unquiet() {
	if !m.link.quiet {
		return
	}
	m.link.quiet = false
	if m.link.told && !m.starting {
		m.saved.Parted, m.dirty = 0, true
		m.note(Note{Reason: ContactMade})
		m.sayState()
		m.react(false)
	}
}

// contact says that this server is there when it has said nothing else for a while.
func (m *Machine) contact() {
	if m.link.up != 0 && m.now.Mono-m.link.sent >= m.link.contact {
		m.send(wire.Contact{})
	}
}

// dial asks for a connection when there is none, and none on the way; and beside one that is silent. After a cut TCP tries the old one again
// ever more seldom, twice as long each time: a new one is there within seconds after the way is mended, and whoever hears of it first, the
// old one or the new, is what counts.
func (m *Machine) dial() {
	at := m.dialDue()
	if at == 0 || m.now.Mono < at {
		return
	}
	m.link.dialing, m.out.Dial = true, true
	if m.link.up != 0 {
		m.link.dialAt = m.now.Mono + redialOurs
	}
}

// dialDue is when the next attempt to connect is to be made; 0: none is to be.
func (m *Machine) dialDue() time.Duration {
	l := &m.link
	switch {
	case m.stopping || m.cfg.Gone || l.dialing:
	case len(l.conns) == 0:
		return max(l.dialAt, 1)
	case l.quiet && len(l.conns) == 1: // that one
		return max(l.dialAt, l.heard+alive)
	}
	return 0
}

// next is when something is due.
func (m *Machine) next() time.Duration {
	var at time.Duration
	due := func(t time.Duration) {
		if t > 0 && (at == 0 || t < at) {
			at = t
		}
	}
	for _, c := range m.link.conns {
		if c.session != m.link.up {
			due(c.since + handshake)
		}
	}
	if m.link.up != 0 {
		due(m.link.heard + m.cfg.PollTimeout)
		due(m.link.sent + m.link.contact)
		if !m.cfg.ISC && m.cfg.Fast > 0 && !m.link.quiet {
			if at := m.link.heard + m.lateAfter(); at > m.now.Mono {
				due(at)
			}
			due(m.link.heard + m.quietAfter())
		}
	}
	if at := m.dialDue(); at > 0 {
		due(max(at, m.now.Mono+1))
	}
	if m.comm() && m.saved.State == wire.Normal {
		due(m.balanceAt)
		due(m.askAt)
	}
	due(m.updates.retryAt)
	for _, t := range m.stateDue() {
		due(t)
	}
	return at
}
