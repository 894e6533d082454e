package pair

import (
	"time"

	"loadshare/haserver/pairmsg"
	"loadshare/haserver/zone"
)

// Sync is the state of a zone's synchronisation (checklist H19 to H23).
type Sync uint8

// The states.
const (
	ServerPending Sync = iota // the server is not in normal, or the partner does not know the zone
	SyncPending
	Synchronizing
	SyncComplete
	SyncFailed
)

// String is the word of status.
func (s Sync) String() string {
	return [...]string{"ha-server-pending", "sync-pending", "synchronizing", "sync-complete", "sync-failed"}[s%5]
}

// zoneState is one zone.
type zoneState struct {
	key   string
	name  zone.Name
	known bool // false: the backup is about to get it

	tip    *zone.Zone
	point  pairmsg.Point
	points []pairmsg.Point // before point, oldest first
	kept   int             // the first so many of them are older than the journal's depth
	saved  ZoneSaved

	shown      *zone.Zone // what queries see
	seen       Reason     // why nothing is shown
	queuedShow bool

	pend  []*pending
	inUse bool // in Machine.busy

	unshipped       []*pending // to ship, in order
	reservedDurable uint32
	reservedBatch   uint64

	floor   uint32 // serials through this one may have been used by an earlier run
	large   uint32 // serial after the last change that was too large to be shipped; 0: none that the partner may lack
	jumped  bool   // the backup's stride is behind us
	inOrder bool   // the partner stopped in order, at our point

	begun *zone.Zone // the content at saved.Alone

	expired bool // decision H-g

	sync       Sync
	syncWhy    Reason
	syncErr    string
	job        *job
	queued     bool
	urgent     bool
	source     pairmsg.Source // wanted by hand
	draining   bool           // what is under way is shipped and confirmed before the synchronisation begins
	retryAt    time.Duration
	partner    pairmsg.ZonePoint // of the last negotiation
	peerHas    bool
	other      uint64        // backup: the sync under way
	ackedAt    pairmsg.Point // last point that the partner has
	audited    time.Duration
	auditTip   *zone.Zone
	auditPoint pairmsg.Point
}

// pending is one entry, or one change without effect behind one, that is not released yet.
type pending struct {
	zone   *zoneState
	change *Change
	entry  pairmsg.Entry
	tip    *zone.Zone // nil: no entry
	point  pairmsg.Point
	batch  uint64
	ship   uint64 // number on the session; 0: not shipped
	acked  bool   // the partner has it
	gone   bool   // released, or its zone is
	at     time.Duration
}

// append makes an entry of a difference. own: it is made here and not the partner's.
func (m *Machine) append(z *zoneState, next *zone.Zone, e pairmsg.Entry, c *Change, own bool) *pending {
	if own {
		m.reserve(z, e.Delta.To)
		if entrySize(e) > maxShipped {
			z.large = e.Delta.To
		}
	}
	z.remember()
	z.tip, z.point = next, e.Point()
	if z.saved.Flags&pairmsg.Fresh != 0 {
		z.saved.Flags &^= pairmsg.Fresh
		m.saveZone(z)
		m.show(z)
	}
	m.counts()
	m.write(WriteEntry{z.key, e, next})
	p := &pending{zone: z, change: c, entry: e, tip: next, point: z.point, batch: m.cur(), at: m.now.Mono}
	z.pend = append(z.pend, p)
	m.isBusy(z)
	return p
}

// reserve makes sure that a serial used here is inside a reservation, which is in the same write at the latest.
func (m *Machine) reserve(z *zoneState, serial uint32) {
	if m.cfg.Role == pairmsg.Single {
		return
	}
	if z.saved.Reserved != 0 && zone.SerialNewer(z.saved.Reserved, serial+reserve/2) {
		return
	}
	z.saved.Reserved = serial + reserve
	if z.saved.Reserved == 0 {
		z.saved.Reserved = 1
	}
	z.reservedBatch = m.cur()
	m.saveZone(z)
}

func (m *Machine) saveZone(z *zoneState) {
	for i, w := range m.out.Write {
		if w, ok := w.(WriteZone); ok && w.Zone == z.key {
			m.out.Write[i] = WriteZone{z.key, z.saved}
			return
		}
	}
	m.write(WriteZone{z.key, z.saved})
}

// replace makes a zone's content another one, without history.
func (m *Machine) replace(z *zoneState, tip *zone.Zone, p pairmsg.Point) {
	for _, q := range z.pend {
		q.tip, q.acked = nil, true // what was pending is not there any more; its changes are answered when this is durable
		q.ship = 0
	}
	z.unshipped = nil
	m.keepOverruled(z, z.tip, tip)
	z.tip, z.point, z.points = tip, p, nil
	z.saved.Flags &^= pairmsg.Fresh | pairmsg.Stale
	z.known = true
	m.write(WriteContent{z.key, tip, p})
	m.saveZone(z)
	m.counts()
	z.pend = append(z.pend, &pending{zone: z, tip: tip, point: p, batch: m.cur(), at: m.now.Mono, acked: true})
	m.isBusy(z)
}

// counts raises the sequence that the partner hears of. What is changed before it is heard in this run does not: a restored store may make as
// many changes alone as the partner has seen of the one that was, and must still be found to be older (decision H-h).
func (m *Machine) counts() {
	m.dirty = true
	if m.heard {
		m.saved.Seq++
	}
}

func (m *Machine) isBusy(z *zoneState) {
	if !z.inUse {
		z.inUse = true
		m.busy = append(m.busy, z)
	}
}

// next1 is the serial of the next change made here.
func (m *Machine) nextSerial(z *zoneState) uint32 {
	s := z.point.Serial
	if z.floor != 0 && zone.SerialNewer(z.floor, s) {
		s = z.floor
	}
	if !m.apartIn(z) {
		return zone.NextSerial(s)
	}
	if m.parted() && m.role() == pairmsg.Backup && !z.jumped && !z.inOrder {
		s += stride
	}
	return m.ownSerial(zone.NextSerial(s))
}

// apartIn says whether the partner may have, or make, another content of the zone after the same serial: while both are apart, and in
// normal until the zone is synchronised.
func (m *Machine) apartIn(z *zoneState) bool {
	return m.parted() || m.state == pairmsg.Normal && z.sync != SyncComplete
}

// ownSerial is s, or the one after it: even for the server configured as main, odd for the other, so that no serial of one is ever one of
// the other's while they are apart (decision H-c).
func (m *Machine) ownSerial(s uint32) uint32 {
	if s%2 != m.parity() {
		s = zone.NextSerial(s)
		if s%2 != m.parity() { // 0 was left out
			s = zone.NextSerial(s)
		}
	}
	return s
}

func (m *Machine) parity() uint32 {
	if m.cfg.Role == pairmsg.Backup {
		return 1
	}
	return 0
}

// unseen is why queries get nothing of a zone; NoReason: they do.
func (m *Machine) unseen(z *zoneState) Reason {
	switch {
	case m.state == pairmsg.Alone:
		return NoReason
	case z.saved.Flags&pairmsg.Stale != 0:
		return ZoneStale
	case z.expired:
		return ZoneExpired
	case z.saved.Flags&pairmsg.Fresh != 0 && !m.parted() && !m.settled(z):
		return ZoneFresh
	}
	return NoReason
}

// settled: the partner was asked about a fresh zone, and there was nothing better.
func (m *Machine) settled(z *zoneState) bool {
	return m.state == pairmsg.Normal && (z.sync == SyncComplete || m.link.negotiated && !z.peerHas)
}

// show has what is released of a zone, or why nothing is, told at the end of the step.
func (m *Machine) show(z *zoneState) {
	if !z.queuedShow {
		z.queuedShow = true
		m.shows = append(m.shows, z)
	}
}

func (m *Machine) emitShow(z *zoneState) {
	if m.zones[z.key] != z || z.shown == nil {
		return
	}
	z.seen = m.unseen(z)
	s := Show{Zone: z.key, Tip: z.shown, Notify: z.sync != Synchronizing}
	if z.seen != NoReason {
		s.Tip, s.Why, s.Notify = nil, z.seen, false
	}
	m.out.Show = append(m.out.Show, s)
}

func (z *zoneState) zonePoint() pairmsg.ZonePoint {
	return pairmsg.ZonePoint{Zone: z.name, Point: z.point, Agreed: z.saved.Agreed, Flags: z.saved.Flags}
}

// atRest: everything made here is on both.
func (m *Machine) atRest(z *zoneState) bool {
	return z.sync == SyncComplete && len(z.unshipped) == 0 && z.ackedAt == z.point
}

// agree remembers the point as the last one known to be on both.
func (m *Machine) agree(z *zoneState, p pairmsg.Point) {
	z.ackedAt = p
	if z.saved.Agreed != p {
		z.saved.Agreed = p
		m.saveZone(z)
	}
}

// expire is the zone's EXPIRE in microseconds (RFC 1035, 3.3.13).
func expire(z *zone.Zone) int64 {
	soa := z.SOA()
	d := soa.Data[0]
	if len(d) < 20 {
		return 0
	}
	d = d[len(d)-8:]
	return int64(uint32(d[0])<<24|uint32(d[1])<<16|uint32(d[2])<<8|uint32(d[3])) * 1_000_000
}
