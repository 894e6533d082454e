package pair

import (
	"time"

	"loadshare/haserver/pairmsg"
	"loadshare/haserver/zone"
)

// change takes a change, holds it, or turns it away.
func (m *Machine) change(c *Change) {
	z := m.zones[c.Zone]
	if z == nil || !z.known {
		m.answer(c, NoZone, UnknownZone)
		return
	}
	why := m.closed(z)
	switch {
	case why == NoReason:
		m.carryOut(z, c)
	case why == atBackup:
		m.answer(c, AtBackup, NoReason)
	case c.Edit || why == StorageFailed || why == Stopping || len(m.held) >= maxHeld:
		m.answer(c, NotAccepting, why)
	default:
		m.held = append(m.held, held{c, m.now.Mono + holdFor, why})
	}
}

// atBackup is what closed says for the backup in normal; it is nobody's reason outside.
const atBackup Reason = 255

// closed says why a zone may not be changed now.
func (m *Machine) closed(z *zoneState) Reason {
	switch {
	case m.failed != "":
		return StorageFailed
	case m.stopping:
		return Stopping
	case m.unfit != "":
		return OwnUnfit
	}
	switch m.state {
	case pairmsg.Alone:
		return NoReason
	case pairmsg.Startup:
		return InStartup
	case pairmsg.Negotiating:
		return InNegotiating
	case pairmsg.Normal:
		switch {
		case m.swap.stage != swapNone:
			return Swapping
		case m.role() == pairmsg.Backup:
			return atBackup
		case m.cfg.Strict && m.late():
			return NoSecondCopy
		}
	case pairmsg.Interrupted:
		if m.cfg.Strict {
			return NoSecondCopy
		}
	case pairmsg.PartnerDown:
	}
	switch {
	case z.saved.Flags&pairmsg.Stale != 0:
		return ZoneStale
	case z.expired:
		return ZoneExpired
	case z.sync == Synchronizing:
		return ZoneSynchronizing
	case m.state == pairmsg.Normal && z.saved.Flags&pairmsg.Fresh != 0 && !m.settled(z):
		return ZoneFresh
	}
	return NoReason
}

// late: strict, and the partner owes a confirmation for longer than allowed.
func (m *Machine) late() bool {
	return len(m.waiting) > 0 && m.now.Mono >= m.waiting[0].at+m.cfg.AckTimeout
}

func (m *Machine) carryOut(z *zoneState, c *Change) {
	serial := m.nextSerial(z)
	next, d := c.Do(z.tip, serial)
	if d.IsZero() {
		c.Serial = z.point.Serial
		if len(z.pend) == 0 {
			m.answer(c, Done, NoReason)
			return
		}
		// It was judged on what is not released yet: its answer comes after that.
		last := z.pend[len(z.pend)-1]
		z.pend = append(z.pend, &pending{zone: z, change: c, batch: last.batch, point: z.point, acked: true, at: m.now.Mono})
		return
	}
	if m.apartIn(z) && (d.To%2 != m.parity() || zone.SerialNewer(serial, d.To)) { // the client set the serial himself
		if zone.SerialNewer(d.To, serial) {
			serial = d.To
		}
		next, d = m.renumber(z.tip, next, m.ownSerial(serial))
	}
	if m.parted() && m.role() == pairmsg.Backup {
		z.jumped = true
	}
	m.markAlone(z)
	m.goAlone(z)
	e := pairmsg.Entry{Time: m.stamp(), Digest: z.point.Digest.Step(d), Delta: d}
	c.Serial = d.To
	p := m.append(z, next, e, c, true)
	switch m.state {
	case pairmsg.Alone:
		p.acked = true
	case pairmsg.Normal:
		m.waiting = append(m.waiting, p)
		if z.sync == SyncComplete {
			z.unshipped = append(z.unshipped, p)
		} else {
			m.owed++
			if z.queued {
				z.urgent = true
			}
		}
	case pairmsg.Interrupted, pairmsg.PartnerDown, pairmsg.Startup, pairmsg.Negotiating:
		m.owed++
	}
}

func (m *Machine) renumber(from, to *zone.Zone, serial uint32) (*zone.Zone, zone.Delta) {
	to = to.With(serial)
	return to, zone.Diff(from, to)
}

func (m *Machine) answer(c *Change, o Outcome, why Reason) {
	c.Outcome, c.Why = o, why
	if why == atBackup {
		c.Why = NoReason
	}
	m.out.Answer = append(m.out.Answer, c)
}

// retryHeld looks again at changes that were held, when something has opened.
func (m *Machine) retryHeld() {
	if !m.unlock {
		return
	}
	m.unlock = false
	list := m.held
	m.held = nil
	for _, h := range list {
		z := m.zones[h.change.Zone]
		why := UnknownZone
		if z != nil {
			why = m.closed(z)
		}
		switch why {
		case NoReason:
			m.carryOut(z, h.change)
		case atBackup:
			m.answer(h.change, AtBackup, NoReason)
		case UnknownZone, StorageFailed, Stopping:
			m.answer(h.change, NotAccepting, why)
		default:
			h.why = why
			m.held = append(m.held, h)
		}
	}
	m.ship()
}

// release makes visible and answers what has as many copies as it needs (decisions H-a, H-b).
func (m *Machine) release() {
	if m.failed != "" || len(m.busy) == 0 {
		return
	}
	single := m.singleCopy()
	n := 0
	for _, z := range m.busy {
		m.releaseZone(z, single)
		if len(z.pend) > 0 {
			m.busy[n] = z
			n++
		} else {
			z.inUse = false
			z.pend = nil
		}
	}
	clear(m.busy[n:])
	m.busy = m.busy[:n]
}

// singleCopy: one copy is enough now. The mark that the partner lacks something is on disk.
func (m *Machine) singleCopy() bool {
	if m.state == pairmsg.Alone {
		return true
	}
	if m.cfg.Strict && m.state != pairmsg.PartnerDown {
		return false
	}
	return m.saved.Behind != 0 && m.durable >= m.behind
}

func (m *Machine) releaseZone(z *zoneState, single bool) {
	n := 0
	for _, p := range z.pend {
		if p.batch > m.durable || !p.acked && !single {
			break
		}
		n++
		p.gone = true
		if p.tip != nil {
			z.shown = p.tip
			m.show(z)
		}
		if c := p.change; c != nil {
			c.Copies = 1
			if p.acked && m.state != pairmsg.Alone {
				c.Copies = 2
			}
			m.answer(c, Done, NoReason)
			p.change = nil
		}
	}
	z.pend = z.pend[n:]
}

// ship sends what may be sent: in order, and not before its serial is reserved on disk (decision H-b).
func (m *Machine) ship() {
	if !m.linked() || m.state != pairmsg.Normal || m.role() != pairmsg.Main {
		return
	}
	for _, z := range m.busy {
		m.shipZone(z)
	}
}

func (m *Machine) shipZone(z *zoneState) {
	if len(z.unshipped) == 0 || z.sync != SyncComplete && !z.draining {
		return
	}
	if z.reservedBatch <= m.durable {
		z.reservedDurable = z.saved.Reserved
	}
	n := 0
	for _, p := range z.unshipped {
		to := p.point.Serial
		if p.batch > m.durable && (z.reservedDurable == 0 || zone.SerialNewer(to, z.reservedDurable)) {
			break
		}
		if m.shipped-m.acked >= window || entrySize(p.entry) > maxShipped {
			why := WindowFull
			if entrySize(p.entry) > maxShipped {
				why = TooLarge
			}
			m.fallBack(z, why, "")
			return
		}
		n++
		m.shipped++
		p.ship = m.shipped
		m.unacked = append(m.unacked, p)
		m.send(pairmsg.Update{First: p.ship, Zone: z.name, Entries: []pairmsg.Entry{p.entry}, Clock: m.saved.Clock})
	}
	z.unshipped = z.unshipped[n:]
	if len(z.unshipped) == 0 {
		z.unshipped = nil
	}
}

// entrySize is about how many octets an entry takes in a message.
func entrySize(e pairmsg.Entry) int {
	n := 64
	for _, list := range [][]zone.Record{e.Delta.Deleted, e.Delta.Added} {
		for i := range list {
			n += len(list[i].Name) + len(list[i].Data) + 10
		}
	}
	return n
}

// fallBack takes a zone out of shipping: it is synchronised again.
func (m *Machine) fallBack(z *zoneState, why Reason, text string) {
	m.note(Note{Reason: why, Zone: z.key, Text: text})
	m.unship(z)
	m.enqueue(z, true)
}

// unship forgets that entries of a zone were, or were to be, shipped: the next synchronisation covers them.
func (m *Machine) unship(z *zoneState) {
	m.owed += uint64(len(z.unshipped))
	z.unshipped = nil
	for _, p := range m.unacked {
		if p.zone == z && p.ship != 0 {
			p.ship = 0
			m.owed++
		}
	}
}

// unshipAll forgets it of all zones: the backup confirms nothing of before an interruption any more.
func (m *Machine) unshipAll() {
	for _, p := range m.unacked {
		if p.ship != 0 {
			p.ship = 0
			m.owed++
		}
	}
	m.unacked, m.acked = nil, m.shipped
	for _, key := range m.order {
		z := m.zones[key]
		m.owed += uint64(len(z.unshipped))
		z.unshipped = nil
	}
}

// onUpdateReply: the backup has everything through a number.
func (m *Machine) onUpdateReply(r pairmsg.UpdateReply) {
	if r.Through > m.shipped {
		return
	}
	m.saved.PeerSeq = max(m.saved.PeerSeq, r.Seq)
	n := 0
	for _, p := range m.unacked {
		if m.acked >= r.Through {
			break
		}
		m.acked++
		n++
		if p.ship == 0 { // its zone fell back
			continue
		}
		p.acked = true
		p.zone.ackedAt = p.point
	}
	clear(m.unacked[:n])
	m.unacked = m.unacked[n:]
}

// covered: everything of a zone is on both, by a synchronisation.
func (m *Machine) covered(z *zoneState) {
	for _, p := range z.pend {
		p.acked = true
	}
	z.ackedAt = z.point
}

// catchUp watches what the partner owes: it marks it behind when it is late, and takes the mark away when nothing is owed any more.
func (m *Machine) catchUp() {
	n := 0
	for _, p := range m.waiting {
		if !p.acked && !p.gone {
			break
		}
		n++
	}
	clear(m.waiting[:n])
	m.waiting = m.waiting[n:]
	if len(m.waiting) == 0 {
		m.waiting = nil
	}
	if m.cfg.Strict {
		m.giveUpLate()
	}
	if !m.cfg.Strict && m.saved.Behind == 0 && m.late() { // in normal, or while they negotiate again
		m.markBehind()
		for _, key := range m.order { // the last confirmed serials are known, whatever becomes of this server
			if z := m.zones[key]; z.ackedAt != (pairmsg.Point{}) {
				m.agree(z, z.ackedAt)
			}
		}
		m.note(Note{Reason: AckLate})
	}
	if m.state == pairmsg.Normal && (m.saved.Behind != 0 || m.owed != 0) && m.role() == pairmsg.Main && m.linked() && m.acked == m.shipped && m.allComplete() && len(m.waiting) == 0 {
		m.nothingOwed()
	}
}

// nothingOwed: the partner has everything again.
func (m *Machine) nothingOwed() {
	m.owed = 0
	if m.saved.Behind != 0 {
		m.saved.Behind, m.dirty = 0, true
		m.note(Note{Reason: CopiesAgain})
	}
}

// giveUpLate answers, under strict, what has waited too long for its second copy, in every state: a partner that went away confirms
// nothing. The changes stay; they are seen when the partner has them.
func (m *Machine) giveUpLate() {
	for _, z := range m.busy {
		for _, p := range z.pend {
			if p.change != nil && p.batch <= m.durable && m.now.Mono >= p.at+m.cfg.AckTimeout {
				m.answer(p.change, Unacknowledged, NoSecondCopy)
				p.change = nil
			}
		}
	}
}

func (m *Machine) markBehind() {
	if m.saved.Behind == 0 {
		m.saved.Behind = max(m.now.Wall, 1)
		m.dirty = true
		m.behind = m.cur()
	}
}

func (m *Machine) allComplete() bool {
	if !m.counted {
		m.counted, m.whole = true, true
		for _, key := range m.order {
			if z := m.zones[key]; z.sync != SyncComplete && z.peerHas {
				m.whole = false
				break
			}
		}
	}
	return m.whole && len(m.queue) == 0 && len(m.running) == 0
}

// onWriteFailed: what the disk holds is not known; nothing pending will ever be acknowledged (decision H-i).
func (m *Machine) onWriteFailed(why string) {
	if m.failed != "" {
		return
	}
	m.failed = why
	for _, key := range m.order {
		z := m.zones[key]
		for _, p := range z.pend {
			if p.change != nil {
				m.answer(p.change, Failed, StorageFailed)
				p.change = nil
			}
			p.gone = true
		}
		z.pend, z.unshipped = nil, nil
	}
	m.waiting, m.unacked, m.after, m.replies, m.busy = nil, nil, nil, nil, nil
	m.unlock = true
	m.onUnfit(why)
}

// expireHeld ends the wait of held changes.
func (m *Machine) expireHeld() {
	n := 0
	for _, h := range m.held {
		if m.now.Mono < h.until {
			break
		}
		n++
		m.answer(h.change, NotAccepting, h.why)
	}
	m.held = m.held[n:]
}

// ackDue is when the oldest change without a confirmation is late; 0: there is none.
func (m *Machine) ackDue() (at time.Duration) {
	if m.cfg.Strict {
		for _, z := range m.busy {
			for _, p := range z.pend {
				if due := p.at + m.cfg.AckTimeout; p.change != nil && p.batch <= m.durable && (at == 0 || due < at) {
					at = due
				}
			}
		}
		return at
	}
	if m.saved.Behind != 0 {
		return 0
	}
	for _, p := range m.waiting {
		if !p.acked && !p.gone {
			return p.at + m.cfg.AckTimeout
		}
	}
	return 0
}
