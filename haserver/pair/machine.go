package pair

import (
	"maps"
	"slices"
	"time"

	"loadshare/haserver/pairmsg"
	"loadshare/haserver/zone"
)

const (
	holdFor     = time.Second // a client's change that cannot be taken now (decision H-f)
	maxHeld     = 10_000
	parallel    = 4         // zones that synchronise at once
	stride      = 1 << 16   // serials that the backup leaves to the main (decision H-c)
	reserve     = 1000      // serials of one durable reservation (decision H-b)
	window      = 10_000    // shipped changes that are not confirmed
	maxShipped  = 512 << 10 // octets of an entry that still goes into one message
	maxHistory  = 10_000    // the newest points that are remembered of a zone
	maxFetched  = 1 << 19   // steps of the backup that a merge looks at
	refusals    = 3         // refused connections within refusedIn: the process is gone (decision H-e)
	refusedIn   = time.Second
	refusedWait = 200 * time.Millisecond
	maxBackoff  = 2 // times comm_timeout between attempts to connect
	helloWithin = 5 * time.Second
	readyWithin = 4                // times comm_timeout in negotiating
	readyAgain  = 10               // times comm_timeout until the next attempt after that
	syncWithin  = 60 * time.Second // without progress
	skewWarn    = 5_000_000        // microseconds
	skewTrust   = 60_000_000       // above it times decide nothing (decision H-d)
	maxClock    = 1 << 62          // microseconds since 1970: no clock shows that
)

// Machine is one server's half. Make it with New; not for several goroutines.
type Machine struct {
	cfg   Config
	now   Now
	saved Saved
	dirty bool // saved must be written
	state pairmsg.State
	since int64
	why   Reason

	zones map[string]*zoneState
	order []string // keys of zones, sorted

	out        Output
	batch      uint64 // the last one given out
	durable    uint64 // the last one on disk
	durableSeq uint64 // saved.Seq of that
	seqs       []seqAt
	failed     string // a write failed: nothing is written any more
	unfit      string
	stopping   bool
	stopBy     time.Duration // nothing is waited for after it
	stopAt     uint64        // batch that must be durable before Stopped

	link  link
	heard bool // the partner, in this run
	ready readiness
	swap  swap
	grace time.Duration // end of the wait for the partner in startup

	busy    []*zoneState // with something pending
	waiting []*pending   // not confirmed by the partner, in the order in which they were taken
	unacked []*pending   // shipped, in order
	shipped uint64       // numbers of the session
	acked   uint64
	owed    uint64 // entries made here that were not shipped
	behind  uint64 // batch with saved.Behind

	replies []replyAt // backup: shipped entries to confirm
	after   []sendAt  // messages that wait for the disk

	held    []held
	unlock  bool // held changes may be possible now
	queue   []*zoneState
	syncs   uint64
	running []*zoneState // with a job, at most parallel
	counted bool         // whole is right
	whole   bool         // all zones that both have are equal
	retry   []*zoneState // sync-failed
	audit   int          // next zone to look through
	shows   []*zoneState
	skewed  bool

	coming    map[string]uint64 // backup: whole zones under way, by their sync
	roleSince int64
	flaps     flaps
	drift     happened
	conflict  happened
}

type seqAt struct{ batch, seq uint64 }

type replyAt struct {
	batch   uint64
	through uint64
}

type sendAt struct {
	batch   uint64
	session uint64
	message pairmsg.Message
}

type held struct {
	change *Change
	until  time.Duration
	why    Reason
}

// New makes the machine of a server that has just opened its store. The first Output says what is shown at once.
func New(cfg Config, saved Saved, zones map[string]ZoneStart, now Now) (*Machine, Output) {
	m := &Machine{cfg: cfg, saved: saved, now: now, zones: map[string]*zoneState{}, durableSeq: saved.Seq}
	m.saved.Clock = max(m.saved.Clock, now.Wall)
	m.saved.Clean = false
	m.dirty = true
	if saved.Behind != 0 {
		m.behind = 0 // it is durable
	}
	for _, key := range slices.Sorted(maps.Keys(zones)) {
		m.addZone(key, zones[key], !saved.Clean)
	}
	m.since = now.Wall
	if cfg.Role == pairmsg.Single {
		m.state, m.why = pairmsg.Alone, Started
	} else {
		m.state, m.why = pairmsg.Startup, Started
		m.grace = now.Mono + cfg.CommTimeout
		m.link.dialAt = now.Mono
		m.link.wantDial = true
	}
	for _, key := range m.order {
		m.show(m.zones[key])
	}
	m.note(Note{Reason: Started, From: m.state, To: m.state})
	return m, m.finish()
}

// Step takes one input. The times of successive calls must not go back (Mono).
func (m *Machine) Step(now Now, in Input) Output {
	m.now = now
	m.out = Output{
		Write: m.out.Write[:0], Send: m.out.Send[:0], Close: m.out.Close[:0], Show: m.out.Show[:0], Answer: m.out.Answer[:0],
		Replies: m.out.Replies[:0], Jobs: m.out.Jobs[:0], Notes: m.out.Notes[:0],
	}
	if r, ok := in.(Received); ok && r.Session != 0 && r.Session == m.link.session {
		m.link.heard = now.Mono // before the silence is measured: this process may have been late, and not the partner
	}
	m.advance()
	switch in := in.(type) {
	case *Change:
		m.change(in)
	case Tick:
	case Durable:
		m.onDurable(in.Batch)
	case WriteFailed:
		m.onWriteFailed(in.Why)
	case Unfit:
		m.onUnfit(in.Why)
	case Connected:
		m.onConnected(in)
	case Lost:
		m.onLost(in.Session)
	case DialFailed:
		m.onDialFailed(in.Refused)
	case Received:
		m.onReceived(in)
	case Content:
		m.onContent(in)
	case SetsArrived:
		m.onSets(in)
	case AddZone:
		m.onAddZone(in)
	case DropZone:
		m.onDropZone(in.Zone)
	case Reconfigure:
		m.reconfigure(in.Config)
	case Operate:
		m.operate(in)
	case Stop:
		m.stopping, m.stopBy = true, now.Mono+stopWithin
		m.note(Note{Reason: Stopping})
	}
	return m.finish()
}

func (m *Machine) reconfigure(c Config) {
	c.Role = m.cfg.Role
	m.cfg = c
}

// finish does what may follow from any input, and completes the output.
func (m *Machine) finish() Output {
	m.sendDue()
	m.bothReady()
	m.pump()
	m.ship()
	m.pump() // what was too large to be shipped
	m.release()
	m.catchUp()
	m.retryHeld()
	m.swapStep()
	m.stopStep()
	m.release()
	m.pump() // what waited for that
	for _, z := range m.shows {
		z.queuedShow = false
		m.emitShow(z)
	}
	m.shows = m.shows[:0]
	m.writeDown()
	m.out.Session = m.link.session
	m.out.Met = m.link.session != 0 && m.link.hello != nil && !m.link.rejected
	m.out.Next = m.next()
	return m.out
}

// writeDown closes the batch of this step.
func (m *Machine) writeDown() {
	if m.failed != "" {
		m.out.Write = m.out.Write[:0]
		return
	}
	if m.dirty {
		m.out.Write = append(m.out.Write, WriteSaved{m.saved})
		m.dirty = false
	}
	if len(m.out.Write) == 0 {
		return
	}
	m.batch++
	m.out.Batch = m.batch
	m.seqs = append(m.seqs, seqAt{m.batch, m.saved.Seq})
}

// cur is the batch that what is written in this step belongs to.
func (m *Machine) cur() uint64 { return m.batch + 1 }

func (m *Machine) write(w Write) { m.out.Write = append(m.out.Write, w) }

// sendWhenDurable sends to the partner what this step has written is on disk.
func (m *Machine) sendWhenDurable(msg pairmsg.Message) {
	m.dirty = true // there is a batch to wait for
	m.after = append(m.after, sendAt{m.cur(), m.link.session, msg})
}

// sendDue sends what waited for the disk.
func (m *Machine) sendDue() {
	n := 0
	for _, s := range m.after {
		if s.batch > m.durable {
			break
		}
		n++
		if s.session == m.link.session && s.session != 0 {
			m.send(s.message)
			if _, ok := s.message.(pairmsg.NegotiateReply); ok {
				m.link.answered = true
				m.link.beatAt = m.now.Mono // it hears the sequence before it gets anything that was changed
			}
		}
	}
	m.after = m.after[n:]
	through := uint64(0)
	n = 0
	for _, r := range m.replies {
		if r.batch > m.durable {
			break
		}
		through = r.through
		n++
	}
	m.replies = m.replies[n:]
	if through > 0 && m.link.session != 0 {
		m.send(pairmsg.UpdateReply{Through: through, Seq: m.durableSeq})
	}
}

func (m *Machine) onDurable(batch uint64) {
	if batch <= m.durable || m.failed != "" {
		return
	}
	m.durable = batch
	n := 0
	for _, s := range m.seqs {
		if s.batch > batch {
			break
		}
		m.durableSeq = s.seq
		n++
	}
	m.seqs = m.seqs[n:]
}

// stamp is the hybrid clock's next reading: never behind what was read or heard before.
func (m *Machine) stamp() int64 {
	m.saved.Clock = max(m.now.Wall, m.saved.Clock+1)
	m.dirty = true
	return m.saved.Clock
}

// heardClock takes note of a reading of the partner's clock, but of none that would leave no room for later ones.
func (m *Machine) heardClock(c int64) {
	if c < maxClock {
		m.saved.Clock = max(m.saved.Clock, c)
	}
}

func (m *Machine) note(n Note) {
	if n.From == 0 && n.To == 0 {
		n.From, n.To = m.state, m.state
	}
	m.out.Notes = append(m.out.Notes, n)
	switch n.Reason {
	case Drift, DamagedZone:
		m.drift = happened{m.now.Wall, n.Zone}
	case Conflicted:
		m.conflict = happened{m.now.Wall, n.Zone}
	default:
	}
}

// happened is something that is over, and that a person must hear of all the same.
type happened struct {
	at   int64 // 0: never
	zone string
}

// role is the role in force.
func (m *Machine) role() pairmsg.Role {
	if m.cfg.Role == pairmsg.Single || m.saved.Role == pairmsg.Single {
		return m.cfg.Role
	}
	return m.saved.Role
}

func (m *Machine) parted() bool {
	return m.state == pairmsg.Interrupted || m.state == pairmsg.PartnerDown
}

func (m *Machine) addZone(key string, s ZoneStart, unclean bool) *zoneState {
	z := &zoneState{key: key, name: s.Tip.Origin(), tip: s.Tip, point: s.Point, points: slices.Clone(s.History), saved: s.Saved, known: true, begun: s.Begun}
	if unclean {
		z.floor = s.Saved.Reserved
	}
	z.reservedDurable = s.Saved.Reserved
	agreed := s.Saved.Agreed
	z.jumped = agreed != (pairmsg.Point{}) && zone.SerialNewer(s.Point.Serial, agreed.Serial+stride-1) // before a restart
	z.shown = s.Tip
	m.zones[key] = z
	m.counted = false
	i, _ := slices.BinarySearch(m.order, key)
	m.order = slices.Insert(m.order, i, key)
	return z
}

func (m *Machine) onAddZone(in AddZone) {
	if m.zones[in.Zone] != nil {
		return
	}
	z := m.addZone(in.Zone, in.ZoneStart, false)
	z.peerHas = true // it may have: it is asked, never overwritten unseen
	m.show(z)
	if m.state == pairmsg.Normal && m.link.negotiated {
		if m.role() == pairmsg.Backup { // who leads may have it, and take it for one that is not here
			m.send(pairmsg.SyncZones{Zones: []zone.Name{z.name}})
		}
		m.enqueue(z, false)
	}
	m.unlock = true
}

func (m *Machine) onDropZone(key string) {
	z := m.zones[key]
	if z == nil {
		return
	}
	m.endJob(z)
	for _, p := range z.pend {
		if p.change != nil {
			m.answer(p.change, NotAccepting, UnknownZone)
			p.change = nil
		}
		p.acked, p.gone = true, true
	}
	z.pend = nil
	m.counted = false
	delete(m.zones, key)
	if i, ok := slices.BinarySearch(m.order, key); ok {
		m.order = slices.Delete(m.order, i, i+1)
	}
	drop := func(list []*zoneState) []*zoneState {
		return slices.DeleteFunc(list, func(o *zoneState) bool { return o == z })
	}
	m.queue, m.retry, m.busy, m.shows = drop(m.queue), drop(m.retry), drop(m.busy), drop(m.shows)
	m.unlock = true
}
