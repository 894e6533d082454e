package failover

import (
	"slices"
	"time"

	"loadshare/dhcp/failover/wire"
	"loadshare/dhcp/lease"
)

const (
	startupWait  = 15 * time.Second // for the partner, before this server goes on as it was
	handshake    = 15 * time.Second // for CONNECT and CONNECTACK
	redialISC    = 5 * time.Second
	redialOurs   = time.Second
	redialRefuse = time.Minute     // after a refusal (draft 8.2: one or two minutes)
	alive        = 5 * time.Second // a connection that was heard so lately is not replaced by a new one
	maxSkew      = 60              // seconds between the clocks (as ISC dhcpd)
	refusedRetry = time.Minute     // an update that the partner refused is offered again
	rebalance    = time.Hour       // checklist D23
	rebalanceISC = time.Minute
	askPool      = time.Minute
	maxBatch     = 24  // bindings in a message to one of ours
	batchOctets  = 800 // of bindings, after which no other is added: one has 1,200 at most
)

// Machine is one endpoint: this server's half of one relationship. Make it with New; not for several goroutines.
type Machine struct {
	cfg   Config
	table Table
	now   Now
	start Start
	seq   uint64 // last durable change of the store

	saved    Saved
	dirty    bool   // saved must be written
	savedSeq uint64 // saved.PeerSeq as written
	starting bool   // the state shown is startup; saved.State is what it will be
	unwell   string // why nothing can be written; "" when it can
	startEnd time.Duration
	safeEnd  time.Duration // of communications-interrupted; 0: never
	stopping bool
	maintain time.Duration // end of the wait for the partner after Maintain

	link    link
	out     Output
	changed map[lease.IP]int // in out.Leases
	batch   uint64
	durable uint64
	after   []waiting // what waits for the disk, in order
	stated  uint64    // batch with the last state; updates wait until it was told

	updates updates

	asked     bool   // an update request of ours is open on this connection
	askedXID  uint32 //
	mark      uint64 // before leaving partner-down: updates through this one must be answered; 0: not leaving
	leaving   bool
	balanceAt time.Duration
	askAt     time.Duration
}

// waiting is a message for when a batch is durable.
type waiting struct {
	batch   uint64
	session uint64
	body    wire.Body
	xid     uint32
	reply   bool // xid is the request's
}

// New makes the machine of a server that has just opened its store.
func New(cfg Config, start Start, table Table, now Now) (*Machine, Output) {
	m := &Machine{cfg: cfg, table: table, now: now, start: start, saved: start.Saved, seq: start.Seq, changed: map[lease.IP]int{}}
	m.updates.reset()
	s := &m.saved
	m.starting, m.startEnd = true, now.Mono+startupWait
	if start.OtherRole && s.State != 0 { // whose share is whose must be agreed on first: the partner may still serve in this role
		s.State = wire.ShutDown
	}
	switch s.State {
	case 0:
		m.firstState()
	case wire.Normal:
		m.image(wire.CommInterrupted)
	case wire.PotentialConflict:
		m.image(wire.ResolutionInterrupted)
	case wire.Paused:
		m.image(awayFrom(s.Before))
	case wire.ShutDown:
		s.FailedAt = m.lastServed()
		m.image(wire.Recover)
		if start.OtherRole {
			s.Why = OtherRole
		}
	}
	if cfg.Gone {
		m.takenAway()
	}
	// Leases from before there was a partner are not marked as owed to it: the first who asks is told all.
	m.updates.owesAll = s.State == wire.PartnerDown && s.Down == alwaysDown
	m.note(Note{Reason: Started})
	m.askAt = now.Mono + askPool
	return m, m.finish()
}

// alwaysDown is Saved.Down of a partner that never was.
const alwaysDown = 1

// firstState is that of a server whose relationship has no past (decision D-l).
func (m *Machine) firstState() {
	s := &m.saved
	s.Since = m.now.Wall
	if m.start.HasLeases && m.cfg.Role == Main {
		s.State, s.Why, s.Down = wire.PartnerDown, ServedAlone, alwaysDown // there never was a partner
		m.starting = false
	} else {
		s.State, s.Why = wire.Recover, NoPast
		s.Lost, s.FailedAt = true, m.now.Wall
		s.Fresh = !m.start.HasLeases
	}
	m.dirty = true
}

// image is the state that a restart makes of the one before it: contact was lost.
func (m *Machine) image(to wire.EndpointState) {
	m.saved.State, m.saved.Since, m.saved.Why = to, m.now.Wall, Started
	if m.saved.Parted == 0 {
		m.saved.Parted = m.lastServed()
	}
	m.dirty = true
}

// awayFrom is what a state is without contact.
func awayFrom(s wire.EndpointState) wire.EndpointState {
	switch s {
	case wire.Normal:
		return wire.CommInterrupted
	case wire.PotentialConflict:
		return wire.ResolutionInterrupted
	case 0:
		return wire.Recover
	}
	return s
}

// lastServed is when this server may have served last in its earlier run.
func (m *Machine) lastServed() int64 {
	if m.start.LastCommit > 0 {
		return min(m.start.LastCommit, m.now.Wall)
	}
	return m.now.Wall
}

// Step takes one input. Mono of successive calls must not go back.
func (m *Machine) Step(now Now, in Input) Output {
	m.now = now
	m.out = Output{
		Leases: m.out.Leases[:0], Send: m.out.Send[:0], Close: m.out.Close[:0], Conflicts: m.out.Conflicts[:0],
		Replies: m.out.Replies[:0], Notes: m.out.Notes[:0],
	}
	clear(m.changed)
	if r, ok := in.(Received); ok {
		m.heard(r.Session) // before silence is measured: this process may have been late, and not the partner
	}
	m.timers()
	switch in := in.(type) {
	case Connected:
		m.onConnected(in)
	case Lost:
		m.onLost(in.Session)
	case DialFailed:
		m.onDialFailed()
	case Received:
		m.onReceived(in)
	case Durable:
		m.durable, m.seq = max(m.durable, in.Batch), max(m.seq, in.Seq)
		m.updates.settle(m.durable)
	case Committed:
		m.seq = max(m.seq, in.Seq)
		for _, ip := range in.IPs {
			m.updates.add(ip)
		}
	case Unwell:
		m.onUnwell(in.Why)
	case Operate:
		m.operate(in)
	case Reconfigure:
		role, name, isc := m.cfg.Role, m.cfg.Name, m.cfg.ISC
		m.cfg = in.Config
		m.cfg.Role, m.cfg.Name, m.cfg.ISC = role, name, isc
		if role == Main && m.link.up != 0 && m.link.mclt != m.cfg.MCLT {
			m.drop(ContactLost, "the MCLT is another: the partner is told when it connects")
		}
		if m.comm() {
			m.updates.everything(m) // addresses that were in no pool, or in another pair, for a while
		}
		m.balanceAt = m.now.Mono // a pool may be new: the backup has no share of it yet
	case Stop:
		m.stop()
	}
	return m.finish()
}

// finish does what may follow from any input, and completes the output.
func (m *Machine) finish() Output {
	if m.unwell != "" {
		m.onUnwell(m.unwell)
	}
	m.sendDue()
	m.leave()
	m.push()
	m.answered()
	m.sendDue()
	m.contact()
	m.writeDown()
	m.dial()
	m.out.Next = m.next()
	return m.out
}

// writeDown closes the batch of this step.
func (m *Machine) writeDown() {
	m.dirty = m.dirty || len(m.out.Leases) > 0 && m.saved.PeerSeq != m.savedSeq
	if m.dirty {
		saved := m.saved
		m.out.Saved = &saved
		m.dirty, m.savedSeq = false, saved.PeerSeq
	}
	if m.out.Saved == nil && len(m.out.Leases) == 0 {
		return
	}
	m.batch++
	m.out.Batch = m.batch
	for _, l := range m.out.Leases {
		if l.Owed && !slices.Contains(m.updates.refused, l.IP) {
			m.updates.later(l.IP, m.batch)
		}
	}
}

// cur is the batch that what is written in this step belongs to.
func (m *Machine) cur() uint64 { return m.batch + 1 }

// get is an address as this step sees it.
func (m *Machine) get(ip lease.IP) (lease.Lease, bool) {
	if i, ok := m.changed[ip]; ok {
		return m.out.Leases[i], true
	}
	return m.table.Get(ip)
}

// put changes an address.
func (m *Machine) put(l lease.Lease) {
	if i, ok := m.changed[l.IP]; ok {
		m.out.Leases[i] = l
		return
	}
	m.changed[l.IP] = len(m.out.Leases)
	m.out.Leases = append(m.out.Leases, l)
}

// settled says that what get returns is on disk.
func (m *Machine) settled(ip lease.IP) bool {
	_, now := m.changed[ip]
	return !now && m.table.Settled(ip)
}

// sendWhenDurable says body to the partner once what this step writes is on disk.
func (m *Machine) sendWhenDurable(body wire.Body, xid uint32, reply bool) {
	if m.link.up == 0 {
		return
	}
	batch := m.cur()
	if len(m.out.Leases) == 0 && !m.dirty {
		batch = m.batch // it waits for what is on its way, and no more
	}
	m.after = append(m.after, waiting{batch, m.link.up, body, xid, reply})
}

// sendDue says what waited for the disk.
func (m *Machine) sendDue() {
	n := 0
	for _, w := range m.after {
		if w.batch > m.durable {
			break
		}
		n++
		if w.session != m.link.up {
			continue
		}
		if w.reply {
			m.sendReply(w.session, w.body, w.xid)
		} else {
			m.send(w.body)
		}
	}
	m.after = append(m.after[:0], m.after[n:]...)
}

func (m *Machine) note(n Note) {
	if n.From == 0 && n.To == 0 {
		n.From, n.To = m.State(), m.State()
	}
	n.Peer = m.saved.Peer
	m.out.Notes = append(m.out.Notes, n)
}

// State is the state of this endpoint.
func (m *Machine) State() wire.EndpointState {
	if m.starting {
		return wire.StartingUp
	}
	return m.saved.State
}
